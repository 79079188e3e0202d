"""Helpers of the tests that move visits: reasons against a move, and slots to move to."""

from collections.abc import Callable
from typing import Any

from appointment.exceptions import CancelDeadlinePassed, NotCancelable
from appointment.models import Appointment, AppointmentEvent
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import (
    PatientOverlap,
    SlotClosed,
    SlotFull,
    TooFar,
    TooManyAppointments,
    TooSoon,
)
from doctor.models import Slot
from doctor.tests.factories import ScheduleFactory, day_ahead
from extensions.exceptions import DomainError
from tests.balance import assert_balanced

Prepare = Callable[[Appointment, Slot], Any]


def free(days: int = 5, **session: Any) -> Slot:
    """Return the first slot of a new session, by default of a new doctor at a new location."""
    slot: Slot = ScheduleFactory(date=day_ahead(days), **session).slots.first()
    return slot


def moved(visit: Appointment) -> AppointmentEvent:
    """Return the event of the visit's latest move."""
    return visit.events.filter(kind="rescheduled").latest("pk")


def assert_places(*places: tuple[Slot, int]) -> None:
    """Check that each slot is balanced and has the given number of taken places."""
    for slot, taken in places:
        assert_balanced(slot)
        assert slot.taken == taken


def assert_unmoved(visit: Appointment) -> None:
    """Check that the visit is in the slot it was booked in and that every slot is balanced."""
    stored = Appointment.objects.get(pk=visit.pk)
    assert stored.slot_id == stored.events.get(kind="booked").to_slot
    assert stored.starts_at == stored.slot.starts_at
    assert not stored.events.filter(kind="rescheduled").exists()
    for slot in Slot.objects.all():
        assert_balanced(slot)


# --- Functions that each create a reason against a move -------------------------------------------


def canceled(visit: Appointment, _: Slot) -> None:
    """Cancel the visit, even where `late` has set a deadline that has passed."""
    Appointment.objects.get(pk=visit.pk).cancel(override_reason="For the test.")


def concluded(visit: Appointment, _: Slot) -> None:
    Appointment.objects.get(pk=visit.pk).complete(at=visit.starts_at)


def late(visit: Appointment, _: Slot) -> None:
    visit.location.revise(cancel_deadline_minutes=7 * 24 * 60)


def overlapped(visit: Appointment, new: Slot) -> None:
    beside = ScheduleFactory(date=new.schedule.date)
    AppointmentFactory(patient=visit.patient, slot=beside.slots.first())


def closed(_: Appointment, new: Slot) -> None:
    new.schedule.revise(is_active=False)


def short_notice(_: Appointment, new: Slot) -> None:
    new.location.revise(min_notice_minutes=30 * 24 * 60)


def near_horizon(_: Appointment, new: Slot) -> None:
    new.location.revise(horizon_days=1)


def limited(_: Appointment, new: Slot) -> None:
    new.location.revise(max_live_per_patient=0)


def filled(_: Appointment, new: Slot) -> None:
    AppointmentFactory(slot=new)


# Each of these with the error that a move raises for it; the first that applies is reported.
IN_ORDER: list[tuple[Prepare, type[DomainError]]] = [
    (canceled, NotCancelable),
    (late, CancelDeadlinePassed),
    (overlapped, PatientOverlap),
    (closed, SlotClosed),
    (short_notice, TooSoon),
    (near_horizon, TooFar),
    (limited, TooManyAppointments),
    (filled, SlotFull),
]
