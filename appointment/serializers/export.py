"""Serializers of the data export. The order of its sections and of their fields is fixed."""

from typing import Any

from axes.models import AccessAttempt
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from knox.models import AuthToken
from rest_framework import serializers

from accounts.models import KnownDevice, NotificationChoice, OutgoingMessage, User
from appointment.models import (
    Appointment,
    AppointmentEvent,
    CalendarFeed,
    DeclinedSlot,
    IdempotencyKey,
    Offer,
    Status,
    WaitlistEntry,
)
from appointment.serializers.appointment import ZONE
from extensions.rest.fields import OptionalChoiceField, OptionalTextField, ZonedDateTimeField
from patient.models import ClaimCode, EmergencyAccess, MedicalHistory, MergedPatient, Patient
from patient.serializers import PROFILE_EXAMPLE, AccessSerializer

FORMAT, VERSION = "clinic-export", 1
ROW_KEYS = ("id", "patient")
SLOT_ZONE = f"slot.{ZONE}"  # attribute path from an offer to the IANA zone of its location


class AccountSerializer(serializers.ModelSerializer[User]):
    """The account. The server keeps only a hash of the password, and never exports it."""

    class Meta:
        model = User
        fields = ("id", "email", "email_verified_at", "first_name", "last_name", "date_joined",
                  "last_login", "language")  # fmt: skip


class SignedInDeviceSerializer(serializers.ModelSerializer[AuthToken]):
    """A signed-in device. The server keeps only a digest of its token, and never exports it.

    Nor does it export what the provider of push messages calls the device.
    """

    name = serializers.CharField(source="device.name", read_only=True, default="")
    last_used_at = serializers.DateTimeField(
        source="device.last_used_at", read_only=True, allow_null=True, default=None
    )

    gets_push = serializers.BooleanField(source="device.gets_push", read_only=True, default=False)

    class Meta:
        model = AuthToken
        fields = ("name", "created", "last_used_at", "expiry", "gets_push")


@extend_schema_serializer(component_name="KnownDevice")
class ExportedDeviceSerializer(serializers.ModelSerializer[KnownDevice]):
    """A device that has signed in: its name, which is its User-Agent, and when it last did."""

    class Meta:
        model = KnownDevice
        fields = ("name", "last_seen_at")


@extend_schema_serializer(component_name="Feed")
class ExportedFeedSerializer(serializers.ModelSerializer[CalendarFeed]):
    """A calendar feed. The server keeps only a digest of its address, and never exports it."""

    class Meta:
        model = CalendarFeed
        fields = ("kind", "created_at")


@extend_schema_serializer(component_name="ChosenChannels")
class ExportedChoiceSerializer(serializers.ModelSerializer[NotificationChoice]):
    """The channels that the account has chosen for one kind of message."""

    class Meta:
        model = NotificationChoice
        fields = ("kind", "email", "sms", "push")


@extend_schema_serializer(component_name="Mail")
class ExportedMailSerializer(serializers.ModelSerializer[OutgoingMessage]):
    """A message to the account, or about a visit or offer. The server does not keep its text."""

    class Meta:
        model = OutgoingMessage
        fields = ("kind", "channel", "created_at", "sent_at")


class RefusedLoginSerializer(serializers.ModelSerializer[AccessAttempt]):
    """Wrong passwords since the last login, from one IP address and one user agent."""

    class Meta:
        model = AccessAttempt
        fields = ("attempt_time", "ip_address", "user_agent", "failures_since_start")


@extend_schema_serializer(component_name="Person")
class ExportedPatientSerializer(serializers.ModelSerializer[Patient]):
    """The account's own profile, or a dependent."""

    sex = OptionalChoiceField(choices=Patient.Sex.choices, read_only=True)
    preferred_language = OptionalTextField(read_only=True)

    class Meta:
        model = Patient
        fields = ("id", "is_dependent", "marked_deceased_at", *PROFILE_EXAMPLE)


@extend_schema_serializer(component_name="History")
class ExportedHistorySerializer(serializers.ModelSerializer[MedicalHistory]):
    """An entry of a patient's medical history."""

    class Meta:
        model = MedicalHistory
        fields = (*ROW_KEYS, "kind", "description", "status", "diagnosed_on", "notes", "created_at",
                  "updated_at")  # fmt: skip


@extend_schema_serializer(component_name="VisitEvent")
class ExportedEventSerializer(serializers.ModelSerializer[AppointmentEvent]):
    """An event in the history of an appointment, with its texts."""

    at = ZonedDateTimeField(zone=f"appointment.{ZONE}", read_only=True)
    from_status = OptionalChoiceField(choices=Status.choices, read_only=True)
    to_status = OptionalChoiceField(choices=Status.choices, read_only=True)
    undoes = OptionalChoiceField(
        choices=[kind.value for kind in AppointmentEvent.UNDOABLE], read_only=True
    )

    class Meta:
        model = AppointmentEvent
        fields = ("kind", "at", "by", "from_status", "to_status", "from_slot", "to_slot", "undoes",
                  "detail",                  "override_reason", "after_deadline")  # fmt: skip


@extend_schema_serializer(component_name="Visit")
class ExportedAppointmentSerializer(serializers.ModelSerializer[Appointment]):
    """An appointment with its events. Instants carry the UTC offset of its location."""

    doctor = serializers.CharField(source="doctor.name", read_only=True)
    location = serializers.CharField(source="location.name", read_only=True)
    starts_at = ZonedDateTimeField(zone=ZONE, read_only=True)
    ends_at = ZonedDateTimeField(zone=ZONE, read_only=True)
    created_at = ZonedDateTimeField(zone=ZONE, read_only=True)
    canceled_at = ZonedDateTimeField(zone=ZONE, read_only=True, allow_null=True)
    checked_in_at = ZonedDateTimeField(zone=ZONE, read_only=True, allow_null=True)
    events = ExportedEventSerializer(many=True, read_only=True)

    class Meta:
        model = Appointment
        fields = (*ROW_KEYS, "doctor", "location", "starts_at", "ends_at", "date", "status",
                  "reason", "created_at", "canceled_at", "cancel_reason", "checked_in_at",
                  "needs_rebooking", "moved", "events")  # fmt: skip


