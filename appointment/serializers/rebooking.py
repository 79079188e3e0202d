"""The shape of leave, and of the visits that it hits, in the API."""

from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointment.models import Appointment
from appointment.models.alternatives import AffectedAppointment, with_alternatives
from appointment.serializers.appointment import APPOINTMENT, AppointmentSerializer
from doctor.models import Doctor, Location, TimeOff
from doctor.serializers import SLOT, FoundSlotSerializer
from extensions.rest.fields import InstantField, QueryBooleanField, key_field
from extensions.rest.serializers import TEXT_FIELD_MAPPING

OPTIONAL: dict[str, Any] = {"allow_null": True, "default": None}  # what a PUT leaves out is none
LEAVE = {
    "doctor": 3,
    "location": None,
    "starts_at": "2026-12-01T00:00:00+01:00",
    "ends_at": "2026-12-02T00:00:00+01:00",
    "reason": "Training",
}
CLOSURE = {
    "doctor": None,
    "location": 1,
    "starts_at": "2026-12-24T00:00:00+01:00",
    "ends_at": "2026-12-26T00:00:00+01:00",
    "reason": "Christmas",
}
FLAGGED = {**APPOINTMENT, "slot_id": 4690}
HIT = {"appointment": FLAGGED, "alternatives": [{**SLOT, "doctor": 3}]}


class PreviewSerializer(serializers.Serializer[Any]):
    """Whether to look before leaping."""

    preview = QueryBooleanField(
        default=False, help_text="true: change nothing, and tell which visits it would hit."
    )


class LeaveInstantField(InstantField):
    """An instant with the offset of the location that is closed; of a doctor's leave, in UTC."""

    def get_attribute(self, instance: TimeOff) -> datetime:
        instant: Any = super().get_attribute(instance)
        shown: datetime = instant.astimezone(instance.location.zone if instance.location else UTC)
        return shown


@extend_schema_serializer(
    examples=[
        OpenApiExample("Leave of a doctor", LEAVE, request_only=True),
        OpenApiExample("Closure of a location", CLOSURE, request_only=True),
        OpenApiExample("A closure", {"id": 12, **CLOSURE}, response_only=True),
    ]
)
class TimeOffSerializer(serializers.ModelSerializer[TimeOff]):
    """Leave of a doctor, or closure of a location: exactly one of the two is given."""

    serializer_field_mapping = TEXT_FIELD_MAPPING

    doctor = key_field(Doctor.objects.all(), "Id of the doctor who is away.", **OPTIONAL)
    location = key_field(Location.objects.all(), "Id of the location that is closed.", **OPTIONAL)
    starts_at = LeaveInstantField(help_text="With an offset from UTC.")
    ends_at = LeaveInstantField(help_text="With an offset from UTC; after the start.")

    class Meta:
        model = TimeOff
        fields = ("id", "doctor", "location", "starts_at", "ends_at", "reason")
        extra_kwargs = {"reason": {"default": ""}}

    def create(self, validated_data: dict[str, Any]) -> TimeOff:
        time_off = TimeOff(**validated_data)
        time_off.publish()
        return time_off

    def update(self, instance: TimeOff, validated_data: dict[str, Any]) -> TimeOff:
        instance.revise(**validated_data)
        return instance

    def previewed(self) -> list[AffectedAppointment]:
        """The visits that the leave would hit were it saved; raises ValidationError."""
        time_off, at = self.instance or TimeOff(), timezone.now()
        for name, value in self.validated_data.items():
            setattr(time_off, name, value)
        time_off.full_clean()
        visits = Appointment.objects.affected_by(time_off, at).with_names()
        return with_alternatives(visits.order_by("starts_at", "pk"), at, planned_leave=time_off)


@extend_schema_serializer(examples=[OpenApiExample("A visit", HIT)])
class AffectedAppointmentSerializer(serializers.Serializer[Any]):
    """A visit that cannot take place, and up to three other times for it."""

    appointment = AppointmentSerializer(read_only=True)
    alternatives = FoundSlotSerializer(many=True, read_only=True)


@extend_schema_serializer(
    many=False, examples=[OpenApiExample("What it would hit", {"appointments": [HIT]})]
)
class AffectedAppointmentsSerializer(serializers.Serializer[Any]):
    """The visits that leave would hit. For the documents alone."""

    appointments = AffectedAppointmentSerializer(many=True)


@extend_schema_serializer(examples=[OpenApiExample("To be moved", {"id": 12, **HIT})])
class RebookingSerializer(AffectedAppointmentSerializer):
    """A line of the work list; its id is that of the appointment."""

    id = serializers.IntegerField(read_only=True)

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        return {"id": fields.pop("id"), **fields}
