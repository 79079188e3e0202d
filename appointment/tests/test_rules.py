"""The booking rules of a location at their boundaries, on the clocks of that location."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from accounts.models import User
from appointment.exceptions import CancelDeadlinePassed
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from appointment.tests.rescheduling import free, late
from doctor.exceptions import REFUSALS, TooFar, TooManyAppointments, TooSoon
from doctor.models import Location, Slot
from doctor.models.booking_rules import horizon_end
from doctor.tests.factories import LocationFactory, ScheduleFactory, day_ahead
from extensions.exceptions import DomainError
from patient.models import Patient
from patient.tests.factories import DependentFactory
from tests.balance import assert_balanced

pytestmark = pytest.mark.django_db

INSTANT = timedelta(microseconds=1)
MADRID, NEW_YORK, TOKYO = "Europe/Madrid", "America/New_York", "Asia/Tokyo"


def wall(zone: str, *when: int) -> datetime:
    """Return the instant at which the clocks of the zone show this time."""
    return datetime(*when, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def at_location(day: date | None = None, start: time = time(9), **rules: Any) -> Slot:
    """Return the first slot of a session at a new location with these rules."""
    place = LocationFactory(**rules)
    slot: Slot = ScheduleFactory(
        location=place, date=day or day_ahead(), start_time=start, end_time=time(23, 59), capacity=3
    ).slots.first()
    return slot


def book(patient: Patient, slot: Slot, at: datetime, **how: Any) -> Appointment:
    return Appointment(patient=patient, slot=slot).book(at=at, **how)


def assert_refused(refusal: type[DomainError], patient: Patient, slot: Slot, at: datetime) -> None:
    """Check that booking raises `refusal` and takes no place, and that the slot is not listed.

    The list knows no patient, so it still shows a slot that a patient's limit refuses.
    """
    with pytest.raises(refusal):
        book(patient, slot, at)
    listed = Slot.objects.bookable(at).filter(pk=slot.pk).exists()
    assert listed is (refusal is TooManyAppointments)
    assert_balanced(slot)


def assert_booked(patient: Patient, slot: Slot, at: datetime) -> Appointment:
    """Check that the slot is listed and can be booked."""
    assert Slot.objects.bookable(at).filter(pk=slot.pk).exists()
    visit = book(patient, slot, at)
    assert_balanced(slot)
    return visit


# --- Without rules --------------------------------------------------------------------------------


def test_without_rules_every_slot_can_be_booked_until_its_start(patient: Patient) -> None:
    slot = at_location(day_ahead(3000))
    assert_booked(patient, slot, slot.starts_at - timedelta(days=3000))
    slot = at_location()
    visit = assert_booked(patient, slot, slot.starts_at - INSTANT)
    assert visit.can_cancel(at=slot.starts_at - INSTANT)


# --- Notice ---------------------------------------------------------------------------------------


def test_exactly_the_notice_before_its_start_a_visit_can_be_booked(patient: Patient) -> None:
    slot = at_location(min_notice_minutes=90)
    last = slot.starts_at - timedelta(minutes=90)
    assert_refused(TooSoon, patient, slot, last + INSTANT)
    assert_booked(patient, slot, last)


@pytest.mark.parametrize("day", [date(2027, 3, 28), date(2027, 10, 31)])
def test_notice_is_elapsed_time_also_when_the_clocks_change(patient: Patient, day: date) -> None:
    slot = at_location(day, min_notice_minutes=24 * 60)
    hour = slot.starts_at.astimezone(ZoneInfo(MADRID)) - timedelta(hours=24)  # by the local clock
    off_by = timedelta(hours=1 if day.month == 3 else -1)
    last = hour.astimezone(UTC) - off_by
    assert slot.starts_at - last == timedelta(hours=24)
    assert_refused(TooSoon, patient, slot, last + INSTANT)
    assert_booked(patient, slot, last)


def test_without_notice_a_visit_can_be_booked_until_its_start(patient: Patient) -> None:
    slot = at_location(min_notice_minutes=0)
    assert_booked(patient, slot, slot.starts_at - INSTANT)


# --- Horizon --------------------------------------------------------------------------------------


def test_a_horizon_of_0_days_ends_at_local_midnight(patient: Patient) -> None:
    slot = at_location(date(2027, 1, 15), time(0), horizon_days=0, time_zone=TOKYO)
    midnight = wall(TOKYO, 2027, 1, 15)
    assert slot.starts_at == midnight
    assert_refused(TooFar, patient, slot, midnight - INSTANT)
    nine = slot.schedule.slots.get(starts_at=midnight + timedelta(hours=9))
    assert_refused(TooFar, patient, nine, midnight - INSTANT)
    assert_booked(patient, nine, midnight)
    assert_refused(TooFar, patient, at_location(date(2027, 1, 16), horizon_days=0), midnight)


@pytest.mark.parametrize("zone", [MADRID, NEW_YORK, TOKYO])
@pytest.mark.parametrize("days", [1, 30, 365])
def test_the_last_bookable_day_is_the_local_today_plus_the_horizon(
    patient: Patient, zone: str, days: int
) -> None:
    last = date(2027, 7, 1) + timedelta(days=days)
    late_that_day = at_location(last, time(23), horizon_days=days, time_zone=zone)
    next_day = at_location(last + timedelta(days=1), time(0), horizon_days=days, time_zone=zone)
    for at in (wall(zone, 2027, 7, 1), wall(zone, 2027, 7, 2) - INSTANT):
        assert_refused(TooFar, patient, next_day, at)
    assert_refused(TooFar, patient, late_that_day, wall(zone, 2027, 7, 1) - INSTANT)
    assert_booked(patient, late_that_day, wall(zone, 2027, 7, 1))


CHANGES = [  # zone, day on which its clocks change, hours of that day
    (MADRID, date(2027, 3, 28), 23),
    (MADRID, date(2027, 10, 31), 25),
    (NEW_YORK, date(2027, 3, 14), 23),
    (NEW_YORK, date(2027, 11, 7), 25),
]


@pytest.mark.parametrize(("zone", "day", "hours"), CHANGES)
def test_the_horizon_ends_at_midnight_of_a_day_of_23_or_25_hours(
    patient: Patient, zone: str, day: date, hours: int
) -> None:
    here = LocationFactory(time_zone=zone, horizon_days=1)
    eve = wall(zone, day.year, day.month, day.day) - timedelta(hours=12)
    ends = horizon_end(here, eve)
    begins = wall(zone, day.year, day.month, day.day)
    assert ends == begins + timedelta(hours=hours)
    last = at_location(day, time(23), horizon_days=1, time_zone=zone)
    assert last.starts_at == begins + timedelta(hours=hours - 1)
    assert_refused(
        TooFar,
        patient,
        at_location(day + timedelta(days=1), time(0), horizon_days=1, time_zone=zone),
        eve,
    )
    assert_booked(patient, last, eve)


# --- Deadline -------------------------------------------------------------------------------------


def test_exactly_the_deadline_before_its_start_a_visit_can_be_canceled(patient: Patient) -> None:
    slot = at_location(cancel_deadline_minutes=60)
    visit = book(patient, slot, slot.starts_at - timedelta(days=1))
    last = slot.starts_at - timedelta(hours=1)
    assert (visit.can_cancel(at=last), visit.can_cancel(at=last + INSTANT)) == (True, False)
    for verb in (visit.cancel, lambda at: visit.reschedule(to=free(), at=at)):
        with pytest.raises(CancelDeadlinePassed):
            verb(at=last + INSTANT)
    assert_balanced(slot)
    visit.cancel(at=last)
    assert_balanced(slot)


def test_a_patient_whose_visit_is_flagged_cancels_after_the_deadline(patient: Patient) -> None:
    visit = AppointmentFactory(patient=patient)
    late(visit, visit.slot)
    Appointment.objects.update(needs_rebooking=True)
    visit.refresh_from_db()
    assert visit.can_cancel()
    assert Appointment.objects.get(pk=visit.pk).cancel(by=patient.user).status == "canceled"


# --- Limit ----------------------------------------------------------------------------------------


@pytest.fixture
def limited() -> Location:
    """Return a location where a patient may have at most two visits to come."""
    place: Location = LocationFactory(max_live_per_patient=2)
    return place


def visits_at(place: Location, patient: Patient, *days: int) -> list[Appointment]:
    """Create a visit of the patient at the location on each of these days from now."""
    return [
        AppointmentFactory(patient=patient, slot=free(day, location=place, capacity=3))
        for day in days
    ]


def test_the_limit_counts_per_patient(patient: Patient, limited: Location) -> None:
    child, slot = DependentFactory(user=patient.user), free(9, location=limited, capacity=3)
    visits_at(limited, patient, 5, 6)
    at = slot.starts_at - timedelta(days=8)
    assert_refused(TooManyAppointments, patient, slot, at)
    assert_booked(child, slot, at)


@pytest.mark.parametrize("verb", ["cancel", "complete", "mark_no_show"])
def test_a_visit_that_is_no_longer_scheduled_does_not_count(
    patient: Patient, limited: Location, verb: str
) -> None:
    one, _ = visits_at(limited, patient, 5, 6)
    at = one.starts_at - timedelta(hours=1)
    if verb == "complete":
        one.check_in(at=at)
    if verb != "cancel":
        at = one.starts_at
    getattr(one, verb)(at=at)
    assert_booked(patient, free(9, location=limited), at)


def test_a_visit_counts_until_it_has_ended(patient: Patient, limited: Location) -> None:
    one, _ = visits_at(limited, patient, 5, 6)
    slot = free(9, location=limited)
    assert_refused(TooManyAppointments, patient, slot, one.ends_at - INSTANT)
    assert_booked(patient, slot, one.ends_at)


def test_a_limit_of_0_allows_no_appointment(patient: Patient) -> None:
    slot = at_location(max_live_per_patient=0)
    assert_refused(TooManyAppointments, patient, slot, slot.starts_at - timedelta(days=1))


# --- Separate locations, and staff ----------------------------------------------------------------

STRICT = {"min_notice_minutes": 60 * 24 * 60, "horizon_days": 0, "max_live_per_patient": 1}


def test_the_rules_of_one_location_do_not_touch_another(patient: Patient) -> None:
    strict = LocationFactory(**STRICT, cancel_deadline_minutes=60 * 24 * 60)
    AppointmentFactory(patient=patient, slot=free(4))
    slot = free(5)
    assert strict.pk != slot.location_id
    assert_booked(patient, slot, slot.starts_at - timedelta(days=2)).cancel()


@pytest.mark.parametrize("rule", STRICT)
def test_staff_override_a_rule_and_the_event_has_the_reason(
    patient: Patient, staff: User, rule: str
) -> None:
    slot = free(5, capacity=3)
    slot.location.revise(**{rule: {**STRICT, "max_live_per_patient": 0}[rule]})
    at = slot.starts_at - timedelta(days=2)
    with pytest.raises(tuple(REFUSALS.values())):
        book(patient, slot, at)
    visit = Appointment(patient=patient, slot=slot, booked_by=staff)
    visit.book(at=at, override_reason="An emergency.")
    event = visit.events.get()
    assert (event.by, event.override_reason) == ("staff", "An emergency.")
    assert_balanced(slot)


def test_staff_cancel_after_the_deadline_and_the_event_has_the_reason(staff: User) -> None:
    visit = AppointmentFactory()
    late(visit, visit.slot)
    visit.cancel(by=staff, override_reason="The patient is in hospital.")
    event = visit.events.get(kind="canceled")
    assert (event.by, event.override_reason) == ("staff", "The patient is in hospital.")


def test_erasing_a_person_blanks_the_reason_of_an_override(patient: Patient, staff: User) -> None:
    visit = AppointmentFactory(patient=patient)
    visit.reschedule(to=free(), by=staff, override_reason="She is pregnant.")
    patient.erase()
    words = visit.events.values_list("detail", "override_reason")
    assert set(words) == {("", "")}


def test_no_deadline_stops_an_erasure(patient: Patient) -> None:
    visit = AppointmentFactory(patient=patient)
    late(visit, visit.slot)
    patient.erase(by=patient.user)
    visit.refresh_from_db()
    assert (visit.status, visit.patient) == ("canceled", None)
    assert_balanced(visit.slot)
