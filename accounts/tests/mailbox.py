"""Helpers that send and read mail, which Django keeps in memory during tests."""

import re
from datetime import datetime

from django.core import mail
from django.core.mail import EmailMessage
from django.utils import timezone

from accounts.sending import send_due


def post(at: datetime | None = None) -> list[EmailMessage]:
    """Send the mail that is due and return the messages."""
    before = len(mail.outbox)
    sent = send_due(at or timezone.now())
    new: list[EmailMessage] = mail.outbox[before:]
    assert len(new) == sent
    return new


def token_in(message: EmailMessage) -> str:
    """Return the token that stands alone on a line of the mail."""
    [token] = re.findall(r"^(\d+-\w+-\w+)$", str(message.body), re.MULTILINE)
    return str(token)
