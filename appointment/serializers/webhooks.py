"""Serializers of webhooks and of their messages."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from appointment.models import DeliveryState, EventType, Webhook, WebhookDelivery
from extensions.public_http import MAX_URL
from extensions.rest.fields import OptionalChoiceField, OptionalTextField, TextField
from extensions.rest.serializers import ModelSerializer, RowSerializer

BODY = {
    "url": "https://records.example/webhooks",
    "events": ["appointment.booked", "appointment.canceled"],
}
WEBHOOK = {
    "id": 3,
    **BODY,
    "is_active": True,
    "disabled_at": None,
    "disabled_reason": None,
    "created_at": "2026-11-30T09:00:00Z",
}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  # nosec B105  # an example
DELIVERY = {
    "id": 812,
    "message_id": "msg_0a1b2c3d4e5f40718293a4b5c6d7e8f9",
    "type": "appointment.booked",
    "status": "waiting",
    "appointment": 12,
    "offer": None,
    "occurred_at": "2026-11-30T09:00:00Z",
    "attempts": 1,
    "due_at": "2026-11-30T09:00:06Z",
    "tried_at": "2026-11-30T09:00:01Z",
    "sent_at": None,
    "given_up_at": None,
    "failure": "HTTP 503",
}


@extend_schema_serializer(
    examples=[
        OpenApiExample("A webhook", WEBHOOK, response_only=True),
        OpenApiExample("Other events", {"events": ["appointment.moved"]}, request_only=True),
    ]
)
class WebhookSerializer(ModelSerializer[Webhook]):
    """A webhook; its secret is in the answers that make one, and in no other."""

    url = TextField(
        max_length=MAX_URL,
        help_text="https to a public address, without a user name, on port 443 or 1024 and above.",
    )
    events = serializers.ListField(
        source="event_types",
        child=serializers.ChoiceField([each for each in EventType if each != EventType.TEST]),
        allow_empty=False,
        min_length=1,
        max_length=50,
    )
    is_active = serializers.BooleanField(
        required=False, help_text="true activates a webhook that was disabled."
    )
    disabled_reason = OptionalChoiceField(choices=Webhook.Disabled.choices, read_only=True)

    class Meta:
        model = Webhook
        fields = (
            "id",
            "url",
            "events",
            "is_active",
            "disabled_at",
            "disabled_reason",
            "created_at",
        )
        read_only_fields = ("disabled_at", "created_at")

    def update(self, instance: Webhook, validated_data: dict[str, Any]) -> Webhook:
        """Change the webhook by its verb."""
        if "event_types" in validated_data:
            validated_data["events"] = validated_data.pop("event_types")
        instance.change(self.context["request"].user, **validated_data)
        return instance


@extend_schema_serializer(
    examples=[
        OpenApiExample("A receiver", BODY, request_only=True),
        OpenApiExample("With its secret", {**WEBHOOK, "secret": SECRET}, response_only=True),
    ]
)
class NewWebhookSerializer(WebhookSerializer):
    """A webhook that is registered, with its secret, which is shown this once."""

    is_active = None  # type: ignore[assignment]  # as the model has it, and read only

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")  # type: ignore[assignment]
        read_only_fields = ("is_active", "disabled_at", "created_at", "secret")  # type: ignore[assignment]

    def create(self, validated_data: dict[str, Any]) -> Webhook:
        """Register the webhook by its verb."""
        url, events = validated_data["url"], validated_data["event_types"]
        return Webhook.objects.register(self.context["request"].user, url, events)


@extend_schema_serializer(
    examples=[
        OpenApiExample("A new secret", {"secret": SECRET, "previous_until": "2026-12-01T09:00:00Z"})
    ]
)
class SecretSerializer(serializers.Serializer[Any]):
    """A new secret, which is shown this once, and until when the old one signs as well."""

    secret = serializers.CharField()
    previous_until = serializers.DateTimeField()


@extend_schema_serializer(
    examples=[OpenApiExample("To be tried again", DELIVERY, status_codes=["200", "202"])]
)
class WebhookDeliverySerializer(RowSerializer):
    """A message, and what has become of it."""

    message_id = serializers.CharField(source="header_id", help_text="The header webhook-id.")
    type = serializers.ChoiceField(EventType.choices, source="event_type")
    status = serializers.ChoiceField(DeliveryState.choices, source="state")
    appointment = serializers.IntegerField(source="visit", allow_null=True)
    failure = OptionalTextField(help_text="Why the last attempt failed.")

    class Meta:
        model = WebhookDelivery
        fields = (
            "id",
            "message_id",
            "type",
            "status",
            "appointment",
            "offer",
            "occurred_at",
            "attempts",
            "due_at",
            "tried_at",
            "sent_at",
            "given_up_at",
            "failure",
        )
        read_only_fields = fields
