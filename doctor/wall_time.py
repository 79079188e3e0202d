"""From a clock on a clinic's wall to an instant, on the two odd days of the year as well."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.utils import timezone

FIRST_DATE = date(2000, 1, 1)
YEARS_AHEAD = 10

Span = tuple[datetime, datetime]


@cache
def zone_names() -> frozenset[str]:
    """The names of the IANA time zone database that are places or UTC."""
    return frozenset(name for name in available_timezones() if "/" in name or name == "UTC")


def validate_time_zone(name: str) -> None:
    """Raise ValidationError unless the name is in the IANA time zone database."""
    if name not in zone_names():
        raise ValidationError(
            "Use a name of the IANA time zone database, such as Europe/Madrid.", code="time_zone"
        )


def validate_date(value: date) -> None:
    """Raise ValidationError for a date before 2000 or more than ten years ahead."""
    today = timezone.now().date()
    leap_day = today.month == 2 and today.day == 29
    last = today.replace(year=today.year + YEARS_AHEAD, day=28 if leap_day else today.day)
    if not FIRST_DATE <= value <= last:
        raise ValidationError("Use a date from 2000 to ten years ahead.", code="date_range")


def instant_of(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which the wall clock of the zone shows this time on this day.

    A time that the spring gap skips means the instant at which the gap ends; one that the autumn
    fold shows twice means the first of the two.
    """
    shown = datetime.combine(day, wall, tzinfo=zone)
    instant = shown.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == shown.replace(tzinfo=None):
        return instant
    return _end_of_gap(shown.replace(fold=1).astimezone(UTC), instant, zone)


def _end_of_gap(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first instant of the zone's new offset, known to lie after `before`, up to `after`."""
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after


def spans_of(
    day: date, start: time, end: time, slot_minutes: int | None, zone: ZoneInfo
) -> list[Span]:
    """Start and end (UTC) of each slot of a session: equal steps of elapsed time.

    A remainder is dropped, and no slot length is one slot of the whole. So 01:00 to 04:00 holds
    two hours when the clocks go forward and four when they go back.
    """
    first, step, count = _steps(day, start, end, slot_minutes, zone)
    return [(first + n * step, first + (n + 1) * step) for n in range(count)]


def extent_of(
    day: date, start: time, end: time, slot_minutes: int | None, zone: ZoneInfo
) -> Span | None:
    """From the start of a session's first slot to the end of its last; None without any."""
    first, step, count = _steps(day, start, end, slot_minutes, zone)
    return (first, first + count * step) if count else None


def _steps(
    day: date, start: time, end: time, slot_minutes: int | None, zone: ZoneInfo
) -> tuple[datetime, timedelta, int]:
    """When the first slot begins, how long each lasts, and how many there are."""
    first, last = instant_of(day, start, zone), instant_of(day, end, zone)
    step = timedelta(minutes=slot_minutes) if slot_minutes else last - first
    return first, step, max(0, (last - first) // step) if step else 0
