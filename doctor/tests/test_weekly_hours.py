"""Weekly hours create one session for each of their weeks."""

from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError

from doctor.exceptions import HoursOverlap
from doctor.models import Schedule, Slot, TimeOff, WeeklyHours
from doctor.models.session_plan import OTHER_SESSION
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    WeeklyHoursFactory,
)
from tests.statements import counted_statements

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

MONDAY = date(2027, 1, 11)
NEW_YORK = "America/New_York"


@pytest.fixture(autouse=True)
def monday_morning() -> Any:
    """Set the clock to Monday 11 January 2027, 08:00 in Madrid."""
    with time_machine.travel(datetime(2027, 1, 11, 7, tzinfo=UTC), tick=False):
        yield


@pytest.fixture(autouse=True)
def four_weeks(settings) -> None:
    settings.HOURS_AHEAD_DAYS = 28


def new(**changes: Any) -> WeeklyHours:
    """Build unsaved weekly hours: Mondays from 09:00 to 11:00, of a stored doctor and location."""
    parents = {"doctor": DoctorFactory(), "location": LocationFactory()}
    hours: WeeklyHours = WeeklyHoursFactory.build(**{**parents, **changes})
    return hours


def days(hours: WeeklyHours) -> list[date]:
    return [row.date for row in hours.schedules.order_by("date")]


def after(*numbers: int) -> list[date]:
    """Return the dates that are these numbers of days after MONDAY."""
    return [MONDAY + timedelta(days=number) for number in numbers]


# --- The sessions that hours make -----------------------------------------------------------------


def test_new_hours_make_a_session_a_week_from_today_to_the_horizon() -> None:
    hours = WeeklyHoursFactory()
    assert days(hours) == after(0, 7, 14, 21, 28)
    assert hours.skipped == ()
    assert Slot.objects.count() == 20


def test_a_session_copies_the_fields_of_its_hours() -> None:
    hours = WeeklyHoursFactory(slot_minutes=20, capacity=3, end_time=time(10))
    terms = ("doctor", "location", "start_time", "end_time", "slot_minutes", "capacity")
    for session in hours.schedules.all():
        assert [getattr(session, name) for name in terms] == [
            getattr(hours, name) for name in terms
        ]
        assert (session.is_active, session.is_exception) == (True, False)
        assert session.slots.count() == 3
        for slot in session.slots.all():
            assert (slot.doctor, slot.location) == (hours.doctor, hours.location)
            assert (slot.capacity, slot.taken, slot.is_open) == (3, 0, True)


@pytest.mark.parametrize(
    ("changes", "made"),
    [
        ({"weekday": 2}, (2, 9, 16, 23)),
        ({"weekday": 6, "valid_from": MONDAY - timedelta(days=400)}, (6, 13, 20, 27)),
        ({"valid_from": MONDAY + timedelta(days=1), "weekday": 0}, (7, 14, 21, 28)),
        ({"every_weeks": 2}, (0, 14, 28)),
        ({"every_weeks": 3, "valid_from": MONDAY - timedelta(days=7), "weekday": 0}, (14,)),
        ({"every_weeks": 2, "valid_from": MONDAY - timedelta(days=13), "weekday": 0}, (7, 21)),
        ({"valid_until": MONDAY + timedelta(days=14)}, (0, 7, 14)),
        ({"valid_until": MONDAY + timedelta(days=13)}, (0, 7)),
        ({"valid_from": MONDAY + timedelta(days=29)}, ()),
        ({"valid_from": date(2020, 1, 6), "valid_until": date(2026, 1, 5)}, ()),
    ],
)
def test_sessions_are_on_the_weekday_from_the_first_one_every_n_weeks_while_valid(
    changes: dict[str, Any], made: tuple[int, ...]
) -> None:
    assert days(WeeklyHoursFactory(**changes)) == after(*made)


def test_today_is_the_day_at_the_location() -> None:
    with time_machine.travel(datetime(2027, 1, 11, 1, tzinfo=UTC), tick=False):
        hours = WeeklyHoursFactory(
            location__time_zone=NEW_YORK, valid_from=MONDAY - timedelta(days=1)
        )
    assert days(hours)[0] == MONDAY - timedelta(days=1)


