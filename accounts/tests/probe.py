"""A kind of message without a visit, for tests of the queue."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from accounts.messages import EMAIL, Message, MessageKind
from accounts.models import OutgoingMessage

PROBE = "probe"


class ProbeKind(MessageKind):
    """Says "hello" by the channels that the test names, or does what the test says."""

    name = PROBE
    about = "visit"

    def __init__(self) -> None:
        self.wanted: tuple[str, ...] = (EMAIL,)
        self.faults: list[Any] = []  # what the next messages do instead of being made
        self.stands = True

    def channels(self, row: Any, at: datetime) -> tuple[str, ...]:
        """Return the channels that the test has set."""
        return self.wanted

    def compose(self, row: Any, at: datetime) -> Message | None:
        """Return a message to an address of its own."""
        if self.faults and (fault := self.faults.pop(0)):
            raise fault
        if not self.stands:
            return None
        return Message(row.channel or EMAIL, f"p{row.object_id}@example.com", "Hello", "hello")


def queue(number: int, **columns: Any) -> OutgoingMessage:
    """Queue a message about the visit with this number; it has been due for a second."""
    now = timezone.now() - timedelta(seconds=1)
    known = {"object_id": number, "cause": number, "due_at": now, "created_at": now}
    known["expires_at"] = now + timedelta(days=1)
    return OutgoingMessage.objects.create(kind=PROBE, **{**known, **columns})
