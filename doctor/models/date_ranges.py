"""Days as the clocks of locations count them, told as instants."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from doctor.models.booking_rules import Span
from doctor.models.directory import Location
from doctor.wall_time import instant_of

FIRST_DATE = date(1999, 1, 1)  # no slot is earlier, or later than the last; any database can
LAST_DATE = date(2200, 1, 1)  # compare what lies between


def spans_of_days(
    first: date | None, last: date | None, locations: Iterable[Location]
) -> dict[Span, list[int]]:
    """The time (UTC) that these days take, with the keys of the locations where they take it.

    From midnight to midnight on the clocks there; without a first or a last day from ever, or for
    good.
    """
    by_zone: dict[str, list[int]] = defaultdict(list)
    for location in locations:
        by_zone[location.time_zone].append(location.pk)
    spans: dict[Span, list[int]] = defaultdict(list)
    for name, pks in by_zone.items():
        zone = ZoneInfo(name)
        end = _kept(last or LAST_DATE) + timedelta(days=1)
        spans[_midnight(_kept(first or FIRST_DATE), zone), _midnight(end, zone)] += pks
    return spans


def around(spans: Iterable[Span]) -> Span:
    """One span that holds all of these."""
    starts, ends = zip(*spans, strict=True)
    return min(starts), max(ends)


def _kept(day: date) -> date:
    return min(max(day, FIRST_DATE), LAST_DATE)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return instant_of(day, time(), zone)
