"""A freed place is offered to the first waitlist entry that fits it."""

from collections.abc import Callable
from datetime import date, time, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from appointment.models import Appointment, Offer
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from appointment.tests.waitlist import (
    HALF_AN_HOUR,
    HOLD,
    holders,
    offered,
    unsuitable_entries,
    waiting,
)
from doctor.models import Slot
from doctor.tests.factories import ScheduleFactory, SpecialtyFactory, day_ahead
from patient.tests.factories import PatientFactory

pytestmark = pytest.mark.django_db


# --- The next entry -------------------------------------------------------------------------------


def test_a_canceled_place_is_held_for_the_first_in_line(visit: Appointment) -> None:
    first, second = waiting(visit), waiting(visit)
    visit.cancel()
    assert holders(visit.slot) == [first.pk]
    first.refresh_from_db()
    second.refresh_from_db()
    assert (visit.slot.taken, first.status, second.status) == (1, "offered", "waiting")


def test_an_offer_is_for_half_an_hour_and_holds_for_five_minutes_more(visit: Appointment) -> None:
    waiting(visit)
    at = timezone.now()
    visit.cancel(at=at)
    offer = Offer.objects.get()
    assert (offer.expires_at - at, offer.hold_until - at) == (HALF_AN_HOUR, HOLD)
    assert (offer.created_at, Slot.objects.get().hold_lapses_at) == (at, offer.hold_until)


@pytest.mark.parametrize(
    ("notice", "before_start", "lasts"),
    [(None, 10, 10), (60, 70, 10), (60, 120, 30), (None, 1, 1), (60, 61, 1)],
)
def test_an_offer_ends_before_the_notice_begins(
    visit: Appointment, notice: int | None, before_start: int, lasts: int
) -> None:
    visit.location.revise(min_notice_minutes=notice)
    waiting(visit)
    at = visit.starts_at - timedelta(minutes=before_start)
    visit.cancel(at=at)
    assert Offer.objects.get().expires_at - at == timedelta(minutes=lasts)


@pytest.mark.parametrize(("notice", "seconds"), [(None, 59), (60, 3659), (60, 600)])
def test_an_offer_that_would_last_less_than_a_minute_is_not_made(
    visit: Appointment, notice: int | None, seconds: int
) -> None:
    visit.location.revise(min_notice_minutes=notice)
    waiting(visit)
    visit.cancel(at=visit.starts_at - timedelta(seconds=seconds))
    assert holders(visit.slot) == []
    assert visit.slot.taken == 0


def test_the_minutes_of_an_offer_are_a_setting(visit: Appointment, settings: Any) -> None:
    settings.OFFER_MINUTES = 45
    waiting(visit)
    at = timezone.now()
    visit.cancel(at=at)
    assert Offer.objects.get().expires_at - at == timedelta(minutes=45)


def test_no_entry_is_offered_a_place_that_does_not_fit(visit: Appointment) -> None:
    unsuitable_entries(visit)
    visit.cancel()
    assert holders(visit.slot) == []


@pytest.mark.parametrize(
    "criteria",
    [
        lambda day: {"start_time": time(9), "end_time": time(11)},
        lambda day: {"first_date": day, "last_date": day},
        lambda day: {"weekday_bits": 1 << day.weekday()},
        lambda day: {"weekday_bits": 127},
    ],
)
def test_the_bounds_of_the_criteria_are_inclusive(
    visit: Appointment, criteria: Callable[[date], dict[str, Any]]
) -> None:
    entry = waiting(visit, **criteria(visit.date))
    visit.cancel()
    assert holders(visit.slot) == [entry.pk]


def test_an_entry_for_a_specialty_matches_every_doctor_who_has_it(visit: Appointment) -> None:
    specialties = [SpecialtyFactory() for _ in range(2)]
    visit.doctor.specialties.add(*specialties)
    entry = waiting(visit, doctor=None, specialty=specialties[1])
    waiting(visit)
    visit.cancel()
    assert holders(visit.slot) == [entry.pk]


