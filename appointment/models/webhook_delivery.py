"""The messages of webhooks: which event goes to which webhook, and what has become of it.

Triggers insert them in the transaction of the event (`appointment.webhook_triggers`).
"""

import json
import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from extensions.db.batches import key_batches

# When a message is tried, counted from when it was queued: the example of the specification.
SCHEDULE = (
    *(timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30)),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
JITTER = 0.05  # of the time until the next attempt, so that many do not come at once
EXPIRES_AFTER = timedelta(hours=26)  # the last attempt with its jitter, and the pause of a webhook
LEASE = timedelta(seconds=60)  # of an attempt, which takes 10 s at most
LONGEST_RETRY_AFTER = timedelta(hours=6)
KEPT_FOR = timedelta(days=30)
UNSENT = Q(sent_at=None, given_up_at=None)


class EventType(models.TextChoices):
    """The types of message."""

    BOOKED = "appointment.booked", "Visit booked"
    MOVED = "appointment.moved", "Visit moved"
    CANCELED = "appointment.canceled", "Visit canceled"
    CHECKED_IN = "appointment.checked_in", "Patient checked in"
    COMPLETED = "appointment.completed", "Visit completed"
    NO_SHOW = "appointment.no_show", "No-show"
    UNDONE = "appointment.undone", "Last change undone"
    OFFERED = "waitlist.offered", "Place offered"
    TEST = "webhook.test", "Test"

    @classmethod
    def subscribable(cls) -> list[str]:
        """Return the types that a webhook chooses; a test is sent to any."""
        return [each for each in cls.values if each != cls.TEST]


class DeliveryState(models.TextChoices):
    """What has become of a message."""

    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given_up", "Given up"


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    """Scopes of the queue, and the verbs that add to it again."""

    def unsent(self) -> "WebhookDeliveryQuerySet":
        """Return the messages that were neither sent nor given up."""
        return self.filter(UNSENT)

    def due(self, at: datetime) -> "WebhookDeliveryQuerySet":
        """Return the messages to try now; of one visit and webhook the first that is unsent."""
        earlier = self.model.objects.unsent().filter(
            webhook=OuterRef("webhook"), visit=OuterRef("visit"), pk__lt=OuterRef("pk")
        )
        return self.unsent().filter(~Exists(earlier), due_at__lte=at, expires_at__gt=at)

    def in_state(self, state: str) -> "WebhookDeliveryQuerySet":
        """Return the messages of which this has become."""
        return {
            DeliveryState.WAITING: self.unsent(),
            DeliveryState.SENT: self.filter(sent_at__isnull=False),
            DeliveryState.GIVEN_UP: self.filter(given_up_at__isnull=False),
        }[DeliveryState(state)]

    def queue_test(self, webhook: int, at: datetime) -> "WebhookDelivery":
        """Queue a test for the webhook with this key."""
        kept = {"occurred_at": at, "created_at": at, "due_at": at, "expires_at": at + EXPIRES_AFTER}
        return self.create(webhook_id=webhook, event_type=EventType.TEST, **kept)

    def replay(self, at: datetime | None = None) -> int:
        """Queue these messages once more, with the id and the content they had; return how many.

        Those that wait are tried at once, and again for a day.
        """
        at = at or timezone.now()
        again = {"created_at": at, "due_at": at, "expires_at": at + EXPIRES_AFTER, "attempts": 0}
        return self.update(**again, sent_at=None, given_up_at=None, failure="")

    def give_up_expired(self, at: datetime) -> int:
        """Give up the messages that were not sent in time; return how many."""
        return self.unsent().filter(expires_at__lte=at).update(given_up_at=at)

    def delete_old(self, at: datetime) -> int:
        """Delete messages of events of more than 30 days ago; return how many.

        A message that was queued again meanwhile stays until it is done.
        """
        deleted = 0
        for pks in key_batches(self.filter(~UNSENT, occurred_at__lt=at - KEPT_FOR)):
            deleted += self.filter(pk__in=pks).delete()[0]
        return deleted


