"""Serializers that write only the fields that a client sent."""

from typing import Any, TypeVar

from django.db import models
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

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
