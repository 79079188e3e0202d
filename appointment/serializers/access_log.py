"""The serializer of the access log."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from patient.serializers import AccessSerializer


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A doctor's day",
            {
                "id": 3120,
                "at": "2026-11-23T10:05:12.000123Z",
                "by": {"role": "doctor", "name": "Elena Garc\u00eda"},
                "channel": "api",
                "action": "read",
                "kind": "patient.medicalhistory",
                "object_id": None,
                "patient": 5,
                "emergency": False,
                "date": "2026-11-23",
                "events": 2,
                "text": "Elena Garc\u00eda (doctor) read visits and the medical history on "
                "Mon 23 Nov 2026 between 11:01 and 11:05 CET.",
            },
        )
    ]
)
class AccessLineSerializer(AccessSerializer):
    """What one person did with one patient's data on one day.

    `id` to `object_id` are those of the latest event; `emergency` tells of any of them.
    """

    emergency = serializers.BooleanField(read_only=True)
    date = serializers.DateField(read_only=True, help_text="On the clock of the clinic.")
    events = serializers.IntegerField(
        source="count", read_only=True, help_text="How many reads and changes the line stands for."
    )
    text = serializers.CharField(
        read_only=True, help_text="One sentence for people, on the clock of the clinic."
    )

    class Meta(AccessSerializer.Meta):
        fields: Any = (*AccessSerializer.Meta.fields, "date", "events", "text")
