"""Outgoing mail: queued in the transaction that it belongs to, and sent after the commit.

A row holds no secret: the token of a link is made when the mail is sent, and stored nowhere. The
account of an address that asks for a mail is looked up only then, so that queueing takes the same
time for a known and an unknown address. A notice names the account that it is about, since the
account may have another address by then.
"""

import logging
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage
from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Sum, Value, When
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.delivery import Delivery, NotSent, Trouble
from accounts.fields import EmailField
from accounts.links import PASSWORD_RESET, VERIFICATION, LinkTokenGenerator

logger = logging.getLogger(__name__)

BATCH_SIZE = 100
SIGHT = 1000  # of the newest or the oldest mails, from which the next one is chosen
FIRST_WAIT = timedelta(minutes=1)  # doubled with each try
GIVEN_UP_AFTER = timedelta(days=1)
MAX_TRIES = 20  # the doubled waits allow 11 in a day, and whoever asks again allows one more
KEPT_FOR = timedelta(days=7)
MAX_PER_HOUR = 10  # tries at one address: enough to reach its owner, too few to flood the mailbox
PUT_OFF = timedelta(minutes=10)  # a mail of which the hour has had its ten tries


class MailKind(models.TextChoices):
    """What the client asked for, or what the owner of an account must know."""

    VERIFICATION = "verification"
    PASSWORD_RESET = "password_reset"  # noqa: S105  # nosec B105  # a kind of mail
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  # nosec B105  # the same
    NEW_DEVICE = "new_device"
    ADDRESS_CHANGED = "address_changed"


# Anybody can ask for these, and so use up the ten an hour of an address; the others are notices.
ASKED_FOR = (MailKind.VERIFICATION, MailKind.PASSWORD_RESET)


class MailTemplate(NamedTuple):
    """The subject, the name of the text's template, and the maker of the link's token, if any.

    A link opens the client's page of the template's name. The subject holds no secret.
    """

    subject: str
    page: str
    tokens: LinkTokenGenerator | None = None


TEMPLATES = {
    MailKind.VERIFICATION: MailTemplate(
        "Confirm your e-mail address", "verify-email", VERIFICATION
    ),
    MailKind.PASSWORD_RESET: MailTemplate(
        "Choose a new password", "password-reset", PASSWORD_RESET
    ),
    MailKind.PASSWORD_CHANGED: MailTemplate("Your password was changed", "password-changed"),
    MailKind.NEW_DEVICE: MailTemplate("A new device signed in to your account", "new-device"),
    MailKind.ADDRESS_CHANGED: MailTemplate("Your e-mail address was changed", "address-changed"),
}


class OutgoingMailQuerySet(models.QuerySet["OutgoingMail"]):
    """Scopes of the queue, and the one way to add to it."""

    def enqueue(self, kind: str, address: str, user: Any = None) -> "OutgoingMail":
        """Queue a mail in the caller's transaction, or bring forward the one that waits already.

        `user`: the account that a notice is about.

        It takes one INSERT whether or not an account has the address, so that the duration of a
        call does not tell which addresses have one. If the waiting mail is just being sent, it is
        sent once more: its link may have died since it was made.
        """
        [mail] = self.bulk_create(
            [self.model(kind=kind, address=address, user=user, waits=True)],
            update_conflicts=True,
            unique_fields=["kind", "address", "waits"],
            # The previous version marks a mail as sent and leaves `waits` as it is.
            update_fields=["created_at", "due_at", "sent_at", "user"],
        )
        return mail

    def about(self, user: Any) -> "OutgoingMailQuerySet":
        """Return the mails to the user's address and about the account; none for None."""
        return self.filter(Q(address=user.email) | Q(user=user)) if user else self.none()

    def unsent(self) -> "OutgoingMailQuerySet":
        """Return the mails that were neither sent nor given up; of kinds that this version knows.

        While an upgrade is rolled out, or after it was taken back, a newer version sends its own.
        """
        return self.filter(sent_at=None, given_up_at=None, kind__in=MailKind.values)

    def due(self, at: datetime) -> "OutgoingMailQuerySet":
        """Return the unsent mails to try now: due by `at`, and asked for less than a day ago."""
        return self.unsent().filter(due_at__lte=at, created_at__gt=at - GIVEN_UP_AFTER)

    def first_due(self, at: datetime, turns: "Turns | None" = None) -> "OutgoingMail | None":
        """Return the mail to try next: fresh ones before retries, by `Turns`."""
        turns = turns or Turns()
        fresh = self.due(at).filter(attempts=0)
        recent = ("-created_at", "-pk") if turns.is_newest else ("created_at", "pk")
        retries = self.due(at).filter(attempts__gt=0)
        return fresh.in_turn(turns, *recent) or retries.in_turn(turns, "due_at", "pk")

    def in_turn(self, turns: "Turns", *order: str) -> "OutgoingMail | None":
        """Return the first in the order, of the domains that were tried least in the round."""
        within = self.order_by(*order)[:SIGHT].values("pk")
        return self.model.objects.filter(pk__in=within).order_by(*turns.order(), *order).first()

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


