"""Serializers that write only the fields that a client sent, or that share their fields."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from operator import attrgetter
from types import MethodType
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

from django.db import models
from django.utils.translation import get_language
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers
from rest_framework.utils.serializer_helpers import BindingDict

from extensions.db.models import PartialUpdateModel
from extensions.rest.fields import TextField, ZonedDateTimeField, in_seconds

Row = TypeVar("Row", bound=PartialUpdateModel)

# Fields whose columns hold what JSON shows.
WRITTEN_AS_THEY_ARE = (
    serializers.BooleanField,
    serializers.CharField,
    serializers.IntegerField,
    TextField,
)

TEXT_FIELD_MAPPING: dict[Any, Any] = {
    **serializers.ModelSerializer.serializer_field_mapping,
    models.CharField: TextField,
    models.TextField: TextField,
}


def one_of(component: str, *serializers: Any) -> PolymorphicProxySerializer:
    """Return what describes, in the OpenAPI document, a body that one of the serializers reads."""
    return PolymorphicProxySerializer(component, list(serializers), resource_type_field_name=None)


class PartialUpdateSerializer(serializers.ModelSerializer[Row]):
    """Write only the columns that were sent, so that two clients can change different ones."""

    serializer_field_mapping = TEXT_FIELD_MAPPING

    def update(self, instance: Row, validated_data: dict[str, Any]) -> Row:
        instance.revise(**validated_data)
        return instance


class RowSerializer(serializers.ModelSerializer[Any]):
    """A serializer of read-only fields that writes a row by functions made of them once.

    REST framework makes the fields again for each serializer, and asks each of them at each row,
    which takes ten times as long. A row is an object, not a dictionary; no field may read the
    context.
    """

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Return the row, as REST framework does."""
        return {name: write(instance) for name, write in _writers(cast(Any, type(self)))}


@cache
def _writers(serializer: type[Any]) -> list[tuple[str, Callable[[Any], Any]]]:
    """Return a function for each field of the serializer, which makes its value of a row."""
    return [(name, _writer(field)) for name, field in serializer().fields.items()]


def _writer(field: Any) -> Callable[[Any], Any]:
    """Return the function that makes the value of this field of a row."""
    source = cast(str, field.source)
    if type(field) is ZonedDateTimeField:
        return _zoned(attrgetter(source), attrgetter(".".join(field.zone_path)))
    get: Callable[[Any], Any] = attrgetter(source) if source != "*" else _itself
    is_plain = type(field) in WRITTEN_AS_THEY_ARE
    convert: Callable[[Any], Any] = _itself if is_plain else field.to_representation

    def write(row: Any) -> Any:
        value = get(row)
        if isinstance(value, MethodType):
            value = value()
        return None if value is None else convert(value)

    return write


def _zoned(
    instant_of: Callable[[Any], datetime | None], zone_of: Callable[[Any], str]
) -> Callable[[Any], str | None]:
    """Return the function that writes an instant of a row with the offset of the row's zone."""

    def write(row: Any) -> str | None:
        instant = instant_of(row)
        return None if instant is None else in_seconds(instant.astimezone(ZoneInfo(zone_of(row))))

    return write


def _itself(value: Any) -> Any:
    return value


class SharedBodySerializer(serializers.Serializer[Any]):
    """A body whose serializers share one set of fields: REST framework makes them each time.

    No field may read the context, and a body is never partial.
    """

    @property
    def fields(self) -> Any:
        """Return the fields that all serializers of this class share."""
        return _shared_fields(cast(Any, type(self)), get_language())


@cache
def _shared_fields(serializer: type[Any], language: str | None) -> Any:
    """Return the fields of a serializer of this class by their names, in their order.

    For each language: a message with a number in it, once shown, stays in its language.
    """
    first = serializer()
    fields = BindingDict(first)
    for name, field in first.get_fields().items():
        fields[name] = field
    return fields
