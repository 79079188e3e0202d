"""Outgoing messages: queued in the transaction that they belong to, and sent after the commit.

A row holds no text and no secret: the sender makes both when it sends the message, and the token of
a link is stored nowhere. The sender looks up the account of an address only then, so that queueing
takes the same time for a known and an unknown address. A notice names the account that it is about,
since the account may have another address by then. A message about a visit names the visit; the
sender finds out who gets it, and whether it is still true.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError, models, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Sum, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.audit.models import AuditEvent
from accounts.exceptions import AlreadySentAgain, MessageIsOver, MessageWaits, NotAboutAVisit
from accounts.fields import EmailField, UrgencyField
from accounts.messages import (
    AS_CHOSEN,
    ASKED_FOR,
    EMAIL,
    TOO_LATE,
    PutOff,
    Unreachable,
    kinds,
    reason_text,
)
from extensions.db.batches import batches
from extensions.db.queue import LEASE, QueuedModel, QueuedQuerySet

MOST_COMPARED = 1000  # newest or oldest mails, of which the one whose domain has its turn is next
AGAIN_FOR = timedelta(days=1)  # how long the sender tries a message that staff send again
ROWS_PER_STATEMENT = 1000
FAILING_SECONDS = 5  # of a round that failures of one domain may take
FACT = ("object_id", "cause", "kind")  # rows that agree in these tell a person the same
ENDED_AT = Coalesce("sent_at", "given_up_at")
HAS_ENDED = Q(sent_at__isnull=False) | Q(given_up_at__isnull=False)


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
        """Return the messages about these visits or offers. `what`: the `about` of their kinds."""
        named = [name for name, kind in kinds().items() if kind.about == what]
        return self.filter(kind__in=named, object_id__in=rows.values("pk"))

    def unsent(self) -> "OutgoingMessageQuerySet":
        """Return the messages that were neither sent nor given up, of the kinds of this version.

        A newer version may have queued others: during an upgrade, or before a rollback.
        """
        return super().unsent().filter(kind__in=kinds())

    def claim_next(
        self, at: datetime, turns: "Turns | None" = None, without: Iterable[str] = ()
    ) -> "OutgoingMessage | None":
        """Claim the message to try next: fresh ones before retries, urgent ones before others.

        A person waits for an urgent one, so the domains take turns among those (`Turns`).
        `without`: the channels that cannot send now.
        """
        turns = turns or Turns()
        due = self.due(at).exclude(channel__in=list(without))
        recent = ("-due_at", "-pk") if turns.is_newest else ("due_at", "pk")
        oldest = ("due_at", "pk")
        for rows, in_turn, order in (
            (due.filter(attempts=0, urgency=1), True, recent),
            (due.filter(attempts=0, urgency=0), False, oldest),
            (due.filter(attempts__gt=0, urgency=1), True, oldest),
            (due.filter(attempts__gt=0, urgency=0), False, oldest),
        ):
            ordered = rows.in_turn(turns, *order) if in_turn else rows.order_by(*order)
            if row := ordered.claim_first(at):
                return row
        return None

    def in_turn(self, turns: "Turns", *order: str) -> "OutgoingMessageQuerySet":
        """Return the rows in the order `order`, but those of the domain tried least come first.

        The conditions stand in the outer query too: `claim_first` checks them on the row it locks.
        """
        within = self.order_by(*order)[:MOST_COMPARED].values("pk")
        return self.filter(pk__in=within).order_by(*turns.order(), *order)

    def delete_unaddressed(self, at: datetime) -> None:
        """Delete, in one statement, what addresses without an active account asked for."""
        holders = get_user_model().objects.filter(email=OuterRef("address"), is_active=True)
        asked = self.due(at).filter(attempts=0, urgency=1, user=None, address__gt="")
        asked.filter(~Exists(holders)).delete()

    # --- For staff ---

    def at_sites_of(self, user: Any) -> "OutgoingMessageQuerySet":
        """Return the messages at the sites of this member of staff: all for staff of all sites."""
        return self if user.sites is None else self.filter(location__in=user.sites)

    def dead(self) -> "OutgoingMessageQuerySet":
        """Return the messages that were given up, and that staff have not told by telephone."""
        return self.filter(given_up_at__isnull=False, settled_at=None)

    def not_reached(self, *about: str) -> "OutgoingMessageQuerySet":
        """Return the dead messages whose person no other row of the queue tells the same.

        One that tells it went by another channel, is a copy that staff sent, is noted as told by
        telephone, or still waits. Of several dead rows of one fact, the last one is returned.
        `about`: what the messages are about, `visit`, `offer` or both.
        """
        told = Q(given_up_at=None) | Q(settled_at__isnull=False) | Q(pk__gt=OuterRef("pk"))
        others = self.model.objects.filter(told, **{name: OuterRef(name) for name in FACT})
        named = [name for name, kind in kinds().items() if kind.about in about]
        return self.dead().filter(~Exists(others.exclude(pk=OuterRef("pk"))), kind__in=named)

    def retry(self, by: Any) -> int:
        """Try these dead messages again from the beginning; return how many.

        The sender deletes one that is no longer true. A mail of an account is queued as if it was
        asked for again, and the dead row is settled.
        """
        at, number = timezone.now(), 0
        for mail in self.dead().filter(object_id=None):
            with transaction.atomic():
                self.model.objects.enqueue(mail.kind, mail.address, mail.user)
                number += mail._settle(at, by)
        until = Case(When(expires_at__gt=at, then=F("expires_at")), default=Value(at + AGAIN_FOR))
        fresh = {"given_up_at": None, "attempts": 0, "tried_at": None, "due_at": at}
        keys = self.dead().filter(object_id__isnull=False).values_list("pk", flat=True)
        for batch in batches(list(keys), ROWS_PER_STATEMENT):
            with transaction.atomic():
                dead = self.model.objects.dead().filter(pk__in=batch).order_by("pk")
                rows = list(dead.select_for_update(no_key=True))
                found = self.model.objects.filter(pk__in=[row.pk for row in rows])
                number += found.update(**fresh, expires_at=until)
                _record(rows, by)
        return number

    # --- The end ---

    def ended(self, before: datetime) -> "OutgoingMessageQuerySet":
        """Return the messages that were sent or given up before this instant."""
        return self.alias(ended_at=ENDED_AT).filter(HAS_ENDED, ended_at__lt=before)

    def mark_too_late(self, at: datetime) -> None:
        """Give up the messages that are of no use any more; they keep the failure they have."""
        late = self.too_late(at).filter(urgency__in=(0, 1), due_at__lte=at)  # by the indexes
        for rows in (late.filter(attempts=0), late.filter(attempts__gt=0)):
            for keys in _batches_of_keys(rows):
                given_up = self.filter(pk__in=keys).too_late(at)
                given_up.filter(failure="").update(failure=TOO_LATE)
                given_up.update(given_up_at=at, waits=None)

    def delete_in_batches(self) -> int:
        """Delete these rows, a number of them in each statement; return how many."""
        return sum(
            self.model.objects.filter(pk__in=keys).delete()[0] for keys in _batches_of_keys(self)
        )


class Turns:
    """The order of a round: the domains in turn, and the newest and the oldest mail in turn.

    So mails that a server refuses slowly delay neither older nor newer mails, nor those of other
    domains. A domain is its last two labels, since its owner can add any number below it. A message
    about a visit has no domain until it is composed; if failures of that domain have taken
    FAILING_SECONDS of the round, it waits for a later round.
    """

    def __init__(self) -> None:
        self._tried: Counter[str] = Counter()
        self._failing_ms: Counter[str] = Counter()

    @property
    def is_newest(self) -> bool:
        """Whether the newest mail is next; else the oldest is."""
        return self._tried.total() % 2 == 0

    def note(self, address: str) -> None:
        """Note that a mail to this address was tried."""
        self._tried[_domain(address)] += 1

    def note_failure(self, address: str, seconds: float) -> None:
        """Note that a mail to this address failed after so many seconds."""
        self._failing_ms[_domain(address)] += math.ceil(seconds * 1000)

    def is_slow(self, address: str) -> bool:
        """Whether failures of this domain have taken FAILING_SECONDS of the round."""
        return self._failing_ms[_domain(address)] >= FAILING_SECONDS * 1000

    def order(self) -> list[Case]:
        """Return what to order by: how many mails to the row's domain were tried; [] at first."""
        cases: dict[int, Q] = {}
        for domain, number in self._tried.most_common():
            theirs = Q(address__endswith=f"@{domain}") | Q(address__endswith=f".{domain}")
            cases[number] = cases.get(number, Q()) | theirs
        whens = [When(theirs, then=Value(number)) for number, theirs in cases.items()]
        return [Case(*whens, default=Value(0))] if whens else []


