"""Dates as people type them: ISO, with a written month, or in numbers with the day first."""

import re
from collections.abc import Callable
from datetime import date

from django.core.exceptions import ValidationError

MONTHS = [
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
]  # fmt: skip
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAY = "(?:(?P<weekday>[a-z]+),? )?"
DAY = "(?P<day>[0-9]{1,2})"
ISO = re.compile("(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})")
WRITTEN = (
    re.compile(WEEKDAY + DAY + r"(?:st|nd|rd|th)?[ .-]+(?P<month>[a-z]+)[ .,-]+(?P<year>[0-9]+)"),
    re.compile(WEEKDAY + r"(?P<month>[a-z]+)\.? " + DAY + "(?:st|nd|rd|th)?,? (?P<year>[0-9]+)"),
)
NUMBERS = re.compile(DAY + " ?([./-]) ?(?P<month>[0-9]{1,2}) ?\\2 ?(?P<year>[0-9]+)")

TWO_WAYS = "Type it as 2026-12-01 or as 1 December 2026."
REFUSALS = {
    "invalid": f"This is not a date. {TWO_WAYS}",
    "no_such_day": "There is no such day.",
    "numbers": f"Day and month could be mistaken for each other here. {TWO_WAYS}",
    "year": f"Write the year with four digits. {TWO_WAYS}",
    "weekday": "That date falls on another day of the week.",
}


def parse_date(text: str, day_first: Callable[[], bool]) -> date:
    """Return the date that this text means; raises ValidationError if that is not certain.

    `day_first` is called for numbers such as 1/12/2026, and says whether the day is the first of
    them. Numbers with the month first are never read.
    """
    typed = " ".join(text.lower().split())
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
    day = _date(found, _position(found["month"], MONTHS) + 1)
    if found["weekday"] and _position(found["weekday"], WEEKDAYS) != day.weekday():
        raise _refusal("weekday")
    return day


def _date(found: re.Match[str], month: int) -> date:
    if len(found["year"]) != 4:
        raise _refusal("year")
    try:
        return date(int(found["year"]), month, int(found["day"]))
    except ValueError:
        raise _refusal("no_such_day") from None


def _position(word: str, names: list[str]) -> int:
    """Return the index of the name that is written in full or by its first three or four letters.

    Raises ValidationError for any other word.
    """
    for position, name in enumerate(names):
        if word in {name, name[:3], name[:4]}:
            return position
    raise _refusal("invalid")


def _refusal(code: str) -> ValidationError:
    return ValidationError(REFUSALS[code], code=code)
