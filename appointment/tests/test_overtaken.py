"""Rows that another call changes or deletes between the check and the write of a verb."""

import logging
from datetime import time

import pytest
import time_machine
from django.db import IntegrityError, OperationalError, transaction

from accounts.tests.factories import UserFactory
from appointment.exceptions import InvalidTransition, NotCancelable
from appointment.models import Appointment, AppointmentEvent, Offer
from appointment.models.booking import BookAppointment
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from config.problems import problem_of
from doctor.models import Slot
from doctor.models.booking_rules import BookingContext
from doctor.models.slot import SlotQuerySet
from doctor.tests.factories import LocationFactory, ScheduleFactory
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.balance import assert_balanced

pytestmark = pytest.mark.django_db


def test_nothing_is_written_about_a_patient_who_has_been_erased(patient: Patient) -> None:
    slot = ScheduleFactory().slots.first()
    appointment = AppointmentFactory(patient=patient, slot=slot)
    with time_machine.travel(slot.starts_at):
        patient.erase()
        with pytest.raises(InvalidTransition):
            appointment.amend("HIV test of Ana")
    appointment.refresh_from_db()
    assert appointment.reason == ""
    assert_balanced(slot)


def test_a_slot_deleted_while_its_session_is_booked_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user, schedule, take = UserFactory(), ScheduleFactory(), Slot.take
    first, second = schedule.slots.order_by("starts_at")[:2]

    def take_of_remade(slot: Slot, context: BookingContext) -> None:
        Slot.objects.filter(pk=first.pk).delete()
        take(slot, context=context)

    monkeypatch.setattr(Slot, "take", take_of_remade)
    booked = Appointment.objects.book_own(user, schedule.doctor_id, schedule_id=schedule.pk)
    assert booked.slot == second
    assert_balanced(second)


def test_a_time_at_offset_zero_has_one_format_in_every_answer(client_of) -> None:
    london = LocationFactory(time_zone="Europe/London")
    with time_machine.travel("2027-01-10T08:00:00+00:00"):
        schedule, client = ScheduleFactory(location=london), client_of(UserFactory())
        path = f"/api/doctor/doctors/{schedule.doctor_id}/available-slots/"
        listed = client.get(path).json()["results"][0]
        where = f"/api/appointment/book/{schedule.doctor_id}/"
        booked = client.post(where, {"slot_id": listed["id"]}).json()
    assert booked["starts_at"] == listed["starts_at"] == "2027-01-13T09:00:00+00:00"


def test_the_log_says_why_the_database_cannot_answer(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        problem = problem_of(OperationalError("too many connections"))
    assert problem
    assert problem.status == 503
    assert "too many connections" in caplog.text


def test_a_session_deleted_while_it_is_booked_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    user, schedule, load_candidates = (
        UserFactory(),
        ScheduleFactory(),
        BookAppointment.load_candidates,
    )

    def look_at_what_then_goes(booking: BookAppointment, slots: object) -> None:
        load_candidates(booking, slots)
        schedule.unpublish()

    monkeypatch.setattr(BookAppointment, "load_candidates", look_at_what_then_goes)
    with pytest.raises(Slot.DoesNotExist):
        Appointment.objects.book_own(user, schedule.doctor_id, schedule_id=schedule.pk)


def test_a_slot_with_a_lapsed_hold_is_booked_though_it_fills_up_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    visit = AppointmentFactory(slot=ScheduleFactory(capacity=2).slots.first())
    WaitlistEntryFactory(doctor=visit.doctor)
    AppointmentFactory(slot=visit.slot).cancel()
    lapsed, load_candidates = Offer.objects.get().hold_until, BookAppointment.load_candidates
    Slot.objects.filter(pk=visit.slot_id).update(capacity=3)

    def look_at_what_then_fills(booking: BookAppointment, slots: object) -> None:
        load_candidates(booking, slots)
        Slot.objects.filter(pk=visit.slot_id).update(capacity=2)

    monkeypatch.setattr(BookAppointment, "load_candidates", look_at_what_then_fills)
    booked = Appointment(patient=PatientFactory(), slot=visit.slot).book(at=lapsed)
    assert_balanced(booked.slot)


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_a_row_that_was_named_and_then_deleted_is_absent() -> None:
    """The database checks foreign keys at commit, where no verb can catch the error."""
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        AppointmentEvent.objects.create(appointment_id=10**9, kind="booked", to_status="scheduled")
    problem = problem_of(refused.value)
    assert problem is not None
    assert problem.status == 404
    assert problem_of(IntegrityError("another")) is None


def test_a_visit_that_moves_at_every_attempt_is_not_cancelable(
    visit: Appointment, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ScheduleFactory(
        doctor=visit.doctor, start_time=time(15), end_time=time(16)
    ).slots.first()
    places = [other, visit.slot]
    attempts: list[SlotQuerySet] = []

    def lock_too_late(slots: SlotQuerySet) -> list[Slot]:
        Appointment.objects.filter(pk=visit.pk).update(slot=places[len(attempts) % 2])
        attempts.append(slots)
        return list(slots)

    monkeypatch.setattr(SlotQuerySet, "lock", lock_too_late)
    with pytest.raises(NotCancelable) as refused:
        visit.cancel()
    assert len(attempts) == 10
    problem = problem_of(refused.value)
    assert problem
    assert (problem.status, problem.code) == (409, "not_cancelable")
