"""The messages of webhooks: which event goes to which webhook, and what has become of it.

Triggers insert them in the transaction of the event (`appointment.webhook_triggers`).
"""

import json
import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from extensions.db.batches import key_batches
from extensions.db.queue import QueuedModel, QueuedQuerySet

# When a message is tried, counted from when it was queued: the example of the specification.
SCHEDULE = (
    *(timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30)),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
JITTER = 0.05  # of the time until the next attempt, so that many do not come at once
EXPIRES_AFTER = timedelta(hours=26)  # the last attempt with its jitter, and the pause of a webhook
NEVER = datetime.max.replace(tzinfo=UTC)
LEASE = timedelta(seconds=60)  # of an attempt, which takes 10 s at most
LONGEST_RETRY_AFTER = timedelta(hours=6)
KEPT_FOR = timedelta(days=30)
UNSENT = Q(sent_at=None, given_up_at=None)


class EventType(models.TextChoices):
    """The types of message."""

    BOOKED = "appointment.booked", _("Visit booked")
    MOVED = "appointment.moved", _("Visit moved")
    CANCELED = "appointment.canceled", _("Visit canceled")
    CHECKED_IN = "appointment.checked_in", _("Patient checked in")
    COMPLETED = "appointment.completed", _("Visit completed")
    NO_SHOW = "appointment.no_show", _("No-show")
    UNDONE = "appointment.undone", _("Last change undone")
    OFFERED = "waitlist.offered", _("Place offered")
    TEST = "webhook.test", _("Test")

    @classmethod
    def subscribable(cls) -> list[str]:
        """Return the types that a webhook chooses; a test is sent to any."""
        return [each for each in cls.values if each != cls.TEST]


class DeliveryState(models.TextChoices):
    """What has become of a message."""

    WAITING = "waiting", _("Waiting")
    SENT = "sent", _("Sent")
    GIVEN_UP = "given_up", _("Given up")


class WebhookDeliveryQuerySet(QueuedQuerySet["WebhookDelivery"]):
    """Scopes of the queue, and the verbs that queue a test or send messages again."""

    def due(self, at: datetime) -> Self:
        """Return the messages to try now: of each visit and webhook only the first unsent one."""
        earlier = self.model.objects.unsent().filter(
            webhook=OuterRef("webhook"), visit=OuterRef("visit"), pk__lt=OuterRef("pk")
        )
        return super().due(at).filter(~Exists(earlier))

    def claim_next(self, webhook: int, at: datetime) -> "WebhookDelivery | None":
        """Claim the earliest due message of this webhook.

        Return None if none is due, or while the webhook is paused or not active: another process
        may have noted that.
        """
        resumed = Q(webhook__paused_until=None) | Q(webhook__paused_until__lte=at)
        due = self.due(at).filter(resumed, webhook=webhook, webhook__is_active=True)
        return due.select_related("webhook").order_by("due_at", "pk").claim_first(at, LEASE)

    def in_state(self, state: str) -> "WebhookDeliveryQuerySet":
        """Return the messages in this state, a value of DeliveryState."""
        return {
            DeliveryState.WAITING: self.unsent(),
            DeliveryState.SENT: self.filter(sent_at__isnull=False),
            DeliveryState.GIVEN_UP: self.filter(given_up_at__isnull=False),
        }[DeliveryState(state)]

    def queue_test(self, webhook: int, at: datetime) -> "WebhookDelivery":
        """Queue a test for the webhook with this key."""
        due = {"created_at": at, "due_at": at, "expires_at": at + EXPIRES_AFTER}
        return self.create(webhook_id=webhook, event_type=EventType.TEST, occurred_at=at, **due)

    def replay(self, at: datetime | None = None) -> int:
        """Queue these messages once more, with the same id and content; return how many.

        They are tried at once, those that wait as well, and after a failure for a day. Messages of
        an inactive webhook stay as they are.
        """
        at = at or timezone.now()
        due = {"created_at": at, "due_at": at, "expires_at": at + EXPIRES_AFTER}
        unsent = {"attempts": 0, "sent_at": None, "given_up_at": None, "failure": ""}
        return self.filter(webhook__is_active=True).update(**due, **unsent)

    def delete_old(self, at: datetime) -> int:
        """Delete messages of events of more than 30 days ago; return how many.

        A message that staff have queued again stays until it is sent or given up.
        """
        deleted = 0
        for pks in key_batches(self.filter(~UNSENT, occurred_at__lt=at - KEPT_FOR)):
            deleted += self.filter(pk__in=pks).delete()[0]
        return deleted


