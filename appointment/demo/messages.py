"""The messages that the demo's visits leave: their reminders, and none of the days before."""

from datetime import datetime

from accounts.models import OutgoingMessage
from appointment.messages.history import REMINDER


def newest() -> int:
    """Return the key of the newest message, or 0."""
    return OutgoingMessage.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def forget(after: int, at: datetime) -> None:
    """Delete the messages that are newer than the key `after` and would tell of invented bookings.

    The reminders and offers that are still of use stay: the first mails of the demo.
    """
    new = OutgoingMessage.objects.filter(pk__gt=after, sent_at=None)
    new.exclude(kind__in=(REMINDER, "offer")).exclude(object_id=None).delete()
    new.filter(expires_at__lte=at).delete()
