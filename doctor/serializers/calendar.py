"""Serializers of sessions and slots."""

import datetime
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from doctor.models import Doctor, Location, Schedule
from doctor.serializers.directory import key_of

DEFAULT_DAYS = 13
MOST_DAYS = 62

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


class TrueOrFalseField(serializers.BooleanField):
    """A boolean, in JSON or as a word of a form; a number is invalid."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, (bool, str)):
            self.fail("invalid", input=data)
        return super().to_internal_value(data)


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
class ScheduleSerializer(serializers.ModelSerializer[Schedule]):
    """A session of a doctor on one day."""

    doctor = key_of(Doctor.objects.all(), "Id of the doctor.")
    location = key_of(
        Location.objects.all(), "Id of the location; the times are those of its clocks."
    )
    total_slots = serializers.IntegerField(read_only=True, help_text="Places.")
    available_slots = serializers.IntegerField(
        read_only=True, help_text="Places that can still be booked."
    )

    is_active = TrueOrFalseField(
        default=True, help_text="If false, nobody can book; existing appointments stay."
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


class WindowSerializer(serializers.Serializer[Any]):
    """The dates for which a client asks for free slots, at the location of each slot."""

    to = serializers.DateField(required=False, help_text="Last date; by default 13 days on.")
    date = serializers.DateField(required=False, help_text="One date, instead of from and to.")
    location = serializers.IntegerField(required=False, help_text="Id of a location.")

    def get_fields(self) -> dict[str, Any]:
        first = serializers.DateField(required=False, help_text="First date; by default today.")
        return {"from": first, **super().get_fields()}  # `from` is a Python keyword

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "date" in attrs and ("from" in attrs or "to" in attrs):
            raise serializers.ValidationError({"date": "Give one date, or from and to."})
        return attrs

    def window(self, today: datetime.date) -> tuple[datetime.date, datetime.date]:
        """Return the first and last date; `today` is the default for the first.

        Raises ValidationError if the last is before the first or more than 62 days after it.
        """
        data = self.validated_data
        first = data.get("date") or data.get("from") or today
        default_days = min(datetime.timedelta(days=DEFAULT_DAYS), datetime.date.max - first)
        last = data.get("date") or data.get("to") or first + default_days
        if not 0 <= (last - first).days <= MOST_DAYS:
            limit = f"Use a date from the first date to {MOST_DAYS} days after it."
            raise serializers.ValidationError({"to": limit})
        return first, last


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


class AvailableSlotsSerializer(serializers.Serializer[Any]):
    """Free slots of one doctor."""  # for the OpenAPI document only

    doctor = serializers.IntegerField()
    to = serializers.DateField()
    results = SlotSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        first = serializers.DateField(help_text="First date.")
        return {"doctor": fields.pop("doctor"), "from": first, **fields}
