"""Everything held on somebody, as one file; the order of its sections and their fields is fixed."""

from typing import Any

from axes.models import AccessAttempt
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from knox.models import AuthToken
from rest_framework import serializers

from accounts.models import OutgoingMail, User
from appointment.models import (
    Appointment,
    AppointmentEvent,
    IdempotencyKey,
    Offer,
    WaitlistEntry,
)
from patient.models import EmergencyAccess, MedicalHistory, Patient
from patient.serializers import PROFILE, AccessSerializer

FORMAT, VERSION = "clinic-export", 1
KEY = ("id", "patient")


class AccountSerializer(serializers.ModelSerializer[User]):
    """The account: who signs in. Of the password only a hash is held, and none of it is told."""

    class Meta:
        model = User
        fields = ("id", "email", "email_verified_at", "first_name", "last_name", "date_joined",
                  "last_login")  # fmt: skip


class SignedInDeviceSerializer(serializers.ModelSerializer[AuthToken]):
    """A device that is signed in. Of its token only a digest is held, and none of it is told."""

    name = serializers.CharField(source="device.name", read_only=True, default="")
    last_used_at = serializers.DateTimeField(
        source="device.last_used_at", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = AuthToken
        fields = ("name", "created", "last_used_at", "expiry")


class MailSerializer(serializers.ModelSerializer[OutgoingMail]):
    """A mail to the account's address within the last week; of its text nothing is held."""

    class Meta:
        model = OutgoingMail
        fields = ("kind", "created_at", "sent_at")


class RefusedLoginSerializer(serializers.ModelSerializer[AccessAttempt]):
    """Wrong passwords since the last right one, from one address by one program."""

    class Meta:
        model = AccessAttempt
        fields = ("attempt_time", "ip_address", "user_agent", "failures_since_start")


class PersonSerializer(serializers.ModelSerializer[Patient]):
    """Oneself, or a dependent."""

    class Meta:
        model = Patient
        fields = ("id", "is_dependent", *PROFILE)


class HistorySerializer(serializers.ModelSerializer[MedicalHistory]):
    """One thing to know of somebody's health."""

    class Meta:
        model = MedicalHistory
        fields = (*KEY, "kind", "description", "status", "diagnosed_on", "notes", "created_at",
                  "updated_at")  # fmt: skip


class VisitEventSerializer(serializers.ModelSerializer[AppointmentEvent]):
    """One thing that happened to a visit, with the words that were left of it."""

    class Meta:
        model = AppointmentEvent
        fields = ("kind", "at", "by", "from_status", "to_status", "from_slot", "to_slot", "detail",
                  "override_reason")  # fmt: skip


class VisitSerializer(serializers.ModelSerializer[Appointment]):
    """A visit and all that happened to it."""

    doctor = serializers.CharField(source="doctor.name", read_only=True)
    location = serializers.CharField(source="location.name", read_only=True)
    events = VisitEventSerializer(many=True, read_only=True)

    class Meta:
        model = Appointment
        fields = (*KEY, "doctor", "location", "starts_at", "ends_at", "date", "status", "reason",
                  "created_at", "canceled_at", "cancel_reason", "checked_in_at", "needs_rebooking",
                  "events")  # fmt: skip


class OfferedSerializer(serializers.ModelSerializer[Offer]):
    """A place that was offered."""

    starts_at = serializers.DateTimeField(source="slot.starts_at", read_only=True)

    class Meta:
        model = Offer
        fields = ("starts_at", "status", "created_at", "expires_at")


class WaitSerializer(serializers.ModelSerializer[WaitlistEntry]):
    """What somebody waits or waited for; bit n of `weekday_bits` is weekday n, 0 being Monday."""

    doctor = serializers.CharField(
        source="doctor.name", read_only=True, allow_null=True, default=None
    )
    specialty = serializers.CharField(
        source="specialty.name", read_only=True, allow_null=True, default=None
    )
    offers = OfferedSerializer(many=True, read_only=True)

    class Meta:
        model = WaitlistEntry
        fields = (*KEY, "doctor", "specialty", "first_date", "last_date", "weekday_bits",
                  "start_time", "end_time", "status", "created_at", "offers")  # fmt: skip


class KeptAnswerSerializer(serializers.ModelSerializer[IdempotencyKey]):
    """An answer that is kept for a day, so that a request sent again gets it again."""

    class Meta:
        model = IdempotencyKey
        fields = ("key", "created_at", "status", "body", "location")


class EmergencySerializer(serializers.ModelSerializer[EmergencyAccess]):
    """An emergency access to somebody's medical history, and the reason given for it."""

    class Meta:
        model = EmergencyAccess
        fields = (*KEY, "reason", "began_at", "expires_at", "ended_at")


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Somebody new",
            {
                "format": FORMAT,
                "version": VERSION,
                "exported_at": "2026-11-23T10:00:00Z",
                "account": None,
                "devices": [],
                "mails": [],
                "refused_logins": [],
                "patients": [{"id": 5, "is_dependent": False, **PROFILE}],
                "medical_history": [],
                "appointments": [],
                "waitlist": [],
                "kept_answers": [],
                "emergency_accesses": [],
                "access_log": [],
            },
        )
    ]
)
class ExportSerializer(serializers.Serializer[Any]):
    """Everything held on an account and whom it cares for, or on one patient without an account."""

    format = serializers.CharField(help_text=f"Always `{FORMAT}`.")
    version = serializers.IntegerField(help_text="Grows when a member changes or goes.")
    exported_at = serializers.DateTimeField()
    account = AccountSerializer(allow_null=True)
    devices = SignedInDeviceSerializer(many=True)
    mails = MailSerializer(many=True)
    refused_logins = RefusedLoginSerializer(many=True)
    patients = PersonSerializer(many=True)
    medical_history = HistorySerializer(many=True)
    appointments = VisitSerializer(many=True)
    waitlist = WaitSerializer(many=True)
    kept_answers = KeptAnswerSerializer(many=True)
    emergency_accesses = EmergencySerializer(many=True)
    access_log = AccessSerializer(many=True)