class WebhookDelivery(QueuedModel):
    """A message for one webhook. It holds keys of rows, and no name or text about a person."""

    # Without a constraint, a booking locks no row of a webhook, and the deletion of a webhook with
    # a long history is quick: `delete_old` deletes its messages later.
    webhook = models.ForeignKey(
        "appointment.Webhook",
        verbose_name=_("webhook"),
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="deliveries",
    )
    event_type = models.CharField(_("event"), max_length=24, choices=EventType)
    message_id = models.UUIDField(_("id of the message"), default=uuid.uuid4, unique=True)
    occurred_at = models.DateTimeField(_("happened at"))
    # Keys of rows at the instant `occurred_at`. The rows may be deleted since.
    event = models.BigIntegerField(_("event of the visit"), null=True)
    visit = models.BigIntegerField(_("visit"), null=True)
    offer = models.BigIntegerField(_("offer"), null=True)
    entry = models.BigIntegerField(_("entry of the waitlist"), null=True)
    slot = models.BigIntegerField(_("time"), null=True)
    doctor = models.BigIntegerField(_("doctor"), null=True)
    location = models.BigIntegerField(_("location"), null=True)
    patient = models.BigIntegerField(_("patient"), null=True)
    status = models.CharField(_("status"), max_length=9, blank=True, default="", db_default="")

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        ordering = ("-occurred_at", "-pk")
        verbose_name = _("message of a webhook")
        verbose_name_plural = _("messages of webhooks")
        default_permissions = ("view", "change")
        indexes = (
            models.Index(fields=["webhook", "due_at"], condition=UNSENT, name="delivery_due"),
            models.Index(
                fields=["webhook", "visit", "id"], condition=UNSENT, name="delivery_of_visit"
            ),
            models.Index(fields=["webhook", "-occurred_at", "-id"], name="delivery_of_webhook"),
            models.Index(fields=["-occurred_at", "-id"], name="delivery_occurred"),
        )

    def __str__(self) -> str:
        return gettext("Message %(number)s") % {"number": self.pk}

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
        """The keys that the receiver gets, as they were at `occurred_at`."""
        if self.event_type == EventType.TEST:
            return {"webhook": self.webhook_id}
        where = {"doctor": self.doctor, "location": self.location, "slot": self.slot}
        who = {"patient": self.patient, "status": self.status}
        if self.event_type == EventType.OFFERED:
            return {"offer": self.offer, "waitlist_entry": self.entry, **where, **who}
        return {"appointment": self.visit, **where, **who}

    # --- Verbs of the sender ---

    def note_sent(self, at: datetime) -> bool:
        """Note that the receiver has accepted it, and no lease; return what `_note` does."""
        return self._note(sent_at=at, due_at=F("tried_at"), failure="")

    def note_failure(self, at: datetime, failure: str, retry_after: timedelta | None) -> bool:
        """Note a failed attempt, and when the next one is due; after the last one, give it up."""
        due_at = self.next_try(at)
        if due_at == NEVER:
            return self._note(given_up_at=at, failure=failure)
        return self._note(due_at=max(due_at, at + (retry_after or timedelta())), failure=failure)

    def next_try(self, at: datetime) -> datetime:
        """Return when to try again after a failure, by SCHEDULE; NEVER after the last attempt."""
        later = (self.created_at + each for each in SCHEDULE if self.created_at + each > at)
        following = next(later, None)
        if following is None:
            return NEVER
        jitter = random.uniform(0, JITTER)  # noqa: S311  # nosec B311  # no secret
        return following + (following - at) * jitter

    def _note(self, **columns: Any) -> bool:
        """Write these columns; False if it was queued again or claimed by another process since."""
        return bool(self.claimed().unsent().update(**columns))


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
