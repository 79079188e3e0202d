"""Booking a session takes the earliest slot that the patient can book."""

from datetime import time, timedelta

import pytest
import time_machine

from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import AlreadyBooked, PatientOverlap, SlotClosed, SlotFull, SlotInPast
from doctor.models import Schedule, Slot
from doctor.models.booking_rules import BookingContext
from doctor.tests.factories import ScheduleFactory
from extensions.exceptions import DomainError
from patient.models import Patient
from tests.balance import assert_balanced

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def schedule() -> Schedule:
    """Return a session from 09:00 to 11:00 with four slots of one place."""
    session: Schedule = ScheduleFactory()
    return session


def slots_of(schedule: Schedule) -> list[Slot]:
    return list(schedule.slots.order_by("starts_at"))


def book(patient: Patient, schedule: Schedule) -> Appointment:
    assert patient.user
    booked: Appointment = Appointment.objects.book_own(
        patient.user, schedule.doctor_id, schedule_id=schedule.pk
    )
    return booked


def refuses(reason: type[DomainError], patient: Patient, schedule: Schedule) -> DomainError:
    before = Appointment.objects.count()
    with pytest.raises(DomainError) as refused:
        book(patient, schedule)
    assert type(refused.value) is reason
    assert Appointment.objects.count() == before
    for slot in schedule.slots.all():
        assert_balanced(slot)
    return refused.value


def test_the_earliest_slot_is_taken_and_then_the_next(
    patient: Patient, other_patient: Patient, schedule: Schedule
) -> None:
    first, second, *_ = slots_of(schedule)
    assert book(patient, schedule).slot == first
    assert book(other_patient, schedule).slot == second
    assert Appointment.objects.get(slot=first).reason == ""
    assert_balanced(first)
    assert_balanced(second)


def test_the_earliest_is_the_first_by_the_clock_and_not_by_the_key(
    patient: Patient, schedule: Schedule
) -> None:
    first, *_, last = slots_of(schedule)
    span, elsewhere = (first.starts_at, first.ends_at), timedelta(days=400)
    for slot, (begins, ends) in (
        (first, (first.starts_at + elsewhere, first.ends_at + elsewhere)),
        (last, span),
        (first, (last.starts_at, last.ends_at)),
    ):
        Slot.objects.filter(pk=slot.pk).update(starts_at=begins, ends_at=ends)
    assert book(patient, schedule).slot == last


def test_the_same_patient_gets_the_next_slot_and_not_the_same_one(patient: Patient) -> None:
    schedule = ScheduleFactory(capacity=3)
    assert [book(patient, schedule).slot for _ in range(4)] == slots_of(schedule)


def test_full_slots_are_passed_over(patient: Patient, schedule: Schedule) -> None:
    first, second, third, _ = slots_of(schedule)
    AppointmentFactory(slot=first)
    AppointmentFactory(slot=second)
    assert book(patient, schedule).slot == third


def test_slots_that_have_begun_are_passed_over(patient: Patient, schedule: Schedule) -> None:
    _, second, third, _ = slots_of(schedule)
    with time_machine.travel(second.starts_at, tick=False):
        assert book(patient, schedule).slot == third


def test_slots_that_overlap_the_patients_own_visits_are_passed_over(
    patient: Patient, schedule: Schedule
) -> None:
    elsewhere = ScheduleFactory(start_time=time(9, 15), end_time=time(9, 45))
    AppointmentFactory(patient=patient, slot=elsewhere.slots.first())
    assert book(patient, schedule).slot == slots_of(schedule)[2]


def test_a_session_whose_free_slots_all_overlap_a_visit_is_an_overlap(
    patient: Patient, schedule: Schedule
) -> None:
    elsewhere = ScheduleFactory(slot_minutes=None, end_time=time(10, 30))
    AppointmentFactory(patient=patient, slot=elsewhere.slots.first())
    AppointmentFactory(slot=slots_of(schedule)[3])
    refuses(PatientOverlap, patient, schedule)


def test_a_session_without_a_free_slot_is_full_and_comes_with_alternatives(
    patient: Patient,
) -> None:
    schedule = ScheduleFactory(end_time=time(10))
    later = ScheduleFactory(doctor=schedule.doctor, start_time=time(12), end_time=time(14))
    for slot in schedule.slots.all():
        AppointmentFactory(slot=slot)
    refused = refuses(SlotFull, patient, schedule)
    shown = [slot["id"] for slot in refused.extra["alternatives"]]
    assert shown == [slot.pk for slot in slots_of(later)[:3]]


def test_a_session_full_of_the_patients_own_visits_is_already_booked(
    patient: Patient, schedule: Schedule
) -> None:
    for slot in schedule.slots.all():
        AppointmentFactory(slot=slot, patient=patient)
    refuses(AlreadyBooked, patient, schedule)


def test_the_patients_own_visit_is_reported_before_the_places_of_others(
    patient: Patient, schedule: Schedule
) -> None:
    mine, *others = slots_of(schedule)
    AppointmentFactory(slot=mine, patient=patient)
    for slot in others:
        AppointmentFactory(slot=slot)
    refuses(AlreadyBooked, patient, schedule)


def test_the_reason_of_the_slot_that_passes_most_checks_is_reported(
    patient: Patient, schedule: Schedule
) -> None:
    _, begun, *full = slots_of(schedule)
    for slot in full:
        AppointmentFactory(slot=slot)
    with time_machine.travel(begun.starts_at, tick=False):
        refuses(SlotFull, patient, schedule)


def test_a_closed_session_is_closed(patient: Patient, schedule: Schedule) -> None:
    schedule.revise(is_active=False)
    refuses(SlotClosed, patient, schedule)


def test_a_session_that_is_over_is_in_the_past(patient: Patient, schedule: Schedule) -> None:
    last = slots_of(schedule)[-1]
    with time_machine.travel(last.starts_at, tick=False):
        refuses(SlotInPast, patient, schedule)


def test_a_session_that_does_not_exist_has_no_slot(patient: Patient, schedule: Schedule) -> None:
    gone = Schedule.objects.get(pk=schedule.pk)
    schedule.unpublish()
    with pytest.raises(Slot.DoesNotExist):
        book(patient, gone)


# --- Concurrent bookings --------------------------------------------------------------------------


def test_a_slot_that_closes_or_fills_during_the_booking_is_passed_over(
    patient: Patient, schedule: Schedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third, _ = slots_of(schedule)
    take = Slot.take

    def others_are_faster(self: Slot, context: BookingContext) -> None:
        Slot.objects.filter(pk=first.pk).update(is_open=False)
        Slot.objects.filter(pk=second.pk).update(taken=1)
        take(self, context=context)

    monkeypatch.setattr(Slot, "take", others_are_faster)
    assert book(patient, schedule).slot == third


def test_a_slot_that_filled_and_was_freed_again_is_full_and_no_overlap(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = ScheduleFactory(slot_minutes=None)

    def lost_and_freed(self: Slot, context: BookingContext) -> None:
        raise SlotFull

    monkeypatch.setattr(Slot, "take", lost_and_freed)
    refuses(SlotFull, patient, schedule)
