"""On which days hours recur, and whether two of them ever meet."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

from doctor.wall_time import Span, extent_of

if TYPE_CHECKING:
    from doctor.models.weekly_hours import WeeklyHours

A_DAY = timedelta(days=1)
MOST_DATES_APART = 2  # an instant has up to three dates around the world: UTC-12 to UTC+14


def dates_of(hours: "WeeklyHours", first: date, last: date) -> list[date]:
    """The days of the hours between two dates, both included.

    The first of all is the first such weekday on or after valid_from; the others are every n
    weeks from it.
    """
    anchor = hours.valid_from + A_DAY * ((hours.weekday - hours.valid_from.weekday()) % 7)
    step = 7 * hours.every_weeks
    before = max(0, -((anchor - first).days // step))  # sessions that lie before `first`
    last = min(last, hours.valid_until or last)
    count = (last - anchor).days // step - before + 1
    return [anchor + A_DAY * step * (before + n) for n in range(count)]


def meet(one: "WeeklyHours", other: "WeeklyHours", first: date, last: date) -> bool:
    """Whether slots of the two overlap, as instants, on a day of `one` between these dates."""
    pairs = _same_days if one.location.zone == other.location.zone else _near_days
    return any(
        _overlap(_extent(one, day), _extent(other, near))
        for day, near in pairs(one, other, first, last)
    )


def _same_days(
    one: "WeeklyHours", other: "WeeklyHours", first: date, last: date
) -> Iterator[tuple[date, date]]:
    """By the same clocks, only what shares a weekday and wall times can meet."""
    apart = one.start_time >= other.end_time or other.start_time >= one.end_time
    if one.weekday != other.weekday or apart:
        return
    for day in sorted({*dates_of(one, first, last)}.intersection(dates_of(other, first, last))):
        yield day, day


def _near_days(
    one: "WeeklyHours", other: "WeeklyHours", first: date, last: date
) -> Iterator[tuple[date, date]]:
    """By other clocks, the same instant may have another date."""
    apart = [A_DAY * days for days in range(-MOST_DATES_APART, MOST_DATES_APART + 1)]
    days = {*dates_of(other, first + apart[0], last + apart[-1])}
    for day in dates_of(one, first, last):
        yield from ((day, day + by) for by in apart if day + by in days)


def _extent(hours: "WeeklyHours", day: date) -> Span | None:
    times = (hours.start_time, hours.end_time, hours.slot_minutes)
    return extent_of(day, *times, hours.location.zone)


def _overlap(one: Span | None, other: Span | None) -> bool:
    return bool(one and other and one[0] < other[1] and other[0] < one[1])
