"""Serializers of a doctor's slots: the query, and the rows in the OpenAPI document."""

import datetime
from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointment.models import Appointment
from doctor.models.booking_rules import REASONS
from doctor.serializers import SLOT, SlotSerializer
from extensions.error_params import Code
from extensions.rest.fields import QueryBooleanField
from extensions.rest.serializers import Serializer

DEFAULT_DAYS = 14
MAX_DAYS_AFTER_FIRST = 62
# The codes of a visit that cannot be moved at all; every slot has it as its reason.
MOVE_REASONS = ("not_cancelable", "checked_in", "cancel_deadline_passed")
ANSWER_EXAMPLE = {"doctor": 3, "from": "2026-11-23", "to": "2026-12-06"}


class SlotsQuerySerializer(Serializer):
    """The query of a doctor's slots. Dates are dates at the location."""

    to = serializers.DateField(
        required=False, help_text="Last date; by default 13 days after the first."
    )
    date = serializers.DateField(required=False, help_text="One date, instead of from and to.")
    location = serializers.IntegerField(required=False, help_text="Id of a location.")
    explain = QueryBooleanField(
        default=False,
        help_text="true: every slot, with the first reason why the caller cannot book it.",
    )
    patient = serializers.IntegerField(
        required=False, help_text="Id of a dependent for whom to explain; by default the caller."
    )
    appointment = serializers.IntegerField(
        required=False,
        help_text="Id of a visit that the caller may move; only with explain=true. The reasons are "
        "then those against moving the visit there, and its own slot is `already_booked`.",
    )

    def get_fields(self) -> dict[str, Any]:
        """Return the fields, `from` first."""
        first = serializers.DateField(required=False, help_text="First date; by default today.")
        return {"from": first, **super().get_fields()}  # `from` is a Python keyword

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Raise ValidationError for `date` with `from` or `to`, `appointment` without `explain`."""
        if "date" in attrs and ("from" in attrs or "to" in attrs):
            raise serializers.ValidationError({"date": gettext("Give one date, or from and to.")})
        if "appointment" in attrs and not attrs["explain"]:
            raise serializers.ValidationError(
                {"appointment": gettext("Give explain=true with it.")}
            )
        return attrs

    def visit(self, user: Any) -> Appointment | None:
        """Return the visit that `appointment` names, if it is given.

        Raises Appointment.DoesNotExist for one that the user may not move, and ValidationError for
        the visit of another patient than `patient`.
        """
        query = self.validated_data
        if "appointment" not in query:
            return None
        visits = Appointment.objects.with_names()
        visits = visits.changeable_by(user) if user.is_authenticated else visits.none()
        visit: Appointment = visits.get(pk=query["appointment"])
        if query.get("patient") not in (None, visit.patient_id):
            raise serializers.ValidationError(
                {"patient": gettext("The visit belongs to another patient.")}
            )
        return visit

    @property
    def ends_without_start(self) -> bool:
        """Whether the query has a last date and no first: then `dates` depends on today."""
        return "to" in self.validated_data and "from" not in self.validated_data

    def dates(self, today: datetime.date) -> tuple[datetime.date, datetime.date]:
        """Return the first and last date, by default `today` and 13 days after the first.

        Raises ValidationError for a last date before the first or more than 62 days after it.
        """
        query = self.validated_data
        first = query.get("date") or query.get("from") or today
        default = min(datetime.timedelta(days=DEFAULT_DAYS - 1), datetime.date.max - first)
        last = query.get("date") or query.get("to") or first + default
        if not 0 <= (last - first).days <= MAX_DAYS_AFTER_FIRST:
            named = {"days": MAX_DAYS_AFTER_FIRST}
            limit = gettext("Use a date from the first date to %(days)s days after it.") % named
            raise serializers.ValidationError({"to": limit}, Code("invalid", **named))
        return first, last


class ExplainedSlotSerializer(SlotSerializer):
    """A slot, with the reason why it cannot be booked."""

    # Only for the OpenAPI document: the view returns plain rows.

    reason = serializers.ChoiceField(
        (*REASONS, *MOVE_REASONS),
        required=False,
        allow_null=True,
        help_text="With explain=true: why it cannot be booked, or why the visit in `appointment` "
        "cannot be moved to it; null if it can.",
    )


@extend_schema_serializer(
    many=False,
    examples=[
        OpenApiExample("Free slots", {**ANSWER_EXAMPLE, "results": [SLOT]}),
        OpenApiExample(
            "Explained",
            {
                **ANSWER_EXAMPLE,
                "results": [
                    {**SLOT, "reason": None},
                    {**SLOT, "id": 4712, "available": 0, "reason": "patient_overlap"},
                ],
            },
        ),
    ],
)
class ExplainedSlotsSerializer(serializers.Serializer[Any]):
    """Slots of one doctor, from one date to another."""

    doctor = serializers.IntegerField()
    to = serializers.DateField()
    results = ExplainedSlotSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        """Return the fields, `from` after `doctor`."""
        fields = super().get_fields()
        first = serializers.DateField(help_text="First date.")
        return {"doctor": fields.pop("doctor"), "from": first, **fields}
