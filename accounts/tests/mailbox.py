"""The mail of a test, which Django keeps in memory."""

import re
from datetime import datetime

from django.core import mail
from django.core.mail import EmailMessage
from django.utils import timezone

from accounts.models import OutgoingMail, send_due
from accounts.models.mail import MailKind


def post(at: datetime | None = None) -> list[EmailMessage]:
    """What is sent when the mail that is due by now is sent."""
    before = len(mail.outbox)
    sent = send_due(at or timezone.now())
    new: list[EmailMessage] = mail.outbox[before:]
    assert len(new) == sent
    return new


def token_in(message: EmailMessage) -> str:
    """The token that a mail carries, alone on its line."""
    [token] = re.findall(r"^(\d+-\w+-\w+)$", str(message.body), re.MULTILINE)
    return str(token)


def token_for(address: str, kind: str = MailKind.PASSWORD_RESET) -> str:
    """Ask for a mail, have it sent, and read the token in it."""
    OutgoingMail.objects.enqueue(kind, address)
    [message] = post()
    return token_in(message)