def test_slots_are_closed_if_the_doctor_accepts_no_patients() -> None:
    WeeklyHoursFactory(doctor=DoctorFactory(accepts_patients=False))
    assert set(Slot.objects.values_list("is_open", flat=True)) == {False}


def test_slots_made_in_leave_are_closed() -> None:
    doctor, noon = DoctorFactory(), datetime(2027, 1, 18, 9, tzinfo=UTC)
    leave = TimeOff(doctor=doctor, starts_at=noon - timedelta(hours=5), ends_at=noon)
    leave.publish()
    WeeklyHoursFactory(doctor=doctor)
    closed = Slot.objects.filter(is_open=False)
    assert {slot.schedule.date for slot in closed} == {date(2027, 1, 18)}
    assert closed.count() == 2


def test_a_day_on_which_another_session_is_in_the_way_is_skipped_and_reported() -> None:
    there = ScheduleFactory(date=MONDAY + timedelta(days=7), start_time=time(10, 30))
    hours = WeeklyHoursFactory(doctor=there.doctor)
    assert days(hours) == after(0, 14, 21, 28)
    assert hours.skipped == ((there.date, OTHER_SESSION),)
    assert there.slots.count() == 1


def test_a_session_that_only_touches_is_no_conflict() -> None:
    there = ScheduleFactory(date=MONDAY + timedelta(days=7), start_time=time(11), end_time=time(12))
    ScheduleFactory(doctor=there.doctor, date=there.date, start_time=time(7), end_time=time(9))
    assert WeeklyHoursFactory(doctor=there.doctor).skipped == ()


def test_another_doctors_session_is_no_conflict() -> None:
    there = ScheduleFactory(date=MONDAY + timedelta(days=7))
    assert WeeklyHoursFactory(location=there.location).skipped == ()


# --- Refused hours --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"weekday": 7}, "weekday", "invalid_choice"),
        ({"weekday": None}, "weekday", "null"),
        ({"end_time": time(9)}, "__all__", "end_before_start"),
        ({"end_time": time(9, 29)}, "__all__", "no_slots"),
        ({"slot_minutes": 4}, "slot_minutes", "min_value"),
        ({"slot_minutes": 721}, "slot_minutes", "max_value"),
        ({"capacity": 0}, "capacity", "min_value"),
        ({"capacity": 1001}, "capacity", "max_value"),
        ({"every_weeks": 0}, "every_weeks", "min_value"),
        ({"every_weeks": 53}, "every_weeks", "max_value"),
        ({"valid_from": date(1999, 12, 31)}, "valid_from", "date_range"),
        ({"valid_from": date(2037, 1, 12)}, "valid_from", "date_range"),
        ({"valid_until": date(2037, 1, 12)}, "valid_until", "date_range"),
        ({"valid_until": MONDAY - timedelta(days=1)}, "__all__", "date_range"),
        ({"valid_from": None, "weekday": 0}, "valid_from", "null"),
        ({"start_time": None}, "start_time", "null"),
        ({"doctor": None}, "doctor", "null"),
        ({"location": None}, "location", "null"),
    ],
)
def test_invalid_hours_are_refused_and_write_nothing(
    changes: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        new(**changes).publish()
    assert code in {error.code for error in refused.value.error_dict[field]}
    assert not WeeklyHours.objects.exists()
    assert not Schedule.objects.exists()


# --- Two hours of one doctor ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"start_time": time(10, 59), "end_time": time(12), "slot_minutes": None},
        {"every_weeks": 2},
        {"every_weeks": 3, "valid_from": MONDAY + timedelta(days=7)},
        {"valid_until": MONDAY},
        {"valid_from": MONDAY + timedelta(days=3000), "weekday": 0},
    ],
)
def test_hours_that_overlap_others_of_the_doctor_at_another_place_are_refused_by_name(
    changes: dict[str, Any],
) -> None:
    there = WeeklyHoursFactory()
    WeeklyHoursFactory(doctor=there.doctor, weekday=1)
    with pytest.raises(HoursOverlap) as refused:
        new(doctor=there.doctor, **changes).publish()
    assert refused.value.extra == {"weekly_hours": [there.pk]}
    assert WeeklyHours.objects.count() == 2
    new(**changes).publish()  # another doctor's


