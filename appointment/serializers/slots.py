"""The shape of a doctor's slots, free or explained, in the API."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointment.models.free_slots import DoctorsDays
from doctor.models import Doctor
from doctor.models.booking_rules import REASONS
from doctor.models.directory import earliest_today
from doctor.serializers import SLOT, AvailableSlotsSerializer, SlotSerializer, WindowSerializer
from extensions.rest.fields import QueryBooleanField
from patient.models import Patient

ANSWER = {"doctor": 3, "from": "2026-11-23", "to": "2026-12-06"}


class AskedSlotsSerializer(WindowSerializer):
    """Whose slots are asked for, when and where, and whether the others are to be explained."""

    explain = QueryBooleanField(
        default=False,
        help_text="true: every slot, with the first reason why the caller cannot book it.",
    )
    patient = serializers.IntegerField(
        required=False, help_text="Id of the dependent to explain it for; by default oneself."
    )

    def days(self, doctor: int, at: datetime) -> DoctorsDays:
        """The doctor's days that are asked for; raises DoesNotExist without such a doctor."""
        only = self.validated_data.get("location")
        locations = Doctor.objects.active().locations_of(doctor)
        first, last = self.window(earliest_today(locations, at, only))
        here = tuple(place for place in locations if only in (None, place.pk))
        return DoctorsDays(doctor, here, first, last, at)

    def whose(self, user: Any) -> Patient | None:
        """Whom the slots are explained for, if anybody; raises DoesNotExist for a stranger."""
        named = self.validated_data.get("patient")
        if named is None and not self.validated_data["explain"]:
            return None  # the plain list is the same for everybody
        return Patient.objects.meant_by(user, named)


class ExplainedSlotSerializer(SlotSerializer):
    """A slot, and why it cannot be had. For the documents alone."""

    reason = serializers.ChoiceField(
        REASONS,
        required=False,
        allow_null=True,
        help_text="With explain=true: the first reason against it, null where it can be booked.",
    )


@extend_schema_serializer(
    many=False,
    examples=[
        OpenApiExample("Free slots", {**ANSWER, "results": [SLOT]}),
        OpenApiExample(
            "Explained",
            {
                **ANSWER,
                "results": [
                    {**SLOT, "reason": None},
                    {**SLOT, "id": 4712, "available": 0, "reason": "patient_overlap"},
                ],
            },
        ),
    ],
)
class ExplainedSlotsSerializer(AvailableSlotsSerializer):
    """Slots of one doctor. For the documents alone."""

    results: Any = ExplainedSlotSerializer(many=True)
