"""Calendar files (RFC 5545) by the package icalendar: instants on a wall clock, and time zones."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from icalendar import Calendar, Component, Event, Timezone, TimezoneDaylight, TimezoneStandard

MEDIA_TYPE = "text/calendar"
ZERO = timedelta(0)


class Span(NamedTuple):
    """The start and the end of an entry, and the clock on which the calendar shows them."""

    start: datetime
    end: datetime
    zone: ZoneInfo

    def add_to(self, event: Event) -> None:
        """Add DTSTART and DTEND on the wall clock of the zone.

        A span that touches the hour that comes twice in autumn is written in UTC: a wall time there
        means its first occurrence (section 3.3.5), but many programs take it for the second one.
        """
        local = (self.start.astimezone(self.zone), self.end.astimezone(self.zone))
        is_ambiguous = any(_is_ambiguous(each) for each in local)
        start, end = (each.astimezone(UTC) for each in local) if is_ambiguous else local
        event.add("dtstart", start)
        event.add("dtend", end)


def calendar_file(
    product: str, method: str, events: Iterable[tuple[Event, Span]], **properties: object
) -> bytes:
    """Return a VCALENDAR with these events and the VTIMEZONE of each zone that they name.

    Without events it has the one of UTC, since a calendar has a component at least (section 3.6).
    `properties`: further properties of the calendar; an underscore stands for a hyphen.
    """
    entries = list(events)
    for event, span in entries:
        span.add_to(event)
    calendar = Calendar()
    calendar.add("prodid", product)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    for name, value in properties.items():
        calendar.add(name.replace("_", "-"), value)
    # A time in UTC, or in a zone that is the same as UTC, names no zone.
    named = [span for event, span in entries if "TZID" in event["dtstart"].params]
    zones = zones_of(named) if entries else [zone_component("Etc/UTC", 2000, 2000)]
    for component in (*zones, *(event for event, _ in entries)):
        calendar.add_component(component)
    written: bytes = calendar.to_ical()
    return written


def zones_of(spans: Iterable[Span]) -> Iterator[Timezone]:
    """Yield a VTIMEZONE for each zone of the spans, right in the years that they touch."""
    years: dict[str, set[int]] = {}
    for start, end, zone in spans:
        touched = (start.astimezone(zone).year, end.astimezone(zone).year)
        years.setdefault(zone.key, set()).update(touched)
    for key, found in sorted(years.items()):
        yield zone_component(key, min(found), max(found))


@lru_cache(maxsize=1_000)
def zone_component(key: str, first: int, last: int) -> Timezone:
    """Return the VTIMEZONE of an IANA zone, with an observance for each change in these years.

    The package's own has a wrong onset where the clocks go forward: RFC 5545, section 3.6.5, wants
    the wall time that is valid before the change.
    """
    zone = ZoneInfo(key)
    component = Timezone()
    component.add("tzid", key)
    start = datetime(first, 1, 1, tzinfo=zone).astimezone(UTC)
    offset = _offset(start, zone)
    component.add_component(_observance(start, offset, zone))
    for onset in _changes(start, datetime(last + 1, 1, 1, tzinfo=zone).astimezone(UTC), zone):
        component.add_component(_observance(onset, offset, zone))
        offset = _offset(onset, zone)
    return component


def _observance(onset: datetime, before: timedelta, zone: ZoneInfo) -> Component:
    """Return the STANDARD or DAYLIGHT that begins at this instant (UTC)."""
    local = onset.astimezone(zone)
    component = TimezoneDaylight() if local.dst() else TimezoneStandard()
    component.add("dtstart", (onset + before).replace(tzinfo=None))
    component.add("tzoffsetfrom", before)
    component.add("tzoffsetto", _offset(onset, zone))
    component.add("tzname", local.tzname())
    return component


def _changes(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield each instant (UTC) between the two at which the zone's offset changes."""
    day = timedelta(days=1)
    while start < end:
        if _offset(start, zone) != _offset(start + day, zone):
            yield _change(start, start + day, zone)
        start += day


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first second in (before, after] that has the offset of `after`, by bisection."""
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(before + timedelta(seconds=middle), zone) == _offset(before, zone):
            low = middle
        else:
            high = middle
    return before + timedelta(seconds=high)


def _is_ambiguous(local: datetime) -> bool:
    """Whether the wall time comes twice in its zone."""
    return local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or ZERO


def date_stamp(instant: datetime) -> datetime:
    """Return the instant in UTC and whole seconds, as DTSTAMP and LAST-MODIFIED are written."""
    return instant.astimezone(UTC).replace(microsecond=0)
