"""Instants in the API, always with an offset from UTC."""

from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers


class InstantField(serializers.DateTimeField):
    """An instant with its offset from UTC (RFC 3339); a time without an offset is invalid."""

    default_error_messages = {
        "naive": "Give the offset from UTC, such as 2026-12-01T09:00:00+01:00.",
        "range": "This instant is out of range.",
    }

    def enforce_timezone(self, value: datetime) -> datetime:
        """Return the instant in UTC; raises ValidationError without an offset or out of range."""
        if value.utcoffset() is None:
            self.fail("naive")
        try:
            return value.astimezone(UTC)
        except OverflowError:
            self.fail("range")

    def to_representation(self, value: Any) -> str:
        text: str = value.isoformat()  # +00:00 for UTC, as in slots; REST framework writes Z
        return text
