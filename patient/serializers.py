"""The shape of a patient's record in the API."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from accounts.models import AuditEvent
from extensions.rest.serializers import PartialUpdateSerializer
from patient.models import MedicalHistory, Patient

PROFILE = {
    "first_name": "Ana",
    "last_name": "Ruiz",
    "date_of_birth": "1990-05-17",
    "sex": "female",
    "phone_number": "+34612345678",
    "address": "Calle Mayor 1, Madrid",
    "preferred_language": "es",
    "emergency_contact_name": "Luis Ruiz",
    "emergency_contact_phone": "+34612345679",
}
CHILD = {
    **PROFILE,
    "first_name": "Leo",
    "date_of_birth": "2019-09-30",
    "sex": "male",
    "phone_number": "",
    "emergency_contact_name": "Ana Ruiz",
    "emergency_contact_phone": "+34612345678",
}
KEY: dict[str, Any] = {"min_value": 0, "max_value": 2**63 - 1, "required": False}
ENTRY = {
    "kind": "allergy",
    "description": "Penicillin",
    "status": "active",
    "diagnosed_on": "2012-03-01",
    "notes": "Rash within the hour.",
}


@extend_schema_serializer(
    examples=[
        OpenApiExample("A profile to write", PROFILE, request_only=True),
        OpenApiExample("A profile", {"id": 5, **PROFILE}, response_only=True),
    ]
)
class PatientSerializer(PartialUpdateSerializer[Patient]):
    """The caller's own profile; only the names are required."""

    is_dependent = False

    class Meta:
        model = Patient
        fields = ("id", *PROFILE)
        extra_kwargs = {  # what a PUT leaves out goes back to this
            "date_of_birth": {"default": None},
            **{
                name: {"default": ""}
                for name in PROFILE
                if name not in ("first_name", "last_name", "date_of_birth")
            },
        }

    def create(self, validated_data: dict[str, Any]) -> Patient:
        user = self.context["request"].user
        patient = Patient(user=user, is_dependent=self.is_dependent, **validated_data)
        patient.enroll()
        return patient


@extend_schema_serializer(
    examples=[
        OpenApiExample("A dependent to write", CHILD, request_only=True),
        OpenApiExample("A dependent", {"id": 6, **CHILD}, response_only=True),
    ]
)
class DependentSerializer(PatientSerializer):
    """Somebody the caller books for; only the names are required."""

    is_dependent = True


class PatientNameSerializer(serializers.ModelSerializer[Patient]):
    """Whose it is: one's own, or a dependent's."""

    name = serializers.CharField(read_only=True)

    class Meta:
        model = Patient
        fields = ("id", "name")


@extend_schema_serializer(
    examples=[
        OpenApiExample("An entry to write", ENTRY, request_only=True),
        OpenApiExample(
            "An entry",
            {
                "id": 9,
                "patient": {"id": 5, "name": "Ana Ruiz"},
                **ENTRY,
                "created_at": "2026-11-23T10:00:00Z",
                "updated_at": "2026-11-23T10:00:00Z",
            },
            response_only=True,
        ),
    ]
)
class MedicalHistorySerializer(PartialUpdateSerializer[MedicalHistory]):
    """One thing to know of the caller's health, or of a dependent's."""

    patient = PatientNameSerializer(read_only=True)

    class Meta:
        model = MedicalHistory
        fields: tuple[str, ...] = ("id", "patient", *ENTRY, "created_at", "updated_at")
        read_only_fields = ("created_at", "updated_at")
        extra_kwargs = {  # what a PUT leaves out goes back to this
            "status": {"default": MedicalHistory.Status.ACTIVE},
            "diagnosed_on": {"default": None},
            "notes": {"default": ""},
        }


@extend_schema_serializer(
    examples=[
        OpenApiExample("One's own", ENTRY, request_only=True),
        OpenApiExample("A dependent's", {"patient_id": 6, **ENTRY}, request_only=True),
    ]
)
class NewMedicalHistorySerializer(MedicalHistorySerializer):
    """An entry to be made; it stays with whom it was made for."""

    patient_id = serializers.IntegerField(
        **KEY, write_only=True, help_text="A dependent; left out, it is the caller's own."
    )

    class Meta(MedicalHistorySerializer.Meta):
        fields = (*MedicalHistorySerializer.Meta.fields, "patient_id")

    def create(self, validated_data: dict[str, Any]) -> MedicalHistory:
        patient_id = validated_data.pop("patient_id", None)
        entry = MedicalHistory(**validated_data)
        entry.add(self.context["request"].user, patient_id)
        return entry


class ActorSerializer(serializers.ModelSerializer[AuditEvent]):
    """As whom somebody acted and, of staff and doctors, their name."""

    name = serializers.SerializerMethodField()

    class Meta:
        model = AuditEvent
        fields = ("role", "name")

    def get_name(self, event: AuditEvent) -> str | None:
        """Null for oneself, for the system, and for an account that is gone or has no name."""
        if event.role not in AuditEvent.NAMED or event.actor is None:
            return None
        return f"{event.actor.first_name} {event.actor.last_name}".strip() or None


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A doctor's look",
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
            },
        )
    ]
)
class AccessSerializer(serializers.ModelSerializer[AuditEvent]):
    """Somebody read or changed something of a patient's record."""

    by = ActorSerializer(source="*", read_only=True)
    patient = serializers.IntegerField(source="patient_id", help_text="Whose record it is.")

    class Meta:
        model = AuditEvent
        fields = (
            "id",
            "at",
            "by",
            "channel",
            "action",
            "kind",
            "object_id",
            "patient",
            "emergency",
        )
