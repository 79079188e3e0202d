"""The messages of the demo's visits: of those that the demo invents, only some are kept."""

from datetime import datetime

from accounts.models import OutgoingMessage
from appointment.messages.history import REMINDER


def newest() -> int:
    """Return the key of the newest message, or 0."""
    return OutgoingMessage.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def forget(after: int, at: datetime) -> None:
    """Delete the messages with a key above `after`, except reminders and offers that are of use.

    Those are the first mails of the demo. The others would report bookings that the demo invents.
    """
    new = OutgoingMessage.objects.filter(pk__gt=after, sent_at=None)
    new.exclude(kind__in=(REMINDER, "offer")).exclude(object_id=None).delete()
    new.filter(expires_at__lte=at).delete()
