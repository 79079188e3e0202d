"""The quick renderer writes what REST framework's own writes."""

import math
from collections import OrderedDict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from django.utils.functional import lazystr
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework import renderers
from rest_framework.serializers import Serializer
from rest_framework.utils.serializer_helpers import ReturnDict

from extensions.rest.renderers import JSONRenderer

pytestmark = pytest.mark.only_on("sqlite")  # no database has a part in this: once is enough


class Status(StrEnum):
    OPEN = "open"


AT = datetime(2026, 12, 1, 9, 0, 0, 123456, tzinfo=UTC)
VALUES: list[Any] = [
    {"name": 'Dr. Müller 李 \u2028 \u2029 \x00 \x1f \x7f " \\ / </script> 🩺'},
    {"at": AT, "on": date(2026, 12, 1), "from": time(9, 30), "lasts": timedelta(minutes=20)},
    {"price": Decimal("10.50"), "ratio": 0.1, "most": 2**63, "big": 2**70, "none": None},
    {"key": UUID(int=7), "status": Status.OPEN, "lazy": lazystr("so"), "yes": True},
    {1: "a number is the key", None: 1},
    {"rows": [OrderedDict(b=1, a=(2, 3))], "set": {4}, "all": (n for n in range(2))},
    ReturnDict({"id": 1}, serializer=Serializer()),
    [],
    "",
    None,
]


@pytest.mark.parametrize("number", range(len(VALUES)))
@pytest.mark.parametrize("accepted", [None, "application/json", "application/json; indent=2"])
def test_a_value_is_written_as_before(number: int, accepted: str | None) -> None:
    if "all" in str(value := VALUES[number]):
        value = {**value, "all": [0, 1]}  # a generator can be read once
    expected = renderers.JSONRenderer().render(value, accepted, {})
    assert JSONRenderer().render(value, accepted, {}) == expected


@settings(max_examples=30)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    )
)
def test_any_json_is_written_as_before(value: Any) -> None:
    assert JSONRenderer().render(value) == renderers.JSONRenderer().render(value)


@pytest.mark.parametrize("value", [object(), {"bad": "\ud800"}])
def test_what_cannot_be_written_is_refused(value: Any) -> None:
    with pytest.raises((TypeError, UnicodeEncodeError)):
        JSONRenderer().render(value)


def test_a_number_that_json_lacks_is_null() -> None:
    assert JSONRenderer().render({"ratio": math.nan}) == b'{"ratio":null}'
