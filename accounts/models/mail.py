"""Outgoing mail: queued in the transaction that it belongs to, and sent after the commit.

A row holds no secret: the token of a link is made when the mail is sent, and stored nowhere. The
account is looked up only then, so that queueing takes the same time for a known and an unknown
address.
"""

import logging
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage
from django.db import models
from django.db.models import F
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.fields import EmailField
from accounts.links import PASSWORD_RESET, VERIFICATION, LinkTokenGenerator

logger = logging.getLogger(__name__)

BATCH_SIZE = 100
MAX_FAILURES = 3  # in a batch; then the mail server is taken to be away until the next batch
FIRST_WAIT = timedelta(minutes=1)  # doubled with each attempt
GIVEN_UP_AFTER = timedelta(days=1)
KEPT_FOR = timedelta(days=7)
MAX_PER_HOUR = 10  # mails to one address: enough to reach its owner, too few to flood the mailbox


class MailKind(models.TextChoices):
    """What the client asked for."""

    VERIFICATION = "verification"
    PASSWORD_RESET = "password_reset"  # noqa: S105  # nosec B105  # a kind of mail


class MailTemplate(NamedTuple):
    """The subject, the page of the client that the link opens, and the maker of the link's token.

    `page` names the text's template too. The subject holds no secret.
    """

    subject: str
    page: str
    tokens: LinkTokenGenerator


CONFIRM = MailTemplate("Confirm your e-mail address", "verify-email", VERIFICATION)
RESET = MailTemplate("Choose a new password", "password-reset", PASSWORD_RESET)


class OutgoingMailQuerySet(models.QuerySet["OutgoingMail"]):
    """Scopes of the queue, and the one way to add to it."""

    def enqueue(self, kind: str, address: str) -> "OutgoingMail":
        """Queue a mail in the caller's transaction.

        It takes one INSERT whether or not an account has the address, so that the duration of a
        call does not tell which addresses have one.
        """
        return self.create(kind=kind, address=address)

    def due(self, at: datetime) -> "OutgoingMailQuerySet":
        """Return the unsent mails to try now: due by `at`, and queued less than a day ago."""
        waiting = self.filter(sent_at=None, due_at__lte=at, created_at__gt=at - GIVEN_UP_AFTER)
        return waiting.order_by("due_at", "pk")

    def reached_hourly_limit(self, address: str, at: datetime) -> bool:
        """Whether ten mails were sent to the address within the last hour."""
        sent = self.filter(address=address, sent_at__gt=at - timedelta(hours=1))
        return sent.count() >= MAX_PER_HOUR


class OutgoingMail(models.Model):
    """A queued mail: its kind and address, and when it was tried and sent."""

    kind = models.CharField(max_length=14, choices=MailKind)
    address = EmailField()
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now, help_text="Not to be tried before.")
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)

    objects = OutgoingMailQuerySet.as_manager()

    class Meta:
        indexes = (
            models.Index(fields=["due_at"], condition=models.Q(sent_at=None), name="mail_due"),
            models.Index(fields=["address", "sent_at"], name="mail_of_address"),
        )

    def __str__(self) -> str:
        return f"Mail {self.pk}"

    def claim(self, at: datetime) -> bool:
        """Reserve the mail for this process until its next attempt; return whether that succeeded.

        One UPDATE is both the lock and the back-off: no transaction is open while the mail server
        answers, and if the process dies another one tries again.
        """
        claimable = type(self).objects.due(at).filter(pk=self.pk, attempts=self.attempts)
        wait = FIRST_WAIT * 2**self.attempts
        return bool(claimable.order_by().update(attempts=F("attempts") + 1, due_at=at + wait))

    def deliver(self, at: datetime) -> bool:
        """Send the mail, or delete it if `message` returns None; return whether it was sent.

        Raises OSError or ValueError if it could not be sent.
        """
        message = self.message(at)
        if message is None:
            self.delete()
            return False
        message.send()
        type(self).objects.filter(pk=self.pk).update(sent_at=timezone.now())
        return True

    def message(self, at: datetime) -> EmailMessage | None:
        """Return the mail that the account needs now.

        None for an unknown or inactive account, a verified one that asked to be verified, and an
        address that reached its hourly limit.
        """
        user = get_user_model().objects.filter(email=self.address, is_active=True).first()
        if user is None or type(self).objects.reached_hourly_limit(self.address, at):
            return None
        template = self._template_for(user)
        return template and self._render(template, template.tokens.make(user))

    def _template_for(self, user: Any) -> MailTemplate | None:
        """Return the template; an unverified address always gets the mail that verifies it."""
        if user.email_verified_at is None:
            return CONFIRM
        return RESET if self.kind == MailKind.PASSWORD_RESET else None

    def _render(self, template: MailTemplate, token: str) -> EmailMessage:
        context = {
            "link": settings.LINK_URL and f"{settings.LINK_URL}/{template.page}#token={token}",
            "token": token,
            "asked_for_reset": self.kind == MailKind.PASSWORD_RESET,
        }
        text = render_to_string(f"accounts/mail/{template.page}.txt", context)
        return EmailMessage(template.subject, text, to=[self.address])


def send_due(at: datetime) -> int:
    """Send up to a hundred mails that are due; return how many were sent.

    A mail is sent twice if the process dies after sending it and before recording that. The log of
    a failure holds no address and no token.
    """
    sent = failures = 0
    for mail in OutgoingMail.objects.due(at)[:BATCH_SIZE]:
        if failures < MAX_FAILURES and mail.claim(at):
            try:
                sent += mail.deliver(at)
            except (OSError, ValueError) as error:  # OSError: mail server; ValueError: bad address
                failures += 1
                logger.warning("Mail %s was not sent: %s", mail.pk, type(error).__name__)
    return sent


def delete_old_mail(at: datetime) -> int:
    """Delete the mails that were queued more than a week ago; return how many."""
    return OutgoingMail.objects.filter(created_at__lte=at - KEPT_FOR).delete()[0]
