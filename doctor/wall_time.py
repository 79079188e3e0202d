"""Convert wall times of a location to instants (UTC), on days with a clock change too.

Time zones are those of the IANA time zone database. Python reads them from the tzdata package alone
(config/time_zones.py), and no database converts a wall time: each has zone data of its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache, reduce
from operator import or_
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext

from extensions.error_params import Code

FIRST_DATE = date(2000, 1, 1)
YEARS_AHEAD = 10
# A range without a first or last date ends here: no slot lies outside, and both databases can
# compare these instants.
RANGE_START = date(1999, 1, 1)
RANGE_END = date(2200, 1, 1)
MIDNIGHT = time()  # as an end time: midnight at the end of the day
A_DAY = timedelta(days=1)
A_SECOND = timedelta(seconds=1)

Span = tuple[datetime, datetime]  # start and end


@cache
def zone_names() -> frozenset[str]:
    """Return the IANA time zone names with an area, such as Europe/Madrid, and UTC."""
    return frozenset(name for name in available_timezones() if "/" in name or name == "UTC")


def validate_time_zone(name: str) -> None:
    """Raise ValidationError unless the name is one of `zone_names()`."""
    if name not in zone_names():
        raise ValidationError(
            gettext("Use a name of the IANA time zone database, such as Europe/Madrid."),
            code="time_zone",
        )


def validate_date(value: date) -> None:
    """Raise ValidationError for a date before 2000 or more than ten years ahead."""
    today = timezone.now().date()
    leap_day = today.month == 2 and today.day == 29
    last = today.replace(year=today.year + YEARS_AHEAD, day=28 if leap_day else today.day)
    if not FIRST_DATE <= value <= last:
        raise ValidationError(
            gettext("Use a date from 2000 to ten years ahead."),
            Code("date_range", first=FIRST_DATE, last=last),
        )


def earliest_date(at: datetime) -> date:
    """Return the earliest date anywhere at the instant, at UTC-12: earlier days are over."""
    return (at - timedelta(hours=12)).astimezone(UTC).date()


def instant_of(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """Return the instant (UTC) at which the clocks of the zone show this time on this day.

    A time that the spring gap skips becomes the instant at which the gap ends. A time that the
    autumn fold shows twice becomes the first of the two instants.
    """
    local = datetime.combine(day, wall, tzinfo=zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant
    return _offset_change(local.replace(fold=1).astimezone(UTC), instant, zone)


def end_instant_of(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """Return the instant (UTC) at which something on this day ends, as `instant_of`.

    00:00 is midnight at the end of the day.
    """
    return instant_of(day + A_DAY if wall == MIDNIGHT else day, wall, zone)


def hours_before(instant: datetime, hours: int, zone: ZoneInfo) -> datetime:
    """Return the instant (UTC) at which the clocks of the zone show this many hours less.

    24 hours before 09:00 is 09:00 on the day before, also where the clocks change in between.
    """
    wall = instant.astimezone(zone).replace(tzinfo=None) - timedelta(hours=hours)
    return instant_of(wall.date(), wall.time(), zone)


def ends_after(start: time, end: time) -> bool:
    """Whether an end time is later than a start time of the same day; 00:00 ends the day."""
    return end == MIDNIGHT or end > start


def last_day(local_end: datetime) -> date:
    """Return the date of the last second before this local time.

    Something that ends at midnight ends on the day before, also where the clocks skip midnight.
    """
    return (local_end.astimezone(UTC) - A_SECOND).astimezone(local_end.tzinfo).date()


def offsets_between(
    start: datetime, end: datetime, zone: ZoneInfo
) -> list[tuple[datetime, timedelta]]:
    """Return how far the clocks of the zone are ahead of UTC at the start, and after each change.

    Each pair is an instant (UTC) and the offset from then on. A change that is undone within a week
    is missed; no zone has one.
    """
    at, offset = start.astimezone(UTC), _offset(start, zone)
    found = [(at, offset)]
    while at < end:
        next_week = at + 7 * A_DAY
        if (changed := _offset(next_week, zone)) != offset:
            found.append((_offset_change(at, next_week, zone), changed))
            offset = changed
        at = next_week
    return found


@lru_cache(maxsize=8_192)  # the starts and ends of some weeks: slots of many doctors share them
def local_text(instant: datetime | str, zone: str) -> str:
    """Return the instant in ISO 8601 with the offset of the zone, an IANA name.

    A text is an instant as a database writes it, in UTC if it has no offset.
    """
    at = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at.astimezone(ZoneInfo(zone)).isoformat()


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def _offset_change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Find by bisection the instant between these two at which the zone's offset changes."""
    old_offset = before.astimezone(zone).utcoffset()
    while after - before > A_SECOND:
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == old_offset:
            before = middle
        else:
            after = middle
    return after


