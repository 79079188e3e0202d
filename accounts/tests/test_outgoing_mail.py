"""A transaction queues mail as a row, and the mail is sent afterwards."""

from datetime import timedelta
from email.errors import HeaderParseError
from smtplib import (
    SMTPDataError,
    SMTPRecipientsRefused,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)
from typing import Any

import pytest
import time_machine
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend as LocmemBackend
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.messages import ASKED_FOR
from accounts.models import MailKind, OutgoingMessage, User
from accounts.sending import delete_old_messages, send_due
from accounts.tests.factories import UserFactory
from accounts.tests.mailbox import post, token_in
from extensions.db.queue import LEASE
from tests.statements import counted_statements
from tests.threads import run_together

pytestmark = pytest.mark.django_db

NAMES = {"first_name": "Ceferina", "last_name": "Quispe"}


@pytest.fixture
def user() -> User:
    return UserFactory(email="ana@example.com", email_verified_at=timezone.now(), **NAMES)


def ask(address: str = "ana@example.com", kind: str = MailKind.PASSWORD_RESET) -> OutgoingMessage:
    return OutgoingMessage.objects.enqueue(kind, address)


def refused(code: int = 550, address: str = "ana@example.com") -> SMTPRecipientsRefused:
    return SMTPRecipientsRefused({address: (code, f"<{address}> refused".encode())})


