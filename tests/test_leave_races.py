"""Races of leave and closures with each other, bookings, and changes of sessions and doctors."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import SlotClosed
from doctor.models import Schedule, Slot, TimeOff
from doctor.tests.factories import LocationFactory, ScheduleFactory, TimeOffFactory
from patient.tests.factories import PatientFactory
from tests.balance import assert_balanced
from tests.races import gate
from tests.threads import run_together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

ROUNDS = 2


def leaves_of(session: Schedule) -> tuple[TimeOff, TimeOff]:
    """Return unsaved leave of the session's doctor and an unsaved closure of its location."""
    start = timezone.now()
    span = {"starts_at": start, "ends_at": start + timedelta(days=30)}
    doctor, location = session.doctor, session.location
    return TimeOff(doctor=doctor, **span), TimeOff(location=location, **span)


def together(*verbs: Callable[[], Any]) -> list[Any]:
    return run_together(len(verbs), lambda number: verbs[number]())


def assert_closed_as_leave_says(session: Schedule) -> None:
    """Assert that exactly the slots under leave are closed, and exactly their visits flagged."""
    for slot in session.slots.all():
        span = (slot.starts_at, slot.ends_at)
        over = TimeOff.objects.overlapping(*span)
        covered = over.filter(doctor=slot.doctor) | over.filter(location=slot.location)
        assert slot.is_open is not covered.exists()
        flags = set(slot.appointments.active().values_list("needs_rebooking", flat=True))
        assert flags <= {covered.exists()}
        assert_balanced(slot)


def test_leave_of_a_doctor_and_a_closure_at_once_both_hold() -> None:
    for _ in range(ROUNDS):
        session = ScheduleFactory()
        AppointmentFactory(slot=session.slots.first())
        leave, closure = leaves_of(session)
        assert together(leave.publish, closure.publish) == [None, None]
        assert_closed_as_leave_says(session)
        assert together(leave.unpublish, closure.unpublish) == [None, None]
        assert_closed_as_leave_says(session)


def test_leave_that_ends_while_a_closure_begins_stays_closed() -> None:
    for _ in range(ROUNDS):
        session = ScheduleFactory()
        AppointmentFactory(slot=session.slots.first())
        leave, closure = leaves_of(session)
        leave.publish()
        assert together(leave.unpublish, closure.publish) == [None, None]
        assert_closed_as_leave_says(session)
        assert not session.slots.filter(is_open=True).exists()


def test_a_booking_while_leave_is_entered_is_refused_or_flagged() -> None:
    for _ in range(ROUNDS):
        session = ScheduleFactory(capacity=3)
        slot, (leave, _closure) = session.slots.first(), leaves_of(session)
        patients = [PatientFactory() for _ in range(3)]
        books = [Appointment(patient=patient, slot=slot).book for patient in patients]
        outcomes = together(leave.publish, *books)
        assert {type(each) for each in outcomes[1:]} <= {Appointment, SlotClosed}
        assert_closed_as_leave_says(session)


def test_a_visit_moved_while_leave_is_entered_is_refused_or_flagged() -> None:
    for _ in range(ROUNDS):
        session, visit = ScheduleFactory(), AppointmentFactory()
        slot, (leave, _closure) = session.slots.first(), leaves_of(session)
        outcomes = together(leave.publish, lambda v=visit, s=slot: v.reschedule(to=s))
        assert type(outcomes[1]) in (Appointment, SlotClosed)
        assert_closed_as_leave_says(session)
        assert_closed_as_leave_says(Schedule.objects.get(slots=visit.slot_id))


def test_sessions_published_while_leave_is_entered_are_closed() -> None:
    for _ in range(ROUNDS):
        there = ScheduleFactory()
        leave, closure = leaves_of(there)
        tomorrow = there.date + timedelta(days=1)
        new = ScheduleFactory.build(doctor=there.doctor, location=there.location, date=tomorrow)
        assert together(new.publish, leave.publish, closure.publish) == [None] * 3
        assert_closed_as_leave_says(new)
        assert not new.slots.filter(is_open=True).exists()


def test_a_doctor_who_comes_back_while_leave_is_entered_is_on_leave() -> None:
    for _ in range(ROUNDS):
        session = ScheduleFactory()
        AppointmentFactory(slot=session.slots.first())
        session.doctor.revise(is_active=False)
        leave, closure = leaves_of(session)
        back = session.doctor
        verbs = [lambda d=back: d.revise(is_active=True), leave.publish, closure.publish]
        assert together(*verbs) == [None] * 3
        assert_closed_as_leave_says(session)


def test_two_who_change_one_leave_both_succeed() -> None:
    session = ScheduleFactory()
    leave = TimeOffFactory(doctor=session.doctor)
    other = LocationFactory()
    mine, yours = (TimeOff.objects.get(pk=leave.pk) for _ in range(2))
    outcomes = together(
        lambda: mine.revise(reason="Ill"), lambda: yours.revise(doctor=None, location=other)
    )
    assert outcomes == [None, None]
    leave.refresh_from_db()
    assert (leave.reason, leave.location_id) == ("Ill", other.pk)
    assert_closed_as_leave_says(session)


@pytest.mark.only_on("postgres")
def test_leave_is_read_once_the_slots_are_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of two verbs has to see what the first wrote while it waited for the slots.

    Each locks its own calendar before either locks the slots. If a verb read leave in the statement
    that locks the slots, or before, `unpublish` could open slots that the closure has just closed.
    """
    session = ScheduleFactory()
    leave, closure = leaves_of(session)
    leave.publish()
    wait, lock_calendar = gate(2), TimeOff.lock_calendar

    def locked_together(self: TimeOff, **changes: Any) -> None:
        lock_calendar(self, **changes)
        wait()

    monkeypatch.setattr(TimeOff, "lock_calendar", locked_together)
    assert together(leave.unpublish, closure.publish) == [None, None]
    assert_closed_as_leave_says(session)


@pytest.mark.parametrize("number", [2, 6])
def test_many_leaves_of_one_doctor_at_once_all_hold(number: int) -> None:
    session = ScheduleFactory()
    slots = list(session.slots.order_by("starts_at"))

    def leave(number: int) -> datetime:
        slot: Slot = slots[number % len(slots)]
        span = {"starts_at": slot.starts_at, "ends_at": slot.ends_at}
        TimeOff(doctor=session.doctor, **span).publish()
        return slot.starts_at

    assert all(isinstance(each, datetime) for each in run_together(number, leave))
    assert TimeOff.objects.count() == number
    assert_closed_as_leave_says(session)
