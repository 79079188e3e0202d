"""Dates as people type them: ISO, with a written month, or in numbers with the day first.

Names of months and weekdays are read in the language of the page, by Django's catalogs, and always
in English.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import date

from django.core.exceptions import ValidationError
from django.utils import dates
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

MONTHS = [
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
]  # fmt: skip
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAY = r"(?:(?P<weekday>[a-z]+)\.?,? )?"
DAY = "(?P<day>[0-9]{1,2})"
OF = "(?:del? )?"  # 1 de diciembre de 2026
ISO = re.compile("(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})")
WRITTEN = (
    re.compile(
        f"{WEEKDAY}{DAY}(?:st|nd|rd|th|er|o)?[ .-]+{OF}(?P<month>[a-z]+)[ .,-]+{OF}(?P<year>[0-9]+)"
    ),
    re.compile(WEEKDAY + r"(?P<month>[a-z]+)\.? " + DAY + "(?:st|nd|rd|th)?,? (?P<year>[0-9]+)"),
)
NUMBERS = re.compile(DAY + " ?([./-]) ?(?P<month>[0-9]{1,2}) ?\\2 ?(?P<year>[0-9]+)")

TWO_WAYS = _("Type it as 2026-12-01 or as 1 December 2026.")
REFUSALS = {
    "invalid": format_lazy("{} {}", _("This is not a date."), TWO_WAYS),
    "no_such_day": _("There is no such day."),
    "numbers": format_lazy(
        "{} {}", _("Day and month could be mistaken for each other here."), TWO_WAYS
    ),
    "year": format_lazy("{} {}", _("Write the year with four digits."), TWO_WAYS),
    "weekday": _("That date falls on another day of the week."),
}


def parse_date(text: str, day_first: Callable[[], bool]) -> date:
    """Return the date that this text means; raises ValidationError if that is not certain.

    `day_first` is called for numbers such as 1/12/2026, and says whether the day is the first of
    them. Numbers with the month first are never read.
    """
    typed = " ".join(_plain(text).split())
    if found := ISO.fullmatch(typed):
        return _date(found, int(found["month"]))
    if found := next(filter(None, (form.fullmatch(typed) for form in WRITTEN)), None):
        return _written_date(found)
    if found := NUMBERS.fullmatch(typed):
        if len(found["year"]) == 4 and not day_first():
            raise _refusal("numbers")
        return _date(found, int(found["month"]))
    raise _refusal("invalid")


def _written_date(found: re.Match[str]) -> date:
    """Return the date with a month in words, and with a weekday that must be the right one."""
    day = _date(found, _position(found["month"], dates.MONTHS.values(), MONTHS) + 1)
    weekday = found["weekday"]
    if weekday and _position(weekday, dates.WEEKDAYS.values(), WEEKDAYS) != day.weekday():
        raise _refusal("weekday")
    return day


def _date(found: re.Match[str], month: int) -> date:
    if len(found["year"]) != 4:
        raise _refusal("year")
    try:
        return date(int(found["year"]), month, int(found["day"]))
    except ValueError:
        raise _refusal("no_such_day") from None


def _position(word: str, *languages: Iterable[str]) -> int:
    """Return the index of the name that is written in full or by its first three or four letters.

    Raises ValidationError for a word that is no name, or that two names of a language begin with.
    """
    for names in languages:
        plain = [_plain(name) for name in names]
        if word in plain:
            return plain.index(word)
        begun = [place for place, name in enumerate(plain) if word in {name[:3], name[:4]}]
        if len(begun) == 1:
            return begun[0]
    raise _refusal("invalid")


def _plain(text: str) -> str:
    """Return the text in small letters without accents: people type `miercoles`."""
    letters = unicodedata.normalize("NFKD", str(text).lower())
    return "".join(each for each in letters if not unicodedata.combining(each))


def _refusal(code: str) -> ValidationError:
    return ValidationError(REFUSALS[code], code=code)
