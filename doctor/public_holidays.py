"""The public holidays of a country and its subdivisions, from the library `holidays`."""

from datetime import date
from functools import cache

import holidays
import pycountry
from django.utils.translation import get_language

FIRST_YEAR, LAST_YEAR = 2000, 2098  # in every zone, closures end before 2100 in UTC
ENGLISH = "en_US"


def public_holidays(country: str, subdivision: str | None, year: int) -> dict[date, str] | None:
    """Map each public holiday of the year to its name; None if the library knows none.

    `country` and `subdivision` are codes of ISO 3166, such as ES and ES-MD. A province takes the
    calendar of its region, if it has none of its own. The names are in the language in use where
    the library has them, or else in English.
    """
    return _holidays(country, subdivision, year, get_language() or "")


@cache
def _holidays(
    country: str, subdivision: str | None, year: int, language: str
) -> dict[date, str] | None:
    calendars = holidays.list_supported_countries()
    if country not in calendars:
        return None
    languages = holidays.list_localized_countries().get(country, [])
    known = holidays.country_holidays(
        country,
        subdiv=calendar_of(country, subdivision),
        years=year,
        language=next((each for each in (language, ENGLISH) if each in languages), None),
    )
    return {day: known[day] for day in sorted(known) if day.year == year} or None


def has_regional_holidays(country: str) -> bool:
    """Return whether a subdivision of the country may have holidays of its own."""
    return bool(holidays.list_supported_countries().get(country))


def calendar_of(country: str, subdivision: str | None) -> str | None:
    """Return the library's code of the subdivision, or of the one around it that has a calendar.

    None where no calendar is known but that of the whole country.
    """
    known = holidays.list_supported_countries().get(country, [])
    while subdivision:
        code = subdivision.partition("-")[2]
        if code in known:
            return code
        found = pycountry.subdivisions.get(code=subdivision)
        subdivision = found.parent_code if found else None
    return None
