"""A refused move reports the first of several reasons and leaves the visit unchanged."""

from datetime import time, timedelta

import pytest

from appointment.exceptions import CancelDeadlinePassed, NotCancelable
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from appointment.tests.rescheduling import (
    IN_ORDER,
    Prepare,
    assert_unmoved,
    canceled,
    concluded,
    free,
    late,
)
from doctor.exceptions import AlreadyBooked, SlotFull, SlotInPast
from doctor.models import Slot
from doctor.models.slot import SlotQuerySet
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory, day_ahead
from patient.tests.factories import PatientFactory

pytestmark = pytest.mark.django_db

INSTANT = timedelta(microseconds=1)


@pytest.fixture
def visit() -> Appointment:
    """Return a visit at 09:00 three days ahead."""
    booked: Appointment = AppointmentFactory()
    return booked


@pytest.mark.parametrize("first", range(len(IN_ORDER)))
def test_the_first_of_several_reasons_is_reported(visit: Appointment, first: int) -> None:
    new = free()
    for prepare, _ in reversed(IN_ORDER[first:]):
        prepare(visit, new)
    with pytest.raises(IN_ORDER[first][1]):
        visit.reschedule(to=new)
    assert_unmoved(visit)


def test_the_alternatives_include_slots_at_the_time_of_the_visit(
    visit: Appointment,
) -> None:
    early, full, *_ = ScheduleFactory(end_time=time(10)).slots.order_by("starts_at")
    AppointmentFactory(slot=full)
    with pytest.raises(SlotFull) as refused:
        visit.reschedule(to=full)
    assert early.starts_at == visit.starts_at
    assert [slot["id"] for slot in refused.value.extra["alternatives"]] == [early.pk]
    assert_unmoved(visit)


def test_the_override_of_staff_applies_to_the_alternatives(visit: Appointment) -> None:
    strict = LocationFactory(min_notice_minutes=60 * 24 * 30)
    early, full, *_ = ScheduleFactory(end_time=time(10), location=strict).slots.order_by(
        "starts_at"
    )
    booked = AppointmentFactory.build(slot=full, patient=PatientFactory(user=None))
    booked.book(override_reason="Urgent")
    with pytest.raises(SlotFull) as refused:
        visit.reschedule(to=full, override_reason="Urgent")
    assert [slot["id"] for slot in refused.value.extra["alternatives"]] == [early.pk]
    assert_unmoved(visit)


@pytest.mark.parametrize("prepare", [canceled, concluded])
def test_a_visit_that_is_no_longer_scheduled_is_not_moved(
    visit: Appointment, prepare: Prepare
) -> None:
    new = free()
    prepare(visit, new)
    with pytest.raises(NotCancelable):
        visit.reschedule(to=new)
    assert_unmoved(visit)


def test_a_visit_can_be_moved_until_the_instant_before_it_begins(visit: Appointment) -> None:
    new = free()
    with pytest.raises(NotCancelable):
        visit.reschedule(to=new, at=visit.starts_at)
    assert_unmoved(visit)
    visit.reschedule(to=new, at=visit.starts_at - INSTANT)
    assert visit.slot == new


def test_a_visit_whose_slot_is_gone_stays_canceled(visit: Appointment) -> None:
    visit.cancel()
    visit.slot.schedule.unpublish()
    with pytest.raises(NotCancelable):
        visit.reschedule(to=free())


def test_its_own_slot_is_already_booked_even_if_it_is_closed(visit: Appointment) -> None:
    visit.slot.schedule.revise(is_active=False)
    with pytest.raises(AlreadyBooked):
        visit.reschedule(to=visit.slot)
    visit.doctor.revise(is_active=False)
    with pytest.raises(AlreadyBooked):
        visit.reschedule(to=visit.slot_id)
    assert_unmoved(visit)


def test_its_own_slot_comes_after_the_deadline_of_the_old_time(visit: Appointment) -> None:
    late(visit, visit.slot)
    with pytest.raises(CancelDeadlinePassed):
        visit.reschedule(to=visit.slot)


def test_a_slot_that_the_patient_holds_already_is_already_booked(visit: Appointment) -> None:
    held = AppointmentFactory(patient=visit.patient, slot=free(capacity=2)).slot
    with pytest.raises(AlreadyBooked):
        visit.reschedule(to=held)
    assert_unmoved(visit)


def test_a_slot_that_has_begun_is_refused(visit: Appointment) -> None:
    begun = ScheduleFactory(date=day_ahead(-1)).slots.first()
    with pytest.raises(SlotInPast):
        visit.reschedule(to=begun)
    assert_unmoved(visit)


def test_slots_that_the_public_does_not_see_are_absent(visit: Appointment) -> None:
    hidden = free(doctor=DoctorFactory(is_active=False))
    for unseen in (hidden, hidden.pk, 0, -1, 999_999_999):
        with pytest.raises(Slot.DoesNotExist):
            visit.reschedule(to=unseen)
    assert_unmoved(visit)


def test_an_erased_persons_visit_is_not_moved(visit: Appointment) -> None:
    visit.patient.erase(at=visit.starts_at)
    visit.refresh_from_db()
    with pytest.raises(NotCancelable):
        visit.reschedule(to=free())


def test_a_full_slot_comes_with_slots_that_the_patient_can_book(visit: Appointment) -> None:
    full, busy, free_one, _ = ScheduleFactory(date=day_ahead(5)).slots.all()
    AppointmentFactory(slot=full)
    same_hour = ScheduleFactory(date=day_ahead(5), start_time=time(9, 30))
    AppointmentFactory(patient=visit.patient, slot=same_hour.slots.first())
    with pytest.raises(SlotFull) as refused:
        visit.reschedule(to=full)
    reported = [slot["id"] for slot in refused.value.extra["alternatives"]]
    assert busy.pk not in reported
    assert reported[0] == free_one.pk


def test_alternatives_at_another_location_keep_that_locations_rules(visit: Appointment) -> None:
    full = free(slot_minutes=None)
    AppointmentFactory(slot=full)
    strict = LocationFactory(min_notice_minutes=30 * 24 * 60)
    limited = LocationFactory(max_live_per_patient=0)
    lenient = LocationFactory()
    for place, days in ((strict, 6), (limited, 7), (lenient, 8)):
        ScheduleFactory(doctor=full.doctor, location=place, date=day_ahead(days))
    with pytest.raises(SlotFull) as refused:
        visit.reschedule(to=full)
    found = {slot["location"] for slot in refused.value.extra["alternatives"]}
    assert found == {lenient.pk}


def test_its_own_slot_is_no_alternative() -> None:
    full, own, *_ = ScheduleFactory(capacity=2).slots.all()
    visit = AppointmentFactory(slot=own)
    for _ in range(2):
        AppointmentFactory(slot=full)
    with pytest.raises(SlotFull) as refused:
        visit.reschedule(to=full)
    assert own.pk not in [slot["id"] for slot in refused.value.extra["alternatives"]]


def test_a_visit_canceled_while_its_slot_was_waited_for_is_not_cancelable(
    visit: Appointment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cancel already gave the place back, so the move must not try to give it back again."""
    lock, new = SlotQuerySet.lock, free()

    def lock_late(slots: SlotQuerySet) -> list[Slot]:
        monkeypatch.setattr(SlotQuerySet, "lock", lock)
        Appointment.objects.get(pk=visit.pk).cancel()
        return lock(slots)

    monkeypatch.setattr(SlotQuerySet, "lock", lock_late)
    with pytest.raises(NotCancelable):
        visit.reschedule(to=new)
