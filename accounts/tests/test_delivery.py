"""A round of mails goes over one connection, and over a new one after a failure."""

import ssl
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from smtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPHeloError,
    SMTPNotSupportedError,
    SMTPRecipientsRefused,
    SMTPServerDisconnected,
)
from typing import Any

import pytest
from django.core.mail.backends.base import BaseEmailBackend

from accounts.channels import NotSent, Trouble
from accounts.channels.mail import EmailChannel
from accounts.messages import EMAIL, Message

MESSAGE = Message(EMAIL, "ana@example.com", "Subject", "text", key="k3y")
REFUSED = SMTPRecipientsRefused({"ana@example.com": (550, b"no")})


class Backend(BaseEmailBackend):
    """Notes what it is told in `calls`, and raises the errors of `errors` in turn."""

    calls: list[str] = []
    errors: list[Any] = []
    is_open = False

    def open(self) -> bool:
        if not self.is_open:
            self._take("open")
        self.is_open = True
        return True

    def close(self) -> None:
        self.calls.append("close")
        self.is_open = False

    def send_messages(self, email_messages: Any) -> int:
        self._take("send")
        return len(email_messages)

    def _take(self, call: str) -> None:
        self.calls.append(call)
        error = self.errors.pop(0) if self.errors else None
        if error:
            raise error


@pytest.fixture
def backend(settings: Any, monkeypatch: pytest.MonkeyPatch) -> type[Backend]:
    settings.EMAIL_BACKEND = f"{__name__}.Backend"
    monkeypatch.setattr(Backend, "calls", [])
    monkeypatch.setattr(Backend, "errors", [])
    return Backend


def timed_out() -> SMTPServerDisconnected:
    """Return what smtplib raises when the server does not answer in time."""
    error = SMTPServerDisconnected()
    error.__context__ = TimeoutError()
    return error


def send(*errors: Any) -> tuple[list[str], list[Trouble | None]]:
    """Send three mails; return the calls of the backend, and the trouble of each mail."""
    Backend.errors += errors
    delivery = EmailChannel()
    troubles: list[Trouble | None] = []
    for _ in range(3):
        try:
            delivery.send(MESSAGE)
            troubles.append(None)
        except NotSent as failure:
            troubles.append(failure.trouble)
    return Backend.calls, troubles


@pytest.mark.usefixtures("backend")
def test_mails_go_over_one_connection() -> None:
    assert send() == (["open", "send", "send", "send"], [None] * 3)


@pytest.mark.usefixtures("backend")
def test_a_refusal_does_not_spoil_the_connection_of_the_next_mail() -> None:
    calls, troubles = send(None, REFUSED)
    assert calls == ["open", "send", "close", "open", "send", "send"]
    assert troubles == [Trouble.REFUSED, None, None]


@pytest.mark.usefixtures("backend")
def test_a_connection_that_the_server_ends_after_a_mail_is_opened_again() -> None:
    calls, troubles = send(None, None, SMTPServerDisconnected())
    assert calls == ["open", "send", "send", "close", "open", "send", "send"]
    assert troubles == [None] * 3


@pytest.mark.usefixtures("backend")
def test_a_server_that_is_away_is_asked_once() -> None:
    calls, troubles = send(SMTPServerDisconnected())
    assert calls[:2] == ["open", "close"]
    assert troubles == [Trouble.SERVER_AWAY, None, None]


@pytest.mark.usefixtures("backend")
def test_a_server_that_does_not_answer_in_time_is_not_asked_twice() -> None:
    assert send(None, None, timed_out())[1] == [None, Trouble.MAYBE_AWAY, None]


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        ConnectionRefusedError(),
        ssl.SSLCertVerificationError(),
        SMTPServerDisconnected(),
        SMTPConnectError(554, b"no"),
        SMTPHeloError(550, b"no"),
        SMTPAuthenticationError(535, b"no"),
        SMTPNotSupportedError(),
    ],
    ids=repr,
)
def test_a_server_without_a_connection_is_away(error: Exception) -> None:
    calls, troubles = send(error)
    assert calls[:2] == ["open", "close"]
    assert troubles == [Trouble.SERVER_AWAY, None, None]


@pytest.mark.usefixtures("backend")
def test_a_session_that_the_server_ends_over_one_mail_is_begun_again_for_the_next() -> None:
    bye = SMTPRecipientsRefused({"ana@example.com": (421, b"bye")})
    calls, troubles = send(None, bye)
    assert calls == ["open", "send", "close", "open", "send", "send"]
    assert troubles == [Trouble.MAYBE_AWAY, None, None]


@pytest.mark.usefixtures("backend")
def test_a_malformed_name_of_the_server_is_no_fault_of_the_recipient() -> None:
    assert send(UnicodeError("label too long"))[1][0] is Trouble.SERVER_AWAY


@pytest.mark.usefixtures("backend")
def test_a_message_id_is_ascii_whatever_the_senders_domain(settings: Any) -> None:
    settings.DEFAULT_FROM_EMAIL = "Clínica <info@clínica.example>"
    assert EmailChannel().send(MESSAGE) == "<k3y@xn--clnica-4va.example>"


@pytest.mark.parametrize("subject", ["Canceled: Fri 4 Dec 2026, 12:00, Clínica del Retiro, ", "x "])
def test_a_subject_of_several_lines_is_read_back_as_it_was(
    mailoutbox: list[Any], subject: str
) -> None:
    subject = (subject * 40).strip()
    EmailChannel().send(replace(MESSAGE, subject=subject))
    sent = mailoutbox[0].message().as_bytes()
    assert message_from_bytes(sent, policy=default)["Subject"] == subject
    with pytest.raises(NotSent):
        EmailChannel().send(replace(MESSAGE, subject="one\nBcc: two@example.com"))
