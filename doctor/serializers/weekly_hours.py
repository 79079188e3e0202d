"""Serializers of weekly hours."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from doctor.models import Doctor, Location, WeeklyHours
from doctor.models.hours_preview import HoursPreview, preview_change
from doctor.serializers.fields import SiteKeyField
from extensions.rest.fields import QueryBooleanField
from extensions.rest.serializers import ModelSerializer, Serializer, one_of

HOURS = {
    "doctor": 3,
    "location": 1,
    "weekday": 1,
    "start_time": "09:00:00",
    "end_time": "13:00:00",
    "slot_minutes": 30,
    "capacity": 1,
    "valid_from": "2026-12-01",
    "valid_until": None,
    "every_weeks": 1,
}
PREVIEW = {
    "sessions_removed": 3,
    "sessions_changed": 9,
    "sessions_added": 0,
    "appointments": [4711],
}
FROM = (
    "First date with the new values, after today at the location. Hours that recur every few weeks "
    "on the same weekday keep their weeks: `valid_from` of the answer may then be later."
)


class HoursPreviewQuerySerializer(Serializer):
    """The query parameter `preview`."""

    preview = QueryBooleanField(
        default=False,
        help_text="true: save nothing, and return what the change would do.",
    )


class KeepSerializer(HoursPreviewQuerySerializer):
    """What a change does with slots that no longer fit and have appointments."""

    keep = QueryBooleanField(
        default=False,
        help_text=(
            "true: slots with appointments that no longer fit stay, closed. "
            "false: the change is refused."
        ),
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample("Weekly hours to save", HOURS, request_only=True),
        OpenApiExample("Weekly hours", {"id": 12, **HOURS}, response_only=True),
    ]
)
class WeeklyHoursSerializer(ModelSerializer[WeeklyHours]):
    """The hours of a doctor at a location, every n-th week on one weekday."""

    doctor = SiteKeyField(
        queryset=Doctor.objects.all(), scope="for_calendar_of", help_text="Id of the doctor."
    )
    location = SiteKeyField(
        queryset=Location.objects.all(),
        help_text="Id of the location; the times are those of its clocks.",
    )

    class Meta:
        model = WeeklyHours
        fields: tuple[str, ...] = (
            "id",
            "doctor",
            "location",
            "weekday",
            "start_time",
            "end_time",
            "slot_minutes",
            "capacity",
            "valid_from",
            "valid_until",
            "every_weeks",
        )
        extra_kwargs = {  # a PUT without the field sets it to this
            "slot_minutes": {"default": None},
            "capacity": {"default": 1},
            "valid_until": {"default": None},
            "every_weeks": {"default": 1},
            "weekday": {"help_text": "0 is Monday, 6 is Sunday."},
        }

    def create(self, validated_data: dict[str, Any]) -> WeeklyHours:
        """Save new hours by `WeeklyHours.publish`."""
        hours = WeeklyHours(**validated_data)
        hours.publish()
        return hours

    def update(self, instance: WeeklyHours, validated_data: dict[str, Any]) -> WeeklyHours:
        """Change the hours by `WeeklyHours.revise`."""
        instance.revise(**validated_data)
        return instance

    def preview(self) -> HoursPreview:
        """Return what saving would do, and save nothing; raises what saving raises."""
        hours = self.instance
        return preview_change(hours.pk if hours else None, self._save, timezone.now())

    def _save(self, keep: bool) -> WeeklyHours:
        data = dict(self.validated_data)
        if self.instance is None:
            return self.create(data)
        return self.update(self.instance, {**data, "keep": keep})


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Shorter from January on",
            {"from": "2027-01-04", "end_time": "12:00:00", "valid_until": None},
            request_only=True,
        )
    ]
)
class VersionSerializer(WeeklyHoursSerializer):
    """Other values of some fields of weekly hours from a date on; those left out stay."""

    class Meta(WeeklyHoursSerializer.Meta):
        fields = tuple(
            name for name in WeeklyHoursSerializer.Meta.fields if name not in {"id", "valid_from"}
        )

    def get_fields(self) -> dict[str, Any]:
        """Return the fields, `from` first: a class body cannot name it, a keyword of Python."""
        fields = {name: _optional(field) for name, field in super().get_fields().items()}
        return {"from": serializers.DateField(source="first", help_text=FROM), **fields}

    def update(self, instance: WeeklyHours, validated_data: dict[str, Any]) -> WeeklyHours:
        """End the hours and publish the new ones by `WeeklyHours.add_version`; return these."""
        return instance.add_version(**validated_data)

    def to_representation(self, instance: WeeklyHours) -> dict[str, Any]:
        """Return the new hours as WeeklyHoursSerializer shows them."""
        return WeeklyHoursSerializer(instance, context=self.context).data


def _optional(field: Any) -> Any:
    """Return a field of weekly hours as one that a body may leave out, without a default."""
    field.required, field.default = False, serializers.empty
    return field


@extend_schema_serializer(examples=[OpenApiExample("What it would do", PREVIEW)])
class HoursPreviewSerializer(serializers.Serializer[HoursPreview]):
    """What a change of weekly hours would do: sessions by their days, and visits."""

    sessions_removed = serializers.IntegerField(help_text="Days that would lose their session.")
    sessions_changed = serializers.IntegerField(
        help_text="Days whose session would have other times, places or slots."
    )
    sessions_added = serializers.IntegerField(help_text="Days that would gain a session.")
    appointments = serializers.ListField(
        child=serializers.IntegerField(),
        help_text=(
            "Ids of the appointments that would lose their slot. Without keep they make the change "
            "fail with schedule_in_use; with it they stay at their times and go to the work list."
        ),
    )


# Only for the OpenAPI document: with `preview=true` a change answers a preview.
HOURS_OR_PREVIEW = one_of("WeeklyHoursOrPreview", WeeklyHoursSerializer, HoursPreviewSerializer)
HOURS_OR_PREVIEW_EXAMPLES = [
    OpenApiExample("Weekly hours to save", HOURS, request_only=True),
    OpenApiExample("Weekly hours", {"id": 12, **HOURS}, response_only=True, status_codes=["200"]),
    OpenApiExample("What it would do", PREVIEW, response_only=True, status_codes=["200"]),
]
