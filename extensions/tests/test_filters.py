"""Query parameters that parse, that are refused and that match no row."""

from datetime import date
from typing import Any

import pytest
from django import forms
from django.core.exceptions import ValidationError as FormError
from django.test import RequestFactory
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from extensions.db.fields import MAX_KEY
from extensions.rest.filters import (
    DateRangeForm,
    IsoDateFilter,
    KeyField,
    LimitedSearchFilter,
    StrictBooleanFormField,
    positive_integer,
)
from extensions.search import MAX_SEARCH_LENGTH, MAX_SEARCH_TERMS

RangeForm: Any = type(DateRangeForm)(  # `from` is a keyword of Python
    "RangeForm",
    (DateRangeForm,),
    {name: forms.DateField(required=False) for name in ("from", "to")},
)


def terms(search: str) -> list[str]:
    request = Request(RequestFactory().get("/", {"search": search}))
    return list(LimitedSearchFilter().get_search_terms(request))


@pytest.mark.parametrize("text", ["", "0", "-1", "1.0", "1_0", "²", "9" * 101])
def test_a_positive_integer_is_plain_digits(text: str) -> None:
    with pytest.raises(ValidationError):
        positive_integer(text)
    assert positive_integer("12") == 12


@pytest.mark.parametrize("text", ["1.0", "1_0", "one", "+1"])
def test_a_key_in_a_query_is_plain_digits(text: str) -> None:
    with pytest.raises(FormError):
        KeyField().clean(text)
    assert KeyField().clean(str(MAX_KEY + 1)) == MAX_KEY + 1  # IdFilter matches no row


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("False", False), ("", None), (None, None)]
)
def test_a_boolean_is_true_or_false_or_absent(text: str | None, value: bool | None) -> None:
    assert StrictBooleanFormField(required=False).clean(text) is value


@pytest.mark.parametrize("text", ["yes", "1", "on", "null"])
def test_text_that_is_not_a_boolean_is_refused(text: str) -> None:
    with pytest.raises(FormError):
        StrictBooleanFormField().clean(text)


def test_a_date_is_iso_8601() -> None:
    field = IsoDateFilter().field
    assert field.clean("2026-12-01") == date(2026, 12, 1)
    for text in ("01/12/2026", "20261201", "Dec 1 2026"):
        with pytest.raises(FormError):
            field.clean(text)


def test_a_range_that_ends_before_it_starts_is_refused() -> None:
    form = RangeForm({"from": "2026-12-02", "to": "2026-12-01"})
    assert form.errors.as_data()["to"][0].code == "date_range"
    assert RangeForm({"from": "2026-12-01", "to": "2026-12-01"}).is_valid()


@pytest.mark.parametrize(
    "search", ["w " * (MAX_SEARCH_TERMS + 1), "w" * (MAX_SEARCH_LENGTH + 1), "a\0b"]
)
def test_a_search_beyond_the_limits_is_refused(search: str) -> None:
    with pytest.raises(ValidationError):
        terms(search)


def test_a_search_within_the_limits_is_split_into_words() -> None:
    assert terms("ana ruiz") == ["ana", "ruiz"]
