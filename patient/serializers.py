"""Serializers of patients, their medical history and the access log."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from accounts.models import AuditEvent
from extensions.db.fields import validate_language_tag
from extensions.rest.fields import OPTIONAL_KEY, OptionalChoiceField, OptionalTextField, TextField
from extensions.rest.serializers import PartialUpdateSerializer, RowSerializer, Serializer
from patient.models import MedicalHistory, Patient

PROFILE_EXAMPLE = {
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
DEPENDENT_EXAMPLE = {
    **PROFILE_EXAMPLE,
    "first_name": "Leo",
    "date_of_birth": "2019-09-30",
    "sex": "male",
    "phone_number": "",
    "emergency_contact_name": "Ana Ruiz",
    "emergency_contact_phone": "+34612345678",
}
EMERGENCY_CONTACT = ("emergency_contact_name", "emergency_contact_phone")
ENTRY_EXAMPLE = {
    "kind": "allergy",
    "description": "Penicillin",
    "status": "active",
    "diagnosed_on": "2012-03-01",
    "notes": "Rash within the hour.",
}


@extend_schema_serializer(
    examples=[
        OpenApiExample("A profile to write", PROFILE_EXAMPLE, request_only=True),
        OpenApiExample("A profile", {"id": 5, **PROFILE_EXAMPLE}, response_only=True),
    ]
)
class PatientSerializer(PartialUpdateSerializer[Patient]):
    """The caller's own profile. Only the names are required."""

    is_dependent = False

    sex = OptionalChoiceField(choices=Patient.Sex.choices, default=None)
    preferred_language = OptionalTextField(
        max_length=35,
        validators=[validate_language_tag],
        default=None,
        help_text="BCP 47, such as es or pt-BR.",
    )

    class Meta:
        model = Patient
        fields = ("id", *PROFILE_EXAMPLE)
        extra_kwargs = {  # the values that a PUT sets when it leaves the field out
            "first_name": {"required": True},  # it may be empty: a person may have one name
            "date_of_birth": {"default": None},
            **{
                name: {"default": ""}
                for name in PROFILE_EXAMPLE
                if name in ("phone_number", "address", *EMERGENCY_CONTACT)
            },
        }

    def create(self, validated_data: dict[str, Any]) -> Patient:
        """Save a new profile or dependent of the caller; raises as `Patient.enroll`."""
        user = self.context["request"].user
        patient = Patient(user=user, is_dependent=self.is_dependent, **validated_data)
        patient.enroll()
        return patient


@extend_schema_serializer(
    examples=[
        OpenApiExample("A dependent to write", DEPENDENT_EXAMPLE, request_only=True),
        OpenApiExample("A dependent", {"id": 6, **DEPENDENT_EXAMPLE}, response_only=True),
    ]
)
class DependentSerializer(PatientSerializer):
    """A person for whom the caller books. Only the names are required."""

    is_dependent = True


@extend_schema_serializer(
    examples=[
        OpenApiExample("A code", {"code": "7KQ2-M9XD", "date_of_birth": "1951-04-24"}),
    ]
)
class ClaimSerializer(Serializer):
    """A code that the reception gave, and the date of birth of the person it is for."""

    code = TextField(
        max_length=64, help_text="In capital or small letters, with or without spaces and hyphens."
    )
    date_of_birth = serializers.DateField()


class PatientNameSerializer(RowSerializer):
    """A patient: id and name."""

    name = serializers.CharField(read_only=True)

    class Meta:
        model = Patient
        fields = ("id", "name")


@extend_schema_serializer(
    examples=[
        OpenApiExample("An entry to write", ENTRY_EXAMPLE, request_only=True),
        OpenApiExample(
            "An entry",
            {
                "id": 9,
                "patient": {"id": 5, "name": "Ana Ruiz"},
                **ENTRY_EXAMPLE,
                "created_at": "2026-11-23T10:00:00Z",
                "updated_at": "2026-11-23T10:00:00Z",
            },
            response_only=True,
        ),
    ]
)
class MedicalHistorySerializer(PartialUpdateSerializer[MedicalHistory]):
    """An entry in the medical history of the caller or of a dependent."""

    patient = PatientNameSerializer(read_only=True)

    class Meta:
        model = MedicalHistory
        fields: tuple[str, ...] = ("id", "patient", *ENTRY_EXAMPLE, "created_at", "updated_at")
        read_only_fields = ("created_at", "updated_at")
        extra_kwargs = {  # the values that a PUT sets when it leaves the field out
            "status": {"default": MedicalHistory.Status.ACTIVE},
            "diagnosed_on": {"default": None},
            "notes": {"default": ""},
        }


@extend_schema_serializer(
    examples=[
        OpenApiExample("One's own", ENTRY_EXAMPLE, request_only=True),
        OpenApiExample("A dependent's", {"patient_id": 6, **ENTRY_EXAMPLE}, request_only=True),
    ]
)
class NewMedicalHistorySerializer(MedicalHistorySerializer):
    """A new entry. Its patient cannot be changed later."""

    patient_id = serializers.IntegerField(
        **OPTIONAL_KEY,
        write_only=True,
        help_text="Id of a dependent; by default the caller's own profile.",
    )

    class Meta(MedicalHistorySerializer.Meta):
        fields = (*MedicalHistorySerializer.Meta.fields, "patient_id")

    def create(self, validated_data: dict[str, Any]) -> MedicalHistory:
        """Save the new entry; raises as `MedicalHistory.add_own`."""
        patient_id = validated_data.pop("patient_id", None)
        entry = MedicalHistory(**validated_data)
        entry.add_own(self.context["request"].user, patient_id)
        return entry


class ActorSerializer(serializers.ModelSerializer[AuditEvent]):
    """The role of the user who acted and, for staff and doctors, the name."""

    name = serializers.SerializerMethodField()

    class Meta:
        model = AuditEvent
        fields = ("role", "name")

    def get_name(self, event: AuditEvent) -> str | None:
        """Return the name on the day of the event; null for patients, the system and no name."""
        return event.public_name


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
    """An audit event: a user read or changed data of a patient."""

    by = ActorSerializer(source="*", read_only=True)
    patient = serializers.IntegerField(source="whose", help_text="Id of the patient.")

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
