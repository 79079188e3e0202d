"""Serializers of sessions and slots."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from doctor.models import Doctor, Location, Schedule
from doctor.serializers.fields import SiteKeyField
from extensions.rest.fields import StrictBooleanField
from extensions.rest.serializers import ModelSerializer

SLOT = {
    "id": 4711,
    "schedule": 310,
    "location": 1,
    "starts_at": "2026-12-01T09:00:00+01:00",
    "ends_at": "2026-12-01T09:30:00+01:00",
    "time_zone": "Europe/Madrid",
    "capacity": 1,
    "available": 1,
}
FOUND_SLOT = {**SLOT, "doctor": 3}  # a row of the search, and an alternative
SCHEDULE = {
    "doctor": 3,
    "location": 1,
    "date": "2026-12-01",
    "start_time": "09:00:00",
    "end_time": "13:00:00",
    "slot_minutes": 30,
    "capacity": 1,
    "is_active": True,
}


@extend_schema_serializer(
    examples=[
        OpenApiExample("A session to publish", SCHEDULE, request_only=True),
        OpenApiExample(
            "A session",
            {"id": 310, **SCHEDULE, "total_slots": 8, "available_slots": 5},
            response_only=True,
        ),
    ]
)
class ScheduleSerializer(ModelSerializer[Schedule]):
    """A session of a doctor on one day."""

    doctor = SiteKeyField(
        queryset=Doctor.objects.all(), scope="for_calendar_of", help_text="Id of the doctor."
    )
    location = SiteKeyField(
        queryset=Location.objects.all(),
        help_text="Id of the location; the times are those of its clocks.",
    )
    total_slots = serializers.IntegerField(read_only=True, help_text="Places.")
    available_slots = serializers.IntegerField(
        read_only=True, help_text="Places that can still be booked."
    )

    is_active = StrictBooleanField(
        default=True, help_text="If false, no slot can be booked; existing appointments stay."
    )

    class Meta:
        model = Schedule
        fields = (
            "id",
            "doctor",
            "location",
            "date",
            "start_time",
            "end_time",
            "slot_minutes",
            "capacity",
            "is_active",
            "total_slots",
            "available_slots",
        )
        extra_kwargs = {  # a PUT without the field sets it to this
            "slot_minutes": {"default": None},
            "capacity": {"default": 1},
        }

    def create(self, validated_data: dict[str, Any]) -> Schedule:
        schedule = Schedule(**validated_data)
        schedule.publish()
        return self._with_places(schedule)

    def update(self, instance: Schedule, validated_data: dict[str, Any]) -> Schedule:
        instance.revise(**validated_data)
        return self._with_places(instance)

    def _with_places(self, schedule: Schedule) -> Schedule:
        found: Schedule = Schedule.objects.with_places().get(pk=schedule.pk)
        return found


class SlotSerializer(serializers.Serializer[Any]):
    """A free slot."""  # for the OpenAPI document only: `serialize_slot_row` makes the answers

    id = serializers.IntegerField()
    schedule = serializers.IntegerField()
    location = serializers.IntegerField()
    starts_at = serializers.DateTimeField(help_text="With the offset of the location's zone.")
    ends_at = serializers.DateTimeField(help_text="With the offset of the location's zone.")
    time_zone = serializers.CharField(help_text="IANA name.")
    capacity = serializers.IntegerField(help_text="Places in all.")
    available = serializers.IntegerField(help_text="Places left.")
