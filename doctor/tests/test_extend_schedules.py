"""`manage.py extend_schedules` makes the missing sessions of coming days, and none twice."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone

from doctor.models import Schedule, Slot, WeeklyHours
from doctor.models.session_plan import OTHER_SESSION, SKIPPED_BY_CLOCKS
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    WeeklyHoursFactory,
)
from tests.threads import run_together

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
MADRID, NEW_YORK = "Europe/Madrid", "America/New_York"
SPRING = {MADRID: date(2027, 3, 28), NEW_YORK: date(2027, 3, 14)}
AUTUMN = {MADRID: date(2027, 10, 31), NEW_YORK: date(2027, 11, 7)}


@pytest.fixture(autouse=True)
def a_fortnight(settings) -> Iterator[None]:
    """It is a Wednesday at noon: on no clock of a clinic is it another day."""
    settings.HOURS_AHEAD_DAYS = 14
    with noon(2026, 12, 2):
        yield


def extend(**options: Any) -> str:
    """Run the command and return its standard output."""
    said = StringIO()
    call_command("extend_schedules", stdout=said, **options)
    return said.getvalue()


def noon(*day: int) -> Any:
    return time_machine.travel(datetime(*day, 12, tzinfo=UTC), tick=False)


def rows() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in (Schedule, Slot)]


def test_later_runs_make_sessions_up_to_the_same_distance() -> None:
    with noon(2027, 1, 11):
        hours = WeeklyHoursFactory()
    with noon(2027, 1, 20):
        assert extend() == "1 sessions with 4 slots made (1 doctors, 14 days ahead).\n"
    days = [date(2027, 1, 11) + timedelta(days=7 * n) for n in range(4)]
    assert [row.date for row in hours.schedules.order_by("date")] == days


def test_a_second_run_changes_nothing() -> None:
    for _ in range(3):
        WeeklyHoursFactory()
    extend(days=60)
    before = rows()
    assert "0 sessions with 0 slots made" in extend(days=60)
    assert rows() == before


def test_the_horizon_can_be_given() -> None:
    hours = WeeklyHoursFactory()
    extend(days=365)
    assert hours.schedules.count() == 53


@pytest.mark.parametrize("junk", ["0", "-1", "x", "3654", "1.5", ""])
def test_an_invalid_horizon_is_reported(junk: str) -> None:
    with pytest.raises(CommandError, match="a whole number from 1 to 3653"):
        call_command("extend_schedules", f"--days={junk}")


def test_the_command_begins_tomorrow_at_the_location() -> None:
    """It is already Tuesday in Auckland at 12:00 UTC on Monday."""
    place, doctor = LocationFactory(time_zone="Pacific/Auckland"), DoctorFactory()
    with noon(2027, 1, 11):
        hours = WeeklyHoursFactory.build(location=place, doctor=doctor, weekday=1)
        hours.save()  # creates no session
        extend()
    assert [row.date.day for row in hours.schedules.order_by("date")] == [19, 26]


def test_sessions_that_staff_edited_or_deleted_stay_unchanged() -> None:
    hours = WeeklyHoursFactory()
    edited, deleted = hours.schedules.order_by("date")[1:3]
    edited.revise(end_time=time(10))
    deleted.unpublish()
    before = rows()
    extend()
    assert rows() == before


def test_days_left_out_are_reported_and_made_once_they_are_free() -> None:
    with noon(2027, 1, 11):
        hours = WeeklyHoursFactory()
        there = ScheduleFactory(doctor=hours.doctor, date=date(2027, 2, 1))
        assert f"Left out: 2027-02-01, {hours}. {OTHER_SESSION}\n" in extend(days=28)
        there.unpublish()
        assert "1 sessions with 4 slots made" in extend(days=28)


def test_some_of_many_days_left_out_are_named_and_the_rest_counted() -> None:
    with noon(2027, 1, 11):
        hours = WeeklyHoursFactory(valid_until=date(2027, 1, 11))
        rule = WeeklyHours.objects.filter(pk=hours.pk)
        for week in range(1, 24):
            day = date(2027, 1, 11) + timedelta(days=7 * week)
            ScheduleFactory(doctor=hours.doctor, date=day)
        rule.update(valid_until=None)
        said = extend(days=200)
    assert said.count("Left out: 2027") == 20
    assert "Left out: 3 more.\n" in said


def test_hours_that_have_ended_are_skipped() -> None:
    with noon(2027, 1, 11):
        WeeklyHoursFactory(valid_until=date(2027, 1, 18))
    with noon(2027, 1, 25):
        assert "(0 doctors, 14 days ahead)" in extend()


@pytest.mark.django_db(transaction=True)
def test_two_concurrent_runs_make_each_session_once() -> None:
    made = [WeeklyHoursFactory() for _ in range(4)]
    at = timezone.now()
    said = run_together(2, lambda number: extend(days=100))
    assert [type(each) for each in said] == [str, str]
    for hours in made:
        last = hours.location.today(at) + timedelta(days=100)
        dates = hours.dates(hours.valid_from, last)
        assert [row.date for row in hours.schedules.order_by("date")] == dates
    assert Slot.objects.count() == 4 * Schedule.objects.count()
    totals = [int(each.split()[0]) for each in said if isinstance(each, str)]
    assert sum(totals) == Schedule.objects.count() - 4 * 3


# --- The days of the clock changes ----------------------------------------------------------------


@pytest.fixture
def year() -> Any:
    """Set the clock to New Year's Day 2027."""
    with noon(2027, 1, 1):
        yield


