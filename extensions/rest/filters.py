"""Query parameters that every app has."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError as FormError
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError

MAX_KEY = 2**63 - 1
PAGE_SIZE = 20
MAX_PAGE_SIZE = 100


def positive_integer(text: str) -> int:
    """A positive whole number; raises ValidationError for anything else."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 100 and int(text) > 0):
        raise ValidationError("Use a whole number of one or more.")
    return int(text)


class KeyField(forms.IntegerField):
    """A whole number in plain digits: Django's own takes 1.0 and 1_0 for one, too."""

    def to_python(self, value: Any) -> Any:
        text = "" if value in self.empty_values else str(value).strip()
        if text and not re.fullmatch(r"-?[0-9]{1,100}", text):
            raise FormError(self.error_messages["invalid"], code="invalid")
        return super().to_python(text)


@extend_schema_field(OpenApiTypes.INT)  # of any size: what no table can hold is of nobody
class IdFilter(filters.Filter):
    """A primary key; one that no table can hold matches nothing."""

    field_class = KeyField

    def filter(self, qs: Any, value: Any) -> Any:
        if value is not None and not 0 <= value <= MAX_KEY:
            return qs.none()
        return super().filter(qs, value)
