"""Serializers of leave, and of the visits that it affects."""

from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointment.models.alternatives import AffectedAppointment, affected_visits
from appointment.serializers.appointment import APPOINTMENT_EXAMPLE, AppointmentSerializer
from doctor.models import Doctor, Location, TimeOff
from doctor.serializers import FOUND_SLOT, FoundSlotSerializer
from doctor.serializers.fields import SiteKeyField
from extensions.rest.fields import KEY, InstantField, QueryBooleanField, TextField
from extensions.rest.serializers import TEXT_FIELD_MAPPING, ModelSerializer, Serializer, one_of

# A PUT that leaves the field out sets it to null.
NULL_BY_DEFAULT: dict[str, Any] = {"allow_null": True, "default": None}
LEAVE_EXAMPLE = {
    "doctor": 3,
    "starts_at": "2026-12-01T00:00:00+01:00",
    "ends_at": "2026-12-02T00:00:00+01:00",
    "reason": "Training",
}
CLOSURE_EXAMPLE = {
    "location": 1,
    "starts_at": "2026-12-24T00:00:00+01:00",
    "ends_at": "2026-12-26T00:00:00+01:00",
    "reason": "Christmas",
}
AFFECTED_EXAMPLE = {
    "appointment": {**APPOINTMENT_EXAMPLE, "slot_id": 4690},
    "alternatives": [FOUND_SLOT],
}


class PreviewSerializer(Serializer):
    """The query parameter `preview`."""

    preview = QueryBooleanField(
        default=False,
        help_text="true: save nothing, and return the visits that the leave would affect.",
    )


class LeaveInstantField(InstantField):
    """An instant with the UTC offset of the closed location; a doctor's leave is shown in UTC."""

    def get_attribute(self, instance: TimeOff) -> datetime:
        """Return the instant in the zone of the closed location, or in UTC."""
        instant: Any = super().get_attribute(instance)
        shown: datetime = instant.astimezone(instance.location.zone if instance.location else UTC)
        return shown


@extend_schema_serializer(
    examples=[
        OpenApiExample("Another reason", {"reason": "Training"}, request_only=True),
        OpenApiExample(
            "A closure", {"id": 12, "doctor": None, **CLOSURE_EXAMPLE}, response_only=True
        ),
    ]
)
class TimeOffSerializer(ModelSerializer[TimeOff]):
    """Leave of a doctor or closure of a location; give exactly one of the two."""

    serializer_field_mapping = TEXT_FIELD_MAPPING

    doctor = SiteKeyField(
        queryset=Doctor.objects.all(), help_text="Id of the doctor who is away.", **NULL_BY_DEFAULT
    )
    location = SiteKeyField(
        queryset=Location.objects.all(),
        help_text="Id of the location that is closed.",
        **NULL_BY_DEFAULT,
    )
    starts_at = LeaveInstantField(help_text="With an offset from UTC.")
    ends_at = LeaveInstantField(help_text="With an offset from UTC; after the start.")

    class Meta:
        model = TimeOff
        fields: tuple[str, ...] = (
            "id",
            "doctor",
            "location",
            "starts_at",
            "ends_at",
            "reason",
        )
        extra_kwargs = {"reason": {"default": ""}}

    def create(self, validated_data: dict[str, Any]) -> TimeOff:
        """Save the leave and close its slots, by `TimeOff.publish`."""
        time_off = TimeOff(**validated_data)
        time_off.publish()
        return time_off

    def update(self, instance: TimeOff, validated_data: dict[str, Any]) -> TimeOff:
        """Change the leave, and close and open slots by its new times, by `TimeOff.revise`."""
        instance.revise(**validated_data)
        return instance

    def preview(self) -> list[AffectedAppointment]:
        """Find the visits that the new leave would affect, at the sites of the caller.

        Raises ValidationError.
        """
        time_off = TimeOff()
        for name, value in self.validated_data.items():
            setattr(time_off, name, value)
        time_off.full_clean()
        return affected_visits(time_off, timezone.now(), self.context["request"].user)


# The next two are only for the OpenAPI document: the body of a new leave is one of them.


@extend_schema_serializer(
    component_name="DoctorLeave",
    examples=[OpenApiExample("Leave of a doctor", LEAVE_EXAMPLE)],
)
class DoctorLeaveSerializer(TimeOffSerializer):
    """Leave of this doctor."""

    doctor = serializers.IntegerField(**KEY)  # type: ignore[assignment]

    class Meta(TimeOffSerializer.Meta):
        fields = ("doctor", "starts_at", "ends_at", "reason")


@extend_schema_serializer(
    component_name="Closure",
    examples=[OpenApiExample("Closure of a location", CLOSURE_EXAMPLE)],
)
class ClosureSerializer(TimeOffSerializer):
    """Closure of this location."""

    location = serializers.IntegerField(**KEY)  # type: ignore[assignment]

    class Meta(TimeOffSerializer.Meta):
        fields = ("location", "starts_at", "ends_at", "reason")


TIME_OFF_BODY = one_of("TimeOff", DoctorLeaveSerializer, ClosureSerializer)


# The component names are those of generated clients, which would otherwise have to change.
@extend_schema_serializer(
    component_name="Hit", examples=[OpenApiExample("A visit", AFFECTED_EXAMPLE)]
)
class AffectedAppointmentSerializer(serializers.Serializer[Any]):
    """A visit that cannot take place, and up to three slots to which it could be moved."""

    appointment = AppointmentSerializer(read_only=True)
    alternatives = FoundSlotSerializer(many=True, read_only=True)


@extend_schema_serializer(
    component_name="Hits",
    many=False,
    examples=[OpenApiExample("What it would hit", {"appointments": [AFFECTED_EXAMPLE]})],
)
class AffectedAppointmentsSerializer(serializers.Serializer[Any]):
    """The visits that leave would affect."""

    # Only for the OpenAPI document.

    appointments = AffectedAppointmentSerializer(many=True)


@extend_schema_serializer(
    component_name="Rebooking",
    examples=[OpenApiExample("To be moved", {"id": 12, **AFFECTED_EXAMPLE})],
)
class RebookingSerializer(AffectedAppointmentSerializer):
    """An item of the work list; its id is the id of the appointment."""

    id = serializers.IntegerField(read_only=True)

    def get_fields(self) -> dict[str, Any]:
        """Return the fields, `id` first."""
        fields = super().get_fields()
        return {"id": fields.pop("id"), **fields}


@extend_schema_serializer(
    examples=[OpenApiExample("Why", {"reason": "The doctor comes for this patient."})]
)
class KeepSerializer(Serializer):
    """Keep a visit as booked."""

    reason = TextField(max_length=500, help_text="Why the visit takes place all the same.")
