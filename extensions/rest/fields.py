"""Serializer fields that REST framework does not have ready-made."""

from typing import Any

from rest_framework import serializers


class TextField(serializers.CharField):
    """A text; REST framework's own takes a number for one, and a phone number is none."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)
