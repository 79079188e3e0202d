"""How pages and messages write days, wall times and instants: one way, without a doubtful number.

The constants are formats of `django.utils.dateformat`; the settings' formats are made of them.
"""

from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache

from django.utils.dateformat import format as format_date

DATE = "j M Y"  # 1 Dec 2026
DAY = f"D {DATE}"  # Tue 1 Dec 2026
TIME = "H:i"  # 09:00
INSTANT = f"{DAY}, {TIME} e"  # Tue 1 Dec 2026, 09:00 CET


def date_text(day: date) -> str:
    """Return a date without its weekday, such as 1 Dec 2026: of birth, or of a diagnosis."""
    return format_date(day, DATE)


def day_text(day: date) -> str:
    """Return a day with its weekday, such as Tue 1 Dec 2026."""
    return format_date(day, DAY)


def instant_text(instant: datetime, zone: tzinfo) -> str:
    """Return an instant on the clock of this zone, such as Tue 1 Dec 2026, 09:00 CET."""
    local = instant.astimezone(zone)
    # Django's format `e` is empty in the hour that comes twice in autumn, where it is needed most.
    return f"{format_date(local, f'{DAY}, {TIME}')} {local.tzname()}"


def clock_text(instant: datetime, zone: tzinfo) -> str:
    """Return the time on the clock of this zone: 09:00, or 02:00 CEST on a day with two of them."""
    local = instant.astimezone(zone)
    clock = f"{local:%H:%M}"
    return f"{clock} {local.tzname()}" if _clocks_change(local.date(), zone) else clock


@lru_cache(maxsize=1_000)
def _clocks_change(day: date, zone: tzinfo) -> bool:
    """Whether the clocks of the zone change on this day: one time may come twice."""
    first, last = (datetime.combine(each, time(), zone) for each in (day, day + timedelta(days=1)))
    return first.utcoffset() != last.utcoffset()


def span_text(start: datetime, end: datetime, zone: tzinfo) -> str:
    """Return a span of one day on the clock of this zone: Tue 1 Dec 2026, 09:00-09:30 CET."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    return f"{format_date(first, f'{DAY}, {TIME}')}-{format_date(last, TIME)} {last.tzname()}"
