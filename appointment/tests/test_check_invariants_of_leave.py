"""`manage.py check_invariants` reports corrupted offers, waitlist entries, flags and leave."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from appointment.models import Appointment, Offer, WaitlistEntry
from appointment.tests.factories import AppointmentFactory
from appointment.tests.test_check_invariants import verdict
from doctor.models import Slot, TimeOff
from doctor.tests.factories import ScheduleFactory
from patient.tests.factories import PatientFactory

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

# Corrupts a row, and returns text that the command's report must contain.
Break = Callable[[Offer], str]


@pytest.fixture
def offer() -> Offer:
    """Return an offer that holds a canceled visit's place for a waiting patient."""
    visit = AppointmentFactory(slot=ScheduleFactory(slot_minutes=None).slots.get())
    window = {"first_date": visit.date, "last_date": visit.date}
    WaitlistEntry.objects.create(patient=PatientFactory(), doctor=visit.doctor, **window)
    visit.cancel()
    return Offer.objects.get()


def place_given_back(offer: Offer) -> str:
    Slot.objects.update(taken=0, hold_lapses_at=None)
    return f"I1 Slot {offer.slot_id}: 0 of 1 places taken; 0 appointments and 1 offers hold one"


def lapse_forgotten(offer: Offer) -> str:
    Slot.objects.update(hold_lapses_at=None)
    return f"I1 Slot {offer.slot_id}: holds lapse at None; its offers say {offer.hold_until}"


def lapse_invented(offer: Offer) -> str:
    slot = ScheduleFactory(slot_minutes=None).slots.get()
    Slot.objects.filter(pk=slot.pk).update(hold_lapses_at=offer.hold_until)
    return f"I1 Slot {slot.pk}: holds lapse at {offer.hold_until}; its offers say None"


def entry_waiting_with_an_offer(offer: Offer) -> str:
    WaitlistEntry.objects.update(status="waiting")
    return f"I1 WaitlistEntry {offer.entry_id}: status waiting; has an open offer: True"


def entry_offered_nothing(offer: Offer) -> str:
    entry = WaitlistEntry.objects.create(
        patient=offer.entry.patient,
        doctor=offer.entry.doctor,
        first_date=offer.entry.first_date,
        last_date=offer.entry.last_date,
        status="offered",
    )
    return f"I1 WaitlistEntry {entry.pk}: status offered; has an open offer: False"


def leave_behind_the_verbs_back(offer: Offer) -> str:
    slot = offer.slot
    TimeOff.objects.create(doctor=slot.doctor, starts_at=slot.starts_at, ends_at=slot.ends_at)
    return f"I4 Slot {slot.pk}: open: True; schedule, doctor and leave say: False"


def visit_on_leave_without_its_flag(offer: Offer) -> str:
    visit = AppointmentFactory()
    TimeOff(
        location=visit.location,
        starts_at=visit.starts_at - timedelta(hours=1),
        ends_at=visit.ends_at,
    ).publish()
    Appointment.objects.update(needs_rebooking=False)
    return f"I4 Appointment {visit.pk}: to be re-booked: False; called off: True"


def flag_for_no_reason(offer: Offer) -> str:
    visit = AppointmentFactory()
    Appointment.objects.filter(pk=visit.pk).update(needs_rebooking=True)
    return f"I4 Appointment {visit.pk}: to be re-booked: True; called off: False"


@pytest.mark.parametrize(
    "by_hand",
    [
        place_given_back,
        lapse_forgotten,
        lapse_invented,
        entry_waiting_with_an_offer,
        entry_offered_nothing,
        leave_behind_the_verbs_back,
        visit_on_leave_without_its_flag,
        flag_for_no_reason,
    ],
)
def test_a_broken_row_is_named_and_the_command_fails(offer: Offer, by_hand: Break) -> None:
    assert verdict()[0] == 0
    complaint = by_hand(offer)
    status, said = verdict()
    assert status == 1
    assert complaint in said


def test_a_visit_that_has_ended_needs_no_flag() -> None:
    visit = AppointmentFactory(slot=ScheduleFactory(date=past_day()).slots.first())
    TimeOff.objects.create(doctor=visit.doctor, starts_at=visit.starts_at, ends_at=visit.ends_at)
    assert verdict()[0] == 0


def past_day() -> object:
    return (timezone.now() - timedelta(days=3)).date()
