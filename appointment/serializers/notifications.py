"""Serializers of the channels by which an account gets messages."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from accounts.messages import chosen_kinds
from accounts.models import NotificationChoice
from extensions.rest.fields import StrictBooleanField

BY_MAIL = {"email": True, "sms": False, "push": False}


class ChannelsSerializer(serializers.Serializer[Any]):
    """By which channels one kind of message comes."""

    email = StrictBooleanField(help_text="To the address of the account, once it is verified.")
    sms = StrictBooleanField(help_text="To the phone number of the own profile.")
    push = StrictBooleanField(help_text="To all devices with a push token.")


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "By mail, and reminders by SMS too",
            {
                **dict.fromkeys(("booked", "moved", "canceled", "offer"), BY_MAIL),
                "reminder": {**BY_MAIL, "sms": True},
            },
        )
    ]
)
class NotificationsSerializer(serializers.Serializer[Any]):
    """By which channels the account gets each kind of message about visits."""

    booked = ChannelsSerializer()
    moved = ChannelsSerializer(help_text="One channel at least stays on.")
    canceled = ChannelsSerializer(help_text="One channel at least stays on.")
    offer = ChannelsSerializer(help_text="A place is held for a short time.")
    reminder = ChannelsSerializer(help_text="Some hours before a visit.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse to turn off every channel of a kind that patients have to get."""
        before = self.instance or {}
        without = [
            name
            for name, channels in attrs.items()
            if chosen_kinds()[name].is_needed
            and not any((before.get(name, {}) | channels).values())
        ]
        if without:
            text = _("Leave one channel on: you must hear of a visit that is moved or canceled.")
            raise serializers.ValidationError(dict.fromkeys(without, text), code="one_channel")
        return attrs

    def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        """Write the choices that were sent; return all of the account."""
        user = self.context["request"].user
        return NotificationChoice.objects.choose(user, validated_data)