def test_days_and_hours_are_local_to_the_location(visit: Appointment) -> None:
    far = ScheduleFactory(
        doctor=visit.doctor,
        location__time_zone="Pacific/Auckland",
        date=visit.date + timedelta(days=2),
        start_time=time(7),  # local time; it is the evening before in UTC
        end_time=time(8),
        slot_minutes=None,
    )
    entry = waiting(
        visit,
        first_date=far.date,
        weekday_bits=1 << far.date.weekday(),
        start_time=time(7),
        end_time=time(8),
    )
    assert offered(far.slots.get()) == 1
    assert holders(far.slots.get()) == [entry.pk]


def test_a_visit_past_midnight_matches_no_end_time_of_its_day(visit: Appointment) -> None:
    night = ScheduleFactory(start_time=time(20), end_time=time(23, 59), slot_minutes=None)
    Slot.objects.filter(schedule=night).update(
        ends_at=night.slots.get().ends_at + timedelta(hours=2)
    )
    WaitlistEntryFactory(doctor=night.doctor, end_time=time(23, 59))
    entry = WaitlistEntryFactory(doctor=night.doctor, start_time=time(20))
    offered(night.slots.get())
    assert holders(night.slots.get()) == [entry.pk]


@pytest.mark.parametrize(("limit", "who"), [(1, 1), (2, 0), (None, 0)])
def test_a_patient_at_the_limit_of_the_location_is_passed_over(
    visit: Appointment, limit: int | None, who: int
) -> None:
    busy = PatientFactory()
    day = ScheduleFactory(location=visit.location, date=day_ahead(9))
    AppointmentFactory(patient=busy, slot=day.slots.first())
    visit.location.revise(max_live_per_patient=limit)
    entries = [waiting(visit, patient=busy), waiting(visit)]
    visit.cancel()
    assert holders(visit.slot) == [entries[who].pk]


def test_a_visit_that_is_over_does_not_count_towards_the_limit(visit: Appointment) -> None:
    entry = waiting(visit)
    early = ScheduleFactory(location=visit.location, date=day_ahead(1))
    over = AppointmentFactory(patient=entry.patient, slot=early.slots.first())
    visit.location.revise(max_live_per_patient=1)
    visit.cancel(at=over.ends_at)
    assert holders(visit.slot) == [entry.pk]


def test_a_patient_is_offered_two_overlapping_times_once(visit: Appointment) -> None:
    """The patient has two entries, and each matches one of the times."""
    other = ScheduleFactory(start_time=time(10), end_time=time(12), slot_minutes=None)
    patient = PatientFactory()
    entries = [
        waiting(visit, patient=patient),
        waiting(visit, patient=patient, doctor=None, specialty=SpecialtyFactory()),
    ]
    other.doctor.specialties.add(entries[1].specialty)
    visit.cancel()
    assert offered(other.slots.get()) == 0


# --- The offered places ---------------------------------------------------------------------------


@pytest.mark.parametrize("closed", ["accepts_patients", "is_active"])
def test_a_place_of_a_closed_slot_is_not_offered(visit: Appointment, closed: str) -> None:
    waiting(visit)
    visit.doctor.revise(**{closed: False})
    visit.cancel()
    assert holders(visit.slot) == []


def test_a_place_beyond_the_horizon_is_not_offered(visit: Appointment) -> None:
    waiting(visit)
    visit.location.revise(horizon_days=1)
    visit.cancel()
    assert holders(visit.slot) == []


def test_every_free_place_is_offered_and_none_twice() -> None:
    slot = ScheduleFactory(slot_minutes=None, capacity=4).slots.get()
    AppointmentFactory(slot=slot)
    entries = [WaitlistEntryFactory(doctor=slot.doctor) for _ in range(5)]
    assert offered(slot) == 3
    assert holders(slot) == [entry.pk for entry in entries[:3]]
    assert offered(slot) == 0


def test_an_entry_has_one_open_offer_and_the_earliest_slot() -> None:
    session = ScheduleFactory()
    entry = WaitlistEntryFactory(doctor=session.doctor)
    with transaction.atomic():
        assert Offer.objects.offer_places(reversed(session.slots.all().lock()), timezone.now()) == 1
    assert holders(session.slots.earliest("starts_at")) == [entry.pk]
