"""Instants in the API: never without an offset."""

from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers


class InstantField(serializers.DateTimeField):
    """An instant with its offset from UTC; without one nobody knows whose clock it means."""

    default_error_messages = {
        "naive": "Give the offset from UTC, such as 2026-12-01T09:00:00+01:00.",
        "range": "This is beyond what a calendar holds.",
    }

    def enforce_timezone(self, value: datetime) -> datetime:
        """The instant in UTC; raises ValidationError for a time without an offset."""
        if value.utcoffset() is None:
            self.fail("naive")
        try:
            return value.astimezone(UTC)
        except OverflowError:
            self.fail("range")

    def to_representation(self, value: Any) -> str:
        shown: str = value.isoformat()  # as slots are shown, also where the offset is zero
        return shown
