"""Serializers that write only the fields that a client sent, or that share their fields."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from operator import attrgetter
from types import MethodType
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

from django.db import models
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.utils.serializer_helpers import BindingDict

from extensions.db.models import PartialUpdateModel
from extensions.error_params import Code
from extensions.rest.fields import TextField, ZonedDateTimeField, in_seconds

Row = TypeVar("Row", bound=PartialUpdateModel)
ModelRow = TypeVar("ModelRow", bound=models.Model)

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


# Options of fields that are also the codes of the errors about them.
LIMITS = ("max_length", "min_length", "max_value", "min_value")


class LimitsMixin(serializers.Serializer[Any]):
    """Say the limit of a field in an error about it, as the params of its code.

    It also translates the sentence for this request: a field that requests share keeps the sentence
    in the language of the first one.
    """

    def to_internal_value(self, data: Any) -> Any:
        """Return the validated values; raises ValidationError with the limits."""
        try:
            return super().to_internal_value(data)
        except serializers.ValidationError as error:
            faults = cast(dict[str, Any], error.detail)
            for name in faults:
                faults[name] = _with_limits(faults[name], self.fields.get(name))
            raise


def _with_limits(faults: Any, field: Any) -> Any:
    """Return the errors of a field, or of the entries of a list by their places, with limits."""
    if isinstance(faults, list):
        return [_with_limit(fault, field) for fault in faults]
    if isinstance(faults, dict) and hasattr(field, "child"):
        return {place: _with_limits(faults[place], field.child) for place in faults}
    return faults


def _with_limit(fault: Any, field: Any) -> Any:
    """Return the error with its limit, if it is about one of the field's."""
    code = getattr(fault, "code", "")
    limit = getattr(field, code, None) if code in LIMITS else None
    if limit is None:
        return fault
    sentence = str(field.error_messages[code]).format(**{code: limit})
    return ErrorDetail(sentence, Code(code, **{code: limit}))


class Serializer(LimitsMixin, serializers.Serializer[Any]):
    """A body or a query that a client sends."""


class ModelSerializer(LimitsMixin, serializers.ModelSerializer[ModelRow]):
    """A row that a client sends."""


def one_of(component: str, *serializers: Any) -> PolymorphicProxySerializer:
    """Return what describes, in the OpenAPI document, a body that one of the serializers reads."""
    return PolymorphicProxySerializer(component, list(serializers), resource_type_field_name=None)


class PartialUpdateSerializer(ModelSerializer[Row]):
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


class SharedBodySerializer(Serializer):
    """A body whose serializers share one set of fields: REST framework makes them each time.

    No field may read the context, and a body is never partial.
    """

    @property
    def fields(self) -> Any:
        """Return the fields that all serializers of this class share."""
        return _shared_fields(cast(Any, type(self)))


@cache
def _shared_fields(serializer: type[Any]) -> Any:
    """Return the fields of a serializer of this class by their names, in their order."""
    first = serializer()
    fields = BindingDict(first)
    for name, field in first.get_fields().items():
        fields[name] = field
    return fields