@extend_schema_serializer(component_name="Offered")
class ExportedOfferSerializer(serializers.ModelSerializer[Offer]):
    """A place that was offered from the waitlist, its instants with the offset of the location."""

    starts_at = ZonedDateTimeField(source="slot.starts_at", zone=SLOT_ZONE, read_only=True)
    created_at = ZonedDateTimeField(zone=SLOT_ZONE, read_only=True)
    expires_at = ZonedDateTimeField(zone=SLOT_ZONE, read_only=True)

    class Meta:
        model = Offer
        fields = ("starts_at", "status", "created_at", "expires_at")


@extend_schema_serializer(component_name="Wait")
class ExportedWaitlistEntrySerializer(serializers.ModelSerializer[WaitlistEntry]):
    """A waitlist entry. Bit n of `weekday_bits` is weekday n; Monday is 0."""

    doctor = serializers.CharField(
        source="doctor.name", read_only=True, allow_null=True, default=None
    )
    specialty = serializers.CharField(
        source="specialty.name", read_only=True, allow_null=True, default=None
    )
    offers = ExportedOfferSerializer(many=True, read_only=True)

    class Meta:
        model = WaitlistEntry
        fields = (*ROW_KEYS, "doctor", "specialty", "first_date", "last_date", "weekday_bits",
                  "start_time", "end_time", "replaces", "status", "created_at",
                  "offers")  # fmt: skip


@extend_schema_serializer(component_name="Declined")
class DeclinedSlotSerializer(serializers.ModelSerializer[DeclinedSlot]):
    """A time that was offered from the waitlist and declined, or whose offer lapsed."""

    doctor = serializers.CharField(source="doctor.name", read_only=True)
    starts_at = ZonedDateTimeField(zone=ZONE, read_only=True)

    class Meta:
        model = DeclinedSlot
        fields = (*ROW_KEYS, "doctor", "starts_at")


@extend_schema_serializer(component_name="KeptAnswer")
class StoredAnswerSerializer(serializers.ModelSerializer[IdempotencyKey]):
    """The answer to a request with an Idempotency-Key, kept for a day to replay it."""

    class Meta:
        model = IdempotencyKey
        fields = ("key", "created_at", "status", "body", "location")


@extend_schema_serializer(component_name="Emergency")
class ExportedEmergencyAccessSerializer(serializers.ModelSerializer[EmergencyAccess]):
    """An emergency access to a patient's medical history, with the reason that was given."""

    class Meta:
        model = EmergencyAccess
        fields = (*ROW_KEYS, "reason", "began_at", "expires_at", "ended_at")


@extend_schema_serializer(component_name="MergedRecord")
class MergedRecordSerializer(serializers.ModelSerializer[MergedPatient]):
    """A second record of a person, which staff merged into this one: its number, and when."""

    id = serializers.IntegerField(source="old_key", read_only=True)

    class Meta:
        model = MergedPatient
        fields = (*ROW_KEYS, "merged_at")


@extend_schema_serializer(component_name="GivenCode")
class ClaimCodeSerializer(serializers.ModelSerializer[ClaimCode]):
    """A code that was given for a record. The server keeps only a digest, and never exports it."""

    class Meta:
        model = ClaimCode
        fields = (*ROW_KEYS, "issued_at", "expires_at")


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
                "known_devices": [],
                "calendar_feeds": [],
                "notifications": [],
                "mails": [],
                "refused_logins": [],
                "patients": [
                    {
                        "id": 5,
                        "is_dependent": False,
                        "marked_deceased_at": None,
                        **PROFILE_EXAMPLE,
                    }
                ],
                "medical_history": [],
                "appointments": [],
                "waitlist": [],
                "declined_slots": [],
                "kept_answers": [],
                "emergency_accesses": [],
                "merged_records": [],
                "claim_codes": [],
                "access_log": [],
            },
        )
    ]
)
class ExportSerializer(serializers.Serializer[Any]):
    """All data on an account and its patients, or on one patient without an account."""

    format = serializers.CharField(help_text=f"Always `{FORMAT}`.")
    version = serializers.IntegerField(help_text="Increased when a member is changed or removed.")
    exported_at = serializers.DateTimeField()
    account = AccountSerializer(allow_null=True)
    devices = SignedInDeviceSerializer(many=True)
    known_devices = ExportedDeviceSerializer(many=True)
    calendar_feeds = ExportedFeedSerializer(many=True)
    notifications = ExportedChoiceSerializer(many=True)
    mails = ExportedMailSerializer(many=True)
    refused_logins = RefusedLoginSerializer(many=True)
    patients = ExportedPatientSerializer(many=True)
    medical_history = ExportedHistorySerializer(many=True)
    appointments = ExportedAppointmentSerializer(many=True)
    waitlist = ExportedWaitlistEntrySerializer(many=True)
    declined_slots = DeclinedSlotSerializer(many=True)
    kept_answers = StoredAnswerSerializer(many=True)
    emergency_accesses = ExportedEmergencyAccessSerializer(many=True)
    merged_records = MergedRecordSerializer(many=True)
    claim_codes = ClaimCodeSerializer(many=True)
    access_log = AccessSerializer(many=True)
