"""The shape of appointments in the API."""

from datetime import datetime

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointment.models import Appointment
from doctor.models import Doctor
from doctor.serializers import LocationNameSerializer

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
}


class LocalDateTimeField(serializers.DateTimeField):
    """An instant with the offset of the appointment's location, so that a naive reader is right."""

    def get_attribute(self, instance: Appointment) -> datetime | None:
        instant: datetime | None = super().get_attribute(instance)
        return instant and instant.astimezone(instance.location.zone)

    def to_representation(self, value: datetime) -> str:
        return value.isoformat()  # as free slots are shown, also where the offset is zero


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
    starts_at = LocalDateTimeField(read_only=True)
    ends_at = LocalDateTimeField(read_only=True)
    time_zone = serializers.CharField(
        source="location.time_zone", read_only=True, help_text="IANA name."
    )
    created_at = LocalDateTimeField(read_only=True)
    canceled_at = LocalDateTimeField(read_only=True, allow_null=True)
    can_cancel = serializers.BooleanField(
        read_only=True, help_text="Whether cancel would go through now."
    )

    class Meta:
        model = Appointment
        fields = tuple(APPOINTMENT)
        read_only_fields = fields
