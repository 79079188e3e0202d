"""Serializer fields: strict booleans, instants and instants in the zone of their row."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from rest_framework import serializers

from extensions.rest.fields import (
    InstantField,
    OptionalChoiceField,
    OptionalTextField,
    QueryBooleanField,
    StrictBooleanField,
    TextField,
    ZonedDateTimeField,
)

MIDDAY = datetime(2026, 12, 1, 12, tzinfo=UTC)


class ZonedSerializer(serializers.Serializer[Any]):
    starts_at = ZonedDateTimeField(zone="site.place.time_zone", read_only=True)


def row(zone: str, starts_at: datetime | None = MIDDAY) -> SimpleNamespace:
    site = SimpleNamespace(place=SimpleNamespace(time_zone=zone))
    return SimpleNamespace(site=site, starts_at=starts_at)


def code(field: serializers.Field[Any, Any, Any, Any], value: object) -> str:
    """Return the code of the error that the field raises for the value."""
    with pytest.raises(serializers.ValidationError) as refused:
        field.run_validation(value)
    [detail] = refused.value.detail
    return detail.code


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/Madrid", "2026-12-01T13:00:00+01:00"),
        ("America/St_Johns", "2026-12-01T08:30:00-03:30"),
        ("UTC", "2026-12-01T12:00:00+00:00"),
    ],
)
def test_an_instant_has_the_offset_of_the_zone_at_a_nested_path(zone: str, text: str) -> None:
    assert ZonedSerializer(row(zone)).data == {"starts_at": text}


def test_the_offset_follows_daylight_saving_time() -> None:
    [winter, summer] = (
        ZonedSerializer(row("Europe/Madrid", MIDDAY.replace(month=month))).data["starts_at"]
        for month in (1, 7)
    )
    assert (winter[-6:], summer[-6:]) == ("+01:00", "+02:00")


def test_a_missing_instant_is_null() -> None:
    assert ZonedSerializer(row("Europe/Madrid", None)).data == {"starts_at": None}


def test_the_zone_of_a_dictionary_is_found_too() -> None:
    data = {"site": {"place": {"time_zone": "Asia/Tokyo"}}, "starts_at": MIDDAY}
    assert ZonedSerializer(data).data == {"starts_at": "2026-12-01T21:00:00+09:00"}


def test_an_instant_is_read_in_utc_and_written_with_its_offset() -> None:
    instant = InstantField().run_validation("2026-12-01T13:00:00+01:00")
    assert (instant, instant.tzinfo) == (MIDDAY, UTC)
    assert InstantField().to_representation(instant) == "2026-12-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-12-01T13:00:00", "naive"),
        ("0001-01-01T00:00:00+14:00", "range"),
        ("tomorrow", "invalid"),
    ],
)
def test_an_instant_without_an_offset_or_outside_the_calendar_is_refused(
    value: str, expected: str
) -> None:
    assert code(InstantField(), value) == expected


@pytest.mark.parametrize("value", [0, 1, 1.0, [], {}])
def test_a_number_is_not_a_boolean(value: object) -> None:
    assert code(StrictBooleanField(), value) == "invalid"
    assert code(QueryBooleanField(), value) == "invalid"


def test_only_a_query_refuses_the_words_of_forms() -> None:
    assert StrictBooleanField().run_validation("on") is True
    assert code(QueryBooleanField(), "on") == "invalid"


@pytest.mark.parametrize("value", [True, False])
def test_a_boolean_is_read_in_any_case(value: bool) -> None:
    for spelling in (value, str(value), str(value).lower(), str(value).upper()):
        assert QueryBooleanField().run_validation(spelling) is value


@pytest.mark.parametrize("field", [OptionalChoiceField(choices=["a"]), OptionalTextField()])
def test_null_and_a_blank_text_are_no_value_which_is_shown_as_null(field: Any) -> None:
    assert [field.run_validation(value) for value in (None, "", "  ", "a")] == ["", "", "", "a"]
    assert [field.to_representation(value) for value in ("", "a")] == [None, "a"]
    assert code(field, 1) in {"invalid", "invalid_choice"}


def test_an_instant_is_shown_in_whole_seconds() -> None:
    later = MIDDAY.replace(microsecond=999_999)
    assert ZonedSerializer(row("UTC", later)).data == {"starts_at": "2026-12-01T12:00:00+00:00"}
    assert InstantField().to_representation(later) == "2026-12-01T12:00:00+00:00"
    assert serializers.DateTimeField().to_representation(later) == "2026-12-01T12:00:00Z"


def test_a_number_is_not_accepted_as_text() -> None:
    assert TextField().run_validation("123") == "123"
    assert code(TextField(), 123) == "invalid"
