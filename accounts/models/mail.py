"""Mail, asked for in the transaction that it belongs to and sent afterwards.

A row holds no secret: the token of a link is made when the mail is sent, and stored nowhere. Nor is
the account looked up before that, so that asking costs the same whoever is asked for.
"""

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import models
from django.db.models import F
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.fields import EmailField
from accounts.links import PASSWORD_RESET, VERIFICATION, Link

if TYPE_CHECKING:
    from accounts.models import User

logger = logging.getLogger(__name__)

AT_ONCE = 100
MOST_FAILURES = 3  # in a round: the server is away, and the next round comes soon
FIRST_WAIT = timedelta(minutes=1)  # doubled with each try
TRIED_FOR = timedelta(days=1)
KEPT_FOR = timedelta(days=7)
MOST_AN_HOUR = 10  # to one address: its owner has a link that works, and no flood


class MailKind(models.TextChoices):
    """What was asked for."""

    VERIFICATION = "verification"
    PASSWORD_RESET = "password_reset"  # noqa: S105  # nosec B105  # a kind of mail


class MailTemplate(NamedTuple):
    """What is written: a subject that tells nobody's secrets, a text, the link that it carries."""

    subject: str
    page: str
    secret: Link


CONFIRM = MailTemplate("Confirm your e-mail address", "verify-email", VERIFICATION)
RESET = MailTemplate("Choose a new password", "password-reset", PASSWORD_RESET)


class OutgoingMailQuerySet(models.QuerySet["OutgoingMail"]):
    """The mail that was asked for, and the one way to send it."""

    def enqueue(self, kind: str, address: str) -> "OutgoingMail":
        """Ask for a mail, in the caller's transaction; the same one statement for any address."""
        return self.create(kind=kind, address=address)

    def due(self, at: datetime) -> "OutgoingMailQuerySet":
        """Not sent yet and not given up, and not tried a moment ago."""
        waiting = self.filter(sent_at=None, due_at__lte=at, created_at__gt=at - TRIED_FOR)
        return waiting.order_by("due_at", "pk")

    def reached_hourly_limit(self, address: str, at: datetime) -> bool:
        """Whether the address has been sent ten mails within the last hour."""
        sent = self.filter(address=address, sent_at__gt=at - timedelta(hours=1))
        return sent.count() >= MOST_AN_HOUR


class OutgoingMail(models.Model):
    """One mail asked for: of which kind, to which address, and how it went."""

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
        """Take it for this process alone, until its next try; whether that went well.

        One UPDATE is lock and back-off in one: no transaction is open while a mail server answers,
        and of a process that dies at it the mail is tried again.
        """
        mine = type(self).objects.due(at).filter(pk=self.pk, attempts=self.attempts)
        wait = FIRST_WAIT * 2**self.attempts
        return bool(mine.order_by().update(attempts=F("attempts") + 1, due_at=at + wait))

    def deliver(self, at: datetime) -> bool:
        """Send it, or forget it where there is nobody to send it to; whether it was sent.

        Raises OSError or ValueError where it could not be sent.
        """
        message = self.message(at)
        if message is None:
            self.delete()
            return False
        message.send()
        type(self).objects.filter(pk=self.pk).update(sent_at=timezone.now())
        return True

    def message(self, at: datetime) -> EmailMessage | None:
        """What the account calls for now; None for nobody, who is closed, or has had enough."""
        from accounts.models.user import User

        user = User.objects.filter(email=self.address, is_active=True).first()
        if user is None or type(self).objects.reached_hourly_limit(self.address, at):
            return None
        template = self._template_for(user)
        return template and self._written(template, template.secret.make(user))

    def _template_for(self, user: "User") -> MailTemplate | None:
        """An address that is not verified gets the mail that verifies it, whatever was asked."""
        if user.email_verified_at is None:
            return CONFIRM
        return RESET if self.kind == MailKind.PASSWORD_RESET else None

    def _written(self, template: MailTemplate, token: str) -> EmailMessage:
        words = {
            "link": settings.LINK_URL and f"{settings.LINK_URL}/{template.page}#token={token}",
            "token": token,
            "asked_for_reset": self.kind == MailKind.PASSWORD_RESET,
        }
        text = render_to_string(f"accounts/mail/{template.page}.txt", words)
        return EmailMessage(template.subject, text, to=[self.address])


def send_due(at: datetime) -> int:
    """Send what is due, a hundred at most; how many were sent. At least once, not exactly once.

    Whoever sees it fail sees neither an address nor a token: a log holds no secret.
    """
    sent = failures = 0
    for mail in OutgoingMail.objects.due(at)[:AT_ONCE]:
        if failures < MOST_FAILURES and mail.claim(at):
            try:
                sent += mail.deliver(at)
            except (OSError, ValueError) as error:  # of smtplib, or of an address it cannot spell
                failures += 1
                logger.warning("Mail %s was not sent: %s", mail.pk, type(error).__name__)
    return sent


def delete_old_mail(at: datetime) -> int:
    """Delete the rows that are older than a week; how many."""
    return OutgoingMail.objects.filter(created_at__lte=at - KEPT_FOR).delete()[0]
