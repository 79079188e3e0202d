"""How pages and messages write days, wall times and instants: one way, without a doubtful number.

The constants are formats of `django.utils.dateformat`; the settings' formats are made of them. They
are texts for translators, since languages order the words of a date differently.
"""

from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache

from django.utils.dateformat import format as format_date
from django.utils.translation import gettext_lazy as _

# Translators: a format of Django's filter `date`, for 1 Dec 2026; `b` is the month in lower case.
DATE = _("j M Y")
# Translators: a format of Django's filter `date`, for Tue 1 Dec 2026.
DAY = _("D j M Y")
TIME = "H:i"  # 09:00
# Translators: a format of Django's filter `date`, for Tue 1 Dec 2026, 09:00.
DAY_AND_TIME = _("D j M Y, H:i")
# Translators: a format of Django's filter `date`, for Tue 1 Dec 2026, 09:00 CET.
INSTANT = _("D j M Y, H:i e")


def date_text(day: date) -> str:
    """Return a date without its weekday, such as 1 Dec 2026: of birth, or of a diagnosis."""
    return format_date(day, str(DATE))


def day_text(day: date) -> str:
    """Return a day with its weekday, such as Tue 1 Dec 2026."""
    return format_date(day, str(DAY))


def instant_text(instant: datetime, zone: tzinfo) -> str:
    """Return an instant on the clock of this zone, such as Tue 1 Dec 2026, 09:00 CET."""
    local = instant.astimezone(zone)
    # Django's format `e` is empty in the hour that comes twice in autumn, where it is needed most.
    return f"{format_date(local, str(DAY_AND_TIME))} {local.tzname()}"


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
    """Return a span of one day on the clock of this zone: Tue 1 Dec 2026, 09:00-09:30 CET.

    Both times carry the zone where the clocks change in between: 02:30 CEST-02:15 CET.
    """
    first, last = start.astimezone(zone), end.astimezone(zone)
    changed = f" {first.tzname()}" if first.tzname() != last.tzname() else ""
    begun = f"{format_date(first, str(DAY_AND_TIME))}{changed}"
    return f"{begun}-{format_date(last, TIME)} {last.tzname()}"
