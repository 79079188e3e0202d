"""Serializers of appointments, and of the bodies that book, cancel and move them."""

from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import (
    OpenApiExample,
    extend_schema_field,
    extend_schema_serializer,
)
from rest_framework import serializers

from appointment.models import Appointment, AppointmentEvent, Status
from doctor.models import Doctor
from doctor.serializers import LocationNameSerializer
from extensions.rest.fields import (
    KEY,
    OPTIONAL_KEY,
    OptionalChoiceField,
    StrictBooleanField,
    TextField,
    ZonedDateTimeField,
)
from extensions.rest.serializers import RowSerializer, SharedBodySerializer, one_of
from extensions.text import validate_one_line
from patient.models import Patient
from patient.serializers import PatientNameSerializer

APPOINTMENT_EXAMPLE = {
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
    "moved": False,
}
AGENDA_PATIENT_EXAMPLE = {
    "id": 5,
    "name": "Ana Ruiz",
    "date_of_birth": "1990-05-17",
    "phone_number": "+34612345678",
}
EVENT_EXAMPLE = {
    "kind": "rescheduled",
    "at": "2026-11-24T08:00:00+01:00",
    "by": "patient",
    "from_status": "scheduled",
    "to_status": "scheduled",
    "from_slot": 4690,
    "to_slot": 4711,
    "undoes": None,
}

ZONE = "location.time_zone"  # attribute path to the IANA time zone in which instants are shown


class DoctorNameSerializer(RowSerializer):
    """A doctor: id and name."""

    name = serializers.CharField(read_only=True)

    class Meta:
        model = Doctor
        fields = ("id", "name")


@extend_schema_serializer(examples=[OpenApiExample("An appointment", APPOINTMENT_EXAMPLE)])
class AppointmentSerializer(RowSerializer):
    """An appointment, read-only. Instants carry the UTC offset of its location.

    The endpoints `book`, `cancel` and `reschedule` change it.
    """

    doctor = DoctorNameSerializer(read_only=True)
    location = LocationNameSerializer(read_only=True)
    slot_id = serializers.IntegerField(
        read_only=True,
        allow_null=True,
        help_text="Null if the slot of a canceled appointment was deleted.",
    )
    starts_at = ZonedDateTimeField(zone=ZONE, read_only=True)
    ends_at = ZonedDateTimeField(zone=ZONE, read_only=True)
    time_zone = serializers.CharField(
        source="location.time_zone", read_only=True, help_text="IANA name of the location's zone."
    )
    created_at = ZonedDateTimeField(zone=ZONE, read_only=True)
    canceled_at = ZonedDateTimeField(zone=ZONE, read_only=True, allow_null=True)
    can_cancel = serializers.BooleanField(
        read_only=True, help_text="Whether the patient can cancel it now."
    )
    can_reschedule = serializers.BooleanField(
        read_only=True, help_text="Whether the patient can move it now to a free slot."
    )
    patient = PatientNameSerializer(read_only=True, allow_null=True)
    checked_in_at = ZonedDateTimeField(zone=ZONE, read_only=True, allow_null=True)
    moved = serializers.BooleanField(
        read_only=True,
        help_text="Whether its time, doctor or location has ever changed since it was booked.",
    )

    class Meta:
        model = Appointment
        fields = tuple(APPOINTMENT_EXAMPLE)
        read_only_fields = fields


@extend_schema_serializer(component_name="SeenPatient")
class AgendaPatientSerializer(serializers.ModelSerializer[Patient]):
    """A patient, as shown to the doctor of the visit."""

    name = serializers.CharField(read_only=True)

    class Meta:
        model = Patient
        fields = ("id", "name", "date_of_birth", "phone_number")


@extend_schema_serializer(
    examples=[OpenApiExample("A visit", {**APPOINTMENT_EXAMPLE, "patient": AGENDA_PATIENT_EXAMPLE})]
)
class AgendaSerializer(AppointmentSerializer):
    """An appointment, with the birth date and phone number of the patient."""

    patient = AgendaPatientSerializer(  # type: ignore[assignment]
        read_only=True, allow_null=True
    )


