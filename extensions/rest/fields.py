"""Serializer fields that REST framework lacks."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _
from rest_framework import ISO_8601, serializers
from rest_framework.fields import empty, get_attribute

from extensions.db.fields import MAX_KEY

# Options of an IntegerField for a primary key.
KEY: dict[str, Any] = {"min_value": 0, "max_value": MAX_KEY}
OPTIONAL_KEY: dict[str, Any] = {**KEY, "required": False}


class TextField(serializers.CharField):
    """A string. REST framework's CharField also takes a number: 123 would become "123"."""

    def to_internal_value(self, data: Any) -> str:
        """Return the string; raises ValidationError for a value of any other JSON type."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class NullForBlankMixin(serializers.Field[Any, Any, Any, Any]):
    """A text that may have no value: stored blank, shown as null; reads null and a blank text.

    A client that knows the values of an enum cannot hold a blank text, but null.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_null": True, **options})

    def run_validation(self, data: Any = empty) -> Any:
        """Return the text, or "" for null and for a text that is blank."""
        is_blank = isinstance(data, str) and not data.strip()
        value = super().run_validation(None if is_blank else data)
        return "" if value is None else value

    def to_representation(self, value: Any) -> Any:
        return super().to_representation(value) or None


class OptionalChoiceField(NullForBlankMixin, serializers.ChoiceField):
    """A choice that may have no value, which is null."""


class OptionalTextField(NullForBlankMixin, TextField):
    """A text of a fixed form that may have no value, which is null."""


class StrictBooleanField(serializers.BooleanField):
    """`true` or `false`. REST framework's own field also takes the numbers 0 and 1."""

    def to_internal_value(self, data: Any) -> bool:
        """Parse a boolean, or the text that a form sends for one; raises ValidationError else."""
        if not isinstance(data, (bool, str)):
            self.fail("invalid", input=data)
        return super().to_internal_value(data)


class QueryBooleanField(StrictBooleanField):
    """`?name=true` or `?name=false`. REST framework's own field also takes yes, on, 1 and more."""

    TRUE_VALUES = {"true", "True", "TRUE", True}
    FALSE_VALUES = {"false", "False", "FALSE", False}


class InstantField(serializers.DateTimeField):
    """An instant with its offset from UTC (ISO 8601), stored in UTC.

    REST framework's own field reads an instant without an offset as one of the server's zone.
    """

    format = ISO_8601  # in which the forms of the browsable API read what this field writes

    default_error_messages = {
        "naive": _("Give the offset from UTC, such as 2026-12-01T09:00:00+01:00."),
        "range": _("This is beyond what a calendar holds."),
    }

    def enforce_timezone(self, value: datetime) -> datetime:
        """Return the instant in UTC; raises ValidationError for one without an offset."""
        if value.utcoffset() is None:
            self.fail("naive")
        try:
            return value.astimezone(UTC)
        except OverflowError:
            self.fail("range")

    def to_representation(self, value: Any) -> str:
        """Write the offset as `+00:00`, where REST framework writes `Z`."""
        return in_seconds(value)


class ZonedDateTimeField(serializers.DateTimeField):
    """An instant with the offset of the time zone that the row names.

    `zone`: attribute path from the row to an IANA name, such as `location.time_zone`. An absent
    instant is null.
    """

    def __init__(self, *, zone: str, **options: Any) -> None:
        self.zone_path = zone.split(".")
        super().__init__(**options)

    def get_attribute(self, instance: Any) -> datetime | None:
        """Return the row's instant in the row's zone."""
        instant: datetime | None = super().get_attribute(instance)
        if instant is None:
            return None
        return instant.astimezone(ZoneInfo(get_attribute(instance, self.zone_path)))

    def to_representation(self, value: datetime) -> str:
        """Write the offset as `+00:00`, where REST framework writes `Z`."""
        return in_seconds(value)


def in_seconds(instant: datetime) -> str:
    """Return the instant as every answer shows it: in whole seconds, with its offset."""
    return instant.isoformat(timespec="seconds")
