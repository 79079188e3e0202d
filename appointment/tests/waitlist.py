"""Helpers of the tests of the waitlist."""

from datetime import datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from appointment.models import Appointment, Offer, WaitlistEntry
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from doctor.models import Slot
from doctor.tests.factories import ScheduleFactory, SpecialtyFactory
from patient.tests.factories import PatientFactory
from tests.balance import assert_balanced

# How long an offer can be accepted, and how long it holds its place.
HALF_AN_HOUR, HOLD = timedelta(minutes=30), timedelta(minutes=35)


def only_visit(**session: Any) -> Appointment:
    """Create a session of one slot with one place, and a visit that takes it.

    Both are from 09:00 to 11:00 three days ahead, unless the fields in `session` say otherwise.
    """
    return AppointmentFactory(slot=ScheduleFactory(slot_minutes=None, **session).slots.get())


def waiting(visit: Appointment, **more: Any) -> WaitlistEntry:
    """Create a waitlist entry for the visit's doctor, or for a specialty if `more` has one."""
    return WaitlistEntryFactory(**({} if "specialty" in more else {"doctor": visit.doctor}), **more)


def offered(slot: Slot, at: datetime | None = None) -> int:
    """Lock the slot, offer its free places to the waitlist, and return the number of offers."""
    with transaction.atomic():
        slots = Slot.objects.filter(pk=slot.pk).lock()
        return Offer.objects.offer_places(slots, at or timezone.now())


def holders(slot: Slot) -> list[int]:
    """Assert that the slot is balanced; return the keys of the entries with an open offer of it."""
    assert_balanced(slot)
    return list(slot.offers.open().values_list("entry", flat=True))


def end_offers(slot: Slot, verb: str, *args: Any) -> None:
    """Lock the slot, then call the method `verb` of `Offer.objects`, such as `end_lapsed`."""
    with transaction.atomic():
        slot.lock()
        getattr(Offer.objects, verb)(*args)


def unsuitable_entries(visit: Appointment) -> dict[str, WaitlistEntry]:
    """Return, by reason, entries that are not offered the visit's place, one for each reason."""
    day, weekday = visit.date, visit.date.weekday()
    busy, elsewhere = PatientFactory(), ScheduleFactory(start_time=time(10, 30), date=day)
    AppointmentFactory(patient=busy, slot=elsewhere.slots.first())
    other = ScheduleFactory(start_time=time(10), end_time=time(12), date=day, slot_minutes=None)
    promised = WaitlistEntryFactory(doctor=other.doctor)
    assert offered(other.slots.get()) == 1
    return {
        "another doctor": WaitlistEntryFactory(),
        "another specialty": waiting(visit, doctor=None, specialty=SpecialtyFactory()),
        "too early": waiting(visit, last_date=day - timedelta(days=1)),
        "too late": waiting(visit, first_date=day + timedelta(days=1)),
        "another weekday": waiting(visit, weekday_bits=127 - (1 << weekday)),
        "later": waiting(visit, start_time=time(9, 1)),
        "earlier": waiting(visit, end_time=time(10, 59)),
        "busy": waiting(visit, patient=busy),
        "offered another": waiting(visit, patient=promised.patient),
        "the one who cancels": waiting(visit, patient=visit.patient),
        **{status: waiting(visit, status=status) for status in ("accepted", "declined", "expired")},
    }
