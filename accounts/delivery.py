"""Sends mails over one connection, and tells the trouble of a recipient from that of the server."""

from contextlib import suppress
from email.errors import MessageError
from enum import Enum
from smtplib import SMTPDataError, SMTPRecipientsRefused

from django.core.mail import EmailMultiAlternatives, get_connection

from accounts.messages import Message

# RFC 5321 and 4954: the server closes the connection, or asks for a login. Replies to a recipient
# with one of these codes may concern every recipient.
CODES_OF_SERVER = frozenset({421, 530, 534, 535, 538})


class Trouble(Enum):
    """What a failure means for the mail, and for the other mails of the round."""

    REFUSED = "given up"  # this mail will never be accepted: a reply 5xx, a malformed address
    POSTPONED = "to be tried again"  # a reply 4xx to this mail: greylisting, a full mailbox
    MAYBE_AWAY = "the mail server may be away"  # it ended the session: over this mail, or over any
    SERVER_AWAY = "the mail server is away"  # no connection: no mail can be sent now


class NotSent(Exception):
    """A mail was not sent. The text holds no address: `SMTPRecipientsRefused 550, given up`."""

    def __init__(self, trouble: Trouble, error: Exception) -> None:
        codes = "".join(f" {code}" for code in _reply_codes(error))
        super().__init__(f"{type(error).__name__}{codes}, {trouble.value}")
        self.trouble = trouble


class Delivery:
    """A connection to the mail server: opened for the first mail, and kept until one fails.

    A connection is not used after a failure: servers slow down and close those on which they have
    refused something.
    """

    def __init__(self) -> None:
        self._connection = get_connection()
        self._has_served = False

    def send(self, message: Message) -> None:
        """Send the message; raises NotSent.

        A server may end a connection after some number of mails, so a mail that fails on a used
        connection gets a new one. A server that does not answer in time is not asked twice.
        """
        mail = EmailMultiAlternatives(message.subject, message.text, to=[message.to])
        for content, media_type in message.alternatives:
            mail.attach_alternative(content, media_type)
        if self._has_served:
            try:
                return self._send(mail)
            except NotSent as failure:
                is_lost = failure.trouble is Trouble.MAYBE_AWAY
                if not is_lost or _is_timeout(failure.__cause__):
                    raise
        return self._send(mail)

    def close(self) -> None:
        """Close the connection, if it is open."""
        self._has_served = False
        with suppress(OSError):  # the server may be gone
            self._connection.close()

    def _send(self, mail: EmailMultiAlternatives) -> None:
        mail.connection = self._connection
        self._open()
        try:
            mail.send()
        except (OSError, ValueError, MessageError) as error:
            self.close()
            raise NotSent(trouble_of(error), error) from error
        self._has_served = True

    def _open(self) -> None:
        """Open the connection, unless it is open; raises NotSent.

        A malformed name of the server, a ValueError, is no fault of the recipient either.
        """
        try:
            self._connection.open()
        except (OSError, ValueError) as error:
            self.close()
            raise NotSent(Trouble.SERVER_AWAY, error) from error


def trouble_of(error: Exception) -> Trouble:
    """Judge what a mail backend raised while it sent a mail to one recipient.

    A server that ends the session, with 421 or without a word, may do so over this recipient alone.
    The reply to the sender's address (SMTPSenderRefused) concerns every mail alike.
    """
    if isinstance(error, SMTPRecipientsRefused | SMTPDataError):
        codes = _reply_codes(error)
        if any(code in CODES_OF_SERVER or not 400 <= code < 600 for code in codes):
            return Trouble.MAYBE_AWAY
        is_final = all(code >= 500 for code in codes)
        return Trouble.REFUSED if is_final else Trouble.POSTPONED
    return Trouble.MAYBE_AWAY if isinstance(error, OSError) else Trouble.REFUSED


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
