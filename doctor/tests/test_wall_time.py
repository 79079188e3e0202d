"""The instants of a clinic's wall times, also on the days of the clock changes."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from hypothesis import assume, given
from hypothesis import strategies as st

from doctor.models import Location, Schedule
from doctor.tests.factories import LocationFactory, PublishedScheduleFactory
from doctor.wall_time import instant_of, validate_time_zone, zone_names

pytestmark = pytest.mark.both_databases

MADRID, NEW_YORK = "Europe/Madrid", "America/New_York"
SPRING = {MADRID: date(2027, 3, 28), NEW_YORK: date(2027, 3, 14)}
AUTUMN = {MADRID: date(2027, 10, 31), NEW_YORK: date(2027, 11, 7)}
Span = tuple[datetime, datetime]


def utc(*numbers: int) -> datetime:
    return datetime(*numbers, tzinfo=UTC)


def spans(zone: str, day: date, start: str, end: str, minutes: int | None = 30) -> list[Span]:
    """Return the start and end of each slot of a session that is not stored."""
    times = {"start_time": time.fromisoformat(start), "end_time": time.fromisoformat(end)}
    place = Location(pk=1, time_zone=zone)
    return Schedule(location=place, date=day, slot_minutes=minutes, **times).spans()


def on_the_wall(spans: list[Span], zone: str) -> Iterator[str]:
    """Return the local start of each slot with its UTC offset, as "01:00 +0100"."""
    return (f"{start.astimezone(ZoneInfo(zone)):%H:%M %z}" for start, _ in spans)


# --- One wall time --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day", "wall", "instant"),
    [
        (MADRID, date(2027, 1, 15), "09:00", utc(2027, 1, 15, 8)),
        (MADRID, date(2027, 7, 15), "09:00", utc(2027, 7, 15, 7)),
        (NEW_YORK, date(2027, 1, 15), "20:30", utc(2027, 1, 16, 1, 30)),
        ("UTC", date(2027, 1, 15), "09:00", utc(2027, 1, 15, 9)),
        ("Pacific/Kiritimati", date(2027, 1, 15), "09:00", utc(2027, 1, 14, 19)),
        ("Asia/Kathmandu", date(2027, 1, 15), "09:00", utc(2027, 1, 15, 3, 15)),
    ],
)
def test_a_wall_time_means_the_instant_its_clocks_show_it(
    zone: str, day: date, wall: str, instant: datetime
) -> None:
    assert instant_of(day, time.fromisoformat(wall), ZoneInfo(zone)) == instant


@pytest.mark.parametrize("wall", ["02:00", "02:00:01", "02:30", "02:59:59", "03:00"])
@pytest.mark.parametrize(
    ("zone", "end_of_gap"), [(MADRID, utc(2027, 3, 28, 1)), (NEW_YORK, utc(2027, 3, 14, 7))]
)
def test_a_wall_time_in_the_spring_gap_means_its_end(
    zone: str, wall: str, end_of_gap: datetime
) -> None:
    assert instant_of(SPRING[zone], time.fromisoformat(wall), ZoneInfo(zone)) == end_of_gap


@pytest.mark.parametrize(
    ("zone", "wall", "first"),
    [
        (MADRID, "02:00", utc(2027, 10, 31, 0)),
        (MADRID, "02:59", utc(2027, 10, 31, 0, 59)),
        (MADRID, "03:00", utc(2027, 10, 31, 2)),
        (NEW_YORK, "01:00", utc(2027, 11, 7, 5)),
        (NEW_YORK, "01:59", utc(2027, 11, 7, 5, 59)),
        (NEW_YORK, "02:00", utc(2027, 11, 7, 7)),
    ],
)
def test_a_wall_time_in_the_autumn_fold_means_the_first_of_the_two(
    zone: str, wall: str, first: datetime
) -> None:
    assert instant_of(AUTUMN[zone], time.fromisoformat(wall), ZoneInfo(zone)) == first


def test_a_gap_may_swallow_midnight() -> None:
    """The clocks in Beirut go from 23:59:59 to 01:00."""
    end_of_gap = utc(2027, 3, 27, 22)
    beirut = ZoneInfo("Asia/Beirut")
    assert instant_of(date(2027, 3, 28), time(0, 0), beirut) == end_of_gap
    assert instant_of(date(2027, 3, 28), time(0, 30), beirut) == end_of_gap
    assert instant_of(date(2027, 3, 28), time(1, 0), beirut) == end_of_gap


def test_a_gap_may_swallow_a_whole_day() -> None:
    """Apia had no 30 December 2011, because Samoa crossed the date line."""
    apia, skipped = ZoneInfo("Pacific/Apia"), date(2011, 12, 30)
    assert instant_of(skipped, time(9), apia) == utc(2011, 12, 30, 10)
    assert spans("Pacific/Apia", skipped, "09:00", "17:00") == []


# --- A session ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "start", "first"),
    [(MADRID, "01:00", utc(2027, 3, 28, 0)), (NEW_YORK, "01:00", utc(2027, 3, 14, 6))],
)
def test_01_to_04_holds_two_hours_in_spring(zone: str, start: str, first: datetime) -> None:
    found = spans(zone, SPRING[zone], start, "04:00")
    half_hour = timedelta(minutes=30)
    assert found == [(first + n * half_hour, first + (n + 1) * half_hour) for n in range(4)]
    shown = [label.split()[0] for label in on_the_wall(found, zone)]
    assert shown == ["01:00", "01:30", "03:00", "03:30"]


@pytest.mark.parametrize(
    ("zone", "first", "shown"),
    [
        (MADRID, utc(2027, 10, 30, 23), "01:00 01:30 02:00 02:30 02:00 02:30 03:00 03:30"),
        (NEW_YORK, utc(2027, 11, 7, 5), "01:00 01:30 01:00 01:30 02:00 02:30 03:00 03:30"),
    ],
)
def test_01_to_04_holds_four_hours_in_autumn(zone: str, first: datetime, shown: str) -> None:
    found = spans(zone, AUTUMN[zone], "01:00", "04:00")
    half_hour = timedelta(minutes=30)
    assert found == [(first + n * half_hour, first + (n + 1) * half_hour) for n in range(8)]
    assert [label.split()[0] for label in on_the_wall(found, zone)] == shown.split()
    assert len(set(on_the_wall(found, zone))) == 8, "a time with its offset is shown once"


@pytest.mark.parametrize(
    ("day", "slots"), [(date(2027, 10, 3), 5), (date(2027, 4, 4), 7), (date(2027, 6, 1), 6)]
)
def test_lord_howe_changes_its_clocks_by_half_an_hour(day: date, slots: int) -> None:
    assert len(spans("Australia/Lord_Howe", day, "01:00", "04:00")) == slots


@pytest.mark.parametrize("day", [SPRING[MADRID], AUTUMN[MADRID], date(2027, 6, 1)])
@pytest.mark.parametrize("noon", ["02:00", "02:15", "02:30", "03:00"])
def test_two_sessions_that_meet_by_wall_time_neither_overlap_nor_leave_a_gap(
    day: date, noon: str
) -> None:
    before = spans(MADRID, day, "00:00", noon, minutes=None)
    after = spans(MADRID, day, noon, "06:00", minutes=None)
    assert before[-1][1] == after[0][0]


def test_a_session_within_the_gap_has_no_slot() -> None:
    assert spans(MADRID, SPRING[MADRID], "02:00", "03:00", minutes=5) == []
    assert spans(MADRID, SPRING[MADRID], "02:15", "02:45", minutes=None) == []


@pytest.mark.django_db
def test_the_stored_slots_have_the_computed_instants() -> None:
    night = {"date": AUTUMN[NEW_YORK], "start_time": time(1), "end_time": time(4)}
    schedule = PublishedScheduleFactory(location=LocationFactory(time_zone=NEW_YORK), **night)
    stored = list(schedule.slots.values_list("starts_at", "ends_at"))
    assert stored == spans(NEW_YORK, AUTUMN[NEW_YORK], "01:00", "04:00")
    assert len(stored) == 8


# --- Any zone, any day ----------------------------------------------------------------------------

ZONES = st.sampled_from(sorted(zone_names()))
DAYS = st.dates(date(2000, 1, 1), date(2036, 12, 31))
TIMES = st.times().map(lambda moment: moment.replace(microsecond=0, fold=0))


def days_of_change(zone: str) -> list[date]:
    """Return the days between 2000 and 2036 on which the zone's clocks change."""
    noon = [datetime(2000, 1, 1, 12, tzinfo=UTC) + timedelta(days=n) for n in range(366 * 36)]
    local = [instant.astimezone(ZoneInfo(zone)) for instant in noon]
    return [b.date() for a, b in pairwise(local) if a.utcoffset() != b.utcoffset()]


