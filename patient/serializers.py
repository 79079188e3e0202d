"""The shape of a patient's record in the API."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer

from accounts.serializers import RevisingSerializer
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
class PatientSerializer(RevisingSerializer[Patient]):
    """The caller's own profile; only the names are required."""

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
        patient = Patient(user=self.context["request"].user, **validated_data)
        patient.enroll()
        return patient


@extend_schema_serializer(
    examples=[
        OpenApiExample("An entry to write", ENTRY, request_only=True),
        OpenApiExample(
            "An entry",
            {
                "id": 9,
                **ENTRY,
                "created_at": "2026-11-23T10:00:00Z",
                "updated_at": "2026-11-23T10:00:00Z",
            },
            response_only=True,
        ),
    ]
)
class MedicalHistorySerializer(RevisingSerializer[MedicalHistory]):
    """One thing to know of the caller's health."""

    class Meta:
        model = MedicalHistory
        fields = ("id", *ENTRY, "created_at", "updated_at")
        read_only_fields = ("created_at", "updated_at")
        extra_kwargs = {  # what a PUT leaves out goes back to this
            "status": {"default": MedicalHistory.Status.ACTIVE},
            "diagnosed_on": {"default": None},
            "notes": {"default": ""},
        }

    def create(self, validated_data: dict[str, Any]) -> MedicalHistory:
        entry = MedicalHistory(**validated_data)
        entry.add(self.context["request"].user)
        return entry
