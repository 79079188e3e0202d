"""Outgoing messages: queued in the transaction that they belong to, and sent after the commit.

A row holds no text and no secret: both are made when the message is sent, and the token of a link
is stored nowhere. The account of an address that asks for a mail is looked up only then, so that
queueing takes the same time for a known and an unknown address. A notice names the account that it
is about, since the account may have another address by then. A message about a visit names the
visit; whom it reaches, and whether it still stands, is decided when it is sent.
"""

import logging
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, Sum, Value, When
from django.utils import timezone

from accounts.delivery import Delivery, NotSent, Trouble
from accounts.fields import EmailField
from accounts.messages import (
    AS_CHOSEN,
    ASKED_FOR,
    EMAIL,
    Message,
    PutOff,
    Unreachable,
    kinds,
    urgent_kinds,
)
from extensions.db.queue import QueuedModel, QueuedQuerySet

logger = logging.getLogger(__name__)

BATCH_SIZE = 100
SIGHT = 1000  # of the newest or the oldest mails, from which the next one is chosen
MAX_TRIES = 20  # the doubled waits allow 11 in a day, and whoever asks again allows one more
KEPT_FOR = timedelta(days=7)
MAX_PER_HOUR = 10  # tries at one address: enough to reach its owner, too few to flood the mailbox
PUT_OFF = timedelta(minutes=10)  # a mail of which the hour has had its ten tries


class OutgoingMessageQuerySet(QueuedQuerySet["OutgoingMessage"]):
    """Scopes of the queue, and the one way to add to it."""

    def enqueue(self, kind: str, address: str, user: Any = None) -> "OutgoingMessage":
        """Queue a mail in the caller's transaction, or bring forward the one that waits already.

        `user`: the account that a notice is about.

        It takes one INSERT whether or not an account has the address, so that the duration of a
        call does not tell which addresses have one. If the waiting mail is just being sent, it is
        sent once more: its link may have died since it was made.
        """
        [mail] = self.bulk_create(
            [self.model(kind=kind, channel=EMAIL, address=address, user=user, waits=True)],
            update_conflicts=True,
            unique_fields=["kind", "address", "waits"],
            # The previous version marks a mail as sent and leaves `waits` as it is.
            update_fields=["created_at", "due_at", "sent_at", "user"],
        )
        return mail

    def about(self, user: Any) -> "OutgoingMessageQuerySet":
        """Return the mails to the user's address and about the account; none for None."""
        return self.filter(Q(address=user.email) | Q(user=user)) if user else self.none()

    def about_rows(self, what: str, rows: models.QuerySet[Any]) -> "OutgoingMessageQuerySet":
        """Return the messages about these rows. `what`: `visit` or `offer`, as a kind's `about`."""
        named = [name for name, kind in kinds().items() if kind.about == what]
        return self.filter(kind__in=named, object_id__in=rows.values("pk"))

    def unsent(self) -> "OutgoingMessageQuerySet":
        """Return the messages that were neither sent nor given up; of kinds that are known here.

        While an upgrade is rolled out, or after it was taken back, a newer version sends its own.
        """
        return super().unsent().filter(kind__in=kinds())

    def claim_next(self, at: datetime, turns: "Turns | None" = None) -> "OutgoingMessage | None":
        """Claim the message to try next: fresh ones before retries, urgent ones before others."""
        turns = turns or Turns()
        due = self.due(at)
        fresh = due.filter(attempts=0)
        recent = ("-due_at", "-pk") if turns.is_newest else ("due_at", "pk")
        for rows, order in (
            (fresh.filter(kind__in=urgent_kinds()), recent),
            (fresh, ("due_at", "pk")),
            (due.filter(attempts__gt=0), ("due_at", "pk")),
        ):
            if row := rows.in_turn(turns, *order).claim_first(at):
                return row
        return None

    def in_turn(self, turns: "Turns", *order: str) -> "OutgoingMessageQuerySet":
        """Return the rows in the order, those first whose domain was tried least in the round.

        The rows are filtered twice: the claim locks one as it is by then.
        """
        within = self.order_by(*order)[:SIGHT].values("pk")
        return self.filter(pk__in=within).order_by(*turns.order(), *order)

    def delete_unaddressed(self, at: datetime) -> None:
        """Delete, in one statement, what addresses without an active account asked for."""
        holders = get_user_model().objects.filter(email=OuterRef("address"), is_active=True)
        self.due(at).filter(~Exists(holders), attempts=0, user=None).delete()


