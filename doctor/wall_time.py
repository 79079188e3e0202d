"""From a clock on a clinic's wall to an instant, on the two odd days of the year as well."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError


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
