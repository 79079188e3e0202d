"""Query parameters that every app has."""

from typing import Any

from django import forms
from django_filters import rest_framework as filters

BIGGEST_KEY = 2**63 - 1


class IdFilter(filters.Filter):
    """A primary key; one that no table can hold matches nothing."""

    field_class = forms.IntegerField

    def filter(self, qs: Any, value: Any) -> Any:
        if value is not None and not 0 <= value <= BIGGEST_KEY:
            return qs.none()
        return super().filter(qs, value)
