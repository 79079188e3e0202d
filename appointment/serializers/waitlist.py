"""Serializers of waitlist entries and their offers."""

from copy import deepcopy
from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.fields import empty
from rest_framework.relations import PrimaryKeyRelatedField

from appointment.models import Offer, WaitlistEntry, WaitlistStatus
from appointment.serializers.appointment import ZONE, DoctorNameSerializer, OverridingSerializer
from doctor.models import Doctor, Slot, Specialty
from doctor.serializers import FOUND_SLOT
from doctor.serializers.directory import SpecialtyNameSerializer
from doctor.wall_time import ends_after
from extensions.rest.fields import KEY, OPTIONAL_KEY, TextField, ZonedDateTimeField
from extensions.rest.serializers import ModelSerializer, Serializer, one_of
from patient.serializers import PatientNameSerializer

CRITERIA_EXAMPLE = {
    "from": "2026-12-01",
    "to": "2026-12-31",
    "weekdays": [0, 2],
    "start_time": "08:00:00",
    "end_time": "12:00:00",
}
ENTRY_EXAMPLE = {
    "id": 9,
    "doctor": {"id": 3, "name": "Dr. Elena García"},
    "specialty": None,
    **CRITERIA_EXAMPLE,
    "replaces": None,
    "patient": {"id": 5, "name": "Ana Ruiz"},
    "status": "offered",
    "position": 1,
    "offer": {
        "slot": {**FOUND_SLOT, "available": 0},
        "expires_at": "2026-11-23T10:30:00+01:00",
    },
}


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "integer", "minimum": 0, "maximum": 6},
        "maxItems": 7,
        "description": "0 Monday to 6 Sunday, in order; null means any day.",
    }
)
class WeekdaysField(serializers.Field[int, Any, Any, Any]):
    """A list of weekdays, 0 Monday to 6 Sunday, stored as bits; null means any day."""

    child = serializers.IntegerField(min_value=0, max_value=6)

    def get_value(self, dictionary: Any) -> Any:
        """Return what the client sent; an HTML form sends a value for each weekday."""
        if hasattr(dictionary, "getlist"):
            return dictionary.getlist(self.field_name) or empty
        return super().get_value(dictionary)

    def to_internal_value(self, data: Any) -> int:
        """Return the bits: bit n is weekday n."""
        days = serializers.ListField(child=deepcopy(self.child), max_length=7).run_validation(data)
        return sum(1 << day for day in set(days))

    def to_representation(self, value: int) -> list[int] | None:
        """Return the weekdays in order; None for any day."""
        return [day for day in range(7) if value >> day & 1] or None


class OfferedSlotSerializer(serializers.ModelSerializer[Slot]):
    """The slot of an offer; `available` does not count the offered place."""

    doctor = PrimaryKeyRelatedField[Any](read_only=True)
    schedule = PrimaryKeyRelatedField[Any](read_only=True)
    location = PrimaryKeyRelatedField[Any](read_only=True)
    starts_at = ZonedDateTimeField(zone=ZONE, read_only=True)
    ends_at = ZonedDateTimeField(zone=ZONE, read_only=True)
    time_zone = serializers.CharField(source="location.time_zone", read_only=True)
    available = serializers.IntegerField(
        read_only=True, help_text="Free places in addition to the offered one."
    )

    class Meta:
        model = Slot
        fields = tuple(FOUND_SLOT)
        read_only_fields = fields


class OfferSerializer(serializers.ModelSerializer[Offer]):
    """A place that is held for the patient."""

    slot = OfferedSlotSerializer(read_only=True)
    expires_at = ZonedDateTimeField(
        zone="slot.location.time_zone",
        read_only=True,
        help_text="The offer can be accepted until then. With the UTC offset of the location.",
    )

    class Meta:
        model = Offer
        fields = ("slot", "expires_at")


class FromDateMixin(serializers.BaseSerializer[Any]):
    """Adds the field `from` before `to`: a class body cannot name it, as it is a Python keyword."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields, `from` before `to`."""
        fields: dict[str, Any] = super().get_fields()  # type: ignore[misc]
        first = serializers.DateField(
            source="first_date", help_text="First date, at the location of the visit."
        )
        named: dict[str, Any] = {}
        for name, field in fields.items():
            if name == "to":
                named["from"] = first
            named[name] = field
        return named


