"""A mail backend whose dialogues have a time limit (`extensions.deadline`).

smtplib limits each read, but not the whole dialogue. The reply to the end of a mail gets all the
time that the dialogue has left, where RFC 5321, section 4.5.3.2.6, asks for ten minutes: a server
that accepts the mail after the client has given up gets it twice.
"""

import io
import smtplib
import socket
from functools import cached_property
from typing import Any

from django.core.mail.backends import smtp

from extensions.deadline import DeadlineReader, seconds_left

LONGEST_REPLY = 600.0  # seconds, to the end of a mail


class DeadlineMixin:
    """An SMTP client that reads and writes no longer than the dialogue may take."""

    _reader: DeadlineReader | None = None

    def getreply(self) -> tuple[int, bytes]:
        """Read a reply; raises SMTPServerDisconnected, from a TimeoutError if it is late."""
        client: Any = self
        if client.file is None:  # smtplib opens it at the first reply, and after STARTTLS
            self._reader = DeadlineReader(client.sock, client.timeout)
            client.file = io.BufferedReader(self._reader)
        code, text = super().getreply()  # type: ignore[misc]
        return code, text

    def send(self, s: Any) -> None:
        """Write to the server; raises SMTPServerDisconnected."""
        client: Any = self
        if client.sock:
            try:
                client.sock.settimeout(seconds_left(client.timeout))
            except OSError as error:
                client.close()
                raise smtplib.SMTPServerDisconnected("Too late") from error
        super().send(s)  # type: ignore[misc]

    def data(self, msg: Any) -> tuple[int, bytes]:
        """Send the mail, and wait for the reply to its end as long as the dialogue may take."""
        client: Any = self
        usual, client.timeout = client.timeout, LONGEST_REPLY
        if self._reader is not None:
            self._reader.timeout = LONGEST_REPLY
        try:
            code, text = super().data(msg)  # type: ignore[misc]
        finally:
            client.timeout = usual
            if self._reader is not None:
                self._reader.timeout = usual
        return code, text

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made: socket.socket = super()._get_socket(host, port, seconds_left(timeout))  # type: ignore[misc]
        return made


class DeadlineSMTP(DeadlineMixin, smtplib.SMTP):
    """An SMTP client for a plain connection, or one that STARTTLS encrypts."""


class DeadlineSMTPWithTLS(DeadlineMixin, smtplib.SMTP_SSL):
    """An SMTP client for a connection that is encrypted from the start."""


class EmailBackend(smtp.EmailBackend):
    """Django's SMTP backend with these clients."""

    @cached_property
    def connection_class(self) -> type[smtplib.SMTP]:
        return DeadlineSMTPWithTLS if self.use_ssl else DeadlineSMTP