def sundays(zone: str, start: str, end: str, **changes: Any) -> WeeklyHours:
    """Create weekly hours on Sundays, and their sessions for 365 days."""
    times = {"start_time": time.fromisoformat(start), "end_time": time.fromisoformat(end)}
    hours: WeeklyHours = WeeklyHoursFactory(
        location=LocationFactory(time_zone=zone),
        weekday=6,
        valid_from=date(2027, 1, 1),
        **times,
        **changes,
    )
    extend(days=365)
    return hours


def shown(hours: WeeklyHours, day: date) -> list[str]:
    zone = hours.location.zone
    slots = Slot.objects.filter(schedule__weekly_hours=hours, schedule__date=day)
    return [f"{at.astimezone(zone):%H:%M}" for at in slots.values_list("starts_at", flat=True)]


@pytest.mark.parametrize("zone", [MADRID, NEW_YORK])
def test_the_wall_time_is_the_same_every_week_of_the_year(zone: str, year: Any) -> None:
    hours = sundays(zone, "09:00", "11:00")
    days = [row.date for row in hours.schedules.all()]
    assert len(days) == len(set(days)) == 52
    assert {SPRING[zone], AUTUMN[zone]} <= set(days)
    for day in days:
        assert shown(hours, day) == ["09:00", "09:30", "10:00", "10:30"]
    offsets = {
        at.astimezone(hours.location.zone).utcoffset()
        for at in Slot.objects.values_list("starts_at", flat=True)
    }
    assert len(offsets) == 2


@pytest.mark.parametrize("zone", [MADRID, NEW_YORK])
def test_no_slot_is_doubled_or_lost_when_the_clocks_change(zone: str, year: Any) -> None:
    hours = sundays(zone, "01:00", "04:00")
    ordinary = SPRING[zone] + timedelta(days=7)
    assert len(shown(hours, ordinary)) == 6
    assert shown(hours, SPRING[zone]) == ["01:00", "01:30", "03:00", "03:30"]
    assert (
        shown(hours, AUTUMN[zone])
        == {
            MADRID: ["01:00", "01:30", *["02:00", "02:30"] * 2, "03:00", "03:30"],
            NEW_YORK: [*["01:00", "01:30"] * 2, "02:00", "02:30", "03:00", "03:30"],
        }[zone]
    )


@pytest.mark.parametrize("zone", [MADRID, NEW_YORK])
def test_a_day_whose_times_the_clocks_skip_is_left_out_and_reported(zone: str, year: Any) -> None:
    hours = WeeklyHoursFactory(
        location=LocationFactory(time_zone=zone),
        weekday=6,
        valid_from=date(2027, 1, 1),
        start_time=time(2),
        end_time=time(3),
    )
    assert f"Left out: {SPRING[zone]}, {hours}. {SKIPPED_BY_CLOCKS}\n" in extend(days=365)
    assert hours.schedules.count() == 51


@pytest.mark.parametrize("zone", [MADRID, NEW_YORK])
def test_hours_edited_into_the_gap_lose_that_day_alone(zone: str, year: Any) -> None:
    hours = sundays(zone, "09:00", "11:00")
    hours.revise(start_time=time(2, 10), end_time=time(2, 50), slot_minutes=20)
    assert hours.skipped == ((SPRING[zone], SKIPPED_BY_CLOCKS),)
    assert shown(hours, SPRING[zone]) == []
    assert hours.schedules.count() == 51
    hours.revise(start_time=time(9), end_time=time(10))
    assert hours.schedules.count() == 52


def test_a_session_edited_by_hand_into_the_gap_is_refused_with_a_message(year: Any) -> None:
    hours = sundays(MADRID, "09:00", "11:00")
    session = hours.schedules.get(date=SPRING[MADRID])
    with pytest.raises(ValidationError):
        session.revise(start_time=time(2), end_time=time(3))