# --- Sessions -------------------------------------------------------------------------------------


def spans_of(
    day: date, start: time, end: time, slot_minutes: int | None, zone: ZoneInfo
) -> list[Span]:
    """Return the (start, end) in UTC of each slot of a session: equal steps of elapsed time.

    An end at 00:00 is midnight at the end of the day: 00:00 to 00:00 is the whole day. A remainder
    shorter than a slot is dropped. Without a slot length the session is one slot.
    01:00 to 04:00 has two hours of slots when the clocks go forward and four when they go back.
    """
    first, step, count = _steps(day, start, end, slot_minutes, zone)
    return [(first + n * step, first + (n + 1) * step) for n in range(count)]


def extent_of(
    day: date, start: time, end: time, slot_minutes: int | None, zone: ZoneInfo
) -> Span | None:
    """Return the first start and the last end (UTC) of a session's slots; None if it has none."""
    first, step, count = _steps(day, start, end, slot_minutes, zone)
    return (first, first + count * step) if count else None


def is_a_slot(
    span: Span, day: date, start: time, end: time, slot_minutes: int | None, zone: ZoneInfo
) -> bool:
    """Whether `spans_of` contains this span, without making the others."""
    first, step, count = _steps(day, start, end, slot_minutes, zone)
    number, rest = divmod(span[0] - first, step) if count else (-1, step)
    return not rest and 0 <= number < count and span[1] - span[0] == step


def offset_minutes(at: datetime, zone: ZoneInfo) -> int:
    """Return how many minutes the clocks of the zone are ahead of UTC at the instant."""
    return _offset(at, zone) // timedelta(minutes=1)


def _steps(
    day: date, start: time, end: time, slot_minutes: int | None, zone: ZoneInfo
) -> tuple[datetime, timedelta, int]:
    """Return the start of the first slot, the length of a slot and the number of slots."""
    first, last = instant_of(day, start, zone), end_instant_of(day, end, zone)
    step = timedelta(minutes=slot_minutes) if slot_minutes else last - first
    return first, step, max(0, (last - first) // step) if step else 0


# --- Days -----------------------------------------------------------------------------------------


def spans_of_days(
    first: date | None, last: date | None, time_zones: Mapping[int, str]
) -> dict[Span, list[int]]:
    """Map the span of these days in UTC, by time zone, to the primary keys of the locations there.

    `time_zones`: the IANA time zone of each location by the location's primary key. Days run from
    midnight to midnight on the clocks of the location, both days included. None leaves the range
    open on that side.
    """
    keys_by_zone: dict[str, list[int]] = defaultdict(list)
    for pk, name in time_zones.items():
        keys_by_zone[name].append(pk)
    spans: dict[Span, list[int]] = defaultdict(list)
    for name, pks in keys_by_zone.items():
        zone = ZoneInfo(name)
        day_after = _within_range(last or RANGE_END) + A_DAY
        start = instant_of(_within_range(first or RANGE_START), time(), zone)
        spans[start, instant_of(day_after, time(), zone)] += pks
    return spans


def span_anywhere(first: date, last: date) -> Span:
    """Return a span (UTC) that encloses these days, both included, in every time zone."""
    start = datetime.combine(_within_range(first), time(), UTC)
    end = datetime.combine(_within_range(last), time(), UTC)
    return start - A_DAY, end + 2 * A_DAY


def enclosing_span(spans: Iterable[Span]) -> Span:
    """Return the smallest span that encloses all of these."""
    starts, ends = zip(*spans, strict=True)
    return min(starts), max(ends)


def _within_range(day: date) -> date:
    return min(max(day, RANGE_START), RANGE_END)


def starts_on_days(
    first: date | None, last: date | None, locations: Iterable[Any], *, anywhere: bool = False
) -> Q | None:
    """Return the condition of `SlotQuerySet.between` on the slot's start; None without a location.

    `anywhere`: these are all locations there are, so that those of one zone need no names.
    """
    spans = spans_of_days(first, last, {place.pk: place.time_zone for place in locations})
    if not spans:
        return None
    days = [Q(location__in=pks, starts_at__gte=a, starts_at__lt=b) for (a, b), pks in spans.items()]
    some = [] if anywhere and len(days) == 1 else [reduce(or_, days)]
    start, end = enclosing_span(spans)
    return Q(*some, starts_at__gte=start, starts_at__lt=end)