class WaitlistJoinSerializer(FromDateMixin, Serializer):
    """Wait for a doctor or a specialty, from one date to another."""

    doctor = PrimaryKeyRelatedField[Any](
        queryset=Doctor.objects.active(),
        pk_field=serializers.IntegerField(**KEY),
        default=None,
        allow_null=True,
        help_text="Id of the doctor.",
    )
    specialty = PrimaryKeyRelatedField[Any](
        queryset=Specialty.objects.all(),
        pk_field=serializers.IntegerField(**KEY),
        default=None,
        allow_null=True,
        help_text="Id of the specialty: any doctor who practises it.",
    )
    to = serializers.DateField(
        source="last_date", help_text="Last date, at the location of the visit."
    )
    weekdays = WeekdaysField(source="weekday_bits", required=False, allow_null=True)
    start_time = serializers.TimeField(
        default=None, allow_null=True, help_text="Earliest start, on the clock of the location."
    )
    end_time = serializers.TimeField(
        default=None,
        allow_null=True,
        help_text="Latest end, on the clock of the location; 00:00 is midnight after that day.",
    )
    replaces = serializers.IntegerField(
        **KEY,
        source="replaces_id",
        default=None,
        allow_null=True,
        help_text="Id of a coming visit of the patient: only earlier times fit, and to accept one "
        "moves the visit there.",
    )
    patient_id = serializers.IntegerField(
        **OPTIONAL_KEY,
        help_text="Id of a dependent or, for staff, of any patient whom they may book for; by "
        "default the caller's own profile.",
    )
    last_name = TextField(
        max_length=150,
        required=False,
        help_text="Of the patient. Staff of a site name with it, and with the birth date, a "
        "patient who has nothing at their sites.",
    )
    date_of_birth = serializers.DateField(
        required=False, help_text="Of the patient; see `last_name`."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Raise ValidationError without one of doctor and specialty, or for a reversed range."""
        attrs["weekday_bits"] = attrs.get("weekday_bits") or 0
        if (attrs["doctor"] is None) == (attrs["specialty"] is None):
            raise serializers.ValidationError(
                gettext("Give either a doctor or a specialty."), "doctor_or_specialty"
            )
        if attrs["last_date"] < attrs["first_date"]:
            raise _field_error("to", gettext("The last day is before the first."), "date_range")
        start, end = attrs["start_time"], attrs["end_time"]
        if start and end and not ends_after(start, end):
            raise _field_error(
                "end_time", gettext("The hours end after they start."), "end_before_start"
            )
        return attrs


# The next two are only for the OpenAPI document: a body is one of them.


@extend_schema_serializer(
    examples=[OpenApiExample("Mornings of a doctor", {"doctor": 3, **CRITERIA_EXAMPLE})]
)
class DoctorWaitSerializer(WaitlistJoinSerializer):
    """Wait for this doctor."""

    doctor = serializers.IntegerField(**KEY)  # type: ignore[assignment]
    specialty = None  # type: ignore[assignment]


@extend_schema_serializer(
    examples=[
        OpenApiExample("A specialty", {"specialty": 2, "from": "2026-12-01", "to": "2026-12-31"})
    ]
)
class SpecialtyWaitSerializer(WaitlistJoinSerializer):
    """Wait for any doctor of this specialty."""

    doctor = None  # type: ignore[assignment]
    specialty = serializers.IntegerField(**KEY)  # type: ignore[assignment]


WAITLIST_BODY = one_of("WaitlistJoin", DoctorWaitSerializer, SpecialtyWaitSerializer)


@extend_schema_serializer(examples=[OpenApiExample("Somebody in line", ENTRY_EXAMPLE)])
class WaitlistEntrySerializer(FromDateMixin, ModelSerializer[WaitlistEntry]):
    """A waitlist entry, read-only, with its present status, position and offer."""

    # `appointment.models.offer.with_state` adds these three to the rows.

    doctor = DoctorNameSerializer(read_only=True, allow_null=True)
    specialty = SpecialtyNameSerializer(read_only=True, allow_null=True)
    to = serializers.DateField(source="last_date", read_only=True)
    weekdays = WeekdaysField(source="weekday_bits", read_only=True, allow_null=True)
    replaces = serializers.IntegerField(
        source="replaces_id",
        read_only=True,
        allow_null=True,
        help_text="Id of the visit that is moved when an offer is accepted; null for a new visit.",
    )
    patient = PatientNameSerializer(read_only=True)
    status = serializers.ChoiceField(source="state", choices=WaitlistStatus.choices, read_only=True)
    position = serializers.IntegerField(
        read_only=True,
        allow_null=True,
        help_text="From 1, in line for the same doctor or specialty; null if not in line.",
    )
    offer = serializers.SerializerMethodField(help_text="The offer that can be accepted now.")

    class Meta:
        model = WaitlistEntry
        fields = tuple(name for name in ENTRY_EXAMPLE if name != "from")
        read_only_fields = fields

    @extend_schema_field(OfferSerializer(allow_null=True))
    def get_offer(self, entry: Any) -> Any:
        """Return the open offer that has not expired, or None."""
        return next((OfferSerializer(offer).data for offer in entry.acceptable_offers), None)


@extend_schema_serializer(
    examples=[
        OpenApiExample("By the patient", {}),
        OpenApiExample("By staff", {"override_reason": "The doctor agrees to the short notice."}),
    ]
)
class AcceptSerializer(OverridingSerializer):
    """Accept an offered place."""


def _field_error(field: str, sentence: str, code: str) -> serializers.ValidationError:
    return serializers.ValidationError({field: ErrorDetail(sentence, code)})
