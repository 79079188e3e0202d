"""A visit is flagged for rebooking while it cannot take place."""

from datetime import timedelta
from typing import Any

import pytest

from appointment.models import Appointment, AppointmentEvent
from appointment.tests.factories import AppointmentFactory
from doctor.models import TimeOff
from doctor.tests.factories import ScheduleFactory, TimeOffFactory
from patient.tests.factories import PatientFactory
from tests.balance import assert_balanced

pytestmark = pytest.mark.django_db


def flagged() -> set[int]:
    return set(Appointment.objects.filter(needs_rebooking=True).values_list("pk", flat=True))


def off(visit: Appointment, **whose: Any) -> TimeOff:
    """Create leave for the time of the visit: of its doctor, or of the doctor or location given."""
    whose = whose or {"doctor": visit.doctor}
    return TimeOffFactory(**whose, starts_at=visit.starts_at, ends_at=visit.ends_at)


@pytest.fixture
def visits() -> list[Appointment]:
    """Return visits in the first two slots of one session."""
    return [AppointmentFactory(slot=slot) for slot in ScheduleFactory().slots.all()[:2]]


@pytest.mark.parametrize("whose", ["doctor", "location"])
def test_leave_flags_the_visits_it_overlaps_until_it_ends(
    visits: list[Appointment], whose: str
) -> None:
    hit, _ = visits
    leave = off(hit, **{whose: getattr(hit, whose)})
    assert flagged() == {hit.pk}
    leave.unpublish()
    assert flagged() == set()


def test_leave_that_moves_takes_its_flags_along(visits: list[Appointment]) -> None:
    hit, other = visits
    leave = off(hit)
    leave.revise(starts_at=other.starts_at, ends_at=other.ends_at)
    assert flagged() == {other.pk}


def test_a_visit_that_other_leave_covers_stays_flagged(visits: list[Appointment]) -> None:
    hit, _ = visits
    first, _second = off(hit), off(hit, location=hit.location)
    first.unpublish()
    assert flagged() == {hit.pk}


def test_visits_of_a_slot_that_was_closed_already_are_flagged(visits: list[Appointment]) -> None:
    visits[0].slot.schedule.revise(is_active=False)
    assert flagged() == set()
    leave = off(visits[0])
    assert flagged() == {visits[0].pk}
    leave.unpublish()
    assert flagged() == set()


def test_the_visits_of_a_doctor_who_leaves_are_flagged(visits: list[Appointment]) -> None:
    doctor = visits[0].doctor
    doctor.revise(accepts_patients=False)
    assert flagged() == set()
    doctor.revise(is_active=False)
    assert flagged() == {visit.pk for visit in visits}
    doctor.revise(is_active=True)
    assert flagged() == set()


def test_a_doctor_who_comes_back_is_still_on_leave(visits: list[Appointment]) -> None:
    off(visits[0])
    visits[0].doctor.revise(is_active=False)
    visits[0].doctor.revise(is_active=True)
    assert flagged() == {visits[0].pk}


def test_only_live_visits_that_have_not_ended_are_flagged() -> None:
    slots = ScheduleFactory(capacity=2).slots.all()
    canceled, done, live = (AppointmentFactory(slot=slots[n]) for n in (0, 1, 1))
    canceled.cancel()
    done.complete(at=done.ends_at)
    span = {"starts_at": slots[0].starts_at, "ends_at": slots[3].ends_at}
    leave = TimeOff(doctor=live.doctor, **span)
    leave.publish(at=live.ends_at)
    assert flagged() == set()
    leave.publish(at=live.ends_at - timedelta(seconds=1))
    assert flagged() == {live.pk}


def test_flagging_a_visit_writes_no_event_and_takes_no_place(visits: list[Appointment]) -> None:
    before = AppointmentEvent.objects.count()
    off(visits[0]).unpublish()
    assert AppointmentEvent.objects.count() == before
    assert_balanced(visits[0].slot)


def test_a_flagged_visit_that_is_moved_loses_its_flag(visits: list[Appointment]) -> None:
    off(visits[0])
    free = ScheduleFactory().slots.first()
    visits[0].reschedule(to=free)
    assert flagged() == set()


def test_flags_are_recomputed_from_the_rows(visits: list[Appointment]) -> None:
    Appointment.objects.filter(pk=visits[1].pk).update(needs_rebooking=True)
    slots = {visit.slot_id for visit in visits}
    Appointment.objects.update_rebooking_flags(slots, visits[0].created_at)
    assert flagged() == set()


def test_26_visits_cost_the_same_number_of_statements_as_one(
    django_assert_num_queries: Any,
) -> None:
    slot = ScheduleFactory(capacity=30, slot_minutes=None).slots.get()
    first = AppointmentFactory(slot=slot)
    with django_assert_num_queries(3):
        Appointment.objects.update_rebooking_flags({slot.pk}, first.created_at)
    for _ in range(25):
        AppointmentFactory(slot=slot, patient=PatientFactory())
    TimeOff.objects.create(doctor=slot.doctor, starts_at=slot.starts_at, ends_at=slot.ends_at)
    with django_assert_num_queries(3):
        Appointment.objects.update_rebooking_flags({slot.pk}, first.created_at)
    assert len(flagged()) == 26
