"""Serializers that write only the fields that a client sent, or that share their fields."""

from functools import cache
from typing import Any, TypeVar, cast

from django.db import models
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers
from rest_framework.utils.serializer_helpers import BindingDict

from extensions.db.models import PartialUpdateModel
from extensions.rest.fields import TextField

Row = TypeVar("Row", bound=PartialUpdateModel)

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


class SharedBodySerializer(serializers.Serializer[Any]):
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
