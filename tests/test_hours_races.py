"""Races of weekly hours with bookings, with staff who edit a session, and with each other."""

from datetime import time, timedelta
from functools import partial
from threading import Event
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from appointment.models import Appointment
from doctor.exceptions import HoursOverlap
from doctor.models import Schedule, Slot, WeeklyHours
from doctor.models.slot import SlotQuerySet
from doctor.tests.factories import DoctorFactory, LocationFactory, WeeklyHoursFactory, day_ahead
from tests.race_bodies import (
    assert_apart,
    assert_not_stranded,
    booking,
    copies_of,
    count_by_type,
    people,
    race,
)
from tests.races import SECONDS, Wait, assert_in_order

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]
ROUNDS = range(2)
NONE = type(None)


@pytest.fixture(autouse=True)
def a_month(settings) -> None:
    settings.HOURS_AHEAD_DAYS = 28


def coming(hours: WeeklyHours) -> Schedule:
    """Return the first session that a change of the hours affects."""
    session: Schedule = hours.schedules.filter(date__gte=day_ahead(2)).earliest("date")
    return session


@pytest.mark.parametrize("keep", [False, True])
def test_nothing_booked_while_its_hours_change_is_stranded(keep: bool) -> None:
    for _ in ROUNDS:
        hours = WeeklyHoursFactory()
        slots, patients = coming(hours).slots.order_by("starts_at"), people(4)
        calls = [booking(patient, slot) for patient, slot in zip(patients, slots, strict=True)]
        count_by_type(race(partial(hours.revise, keep=keep, start_time=time(10)), *calls))
        assert_not_stranded(Appointment.objects.active())
        for slot in Slot.objects.filter(taken__gt=0, starts_at__gt=timezone.now()):
            in_hours = slot.schedule.weekly_hours_id is not None
            assert slot.kept_over is not in_hours
            assert slot.is_open is in_hours


def test_a_version_and_bookings_at_once_strand_no_visit_and_leave_one_rule_a_day() -> None:
    hours = WeeklyHoursFactory()
    first = coming(hours)
    slots, patients = first.slots.order_by("starts_at"), people(4)
    calls = [booking(patient, slot) for patient, slot in zip(patients, slots, strict=True)]
    versions = [
        partial(copy.add_version, first.date, keep=True, start_time=time(10))
        for copy in copies_of(hours, 2)
    ]
    extend = partial(WeeklyHours.objects.extend, hours.doctor_id, 60, timezone.now())
    one, two, *others = race(*versions, extend, *calls)
    assert {type(one), type(two)} == {WeeklyHours, ValidationError}  # the hours have ended
    count_by_type(others)
    assert_in_order()
    assert_not_stranded(Appointment.objects.active())
    hours.refresh_from_db()
    assert hours.valid_until == first.date - timedelta(days=1)
    [version] = WeeklyHours.objects.filter(doctor=hours.doctor, valid_from=first.date)
    assert not hours.schedules.filter(date__gte=first.date).exists()
    assert version.schedules.get(date=first.date).slots.filter(kept_over=False).count() == 2


def assert_a_version_strands_nobody(wait: Wait, booked: Wait) -> None:
    """Let a version drop the slot at 09:00 while a patient books it once `wait` returns."""
    hours = WeeklyHoursFactory()
    first = coming(hours)
    book = booking(people(1)[0], first.slots.earliest("starts_at"))

    def wait_and_book() -> Any:
        wait()
        try:
            return book()
        finally:
            booked()

    version = partial(hours.add_version, first.date, start_time=time(10))
    outcomes = race(version, wait_and_book)
    count_by_type(outcomes)
    assert_not_stranded(Appointment.objects.active())
    assert sum(isinstance(outcome, Exception) for outcome in outcomes) == 1


def test_a_version_strands_no_visit_that_is_booked_meanwhile() -> None:
    assert_a_version_strands_nobody(lambda: None, lambda: None)


@pytest.mark.only_on("postgres")
@pytest.mark.usefixtures("direct")
def test_a_version_that_does_not_lock_the_slots_fails_on_a_booking(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: the patient books after the version has read that the slot is free."""
    read, booked = Event(), Event()

    def unlocked(slots: SlotQuerySet) -> list[Slot]:
        rows = list(slots.order_by("pk"))
        read.set()
        booked.wait(SECONDS)
        return rows

    monkeypatch.setattr(SlotQuerySet, "lock", unlocked)
    with pytest.raises(AssertionError):
        assert_a_version_strands_nobody(partial(read.wait, SECONDS), booked.set)


def test_of_two_hours_that_overlap_one_is_published() -> None:
    for _ in ROUNDS:
        doctor = DoctorFactory()
        drafts = [
            WeeklyHoursFactory.build(doctor=doctor, location=LocationFactory(), start_time=start)
            for start in (time(9), time(9, 10))
        ]
        outcomes = race(*(hours.publish for hours in drafts))
        assert count_by_type(outcomes) == {NONE: 1, HoursOverlap: 1}
        assert_apart(doctor.slots.all())


def test_a_session_edited_while_its_hours_change_is_an_exception_or_follows_them() -> None:
    for _ in ROUNDS:
        hours = WeeklyHoursFactory()
        session = coming(hours)
        edit = partial(session.revise, capacity=9)
        count_by_type(race(edit, partial(hours.revise, end_time=time(10))))
        stored = Schedule.objects.get(pk=session.pk)
        assert (stored.is_exception, stored.capacity) == (True, 9)
        assert stored.slots.count() in (2, 4)
        others = hours.schedules.filter(is_exception=False, date__gt=stored.date)
        assert {other.slots.count() for other in others} == {2}


def test_hours_changed_extended_ended_and_edited_at_once_end_in_order() -> None:
    for _ in ROUNDS:
        hours = WeeklyHoursFactory()
        [patient] = people(1)
        first, second, third = copies_of(hours, 3)
        extend = partial(WeeklyHours.objects.extend, hours.doctor_id, 90, timezone.now())
        count_by_type(
            race(
                partial(first.revise, keep=True, weekday=(hours.weekday + 1) % 7),
                partial(second.revise, capacity=2),
                third.unpublish,
                extend,
                extend,
                coming(hours).unpublish,
                booking(patient, coming(hours).slots.earliest("starts_at")),
            )
        )
        assert_in_order()
        assert_not_stranded(Appointment.objects.active())
