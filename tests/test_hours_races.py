"""Races of weekly hours with bookings, with staff who edit a session, and with each other."""

from collections.abc import Callable
from dataclasses import replace
from datetime import time, timedelta
from functools import partial
from threading import Barrier, Event
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone

from appointment.models import Appointment
from doctor.exceptions import HoursInUse, HoursOverlap
from doctor.models import Doctor, Schedule, Slot, TimeOff, WeeklyHours
from doctor.models.slot import SlotQuerySet
from doctor.models.week import Week, WeekChange, WeekPlan, WeekSession, stamp_of
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


# --- A whole week ---------------------------------------------------------------------------------


def week_change(hours: WeeklyHours, *wanted: WeekSession, **how: Any) -> Callable[[], WeekChange]:
    """Return a call that changes the week of these hours from their first session on."""
    week = Week(hours.doctor, hours.location)
    return partial(week.change, coming(hours).date, wanted, at=timezone.now(), **how)


def assert_one_of_two_weeks_is_saved() -> None:
    """Let two desks save different weeks from one page, then the same week twice."""
    hours = WeeklyHoursFactory()
    stands, seen = WeekSession.of(hours), stamp_of([hours])
    weeks = [replace(stands, start_time=time(10)), replace(stands, end_time=time(10))]
    outcomes = race(*(week_change(hours, each, seen=seen) for each in weeks))
    assert sorted(type(each).__name__ for each in outcomes) == ["ValidationError", "WeekChange"]
    [stored] = WeeklyHours.objects.filter(valid_until=None, doctor=hours.doctor)
    twice = [week_change(stored, stands, seen=stamp_of([stored])) for _ in range(2)]
    assert sorted(len(made.sentences) for made in race(*twice)) == [0, 1]


def test_of_two_desks_that_change_one_week_one_saves_and_a_double_click_saves_once() -> None:
    assert_one_of_two_weeks_is_saved()


@pytest.mark.only_on("postgres")
@pytest.mark.usefixtures("direct")
def test_two_weeks_are_both_saved_where_nothing_is_locked_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: both desks read the stored week before either writes."""
    both, in_words = Barrier(2), WeekPlan.in_words

    def wait_and_tell(plan: WeekPlan) -> list[str]:
        both.wait(SECONDS)
        return in_words(plan)

    monkeypatch.setattr(Week, "_lock", lambda *args: None)
    monkeypatch.setattr(WeekPlan, "in_words", wait_and_tell)
    with pytest.raises(AssertionError):
        assert_one_of_two_weeks_is_saved()


@pytest.mark.parametrize("keep", [False, True])
def test_a_week_that_changes_amid_bookings_leave_and_other_changes_strands_nobody(
    keep: bool,
) -> None:
    hours = WeeklyHoursFactory()
    first, stands = coming(hours), WeekSession.of(hours)
    slots, patients = first.slots.order_by("starts_at"), people(4)
    calls = [booking(patient, slot) for patient, slot in zip(patients, slots, strict=True)]
    away = TimeOff(
        doctor=hours.doctor, starts_at=slots[3].starts_at, ends_at=slots[3].ends_at
    ).publish
    extend = partial(WeeklyHours.objects.extend, hours.doctor_id, 60, timezone.now())
    elsewhere = WeeklyHoursFactory.build(doctor=hours.doctor, location=LocationFactory())
    change = week_change(hours, replace(stands, start_time=time(10)), keep=keep)
    revise = partial(copies_of(hours, 1)[0].revise, keep=keep, capacity=2)
    made, *others = race(change, revise, away, extend, elsewhere.publish, *calls)
    assert isinstance(made, WeekChange | (NONE if keep else HoursInUse))
    count_by_type(others)
    assert_in_order()
    assert_not_stranded(Appointment.objects.active())
    assert_apart(hours.doctor.slots.filter(kept_over=False))


def test_a_doctor_who_is_deleted_meanwhile_gets_no_week() -> None:
    for _ in ROUNDS:
        doctor, location = DoctorFactory(), LocationFactory()
        week = Week(doctor, location)
        wanted = WeekSession(0, time(9), time(10), 30, 1)
        save = partial(week.change, day_ahead(2), [wanted], at=timezone.now())
        made, deleted = race(save, Doctor.objects.get(pk=doctor.pk).delete)
        assert isinstance(made, WeekChange) is isinstance(deleted, IntegrityError), (made, deleted)
        assert isinstance(made, WeekChange | Doctor.DoesNotExist)
        assert WeeklyHours.objects.count() == Doctor.objects.filter(pk=doctor.pk).count()
        WeeklyHours.objects.all().delete()
