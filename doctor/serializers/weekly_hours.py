"""Serializers of weekly hours."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from doctor.models import Doctor, Location, WeeklyHours
from doctor.serializers.fields import SiteKeyField
from extensions.rest.fields import QueryBooleanField

HOURS = {
    "doctor": 3,
    "location": 1,
    "weekday": 1,
    "start_time": "09:00:00",
    "end_time": "13:00:00",
    "slot_minutes": 30,
    "capacity": 1,
    "valid_from": "2026-12-01",
    "valid_until": None,
    "every_weeks": 1,
}


class KeepSerializer(serializers.Serializer[Any]):
    """What a change does with slots that no longer fit and have appointments."""

    keep = QueryBooleanField(
        default=False,
        help_text=(
            "true: slots with appointments that no longer fit stay, closed. "
            "false: the change is refused."
        ),
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample("Weekly hours to save", HOURS, request_only=True),
        OpenApiExample("Weekly hours", {"id": 12, **HOURS}, response_only=True),
    ]
)
class WeeklyHoursSerializer(serializers.ModelSerializer[WeeklyHours]):
    """The hours of a doctor at a location, every n-th week on one weekday."""

    doctor = SiteKeyField(
        queryset=Doctor.objects.all(), scope="for_calendar_of", help_text="Id of the doctor."
    )
    location = SiteKeyField(
        queryset=Location.objects.all(),
        help_text="Id of the location; the times are those of its clocks.",
    )

    class Meta:
        model = WeeklyHours
        fields = (
            "id",
            "doctor",
            "location",
            "weekday",
            "start_time",
            "end_time",
            "slot_minutes",
            "capacity",
            "valid_from",
            "valid_until",
            "every_weeks",
        )
        extra_kwargs = {  # a PUT without the field sets it to this
            "slot_minutes": {"default": None},
            "capacity": {"default": 1},
            "valid_until": {"default": None},
            "every_weeks": {"default": 1},
            "weekday": {"help_text": "0 is Monday, 6 is Sunday."},
        }

    def create(self, validated_data: dict[str, Any]) -> WeeklyHours:
        hours = WeeklyHours(**validated_data)
        hours.publish()
        return hours

    def update(self, instance: WeeklyHours, validated_data: dict[str, Any]) -> WeeklyHours:
        instance.revise(**validated_data)
        return instance
