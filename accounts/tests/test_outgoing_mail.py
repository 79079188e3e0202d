"""A transaction queues mail as a row, and the mail is sent afterwards."""

from datetime import timedelta
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected
from typing import Any

import pytest
import time_machine
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone

from accounts.models import MailKind, OutgoingMail, User, delete_old_mail, send_due
from accounts.tests.factories import UserFactory
from accounts.tests.mailbox import post, token_in
from tests.threads import run_together

pytestmark = pytest.mark.django_db

NAMES = {"first_name": "Ceferina", "last_name": "Quispe"}


@pytest.fixture
def user() -> User:
    return UserFactory(email="ana@example.com", email_verified_at=timezone.now(), **NAMES)


def ask(address: str = "ana@example.com", kind: str = MailKind.PASSWORD_RESET) -> OutgoingMail:
    return OutgoingMail.objects.enqueue(kind, address)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Make the mail server raise each error of the list in turn and then work again."""
    errors: list[Any] = []
    send = EmailMessage.send

    def failing(self: EmailMessage, *args: Any) -> int:
        if errors:
            raise errors.pop(0)
        return send(self, *args)

    monkeypatch.setattr(EmailMessage, "send", failing)
    return errors


# --- Recipients and content -----------------------------------------------------------------------


def test_a_reset_goes_to_the_verified_owner_of_the_address(user: User) -> None:
    ask()
    [message] = post()
    assert (message.to, message.subject) == (["ana@example.com"], "Choose a new password")
    assert post() == []


@pytest.mark.parametrize("kind", MailKind)
def test_an_unverified_address_gets_the_mail_that_verifies_it_and_no_other(kind: str) -> None:
    UserFactory(email="ana@example.com")
    ask(kind=kind)
    [message] = post()
    assert message.subject == "Confirm your e-mail address"
    assert ("ask for the new password again" in str(message.body)) is (
        kind == MailKind.PASSWORD_RESET
    )


def test_unknown_closed_and_verified_addresses_get_no_mail(user: User) -> None:
    UserFactory(email="closed@example.com", is_active=False)
    UserFactory(email="gone@example.com", is_active=False, email_verified_at=timezone.now())
    for kind in MailKind:
        for address in ("nobody@example.com", "closed@example.com", "gone@example.com"):
            ask(address, kind)
    ask(kind=MailKind.VERIFICATION)
    assert post() == []
    assert not OutgoingMail.objects.exists(), "the address of a stranger is stored"


def test_a_mail_queued_in_a_rolled_back_transaction_is_never_sent(user: User) -> None:
    with transaction.atomic():
        ask()
        transaction.set_rollback(True)
    assert post() == []


def test_neither_the_row_nor_the_subject_holds_a_secret_or_a_name(user: User) -> None:
    ask()
    [message] = post()
    row = " ".join(map(str, OutgoingMail.objects.values_list().get()))
    for reported in (row, message.subject):
        assert token_in(message) not in reported
        assert not [name for name in NAMES.values() if name in reported]
    assert not [name for name in NAMES.values() if name in str(message.body)]


def test_a_mailed_link_carries_its_token_in_the_url_fragment(user: User, settings: Any) -> None:
    ask()
    assert "http" not in str(post()[0].body), "the mail has a link without LINK_URL"
    settings.LINK_URL = "https://clinic.example/app"
    ask()
    [message] = post()
    link = f"https://clinic.example/app/password-reset#token={token_in(message)}"
    assert link in str(message.body).splitlines()


def test_an_address_gets_ten_mails_an_hour_and_no_more(user: User) -> None:
    for _ in range(12):
        ask()
    assert len(post()) == 10
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        ask()
        assert len(post()) == 1


# --- Failures -------------------------------------------------------------------------------------


def test_a_failed_mail_is_retried_after_growing_pauses(user: User, broken: list[Any]) -> None:
    mail, now = ask(), timezone.now()
    tries = []
    broken += [SMTPServerDisconnected()] * 4
    for minute in range(20):
        before = len(broken)
        post(now + timedelta(minutes=minute))
        if len(broken) < before:
            tries.append(minute)
    assert tries == [0, 1, 3, 7]
    mail.refresh_from_db()
    assert mail.sent_at is not None
    assert mail.attempts == 5


def test_a_mail_is_given_up_after_a_day(user: User, broken: list[Any]) -> None:
    ask()
    later = timezone.now() + timedelta(hours=23, minutes=59)
    broken.append(ConnectionRefusedError())
    assert post(later) == []
    assert post(later + timedelta(minutes=2)) == []


def test_a_refused_address_does_not_delay_other_mails(user: User, broken: list[Any]) -> None:
    ask()
    UserFactory(email="luis@example.com")
    ask("luis@example.com", MailKind.VERIFICATION)
    broken.append(SMTPRecipientsRefused({}))
    assert [message.to for message in post()] == [["luis@example.com"]]


def test_a_batch_ends_when_the_mail_server_is_away(user: User, broken: list[Any]) -> None:
    for _ in range(8):
        ask()
    broken += [TimeoutError()] * 8
    assert post() == []
    assert len(broken) == 5


def test_a_failure_is_logged_without_the_address(
    user: User, broken: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    ask()
    broken.append(SMTPRecipientsRefused({"ana@example.com": (550, b"ana@example.com unknown")}))
    post()
    assert "was not sent: SMTPRecipientsRefused" in caplog.text
    assert "ana@" not in caplog.text


def test_a_mail_whose_sender_was_killed_is_sent_by_the_next_one(user: User) -> None:
    mail, now = ask(), timezone.now()
    assert mail.claim(now)  # the sender stops after the claim
    assert post(now + timedelta(seconds=59)) == []
    assert len(post(now + timedelta(seconds=61))) == 1


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_one_of_several_simultaneous_senders_sends_a_mail() -> None:
    UserFactory(email="ana@example.com")
    for _ in range(5):
        ask()
    sent = run_together(4, lambda _: send_due(timezone.now()))
    assert sum(count for count in sent if isinstance(count, int)) == 5, sent


# --- Afterwards -----------------------------------------------------------------------------------


def test_mails_are_deleted_after_a_week(user: User) -> None:
    ask()
    post()
    now = timezone.now()
    assert delete_old_mail(now + timedelta(days=6, hours=23)) == 0
    assert delete_old_mail(now + timedelta(days=7, seconds=1)) == 1