class Turns:
    """The order of a round: the domains in turn, and the newest and the oldest mail in turn.

    So mails that are refused slowly delay neither the mail that was asked for before them nor the
    one after them, nor any of another domain. A domain is its last two labels, since the owner
    of one has any number below it.
    """

    def __init__(self) -> None:
        self._tried: Counter[str] = Counter()

    @property
    def is_newest(self) -> bool:
        """Whether the newest is next, and not the oldest."""
        return self._tried.total() % 2 == 0

    def note(self, address: str) -> None:
        """Note that a mail to this address was tried."""
        domain = address.rpartition("@")[2]
        self._tried[".".join(domain.split(".")[-2:])] += 1

    def order(self) -> list[Case]:
        """Return what to order by: how many mails to the domain of the address were tried."""
        cases: dict[int, Q] = {}
        for domain, number in self._tried.most_common():
            theirs = Q(address__endswith=f"@{domain}") | Q(address__endswith=f".{domain}")
            cases[number] = cases.get(number, Q()) | theirs
        whens = [When(theirs, then=Value(number)) for number, theirs in cases.items()]
        return [Case(*whens, default=Value(0))] if whens else []


class OutgoingMessage(QueuedModel):
    """A queued message: its kind, what it is about, and when it was tried, sent or given up.

    A mail of an account has an `address`. A message about a visit has none: it names the visit
    (`object_id`) and the event that it tells of (`cause`).
    """

    kind = models.CharField(max_length=32)
    channel = models.CharField(
        max_length=5,
        blank=True,
        default=AS_CHOSEN,
        db_default=EMAIL,  # the previous version, which inserts mails of accounts, names none
        help_text="Empty until it is known which ones the person has chosen.",
    )
    address = EmailField(blank=True, default="")
    # During an upgrade the previous version deletes accounts without their mails, and a constraint
    # would refuse that.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        db_constraint=False,
        related_name="+",
        help_text="The account that it is about or for; NULL for what an address asked for.",
    )
    object_id = models.BigIntegerField(
        null=True, help_text="Key of the visit, offer or doctor that it is about."
    )
    cause = models.BigIntegerField(
        null=True, help_text="Key of the event of the visit, or of the offer, that it tells of."
    )
    location = models.BigIntegerField(null=True, help_text="Key of the location of the visit.")
    copy = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="How often staff had sent it again before."
    )
    receipt = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="What the server that accepted it calls it.",
    )
    settled_at = models.DateTimeField(
        null=True, help_text="When staff told the person by telephone instead."
    )
    waits = models.BooleanField(
        null=True,
        help_text="True until it is sent or given up, then NULL, which the constraint leaves out.",
    )

    objects = OutgoingMessageQuerySet.as_manager()

    class Meta:
        # The name that the table had while it carried mails alone: the previous version uses it.
        db_table = "accounts_outgoingmail"
        constraints = (
            models.UniqueConstraint(
                fields=["kind", "address", "waits"],
                name="accounts_outgoingmail_one_waits",
                violation_error_code="waits",
                violation_error_message="Such a mail waits already.",
            ),
            models.UniqueConstraint(
                fields=["object_id", "cause", "kind", "channel", "copy"],
                condition=Q(object_id__isnull=False),
                name="accounts_outgoingmessage_one_a_fact",
                violation_error_code="one_a_fact",
                violation_error_message="This message exists already.",
            ),
        )
        indexes = (
            models.Index(
                fields=["attempts", "due_at"],
                condition=Q(sent_at=None, given_up_at=None),
                name="message_unsent",
            ),
            models.Index(
                fields=["address", "sent_at"],
                condition=Q(address__gt=""),
                name="message_of_address",
            ),
        )

    def __str__(self) -> str:
        return f"Message {self.pk}"

    def deliver(self, at: datetime, delivery: Delivery) -> bool:
        """Send the claimed message; return whether it was sent.

        Deletes it instead if there is no reason for it any more. Puts it off without a try where
        its kind says so, or if its address had ten tries within the hour. Gives it up if it reaches
        its person by no channel. Raises NotSent, and gives up what will never be accepted.
        """
        kind = kinds()[self.kind]
        try:
            message = kind.compose(self, at)
        except PutOff as later:
            self._put_off(later.until)
        except Unreachable as reason:
            self.claimed().give_up(timezone.now(), str(reason))
        else:
            if message is None:
                self.claimed().delete()
            elif kind.is_limited and self._tries_within_hour(at) >= MAX_PER_HOUR:
                self._put_off(at + PUT_OFF)
            else:
                return self._send(message, at, delivery)
        return False

    def _put_off(self, until: datetime) -> None:
        before = {"attempts": self.attempts, "tried_at": self.tried_at}
        self.claimed().update(due_at=until, **before)

    def _send(self, message: Message, at: datetime, delivery: Delivery) -> bool:
        try:
            delivery.send(message)
        except NotSent as failure:
            changes: dict[str, Any] = {"failure": str(failure)[:200]}
            if failure.trouble is Trouble.REFUSED or self.attempts + 1 >= MAX_TRIES:
                changes |= {"given_up_at": timezone.now(), "waits": None}
            self.claimed().update(due_at=self.next_try(at), **changes)
            raise
        sent = {"sent_at": timezone.now(), "waits": None, "failure": ""}
        self.claimed().update(channel=message.channel, **sent)
        return True

    def _tries_within_hour(self, at: datetime) -> int:
        """Return how often the address was tried within the hour before `at`, this try left out.

        All tries of a mail count if its last one does. The mails that anybody can ask for count
        together, the notices of each kind by themselves.
        """
        hour_ago = at - timedelta(hours=1)
        kinds = ASKED_FOR if self.kind in ASKED_FOR else (self.kind,)
        tried = type(self).objects.filter(
            address=self.address, kind__in=kinds, tried_at__gt=hour_ago
        )
        of_others = tried.exclude(pk=self.pk).aggregate(tries=Sum("attempts"))["tries"] or 0
        is_recent = self.tried_at is not None and self.tried_at > hour_ago
        return of_others + (self.attempts if is_recent else 0)


