"""Sends mails over one connection, and tells a refused recipient from a failing server."""

from contextlib import suppress
from email.errors import MessageError
from email.header import Header
from smtplib import SMTPDataError, SMTPRecipientsRefused
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.utils.encoding import punycode

from accounts.channels.base import Channel, NotSent, Trouble
from accounts.messages import Message
from extensions.deadline import within

# RFC 5321 and 4954: the server closes the connection, or asks for a login. Replies to a recipient
# with one of these codes may concern every recipient.
CODES_OF_SERVER = frozenset({421, 530, 534, 535, 538})
SECONDS_TO_CLOSE = 5


class EmailChannel(Channel):
    """A connection to the mail server: opened for the first mail, and kept until one fails.

    A connection is not used after a failure: servers slow down and close those on which they have
    refused something.
    """

    def __init__(self) -> None:
        self._connection = get_connection()
        self._has_served = False

    def send(self, message: Message) -> str:
        """Send the mail; return its Message-ID, which is the same at each try; raises NotSent.

        A server may end a connection after some number of mails, so a mail that fails on a used
        connection gets a new one. A server that does not answer in time is not asked twice.
        """
        mail = _mail_of(message)
        if self._has_served:
            try:
                self._send(mail)
                return mail.extra_headers["Message-ID"]
            except NotSent as failure:
                is_lost = failure.trouble is Trouble.MAYBE_AWAY
                if not is_lost or _is_timeout(failure.__cause__):
                    raise
        self._send(mail)
        return mail.extra_headers["Message-ID"]

    def close(self) -> None:
        """Close the connection, if it is open."""
        self._has_served = False
        with suppress(OSError), within(SECONDS_TO_CLOSE):  # the server may be gone
            self._connection.close()

    def _send(self, mail: EmailMultiAlternatives) -> None:
        mail.connection = self._connection
        self._open()
        try:
            mail.send()
        except (OSError, ValueError, MessageError) as error:
            self.close()
            raise NotSent(trouble_of(error), _named(error)) from error
        self._has_served = True

    def _open(self) -> None:
        """Open the connection, unless it is open; raises NotSent.

        A malformed name of the server, a ValueError, is no fault of the recipient either.
        """
        try:
            self._connection.open()
        except (OSError, ValueError) as error:
            self.close()
            raise NotSent(Trouble.SERVER_AWAY, _named(error)) from error


class Mail(EmailMultiAlternatives):
    """A mail whose subject begins on the line of its name: some programs show a fold as a space."""

    def message(self, **options: Any) -> Any:
        """Return the mail as the server gets it; refuses a subject of two lines."""
        mail = super().message(**options)
        text = str(self.subject)
        charset = "us-ascii" if text.isascii() else "utf-8"
        mail.replace_header("Subject", Header(text, charset, header_name="Subject").encode())
        return mail


def _mail_of(message: Message) -> Mail:
    """Return the mail with its Message-ID at the domain of the sender (RFC 5322, 3.6.4)."""
    domain = punycode(settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">")) or "localhost"
    headers = {**message.headers, "Message-ID": f"<{message.key}@{domain}>"}
    mail = Mail(message.subject, message.text, to=[message.to], headers=headers)
    for content, media_type in message.alternatives:
        mail.attach_alternative(content, media_type)
    for name, body, media_type in message.attachments:
        mail.attach(name, body, media_type)
    return mail


def trouble_of(error: Exception) -> Trouble:
    """Judge what a mail backend raised while it sent a mail to one recipient.

    A server may end the session, with 421 or without a reply, because of this recipient alone. A
    refused sender (SMTPSenderRefused) concerns every mail.
    """
    if isinstance(error, SMTPRecipientsRefused | SMTPDataError):
        codes = _reply_codes(error)
        if any(code in CODES_OF_SERVER or not 400 <= code < 600 for code in codes):
            return Trouble.MAYBE_AWAY
        is_final = all(code >= 500 for code in codes)
        return Trouble.REFUSED if is_final else Trouble.POSTPONED
    return Trouble.MAYBE_AWAY if isinstance(error, OSError) else Trouble.REFUSED


def _named(error: Exception) -> str:
    """Name the error without an address: `SMTPRecipientsRefused 550`."""
    return " ".join([type(error).__name__, *map(str, _reply_codes(error))])


def _reply_codes(error: Exception) -> list[int]:
    if isinstance(error, SMTPRecipientsRefused):
        return [code for code, _ in error.recipients.values()]
    code = getattr(error, "smtp_code", None)
    return [] if code is None else [code]


def _is_timeout(error: BaseException | None) -> bool:
    """Whether the server did not answer in time; smtplib raises another error from a timeout."""
    return isinstance(error, TimeoutError) or isinstance(
        getattr(error, "__context__", None), TimeoutError
    )
