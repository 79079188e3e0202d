"""Filters by query parameters; a value that does not parse is answered with 400."""

import re
from functools import lru_cache
from typing import Any

from django import forms
from django.core.exceptions import ValidationError as FormError
from django.http import QueryDict
from django.utils.translation import gettext
from django_filters import rest_framework as filters
from django_filters.utils import translate_validation
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError
from rest_framework.filters import SearchFilter
from rest_framework.request import Request

from extensions.db.fields import MAX_KEY
from extensions.error_params import Code
from extensions.rest.query import LONGEST_KEPT
from extensions.search import MAX_SEARCH_LENGTH, MAX_SEARCH_TERMS, typed_terms

PAGE_SIZE = 20
MAX_PAGE_SIZE = 100


def positive_integer(text: str) -> int:
    """Parse a whole number of one or more; raises ValidationError for anything else."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 100 and int(text) > 0):
        raise ValidationError(gettext("Use a whole number of one or more."))
    return int(text)


# --- Primary keys ---------------------------------------------------------------------------------


class KeyField(forms.IntegerField):
    """A whole number in plain digits. Django's own field also takes 1.0 and 1_0."""

    def to_python(self, value: Any) -> Any:
        text = "" if value in self.empty_values else str(value).strip()
        if text and not re.fullmatch(r"-?[0-9]{1,100}", text):
            raise FormError(self.error_messages["invalid"], code="invalid")
        return super().to_python(text)


@extend_schema_field(OpenApiTypes.INT)  # without bounds: a key that is too large matches no row
class IdFilter(filters.Filter):
    """Keep the rows with this primary key; one that no table can hold matches no row."""

    field_class = KeyField

    def filter(self, qs: Any, value: Any) -> Any:
        if value is not None and not 0 <= value <= MAX_KEY:
            return qs.none()
        return super().filter(qs, value)


# --- Booleans -------------------------------------------------------------------------------------


class StrictBooleanFormField(forms.Field):
    """`true` or `false`. Django's NullBooleanField reads any other text as None."""

    def to_python(self, value: Any) -> bool | None:
        if value in self.empty_values:
            return None
        if str(value).lower() not in {"true", "false"}:
            raise FormError(gettext("Use true or false."), code="invalid")
        return str(value).lower() == "true"


@extend_schema_field(OpenApiTypes.BOOL)
class StrictBooleanFilter(filters.Filter):
    """Filter by `true` or `false`; any other value is 400."""

    field_class = StrictBooleanFormField


# --- Dates ----------------------------------------------------------------------------------------


class IsoDateFilter(filters.DateFilter):
    """Filter by a date as ISO 8601 writes it: 2026-12-01."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, input_formats=["%Y-%m-%d"], **kwargs)


class DateRangeForm(forms.Form):
    """A form that refuses a range `from`, `to` whose last date is before its first."""

    def clean(self) -> dict[str, Any]:
        first, last = self.cleaned_data.get("from"), self.cleaned_data.get("to")
        if first and last and last < first:
            reversed_range = FormError(gettext("The last date is before the first."), "date_range")
            raise FormError({"to": reversed_range})
        return self.cleaned_data


# `from` is a keyword of Python, so a class statement cannot name it.
DateRangeFilter: Any = type(filters.FilterSet)(
    "DateRangeFilter",
    (filters.FilterSet,),
    {
        "__doc__": "`?from=&to=` over the `date` of the rows, both ends included.",
        "from": IsoDateFilter(field_name="date", lookup_expr="gte", help_text="First date."),
        "to": IsoDateFilter(field_name="date", lookup_expr="lte", help_text="Last date."),
    },
)


def valid_values(filterset: type[Any], request: Request) -> dict[str, Any]:
    """Return what the query of the request says to the filters; raises ValidationError.

    Equal queries are checked once: nobody changes the dictionary.
    """
    text, encoding = request.query_params.urlencode(), str(request.query_params.encoding)
    check: Any = _values_of if len(text) <= LONGEST_KEPT else _values_of.__wrapped__
    values: dict[str, Any] = check(filterset, text, encoding)
    return values


@lru_cache(maxsize=1_000)
def _values_of(filterset: type[Any], text: str, encoding: str) -> dict[str, Any]:
    checked = filterset(QueryDict(text, encoding=encoding))
    if not checked.is_valid():
        raise translate_validation(checked.errors)
    values: dict[str, Any] = checked.form.cleaned_data
    return values


# --- Search ---------------------------------------------------------------------------------------


class LimitedSearchFilter(SearchFilter):
    """`?search=` of at most MAX_SEARCH_TERMS words and MAX_SEARCH_LENGTH characters."""

    def get_search_terms(self, request: Request) -> list[str]:
        """Return the words to find; raises ValidationError above the limits and for a NUL."""
        text = request.query_params.get(self.search_param, "")
        if len(text) > MAX_SEARCH_LENGTH or len(text.split()) > MAX_SEARCH_TERMS or "\0" in text:
            sentence = gettext("Search for at most %(words)s words and %(characters)s characters.")
            limits = {"words": MAX_SEARCH_TERMS, "characters": MAX_SEARCH_LENGTH}
            raise ValidationError({self.search_param: sentence % limits}, Code("invalid", **limits))
        return super().get_search_terms(request)


class NameSearchFilter(LimitedSearchFilter):
    """`?search=` by folded names: the view's queryset has `matching`, which takes the terms."""

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        """Keep the rows that match every term."""
        typed = " ".join(self.get_search_terms(request))
        return queryset.matching(typed_terms(typed)) if typed else queryset