class WebhookDelivery(models.Model):
    """A message for one webhook. It holds keys of rows, and nothing of a person."""

    # Without a constraint, a booking locks no row of a webhook, and a webhook with a long history
    # is deleted at once: its messages are listed no more, and `delete_old` deletes them in time.
    webhook = models.ForeignKey(
        "appointment.Webhook",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="deliveries",
    )
    event_type = models.CharField("event", max_length=24, choices=EventType)
    message_id = models.UUIDField(
        default=uuid.uuid4, unique=True, help_text="The same in each attempt."
    )
    occurred_at = models.DateTimeField(help_text="When it happened.")
    event = models.BigIntegerField(null=True, help_text="Key of the event of the visit.")
    visit = models.BigIntegerField(null=True, help_text="Key of the visit.")
    offer = models.BigIntegerField(null=True, help_text="Key of the offer.")
    entry = models.BigIntegerField(null=True, help_text="Key of the entry of the waitlist.")
    slot = models.BigIntegerField(null=True, help_text="Key of the time, as of then.")
    doctor = models.BigIntegerField(null=True, help_text="Key of the doctor, as of then.")
    location = models.BigIntegerField(null=True, help_text="Key of the location, as of then.")
    patient = models.BigIntegerField(null=True, help_text="Key of the patient.")
    status = models.CharField(max_length=9, blank=True, default="", db_default="")
    # --- The queue ---
    created_at = models.DateTimeField(help_text="When it was last queued.")
    due_at = models.DateTimeField(help_text="Not to be tried before.")
    expires_at = models.DateTimeField(help_text="Not to be tried after.")
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    tried_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=100, blank=True, default="", db_default="")

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = "message of a webhook"
        verbose_name_plural = "messages of webhooks"
        default_permissions = ("view", "change")
        indexes = (
            models.Index(fields=["webhook", "due_at"], condition=UNSENT, name="delivery_due"),
            models.Index(
                fields=["webhook", "visit", "id"], condition=UNSENT, name="delivery_of_visit"
            ),
            models.Index(fields=["webhook", "-id"], name="delivery_of_webhook"),
            models.Index(fields=["-occurred_at", "-id"], name="delivery_occurred"),
        )

    def __str__(self) -> str:
        return f"Message {self.pk}"

    @property
    def header_id(self) -> str:
        """The value of the header webhook-id."""
        return f"msg_{self.message_id.hex}"

    @property
    def state(self) -> str:
        """What has become of the message, as DeliveryState."""
        if self.sent_at:
            return DeliveryState.SENT
        return DeliveryState.GIVEN_UP if self.given_up_at else DeliveryState.WAITING

    @property
    def body(self) -> str:
        """The content as JSON text: type, timestamp, and keys; the same in each attempt."""
        return json.dumps(
            {"type": self.event_type, "timestamp": _text(self.occurred_at), "data": self.data},
            separators=(",", ":"),
        )

    @property
    def data(self) -> dict[str, Any]:
        """The keys of what the message tells of, as they were then."""
        if self.event_type == EventType.TEST:
            return {"webhook": self.webhook_id}
        where = {"doctor": self.doctor, "location": self.location, "slot": self.slot}
        who = {"patient": self.patient, "status": self.status}
        if self.event_type == EventType.OFFERED:
            return {"offer": self.offer, "waitlist_entry": self.entry, **where, **who}
        return {"appointment": self.visit, **where, **who}

    # --- Verbs of the sender ---

    def claim(self, at: datetime) -> bool:
        """Reserve the message for this process for LEASE; return whether that succeeded.

        One UPDATE is guard and lock in one. No transaction is open while the receiver answers; if
        the process dies, another one tries again after LEASE.
        """
        claimable = type(self).objects.due(at).filter(pk=self.pk, attempts=self.attempts)
        claimed = {"attempts": F("attempts") + 1, "tried_at": at, "due_at": at + LEASE}
        if not claimable.update(**claimed):
            return False
        self.attempts, self.tried_at, self.due_at = self.attempts + 1, at, at + LEASE
        return True

    def note_sent(self, at: datetime) -> bool:
        """Note that the receiver has taken it."""
        return self._note(sent_at=at, failure="")

    def note_failure(self, at: datetime, failure: str, retry_after: timedelta | None) -> bool:
        """Note a failed attempt: when the next one is due, or that there is none."""
        due_at = self.next_try(at)
        if due_at is None:
            return self._note(given_up_at=at, failure=failure)
        return self._note(due_at=max(due_at, at + (retry_after or timedelta())), failure=failure)

    def next_try(self, at: datetime) -> datetime | None:
        """Return when to try again after a failure, by SCHEDULE; None after the last attempt."""
        later = (each for each in SCHEDULE if self.created_at + each > at)
        following = next(later, None)
        if following is None:
            return None
        wait = self.created_at + following - at
        return at + wait * (1 + random.uniform(0, JITTER))  # noqa: S311  # nosec B311  # no secret

    def _note(self, **columns: Any) -> bool:
        """Write this; False if the message was queued again, or claimed by another, meanwhile."""
        mine = (
            type(self)
            .objects.unsent()
            .filter(pk=self.pk, attempts=self.attempts, due_at=self.due_at)
        )
        return bool(mine.update(**columns))


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
