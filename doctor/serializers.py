"""The shape of the directory and the calendar in the API."""

import datetime
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.relations import PrimaryKeyRelatedField

from doctor.models import Doctor, Language, Location, Schedule, Specialty

DEFAULT_DAYS_ON = 13
MOST_DAYS_ON = 62

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


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A specialty",
            {"id": 2, "name": "Cardiology", "code": "394579002", "description": "Heart."},
        )
    ]
)
class SpecialtySerializer(serializers.ModelSerializer[Specialty]):
    """A field of practice, with its SNOMED CT code."""

    class Meta:
        model = Specialty
        fields = ("id", "name", "code", "description")


@extend_schema_serializer(
    examples=[OpenApiExample("A language", {"id": 1, "tag": "es", "name": "Spanish"})]
)
class LanguageSerializer(serializers.ModelSerializer[Language]):
    """A language, with its BCP 47 tag."""

    class Meta:
        model = Language
        fields = ("id", "tag", "name")


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A location",
            {
                "id": 1,
                "name": "Clínica Centro",
                "address": "Calle Mayor 1, Madrid",
                "phone": "+34910123456",
                "time_zone": "Europe/Madrid",
            },
        )
    ]
)
class LocationSerializer(serializers.ModelSerializer[Location]):
    """A site of the clinic and the time zone of its clocks."""

    class Meta:
        model = Location
        fields = ("id", "name", "address", "phone", "time_zone")


class SpecialtyNameSerializer(serializers.ModelSerializer[Specialty]):
    """A specialty by name."""

    class Meta:
        model = Specialty
        fields = ("id", "name")


class LocationNameSerializer(serializers.ModelSerializer[Location]):
    """A location by name."""

    class Meta:
        model = Location
        fields = ("id", "name")


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A doctor",
            {
                "id": 3,
                "name": "Dr. Elena García",
                "title": "Dr.",
                "first_name": "Elena",
                "last_name": "García",
                "bio": "Twenty years of hearts.",
                "specialties": [{"id": 2, "name": "Cardiology"}],
                "languages": [{"id": 1, "tag": "es", "name": "Spanish"}],
                "locations": [{"id": 1, "name": "Clínica Centro"}],
                "accepts_patients": True,
            },
        )
    ]
)
class DoctorSerializer(serializers.ModelSerializer[Doctor]):
    """A doctor as patients see them."""

    name = serializers.CharField(read_only=True, help_text="Title, first and last name.")
    specialties = SpecialtyNameSerializer(many=True, read_only=True)
    languages = LanguageSerializer(many=True, read_only=True)
    locations = serializers.SerializerMethodField(
        help_text="Where the doctor has active sessions from today on."
    )

    class Meta:
        model = Doctor
        fields = (
            "id",
            "name",
            "title",
            "first_name",
            "last_name",
            "bio",
            "specialties",
            "languages",
            "locations",
            "accepts_patients",
        )

    @extend_schema_field(LocationNameSerializer(many=True))
    def get_locations(self, doctor: Doctor) -> list[dict[str, Any]]:
        return [{"id": place.pk, "name": place.name} for place in doctor.current_locations()]


def key_of(queryset: Any, help_text: str) -> PrimaryKeyRelatedField[Any]:
    """A reference by primary key, which has to be a whole number."""
    whole = serializers.IntegerField(min_value=0, max_value=2**63 - 1)
    return PrimaryKeyRelatedField(queryset=queryset, pk_field=whole, help_text=help_text)


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
    location = key_of(Location.objects.all(), "Id of the location whose clocks the times mean.")
    total_slots = serializers.IntegerField(read_only=True, help_text="Places.")
    available_slots = serializers.IntegerField(
        read_only=True, help_text="Places that can still be booked."
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
        extra_kwargs = {  # what a PUT leaves out goes back to this
            "slot_minutes": {"default": None},
            "capacity": {"default": 1},
            "is_active": {"default": True},
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
    """The dates of which free slots are asked for, as the location counts days."""

    to = serializers.DateField(required=False, help_text="Last date; by default 13 days on.")
    date = serializers.DateField(required=False, help_text="One date, instead of from and to.")
    location = serializers.IntegerField(required=False, help_text="Id of a location.")

    def get_fields(self) -> dict[str, Any]:
        first = serializers.DateField(required=False, help_text="First date; by default today.")
        return {"from": first, **super().get_fields()}  # `from` is a word of Python's own

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "date" in attrs and ("from" in attrs or "to" in attrs):
            raise serializers.ValidationError({"date": "Give one date, or from and to."})
        return attrs

    def window(self, today: datetime.date) -> tuple[datetime.date, datetime.date]:
        """First and last date; raises ValidationError for a window reversed or over 62 days."""
        asked = self.validated_data
        first = asked.get("date") or asked.get("from") or today
        default_on = min(datetime.timedelta(days=DEFAULT_DAYS_ON), datetime.date.max - first)
        last = asked.get("date") or asked.get("to") or first + default_on
        if not 0 <= (last - first).days <= MOST_DAYS_ON:
            limit = f"Use a date from the first date to {MOST_DAYS_ON} days after it."
            raise serializers.ValidationError({"to": limit})
        return first, last


class SlotSerializer(serializers.Serializer[Any]):
    """A free slot. For the documents alone: answers are made from the rows' values."""

    id = serializers.IntegerField()
    schedule = serializers.IntegerField()
    location = serializers.IntegerField()
    starts_at = serializers.DateTimeField(help_text="With the offset of the location's zone.")
    ends_at = serializers.DateTimeField(help_text="With the offset of the location's zone.")
    time_zone = serializers.CharField(help_text="IANA name.")
    capacity = serializers.IntegerField(help_text="Places in all.")
    available = serializers.IntegerField(help_text="Places left.")


@extend_schema_serializer(
    many=False,
    examples=[
        OpenApiExample(
            "Free slots",
            {"doctor": 3, "from": "2026-11-23", "to": "2026-12-06", "results": [SLOT]},
        )
    ],
)
class AvailableSlotsSerializer(serializers.Serializer[Any]):
    """Free slots of one doctor. For the documents alone."""

    doctor = serializers.IntegerField()
    to = serializers.DateField()
    results = SlotSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        first = serializers.DateField(help_text="First date.")
        return {"doctor": fields.pop("doctor"), "from": first, **fields}