class EventSerializer(serializers.ModelSerializer[AppointmentEvent]):
    """An event in the history of an appointment."""

    at = ZonedDateTimeField(
        zone=f"appointment.{ZONE}", read_only=True, help_text="With the UTC offset of the location."
    )
    from_status = OptionalChoiceField(choices=Status.choices, read_only=True)
    to_status = OptionalChoiceField(choices=Status.choices, read_only=True)
    undoes = OptionalChoiceField(
        choices=[kind.value for kind in AppointmentEvent.UNDOABLE],
        read_only=True,
        help_text="What an event of the kind `undone` took back.",
    )

    class Meta:
        model = AppointmentEvent
        fields = tuple(EVENT_EXAMPLE)
        read_only_fields = fields


@extend_schema_serializer(
    examples=[OpenApiExample("An appointment", {**APPOINTMENT_EXAMPLE, "events": [EVENT_EXAMPLE]})]
)
class AppointmentDetailSerializer(AppointmentSerializer):
    """An appointment with its events, earliest first."""

    events = serializers.SerializerMethodField()

    class Meta(AppointmentSerializer.Meta):
        fields = (*AppointmentSerializer.Meta.fields, "events")
        read_only_fields = fields

    @extend_schema_field(EventSerializer(many=True))
    def get_events(self, appointment: Appointment) -> Any:
        """Return the events, earliest first."""
        return EventSerializer(appointment.events.order_by("pk"), many=True).data


# --- Request bodies ---


class OverridingSerializer(SharedBodySerializer):
    """The base of bodies with which staff may set rules aside."""

    override_reason = TextField(
        max_length=500,
        allow_blank=True,
        default="",
        validators=[validate_one_line],
        help_text="Why staff set rules aside, in one line. For staff only: other callers get 403.",
    )


class BookingSerializer(OverridingSerializer):
    """Book one slot, or the earliest free slot of a session."""

    slot_id = serializers.IntegerField(**OPTIONAL_KEY)
    schedule_id = serializers.IntegerField(**OPTIONAL_KEY)
    patient_id = serializers.IntegerField(
        **OPTIONAL_KEY,
        help_text="Id of a dependent or, for staff, of any patient whom they may book for; by "
        "default the caller's own profile.",
    )
    reason = TextField(max_length=500, allow_blank=True, default="")
    last_name = TextField(
        max_length=150,
        required=False,
        help_text="Of the patient. Staff of a site name with it, and with the birth date, a "
        "patient who has nothing at their sites.",
    )
    date_of_birth = serializers.DateField(
        required=False, help_text="Of the patient; see `last_name`."
    )
    squeeze_in = StrictBooleanField(
        default=False,
        help_text="true: if the time is full, staff add a place for the patient. This needs an "
        "`override_reason`.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Raise ValidationError unless exactly one of slot and session is given."""
        if ("slot_id" in attrs) == ("schedule_id" in attrs):
            raise serializers.ValidationError(
                gettext("Give either slot_id or schedule_id."), code="slot_or_schedule"
            )
        return attrs


# The next two are only for the OpenAPI document: a body is one of them.


@extend_schema_serializer(
    examples=[OpenApiExample("This slot", {"slot_id": 4711, "reason": "Check-up"})]
)
class SlotBookingSerializer(BookingSerializer):
    """Book this slot."""

    slot_id = serializers.IntegerField(**KEY)
    schedule_id = None  # type: ignore[assignment]


@extend_schema_serializer(
    examples=[OpenApiExample("A session's earliest", {"schedule_id": 310, "reason": "Check-up"})]
)
class SessionBookingSerializer(BookingSerializer):
    """Book the earliest free slot of this session."""

    slot_id = None  # type: ignore[assignment]
    schedule_id = serializers.IntegerField(**KEY)


BOOKING_BODY = one_of("Booking", SlotBookingSerializer, SessionBookingSerializer)


@extend_schema_serializer(
    examples=[OpenApiExample("Why", {"reason": "I have a cold."})],
)
class CancelationSerializer(OverridingSerializer):
    """Cancel an appointment, with an optional reason."""

    reason = TextField(max_length=500, allow_blank=True, default="")


@extend_schema_serializer(examples=[OpenApiExample("Another time", {"slot_id": 4711})])
class MoveSerializer(OverridingSerializer):
    """Move an appointment to another slot."""

    slot_id = serializers.IntegerField(**KEY)


@extend_schema_serializer(
    examples=[OpenApiExample("Within the notice", {"override_reason": "Canceled by mistake"})]
)
class UndoSerializer(OverridingSerializer):
    """Undo the latest change of an appointment."""
