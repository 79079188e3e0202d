"""Serializers of calendar feeds."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointment.models import CalendarFeed

FEED: dict[str, Any] = {"id": 3, "kind": "patient", "created_at": "2026-11-23T10:00:00Z"}
URL = "https://clinic.example/api/appointment/calendar-feeds/"


@extend_schema_serializer(examples=[OpenApiExample("Feed", FEED, response_only=True)])
class CalendarFeedSerializer(serializers.ModelSerializer[CalendarFeed]):
    """A calendar feed, without its address, which only the answer that creates the feed has."""

    class Meta:
        model = CalendarFeed
        fields = ("id", "kind", "created_at")


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "New feed",
            {**FEED, "url": f"{URL}qBzUeJ6qT0ZkY5cEo0n7sV1m3xR8wL2dHfKjGpNaSiM.ics"},
            response_only=True,
        )
    ]
)
class MadeFeedSerializer(CalendarFeedSerializer):
    """A new calendar feed, with the address by which calendar programs read it: a secret."""

    url = serializers.SerializerMethodField()

    class Meta(CalendarFeedSerializer.Meta):
        fields = (*CalendarFeedSerializer.Meta.fields, "url")  # type: ignore[assignment]

    def get_url(self, feed: CalendarFeed) -> str:
        """Return the address."""
        url: str = self.context["url"]
        return url


@extend_schema_serializer(examples=[OpenApiExample("Own visits", {"kind": "patient"})])
class NewFeedSerializer(serializers.ModelSerializer[CalendarFeed]):
    """The kind of a new feed. Without it: `doctor` for an active doctor's account, or `patient`."""

    class Meta:
        model = CalendarFeed
        fields = ("kind",)
        extra_kwargs = {"kind": {"required": False}}