def queue_strangers(number: int) -> None:
    """Queue a mail to each of `number` addresses that have an account."""
    for _ in range(number):
        ask(UserFactory().email)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Make the mail server raise each error of the list in turn and then work again.

    A function in the list is called before the mail is sent.
    """
    errors: list[Any] = []
    send = EmailMessage.send

    def failing(self: EmailMessage, *args: Any) -> int:
        error = errors.pop(0) if errors else None
        if isinstance(error, Exception):
            raise error
        if error:
            error()
        return send(self, *args)

    monkeypatch.setattr(EmailMessage, "send", failing)
    return errors


# --- Recipients and content -----------------------------------------------------------------------


def test_a_reset_goes_to_the_verified_owner_of_the_address(user: User) -> None:
    ask()
    [message] = post()
    assert (message.to, message.subject) == (["ana@example.com"], "Choose a new password")
    assert post() == []


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        (MailKind.VERIFICATION, "Confirm your e-mail address"),
        (MailKind.PASSWORD_RESET, "Choose a new password"),
    ],
)
def test_an_unverified_address_gets_the_mail_that_was_asked_for(kind: str, subject: str) -> None:
    UserFactory(email="ana@example.com")
    ask(kind=kind)
    assert [message.subject for message in post()] == [subject]


def test_unknown_closed_and_verified_addresses_get_no_mail(user: User) -> None:
    UserFactory(email="closed@example.com", is_active=False)
    UserFactory(email="gone@example.com", is_active=False, email_verified_at=timezone.now())
    for kind in ASKED_FOR:
        for address in ("nobody@example.com", "closed@example.com", "gone@example.com"):
            ask(address, kind)
    ask(kind=MailKind.VERIFICATION)
    assert post() == []
    assert not OutgoingMessage.objects.exists(), "the address of a stranger is stored"


def test_a_mail_queued_in_a_rolled_back_transaction_is_never_sent(user: User) -> None:
    with transaction.atomic():
        ask()
        transaction.set_rollback(True)
    assert post() == []


def test_neither_the_row_nor_the_subject_holds_a_secret_or_a_name(user: User) -> None:
    ask()
    [message] = post()
    row = " ".join(map(str, OutgoingMessage.objects.values_list().get()))
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


# --- Limits ---------------------------------------------------------------------------------------


def test_an_address_gets_ten_mails_an_hour_and_no_more(user: User) -> None:
    sent = []
    for _ in range(12):
        ask()
        sent += post()
    assert len(sent) == 10
    ask("luis@example.com")
    assert len(post()) == 0, "an address without an account"
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert len(post()) == 1, "the mail that was put off"
        assert post() == []


def test_tries_count_towards_the_ten_mails_an_hour(user: User, broken: list[Any]) -> None:
    broken += [refused(451)] * 4 + [refused(550)] * 4
    for _ in range(20):
        ask()
        post()
        ask(kind=MailKind.VERIFICATION)  # the address is verified: nothing is tried
        post()
    assert broken == []
    assert OutgoingMessage.objects.exclude(sent_at=None).count() == 2


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_one_mail_of_a_kind_waits_for_an_address() -> None:
    UserFactory(email="ana@example.com")
    asked = run_together(4, lambda n: ask(" ANA@example.com" if n % 2 else "ana@example.com"))
    assert all(isinstance(mail, OutgoingMessage) for mail in asked), asked
    ask(kind=MailKind.VERIFICATION)
    waiting = OutgoingMessage.objects.values_list("kind", flat=True)
    assert sorted(waiting) == [MailKind.PASSWORD_RESET, MailKind.VERIFICATION]
    with pytest.raises(IntegrityError, match=r"one_waits|UNIQUE"):
        OutgoingMessage.objects.create(
            kind=MailKind.VERIFICATION, address="ana@example.com", waits=True
        )
    assert len(post()) == 2
    ask()
    assert len(post()) == 1


@pytest.mark.both_databases
def test_who_asks_again_while_a_mail_is_sent_gets_another(user: User, broken: list[Any]) -> None:
    ask()
    broken.append(ask)
    assert len(post()) == 2
    assert post() == []


def test_who_asks_again_does_not_wait_for_the_next_try(user: User, broken: list[Any]) -> None:
    ask()
    broken.append(refused(451))
    assert post() == post() == []
    ask()
    assert len(post()) == 1
    assert OutgoingMessage.objects.get().attempts == 2


def test_mails_of_the_previous_version_are_sent_and_block_no_others(user: User) -> None:
    for _ in range(2):
        OutgoingMessage.objects.create(kind=MailKind.PASSWORD_RESET, address=user.email)
    assert len(post()) == 2
    ask()
    OutgoingMessage.objects.filter(waits=True).update(sent_at=timezone.now())  # as it does
    ask()
    assert len(post()) == 1


def test_mails_of_a_newer_version_are_left_alone(user: User) -> None:
    ask("ana@example.com", "of_tomorrow")
    assert post() == []
    assert OutgoingMessage.objects.get().attempts == 0


# --- Order ----------------------------------------------------------------------------------------


def test_fresh_mail_goes_before_retries(user: User, broken: list[Any]) -> None:
    queue_strangers(3)
    broken += [refused(451)] * 3
    assert post() == []
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        ask()
        assert next(message.to for message in post()) == ["ana@example.com"]


def test_who_asks_after_many_others_is_served_before_them(user: User, broken: list[Any]) -> None:
    queue_strangers(9)
    ask()
    broken += [None] + [refused(550)] * 9
    assert [message.to for message in post()] == [["ana@example.com"]]


def answers(monkeypatch: pytest.MonkeyPatch, error: Any) -> list[str]:
    """Let the server refuse the mails to `evil` by `error`; return the list of all it is asked."""
    asked: list[str] = []
    send = EmailMessage.send

    def answer(self: EmailMessage, *args: Any) -> int:
        asked.append(self.to[0])
        if "evil" in self.to[0]:
            raise error
        return send(self, *args)

    monkeypatch.setattr(EmailMessage, "send", answer)
    return asked


@pytest.mark.parametrize("error", [refused(550), refused(421)], ids=repr)
@pytest.mark.parametrize(
    ("domain", "places"),
    [
        ("evil.example", (0, 37, 75)),
        ("sub{}.evil.example", (0, 37, 75)),
        ("evil{}.example", (0, 75)),  # the owner of 75 domains can delay another in between
    ],
)
def test_75_refused_mails_delay_a_stranger_by_the_first_of_them(
    user: User, monkeypatch: pytest.MonkeyPatch, error: Exception, domain: str, places: Any
) -> None:
    evil = [f"a{number}@{domain.format(number)}" for number in range(75)]
    User.objects.bulk_create(User(email=address) for address in evil)
    asked = answers(monkeypatch, error)
    monkeypatch.setattr("accounts.sending.BATCH_SIZE", 5)
    for place in places:
        OutgoingMessage.objects.all().delete()
        asked.clear()
        for address in (*evil[:place], "ana@example.com", *evil[place:]):
            ask(address)
        post()
        assert asked.index("ana@example.com") <= 1


def test_who_asks_during_a_round_is_served_in_it(user: User, broken: list[Any]) -> None:
    queue_strangers(3)
    broken += [ask, None, None, *[refused(550)] * 9]
    assert [message.to for message in post()][2] == ["ana@example.com"]


def test_any_number_of_unknown_addresses_costs_one_statement(user: User) -> None:
    costs = []
    for number in (1, 30):
        for each in range(number):
            ask(f"nobody{each}@example.com")
        ask()
        with counted_statements() as statements:
            assert len(post()) == 1
        costs.append(len(statements))
    assert costs[0] == costs[1]


# --- Failures -------------------------------------------------------------------------------------


def test_a_failed_mail_is_retried_after_growing_pauses(user: User, broken: list[Any]) -> None:
    mail, now = ask(), timezone.now()
    tries = []
    broken += [SMTPServerDisconnected()] * 4
    for minute in range(20):
        before = len(broken)
        post(now + timedelta(seconds=61) * minute)
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


@pytest.mark.parametrize(
    "error",
    [
        refused(550),
        SMTPDataError(554, b"no"),
        ValueError("Invalid address"),
        UnicodeError("label too long"),
        HeaderParseError(),
    ],
    ids=repr,
)
def test_a_refused_mail_is_given_up_at_once(
    user: User, broken: list[Any], error: Exception
) -> None:
    queue_strangers(1)
    ask()
    broken.append(error)
    assert len(post()) == 1, "the mails of others go on"
    assert post(timezone.now() + timedelta(hours=1)) == []
    given_up = OutgoingMessage.objects.get(address=user.email)
    assert (given_up.sent_at, given_up.attempts, given_up.waits) == (None, 1, None)
    ask()
    assert len(post()) == 1


@pytest.mark.parametrize("error", [refused(450), SMTPDataError(452, b"full")], ids=repr)
def test_a_postponed_mail_is_tried_again_and_delays_no_other(
    user: User, broken: list[Any], error: Exception
) -> None:
    queue_strangers(1)
    ask()
    broken.append(error)
    assert len(post()) == 1
    [late] = post(timezone.now() + timedelta(seconds=61))
    assert late.to == ["ana@example.com"]


ENDINGS = [
    TimeoutError(),
    SMTPServerDisconnected(),
    SMTPSenderRefused(550, b"no", "clinic@example.com"),
    SMTPDataError(421, b"bye"),
    refused(421),
    refused(530),
    refused(-1),
]


@pytest.mark.parametrize("error", ENDINGS, ids=repr)
def test_a_round_ends_when_the_mail_server_is_away(
    user: User, broken: list[Any], error: Exception
) -> None:
    queue_strangers(3)
    broken += [error] * 9
    assert post() == []
    assert len(broken) == 7
    assert OutgoingMessage.objects.filter(attempts=0).count() == 1
    broken.clear()
    assert len(post(timezone.now() + timedelta(seconds=61))) == 3


@pytest.mark.parametrize("error", ENDINGS, ids=repr)
def test_a_session_that_the_server_ends_over_one_mail_delays_no_other(
    user: User, broken: list[Any], error: Exception
) -> None:
    queue_strangers(3)
    broken += [error]
    assert len(post()) == 2
    assert len(post(timezone.now() + timedelta(seconds=61))) == 1


def test_a_round_ends_without_a_connection(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(backend: Any) -> None:
        raise ConnectionRefusedError

    queue_strangers(3)
    monkeypatch.setattr(LocmemBackend, "open", refuse)
    assert post() == []
    assert OutgoingMessage.objects.filter(attempts=0).count() == 2


def test_a_failure_is_logged_without_the_address(
    user: User, broken: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    mail = ask()
    broken.append(refused(550))
    post()
    said = f"Message {mail.pk} was not sent: SMTPRecipientsRefused 550, given up"
    assert said in caplog.messages
    assert "ana@" not in caplog.text


def test_a_mail_that_people_keep_asking_for_is_given_up_after_twenty_tries(
    user: User, broken: list[Any]
) -> None:
    ask()
    OutgoingMessage.objects.update(attempts=19)
    broken.append(refused(451))
    post()
    assert OutgoingMessage.objects.get().given_up_at is not None


def test_a_mail_whose_sender_was_killed_is_sent_by_the_next_one(user: User) -> None:
    mail, now = ask(), timezone.now()
    assert mail.claim(now)  # the sender stops after the claim
    assert post(now + LEASE - timedelta(seconds=1)) == []
    assert len(post(now + LEASE + timedelta(seconds=1))) == 1


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_one_of_several_simultaneous_senders_sends_a_mail() -> None:
    queue_strangers(5)
    sent = run_together(4, lambda _: send_due(timezone.now()))
    assert sum(count for count in sent if isinstance(count, int)) == 5, sent


# --- Afterwards -----------------------------------------------------------------------------------


def test_mails_are_deleted_after_a_week(user: User) -> None:
    ask()
    post()
    now = timezone.now()
    assert delete_old_messages(now + timedelta(days=6, hours=23)) == 0
    assert delete_old_messages(now + timedelta(days=7, seconds=1)) == 1


def test_a_mail_of_yesterday_is_given_up_and_makes_room_for_another(user: User) -> None:
    ask()
    later = timezone.now() + timedelta(days=1)
    assert delete_old_messages(later) == 0
    mail = OutgoingMessage.objects.get()
    assert (mail.given_up_at, mail.waits) == (later, None)


def test_who_asks_for_a_mail_of_yesterday_that_nobody_gave_up_gets_it(user: User) -> None:
    ask()
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        assert post() == []
        ask()
        assert len(post()) == 1