ODD_DAYS = st.sampled_from(
    [
        (zone, day)
        for zone in (MADRID, NEW_YORK, "Australia/Lord_Howe", "Asia/Beirut", "Africa/Casablanca")
        for day in days_of_change(zone)
    ]
)


@given(
    place=st.one_of(st.tuples(ZONES, DAYS), ODD_DAYS),
    walls=st.tuples(TIMES, TIMES),
    minutes=st.one_of(st.none(), st.integers(5, 720)),
)
def test_slots_follow_each_other_in_equal_steps_within_the_session(
    place: tuple[str, date], walls: tuple[time, time], minutes: int | None
) -> None:
    (name, day), (start, end) = place, sorted(walls)
    assume(start < end)
    zone = ZoneInfo(name)
    opening, closing = instant_of(day, start, zone), instant_of(day, end, zone)
    found = spans(name, day, start.isoformat(), end.isoformat(), minutes)
    step = timedelta(minutes=minutes) if minutes else closing - opening
    assert opening <= closing, "wall times and instants have one order"
    assert all(ends_at - starts_at == step for starts_at, ends_at in found)
    assert all(one[1] == next_one[0] for one, next_one in pairwise(found))
    assert (found[0][0] if found else opening) == opening
    rest = closing - (found[-1][1] if found else opening)
    assert timedelta(0) <= rest < step or rest == step == timedelta(0)


@given(place=st.one_of(st.tuples(ZONES, DAYS), ODD_DAYS), wall=TIMES)
def test_an_instant_shows_its_wall_time_or_the_end_of_the_gap(
    place: tuple[str, date], wall: time
) -> None:
    zone, day = ZoneInfo(place[0]), place[1]
    shown = instant_of(day, wall, zone).astimezone(zone)
    asked = datetime.combine(day, wall)
    assert shown.replace(tzinfo=None) >= asked
    if shown.replace(tzinfo=None) != asked:
        before = (shown.astimezone(UTC) - timedelta(seconds=1)).astimezone(zone)
        assert before.replace(tzinfo=None) < asked, "the gap ends here, and not earlier"
        assert before.utcoffset() != shown.utcoffset()
    else:
        assert shown.fold == 0


# --- Names of zones -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [MADRID, "UTC", "America/Argentina/Buenos_Aires"])
def test_a_name_of_the_database_is_a_time_zone(name: str) -> None:
    validate_time_zone(name)


@pytest.mark.parametrize("name", ["", "Madrid", "CET", "europe/madrid", "../../etc/passwd", "+01"])
def test_any_other_name_is_no_time_zone(name: str) -> None:
    with pytest.raises(ValidationError) as refused:
        validate_time_zone(name)
    assert refused.value.code == "time_zone"