def send_due(at: datetime) -> int:
    """Send mails that are due, a hundred tries at most; return how many were sent.

    `at`: the present. A round ends when the mail server cannot be reached, or ends the session over
    two mails in a row; over one, that mail alone is put off. A mail is sent twice if the process
    dies after sending it and before recording that. The log of a failure holds no address and no
    token.
    """
    difference = timezone.now() - at
    if not OutgoingMessage.objects.due(at).exists():
        return 0
    OutgoingMessage.objects.delete_unaddressed(at)
    sent, turns = 0, Turns()
    last: Trouble | None = None
    with closing(Delivery()) as delivery:
        for _ in range(BATCH_SIZE):
            now = timezone.now() - difference  # so that a mail queued during the round is seen
            message = OutgoingMessage.objects.claim_next(now, turns)
            if message is None:
                break
            turns.note(message.address)
            try:
                if message.deliver(at, delivery):
                    sent, last = sent + 1, None
            except NotSent as failure:
                logger.warning("Message %s was not sent: %s", message.pk, failure)
                before, last = last, failure.trouble
                if last is Trouble.SERVER_AWAY or before is last is Trouble.MAYBE_AWAY:
                    break
    return sent


def delete_old_mail(at: datetime) -> int:
    """Give up the messages that are too late, delete those of more than a week; return how many.

    A mail is as old as the last call that asked for it.
    """
    late = OutgoingMessage.objects.too_late(at)
    late.update(given_up_at=at, waits=None, failure="too late")
    return OutgoingMessage.objects.filter(created_at__lte=at - KEPT_FOR).delete()[0]
