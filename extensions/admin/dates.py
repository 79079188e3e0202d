"""The form fields and widgets in which staff type dates, times and instants (extensions/dates.py).

The widgets show nothing of the browser's clock.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.widgets import AdminDateWidget, AdminSplitDateTime, AdminTimeWidget
from django.db import models
from django.utils.module_loading import import_string
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from extensions.dates import parse_date


class InstantFilter(admin.DateFieldListFilter):
    """Django's filter by the day of an instant, which says that its days are those of UTC."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = gettext("%(title)s (days in UTC)") % {"title": self.title}


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
        shown = {"size": "18", "placeholder": _("YYYY-MM-DD"), **(attrs or {})}
        super().__init__(attrs=shown, format="%Y-%m-%d")


class TimeWidget(AdminTimeWidget):
    """A text input with Django's list of times, without "Now"."""

    class Media:
        js = SCRIPTS


class SplitDateTimeWidget(AdminSplitDateTime):
    """A date and a time."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        time = TimeWidget({"aria-label": _("Time")})
        forms.MultiWidget.__init__(self, [DateWidget, time], attrs)


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