class OutgoingMail(models.Model):
    """A queued mail: its kind and address, and when it was tried, sent or given up."""

    kind = models.CharField(max_length=32, choices=MailKind)
    address = EmailField()
    # During an upgrade the previous version deletes accounts without their mails, and a constraint
    # would refuse that.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        db_constraint=False,
        related_name="+",
        help_text="The account that a notice is about; NULL for what an address asked for.",
    )
    created_at = models.DateTimeField(default=timezone.now, help_text="When it was last asked for.")
    due_at = models.DateTimeField(default=timezone.now, help_text="Not to be tried before.")
    attempts = models.PositiveSmallIntegerField(default=0)
    tried_at = models.DateTimeField(null=True, help_text="When it was last tried.")
    sent_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)
    waits = models.BooleanField(
        null=True,
        help_text="True until it is sent or given up, then NULL, which the constraint leaves out.",
    )

    objects = OutgoingMailQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["kind", "address", "waits"],
                name="accounts_outgoingmail_one_waits",
                violation_error_code="waits",
                violation_error_message="Such a mail waits already.",
            ),
        )
        indexes = (
            models.Index(
                fields=["attempts", "-created_at"],
                condition=models.Q(sent_at=None, given_up_at=None),
                name="mail_unsent",
            ),
            models.Index(fields=["address", "sent_at"], name="mail_of_address"),
        )

    def __str__(self) -> str:
        return f"Mail {self.pk}"

    def claim(self, at: datetime, now: datetime | None = None) -> bool:
        """Reserve the mail for this process until its next try; return whether that succeeded.

        `at` is when the round began, `now` the present. One UPDATE is both the lock and the
        back-off: no transaction is open while the mail server answers, and if the process dies
        another one tries again.
        """
        claimable = type(self).objects.due(now or at).filter(pk=self.pk, attempts=self.attempts)
        self._next_try_at = at + FIRST_WAIT * 2**self.attempts
        return bool(
            claimable.update(attempts=F("attempts") + 1, tried_at=at, due_at=self._next_try_at)
        )

    def deliver(self, at: datetime, delivery: Delivery) -> bool:
        """Send the claimed mail; return whether it was sent.

        Deletes it instead if `message` returns None, and puts it off if its address had ten tries
        within the hour. Raises NotSent, and marks a mail as given up that will never be accepted.
        """
        message = self.message()
        if message is None:
            self._claimed().delete()
        elif self._tries_within_hour(at) >= MAX_PER_HOUR:
            before = {"attempts": self.attempts, "tried_at": self.tried_at}
            self._claimed().update(due_at=at + PUT_OFF, **before)
        else:
            return self._send(message, delivery)
        return False

    def message(self) -> EmailMessage | None:
        """Return the mail that the account needs now.

        None for an unknown or inactive account, and a verified one that asked to be verified.
        """
        users = get_user_model().objects.filter(is_active=True)
        holder = {"pk": self.user_id} if self.user_id else {"email": self.address}
        user: Any = users.filter(**holder).first()
        if user is None or (self.kind == MailKind.VERIFICATION and user.email_verified_at):
            return None
        template = TEMPLATES[MailKind(self.kind)]
        token = template.tokens and template.tokens.make(user)
        link = settings.LINK_URL and f"{settings.LINK_URL}/{template.page}#token={token}"
        context = {"link": link, "token": token, "at": self.created_at}
        text = render_to_string(f"accounts/mail/{template.page}.txt", context)
        return EmailMessage(template.subject, text, to=[self.address])

    def _send(self, message: EmailMessage, delivery: Delivery) -> bool:
        try:
            delivery.send(message)
        except NotSent as failure:
            if failure.trouble is Trouble.REFUSED or self.attempts + 1 >= MAX_TRIES:
                self._claimed().update(given_up_at=timezone.now(), waits=None)
            raise
        self._claimed().update(sent_at=timezone.now(), waits=None)
        return True

    def _claimed(self) -> OutgoingMailQuerySet:
        """Return the row as it was claimed; none if the mail was asked for again since."""
        return type(self).objects.filter(pk=self.pk, due_at=self._next_try_at)

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
    if not OutgoingMail.objects.due(at).exists():
        return 0
    OutgoingMail.objects.delete_unaddressed(at)
    sent, turns = 0, Turns()
    last: Trouble | None = None
    with closing(Delivery()) as delivery:
        for _ in range(BATCH_SIZE):
            now = timezone.now() - difference  # so that a mail queued during the round is seen
            mail = OutgoingMail.objects.first_due(now, turns)
            if mail is None:
                break
            turns.note(mail.address)
            try:
                if mail.claim(at, now) and mail.deliver(at, delivery):
                    sent, last = sent + 1, None
            except NotSent as failure:
                logger.warning("Mail %s was not sent: %s", mail.pk, failure)
                before, last = last, failure.trouble
                if last is Trouble.SERVER_AWAY or before is last is Trouble.MAYBE_AWAY:
                    break
    return sent


def delete_old_mail(at: datetime) -> int:
    """Give up the mails of more than a day ago, delete those of more than a week; return how many.

    A mail is as old as the last call that asked for it.
    """
    late = OutgoingMail.objects.unsent().filter(created_at__lte=at - GIVEN_UP_AFTER)
    late.update(given_up_at=at, waits=None)
    return OutgoingMail.objects.filter(created_at__lte=at - KEPT_FOR).delete()[0]
