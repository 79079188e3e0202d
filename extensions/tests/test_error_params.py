"""Errors come with what their sentences name, and never with what a client sent."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django import forms
from django.core import exceptions, validators
from django.utils import translation
from rest_framework import serializers

from config.problems import model_errors, serializer_errors
from extensions.error_params import Code, public_params
from extensions.rest.serializers import Serializer, SharedBodySerializer


class Lines(Serializer):
    """A serializer inside of another."""

    count = serializers.IntegerField(max_value=9)


class Body(Serializer):
    """A field for each limit, alone, in a list, and in another serializer."""

    name = serializers.CharField(max_length=3)
    code = serializers.CharField(min_length=3)
    number = serializers.IntegerField(min_value=1, max_value=9)
    tags = serializers.ListField(child=serializers.CharField(max_length=2), max_length=2)
    lines = Lines(many=True)
    kind = serializers.ChoiceField(["a"])
    day = serializers.DateField()


class Shared(SharedBodySerializer):
    """A serializer whose fields all requests share."""

    name = serializers.CharField(max_length=3)


def faults(serializer: Any, **data: Any) -> dict[str, tuple[str, Any]]:
    with pytest.raises(serializers.ValidationError) as error:
        serializer(data=data).is_valid(raise_exception=True)
    found = serializer_errors(error.value.get_full_details())
    return {each["field"]: (each["code"], each["params"]) for each in found}


def test_each_limit_of_a_field_comes_by_the_name_that_is_its_code() -> None:
    sent = {"name": "secret", "code": "x", "number": 10, "tags": ["ok", "secret"]}
    found = faults(Body, **sent, lines=[{"count": 1}, {"count": 77}], kind="secret", day="secret")
    assert found == {
        "name": ("max_length", {"max_length": 3}),
        "code": ("min_length", {"min_length": 3}),
        "number": ("max_value", {"max_value": 9}),
        "tags.1": ("max_length", {"max_length": 2}),
        "lines.1.count": ("max_value", {"max_value": 9}),
        "kind": ("invalid_choice", {}),
        "day": ("invalid", {}),
    }
    few = faults(Body, name="", number=0, tags=["a", "b", "c"], code=None)
    assert few["number"] == ("min_value", {"min_value": 1})
    assert few["tags"] == ("max_length", {"max_length": 2})
    assert few["name"] == ("blank", {})
    assert few["code"] == ("null", {})
    assert few["day"] == ("required", {})


def test_fields_that_requests_share_word_each_error_in_its_language() -> None:
    words = []
    for language in ("en", "es", "en"):
        with translation.override(language):
            body = Shared(data={"name": "secret"})
            assert not body.is_valid()
            words.append(str(body.errors["name"][0]))
    assert words[0] == words[2] == "Ensure this field has no more than 3 characters."
    assert words[1] not in words[0]


def test_errors_of_models_and_forms_name_limits_as_those_of_the_api_do() -> None:
    class Form(forms.Form):
        name = forms.CharField(max_length=3)
        number = forms.DecimalField(max_digits=2, max_value=Decimal("9.5"))

    form = Form({"name": "secret", "number": "777"})
    assert not form.is_valid()
    found = list(model_errors(exceptions.ValidationError(form.errors.as_data())))
    assert [(each["field"], each["code"], each["params"]) for each in found] == [
        ("name", "max_length", {"max_length": 3}),
        ("number", "max_value", {"max_value": "9.5"}),
        ("number", "max_digits", {"max_digits": 2}),
    ]
    with pytest.raises(exceptions.ValidationError) as error:
        validators.MinValueValidator(lambda: 5)(1)
    assert next(model_errors(error.value))["params"] == {"min_value": 5}


def test_a_code_keeps_its_params_where_only_the_code_is_kept() -> None:
    code = Code("date_range", days=92, first=date(2026, 12, 1), places=[1, 2])
    assert code == "date_range"
    django = exceptions.ValidationError("No.", code=code)
    detail = serializers.ErrorDetail("No.", django.code)
    error = serializers.ValidationError({"to": detail})
    [found] = serializer_errors(error.get_full_details())
    assert found["params"] == {"days": 92, "first": "2026-12-01", "places": [1, 2]}
    assert type(found["code"]) is str


def test_params_hold_neither_what_a_client_sent_nor_what_json_lacks() -> None:
    sent = {"value": "secret", "show_value": 6, "pk": "secret", "input": "secret", "length": 9}
    assert public_params("invalid", {**sent, "form": forms.Form(), "limit": 5}) == {"limit": 5}
