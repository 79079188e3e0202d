"""The shape of appointments in the API."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import (
    OpenApiExample,
    extend_schema_field,
    extend_schema_serializer,
)
from rest_framework import serializers

from appointment.models import Appointment, AppointmentEvent
from doctor.models import Doctor
from doctor.serializers import LocationNameSerializer
from extensions.rest.fields import TextField, ZonedDateTimeField
from patient.models import Patient
from patient.serializers import PatientNameSerializer

APPOINTMENT = {
    "id": 12,
    "status": "scheduled",
    "doctor": {"id": 3, "name": "Dr. Elena García"},
    "location": {"id": 1, "name": "Clínica Centro"},
    "slot_id": 4711,
    "starts_at": "2026-12-01T09:00:00+01:00",
    "ends_at": "2026-12-01T09:30:00+01:00",
    "time_zone": "Europe/Madrid",
    "reason": "Check-up",
    "created_at": "2026-11-23T10:00:00+01:00",
    "canceled_at": None,
    "cancel_reason": "",
    "can_cancel": True,
    "can_reschedule": True,
    "patient": {"id": 5, "name": "Ana Ruiz"},
    "checked_in_at": None,
}
SEEN_PATIENT = {
    "id": 5,
    "name": "Ana Ruiz",
    "date_of_birth": "1990-05-17",
    "phone_number": "+34612345678",
}
EVENT = {
    "kind": "rescheduled",
    "at": "2026-11-24T08:00:00+01:00",
    "by": "patient",
    "from_status": "scheduled",
    "to_status": "scheduled",
    "from_slot": 4690,
    "to_slot": 4711,
}


KEY: dict[str, Any] = {"min_value": 0, "max_value": 2**63 - 1, "required": False}
ZONE = "location.time_zone"


class DoctorNameSerializer(serializers.ModelSerializer[Doctor]):
    """A doctor by name."""

    name = serializers.CharField(read_only=True)

    class Meta:
        model = Doctor
        fields = ("id", "name")


@extend_schema_serializer(examples=[OpenApiExample("An appointment", APPOINTMENT)])
class AppointmentSerializer(serializers.ModelSerializer[Appointment]):
    """An appointment; changed by its actions alone, never written as such."""

    doctor = DoctorNameSerializer(read_only=True)
    location = LocationNameSerializer(read_only=True)
    slot_id = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Null once a canceled one's slot is gone."
    )
    starts_at = ZonedDateTimeField(zone=ZONE, read_only=True)
    ends_at = ZonedDateTimeField(zone=ZONE, read_only=True)
    time_zone = serializers.CharField(
        source="location.time_zone", read_only=True, help_text="IANA name."
    )
    created_at = ZonedDateTimeField(zone=ZONE, read_only=True)
    canceled_at = ZonedDateTimeField(zone=ZONE, read_only=True, allow_null=True)
    can_cancel = serializers.BooleanField(
        read_only=True, help_text="Whether cancel would go through now."
    )
    can_reschedule = serializers.BooleanField(
        read_only=True, help_text="Whether it can be moved now to a slot that is free."
    )
    patient = PatientNameSerializer(read_only=True, allow_null=True)
    checked_in_at = ZonedDateTimeField(zone=ZONE, read_only=True, allow_null=True)

    class Meta:
        model = Appointment
        fields = tuple(APPOINTMENT)
        read_only_fields = fields


class SeenPatientSerializer(serializers.ModelSerializer[Patient]):
    """A patient as their doctor sees them."""

    name = serializers.CharField(read_only=True)

    class Meta:
        model = Patient
        fields = ("id", "name", "date_of_birth", "phone_number")


@extend_schema_serializer(
    examples=[OpenApiExample("A visit", {**APPOINTMENT, "patient": SEEN_PATIENT})]
)
class AgendaSerializer(AppointmentSerializer):
    """An appointment with what a doctor needs of the patient."""

    patient = SeenPatientSerializer(  # type: ignore[assignment]
        read_only=True, allow_null=True
    )


class EventSerializer(serializers.ModelSerializer[AppointmentEvent]):
    """One thing that happened to an appointment."""

    at = serializers.SerializerMethodField(help_text="With the offset of the location's zone.")

    class Meta:
        model = AppointmentEvent
        fields = tuple(EVENT)
        read_only_fields = fields

    def get_at(self, event: AppointmentEvent) -> datetime:
        zone = self.context["zone"]
        return event.at.astimezone(zone)


@extend_schema_serializer(
    examples=[OpenApiExample("An appointment", {**APPOINTMENT, "events": [EVENT]})]
)
class AppointmentDetailSerializer(AppointmentSerializer):
    """An appointment with its history, earliest first."""

    events = serializers.SerializerMethodField()

    class Meta(AppointmentSerializer.Meta):
        fields = (*AppointmentSerializer.Meta.fields, "events")
        read_only_fields = fields

    @extend_schema_field(EventSerializer(many=True))
    def get_events(self, appointment: Appointment) -> Any:
        context = {"zone": appointment.location.zone}
        return EventSerializer(appointment.events.order_by("pk"), many=True, context=context).data


# --- What a client sends ---


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
