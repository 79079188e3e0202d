"""The hours in which a location sends no message about a visit."""

from datetime import datetime, timedelta

from doctor.models import Location
from doctor.wall_time import instant_of


def end_of_quiet(location: Location, at: datetime) -> datetime | None:
    """Return when the quiet hours end in which the instant falls, by the clock there, else None.

    They may span midnight. The same time twice means that there are none.
    """
    local = at.astimezone(location.zone)
    start, end, wall = location.quiet_from, location.quiet_until, local.time()
    spans_midnight = start > end
    is_quiet = wall >= start or wall < end if spans_midnight else start <= wall < end
    if not is_quiet:
        return None
    day = local.date() + timedelta(days=1) if spans_midnight and wall >= start else local.date()
    return instant_of(day, end, location.zone)
