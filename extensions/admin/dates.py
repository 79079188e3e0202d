"""Dates as staff type them: ISO, with a written month, or in numbers where these are day first.

The form fields read `date`, `time` and instants; their widgets show nothing of the browser's clock.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.widgets import AdminDateWidget, AdminSplitDateTime, AdminTimeWidget
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.module_loading import import_string

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


class InstantFilter(admin.DateFieldListFilter):
    """Django's filter by the day of an instant, which says that its days are those of UTC."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = f"{self.title} (days in UTC)"


admin.FieldListFilter.register(
    lambda field: isinstance(field, models.DateTimeField), InstantFilter, take_priority=True
)


# --- Widgets --------------------------------------------------------------------------------------


# Django's, and after them the one that takes out what goes by the browser's clock.
SCRIPTS = (
    "admin/js/calendar.js",
    "admin/js/admin/DateTimeShortcuts.js",
    "extensions/wall_times.js",
)


class DateWidget(AdminDateWidget):
    """A text input that shows ISO, with Django's calendar, without "Today"."""

    class Media:
        js = SCRIPTS

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        shown = {"size": "18", "placeholder": "YYYY-MM-DD", **(attrs or {})}
        super().__init__(attrs=shown, format="%Y-%m-%d")


class TimeWidget(AdminTimeWidget):
    """A text input with Django's list of times, without "Now"."""

    class Media:
        js = SCRIPTS


class SplitDateTimeWidget(AdminSplitDateTime):
    """A date and a time."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        forms.MultiWidget.__init__(self, [DateWidget, TimeWidget], attrs)


# --- Fields ---------------------------------------------------------------------------------------


class TypedDateField(forms.DateField):
    """A date in one of the ways of `parse_date`.

    The setting DAY_FIRST_NUMBERS names a function. It gets what was typed into the whole form, and
    returns whether numbers are read with the day first.
    """

    widget = DateWidget
    typed: Mapping[str, Any] = {}  # what was typed into the whole form

    def get_bound_field(self, form: Any, field_name: str) -> Any:
        self.typed = form.data
        return super().get_bound_field(form, field_name)

    def to_python(self, value: Any) -> date | None:
        if isinstance(value, str) and value.strip():
            return parse_date(value, self._day_first)
        return super().to_python(value)

    def _day_first(self) -> bool:
        answer: bool = import_string(settings.DAY_FIRST_NUMBERS)(self.typed)
        return answer


class TypedDateTimeField(forms.SplitDateTimeField):
    """A date in one of the ways of `parse_date`, and a time."""

    widget = SplitDateTimeWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields = (TypedDateField(required=False), self.fields[1])

    @property
    def day(self) -> TypedDateField:
        """The field of the date."""
        return cast(TypedDateField, self.fields[0])

    def get_bound_field(self, form: Any, field_name: str) -> Any:
        self.day.typed = form.data
        return super().get_bound_field(form, field_name)


# `formfield_overrides` of an admin or an inline: every date and time is typed in these fields.
DATE_FIELDS: Any = {
    models.DateField: {"form_class": TypedDateField, "widget": DateWidget},
    models.DateTimeField: {"form_class": TypedDateTimeField, "widget": SplitDateTimeWidget},
    models.TimeField: {"widget": TimeWidget},
}