def test_all_conflicting_hours_are_named_in_order() -> None:
    late = WeeklyHoursFactory(start_time=time(11), end_time=time(12))
    early = WeeklyHoursFactory(doctor=late.doctor)
    with pytest.raises(HoursOverlap) as refused:
        new(doctor=late.doctor, start_time=time(8), end_time=time(13)).publish()
    assert refused.value.extra == {"weekly_hours": [late.pk, early.pk]}


@pytest.mark.parametrize(
    "changes",
    [
        {"weekday": 1},
        {"start_time": time(11), "end_time": time(12)},
        {"start_time": time(7), "end_time": time(9)},
        {"valid_from": MONDAY + timedelta(days=15), "weekday": 0},
        {"every_weeks": 2, "valid_from": MONDAY + timedelta(days=7)},
    ],
)
def test_hours_that_never_overlap_are_both_published(changes: dict[str, Any]) -> None:
    fortnightly = changes.get("every_weeks", 1)
    there = WeeklyHoursFactory(
        valid_until=None if fortnightly == 2 else MONDAY + timedelta(days=14),
        every_weeks=fortnightly,
    )
    new(doctor=there.doctor, **changes).publish()
    assert WeeklyHours.objects.count() == 2


def test_hours_that_have_ended_are_no_conflict() -> None:
    doctor = WeeklyHoursFactory(
        valid_from=date(2026, 1, 5), valid_until=MONDAY - timedelta(days=1)
    ).doctor
    WeeklyHoursFactory(doctor=doctor)


def test_hours_overlap_as_instants_and_not_as_wall_times() -> None:
    """The time 20:00 on Sunday in New York is 02:00 on Monday in Madrid."""
    there = WeeklyHoursFactory(start_time=time(2), end_time=time(4))
    elsewhere = {"doctor": there.doctor, "location": LocationFactory(time_zone=NEW_YORK)}
    sunday = {**elsewhere, "weekday": 6, "valid_from": MONDAY}
    with pytest.raises(HoursOverlap):
        new(**sunday, start_time=time(21), end_time=time(23)).publish()
    new(**elsewhere, start_time=time(2), end_time=time(4)).publish()


def test_hours_that_overlap_only_between_two_clock_changes_are_refused() -> None:
    """For two weeks in March, New York is 5 hours behind Madrid, not 6: it changes clocks first."""
    there = WeeklyHoursFactory(start_time=time(15), end_time=time(16))
    elsewhere = {"doctor": there.doctor, "location": LocationFactory(time_zone=NEW_YORK)}
    with pytest.raises(HoursOverlap):
        new(**elsewhere, start_time=time(10), end_time=time(11)).publish()
    before_it = {"valid_until": date(2027, 3, 14)}
    new(**elsewhere, **before_it, start_time=time(10), end_time=time(11)).publish()


def test_hours_do_not_conflict_with_themselves() -> None:
    hours = WeeklyHoursFactory()
    hours.revise(end_time=time(12))
    assert {row.slots.count() for row in hours.schedules.filter(date__gt=MONDAY)} == {6}


# --- Cost -----------------------------------------------------------------------------------------


def statements_for(days_ahead: int, settings: Any) -> list[int]:
    """Return three numbers of statements: to publish hours, move all sessions and extend them."""
    settings.HOURS_AHEAD_DAYS = days_ahead
    hours = new()
    later = {"start_time": time(9, 10), "end_time": time(11, 10)}
    at = datetime.now(UTC) + timedelta(days=8)
    extend = partial(WeeklyHours.objects.extend, hours.doctor.pk, days_ahead, at)
    return [count(verb) for verb in (hours.publish, partial(hours.revise, **later), extend)]


def count(verb: Any) -> int:
    """Count distinct statements; all INSERTs into one table count as one, as SQLite splits them."""
    with counted_statements() as found:
        verb()
    return len({sql[:30] if sql.startswith("INSERT") else sql for sql in found})


def test_a_week_a_quarter_and_a_year_cost_the_same_number_of_statements(settings) -> None:
    week, quarter, year = (statements_for(days, settings) for days in (7, 91, 371))
    assert quarter == year == week
    assert max(year) <= 40
    assert Slot.objects.count() > 250