def _domain(address: str) -> str:
    return ".".join(address.rpartition("@")[2].split(".")[-2:])


class OutgoingMessage(QueuedModel):
    """A queued message: its kind, what it is about, and when it was tried, sent or given up.

    A mail of an account has an `address`. A message about a visit has none: it names the visit
    (`object_id`) and the event that it tells of (`cause`).
    """

    kind = models.CharField(_("kind"), max_length=32)
    channel = models.CharField(
        _("channel"),
        max_length=5,
        blank=True,
        default=AS_CHOSEN,
        db_default=EMAIL,  # the previous version, which inserts mails of accounts, names none
        help_text=_("Empty until it is known which ones the person has chosen."),
    )
    address = EmailField(_("address"), blank=True, default="")
    # During an upgrade the previous version deletes accounts without their mails, and a constraint
    # would refuse that.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        db_constraint=False,
        related_name="+",
        verbose_name=_("account"),
        help_text=_("The account that it is about or for; NULL for what an address asked for."),
    )
    object_id = models.BigIntegerField(
        _("number of the visit, offer or doctor"),
        null=True,
        help_text=_("Key of the visit, offer or doctor that it is about."),
    )
    cause = models.BigIntegerField(
        _("number of the event"),
        null=True,
        help_text=_("Key of the event of the visit, or of the offer, that it tells of."),
    )
    location = models.BigIntegerField(
        _("number of the location"), null=True, help_text=_("Key of the location of the visit.")
    )
    copy = models.PositiveSmallIntegerField(
        _("copy"), default=0, db_default=0, help_text=_("How often staff had sent it again before.")
    )
    receipt = models.CharField(
        _("receipt"),
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text=_("What the server that accepted it calls it."),
    )
    urgency = UrgencyField(
        db_default=1,  # the previous version, which inserts mails of accounts, does not set it
        editable=False,
        help_text=_("1 if a person waits for it."),
    )
    settled_at = models.DateTimeField(
        _("settled at"), null=True, help_text=_("When staff told the person by telephone instead.")
    )
    waits = models.BooleanField(
        _("waits"),
        null=True,
        help_text=_(
            "True until it is sent or given up, then NULL, which the constraint leaves out."
        ),
    )

    objects = OutgoingMessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
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
                fields=["urgency", "due_at", "id"],
                condition=Q(sent_at=None, given_up_at=None, attempts=0),
                name="message_fresh",
            ),
            models.Index(
                fields=["urgency", "due_at", "id"],
                condition=Q(sent_at=None, given_up_at=None, attempts__gt=0),
                name="message_retried",
            ),
            models.Index(
                fields=["id"],
                condition=Q(given_up_at__isnull=False, settled_at=None),
                name="message_dead",
            ),
            models.Index(ENDED_AT, condition=HAS_ENDED, name="message_ended"),
            models.Index(
                fields=["address", "sent_at"],
                condition=Q(address__gt=""),
                name="message_of_address",
            ),
        )

    def __str__(self) -> str:
        return gettext("Message %(number)s") % {"number": self.pk}

    @property
    def key(self) -> str:
        """The id of this message for the server that accepts it: the same at each try.

        A mail that a person asks for again has another key, as it has another link.
        """
        of = f"{self.pk} {self.created_at.timestamp()}"
        return salted_hmac("accounts.OutgoingMessage.key", of, algorithm="sha256").hexdigest()[:32]

    @property
    def is_being_sent(self) -> bool:
        """Whether a process has claimed it and noted no outcome: it is sending it, or has died."""
        is_open = self.sent_at is None and self.given_up_at is None
        return is_open and self.tried_at is not None and self.due_at == self.tried_at + LEASE

    # --- Sending: the row is claimed ---

    def choose_channels(self, names: Iterable[str], at: datetime) -> bool:
        """Give the message the first of these channels, and queue a row for each other one.

        Leaves out channels that have a row of this fact already. If no channel is left, deletes the
        message. Returns False for a deleted message, or one that another process has claimed since.
        """
        with transaction.atomic():
            told = self._channels_of_fact()
            chosen = [name for name in dict.fromkeys(names) if name not in told]
            if not chosen:
                self.claimed().delete()
                return False
            if not self.claimed().update(channel=chosen[0]):
                return False
            self.channel = chosen[0]
            others = [self._for(name, due_at=at) for name in chosen[1:]]
            type(self).objects.bulk_create(others, ignore_conflicts=True)
        return True

    def _channels_of_fact(self) -> set[str]:
        if self.object_id is None:
            return set()
        of_fact = {name: getattr(self, name) for name in (*FACT, "copy")}
        rows = type(self).objects.filter(**of_fact).exclude(pk=self.pk)
        return set(rows.values_list("channel", flat=True))

    def _for(self, channel: str, **changes: Any) -> "OutgoingMessage":
        """Return a message of the same fact by another channel, unsaved."""
        names = (*FACT, "location", "user_id", "copy", "created_at", "expires_at")
        return type(self)(
            channel=channel, **{name: getattr(self, name) for name in names} | changes
        )

    def put_off(self, until: datetime) -> None:
        """Put the message off until an instant; the claim does not count as a try."""
        before = {"attempts": self.attempts, "tried_at": self.tried_at}
        self.claimed().update(due_at=until, **before)

    def note_sent(self, receipt: str) -> None:
        """Note that a server has accepted the message; `receipt`: the server's id of it.

        Leaves out characters of the receipt that the database would refuse. `due_at` is no longer
        the end of the lease, but when the message was claimed.
        """
        name = "".join(filter(str.isprintable, receipt))[:200]
        sent = {"sent_at": timezone.now(), "waits": None, "failure": "", "receipt": name}
        self.claimed().update(due_at=F("tried_at"), **sent)

    def note_failure(self, failure: str, next_try: datetime, is_final: bool) -> None:
        """Note why a try failed. `is_final`: give the message up; else try again later."""
        changes: dict[str, Any] = {"failure": failure[:200]}
        if is_final:
            changes |= {"given_up_at": timezone.now(), "waits": None}
        self.claimed().update(due_at=next_try, **changes)

    def tries_within_hour(self, at: datetime) -> int:
        """Return how often the address was tried within the hour before `at`, without this try.

        If the last try of a mail was within the hour, all its tries count. The kinds of ASKED_FOR
        count together, each kind of notice by itself.
        """
        hour_ago = at - timedelta(hours=1)
        kinds = ASKED_FOR if self.kind in ASKED_FOR else (self.kind,)
        tried = type(self).objects.filter(
            address=self.address, kind__in=kinds, tried_at__gt=hour_ago
        )
        of_others = tried.exclude(pk=self.pk).aggregate(tries=Sum("attempts"))["tries"] or 0
        is_recent = self.tried_at is not None and self.tried_at > hour_ago
        return of_others + (self.attempts if is_recent else 0)

    # --- Verbs of staff ---

    def send_again(self, by: Any) -> "OutgoingMessage":
        """Queue a copy of a message about a visit; return the copy.

        Raises NotAboutAVisit, MessageWaits if it is still to be sent, MessageIsOver if it is no
        longer true or reaches its person by no channel, and AlreadySentAgain if it has a copy.
        """
        at = timezone.now()
        if self.object_id is None:
            raise NotAboutAVisit
        if self.sent_at is None and self.given_up_at is None:
            raise MessageWaits
        until = self.expires_at if self.expires_at and self.expires_at > at else at + AGAIN_FOR
        copy = self._for(self.channel, copy=self.copy + 1, created_at=at, expires_at=until)
        copy._check(at)
        try:
            with transaction.atomic():
                copy.save(force_insert=True)
                _record([copy], by)
        except IntegrityError as error:
            raise AlreadySentAgain from error
        return copy

    def _check(self, at: datetime) -> None:
        """Raise MessageIsOver if it is no longer true, or reaches its person by no channel."""
        kind = kinds()[self.kind]
        try:
            stands = bool(self.channel or kind.channels(self, at)) and kind.compose(self, at)
        except PutOff:
            return
        except Unreachable as reason:
            text = gettext("It reaches the person by no channel: %(reason)s.")
            raise MessageIsOver(text % {"reason": reason_text(str(reason))}) from reason
        if not stands:
            raise MessageIsOver

    def settle(self, by: Any) -> bool:
        """Note that staff told the person by telephone; return False if it is not dead."""
        with transaction.atomic():
            return self._settle(timezone.now(), by)

    def _settle(self, at: datetime, by: Any) -> bool:
        if not type(self).objects.dead().filter(pk=self.pk).update(settled_at=at):
            return False
        _record([self], by)
        return True


def _record(messages: Iterable[OutgoingMessage], by: Any) -> None:
    """Record in the audit trail that this member of staff changed these messages."""
    change, role = AuditEvent.Action.CHANGE, AuditEvent.Role.STAFF
    events = [AuditEvent.objects.unsaved(change, row, actor=by, role=role) for row in messages]
    AuditEvent.objects.bulk_create(event for [event] in events)


def _batches_of_keys(rows: OutgoingMessageQuerySet) -> Iterator[list[int]]:
    """Yield keys of the rows in batches; the caller changes those rows, so that `rows` loses them.

    Ends when no row is left, or when the same keys come twice: the caller did not change those.
    """
    before: list[int] = []
    while keys := list(rows.values_list("pk", flat=True)[:ROWS_PER_STATEMENT]):
        if keys == before:
            return
        yield keys
        before = keys
