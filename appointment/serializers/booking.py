"""What a client sends to book, cancel and move."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from extensions.rest.fields import TextField

KEY: dict[str, Any] = {"min_value": 0, "max_value": 2**63 - 1, "required": False}


@extend_schema_serializer(
    examples=[
        OpenApiExample("This slot", {"slot_id": 4711, "reason": "Check-up"}),
        OpenApiExample("A session's earliest", {"schedule_id": 310, "reason": "Check-up"}),
    ]
)
class BookingSerializer(serializers.Serializer[Any]):
    """What to book: one slot, or the earliest free one of a session."""

    slot_id = serializers.IntegerField(**KEY)
    schedule_id = serializers.IntegerField(**KEY)
    patient_id = serializers.IntegerField(
        **KEY, help_text="A dependent of yours; by default yourself."
    )
    reason = TextField(max_length=500, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("slot_id" in attrs) == ("schedule_id" in attrs):
            raise serializers.ValidationError(
                "Give either slot_id or schedule_id.", code="slot_or_schedule"
            )
        return attrs


@extend_schema_serializer(
    examples=[OpenApiExample("Why", {"reason": "I have a cold."})],
)
class CancelationSerializer(serializers.Serializer[Any]):
    """Why, if one cares to say."""

    reason = TextField(max_length=500, allow_blank=True, default="")


@extend_schema_serializer(examples=[OpenApiExample("Another time", {"slot_id": 4711})])
class MoveSerializer(serializers.Serializer[Any]):
    """Where to move an appointment."""

    slot_id = serializers.IntegerField(min_value=0, max_value=2**63 - 1)
