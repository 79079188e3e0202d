"""The queue sends each message by the channels of its person, whatever dies or fails meanwhile."""

from collections import Counter
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.db import OperationalError, connection
from django.db.models import F
from django.utils import timezone

from accounts.channels import Channel, NotSent, Trouble
from accounts.channels.mail import EmailChannel
from accounts.exceptions import AlreadySentAgain, MessageIsOver, MessageWaits, NotAboutAVisit
from accounts.messages import EMAIL, PUSH, SMS, Message, PutOff, Unreachable, kinds
from accounts.models import AuditEvent, MailKind, OutgoingMessage, User
from accounts.sending import MAX_FAULTS, delete_old_messages, send_due, sender_with_pauses
from accounts.tests.factories import StaffFactory
from accounts.tests.mailbox import post
from accounts.tests.probe import PROBE, ProbeKind, queue
from extensions.db.queue import LEASE
from tests.statements import counted_statements
from tests.threads import elsewhere, run_together

pytestmark = pytest.mark.django_db
A_SECOND = timedelta(seconds=1)


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> ProbeKind:
    kind = ProbeKind()
    monkeypatch.setitem(kinds(), PROBE, kind)
    return kind


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    """Let SMS and push be files of this folder."""
    files = {"BACKEND": "accounts.channels.files.FileChannel", "OPTIONS": {"folder": tmp_path}}
    settings.MESSAGE_CHANNELS = {**settings.MESSAGE_CHANNELS, SMS: files, PUSH: files}
    return tmp_path


@pytest.fixture
def staff() -> User:
    return StaffFactory()


def stored() -> OutgoingMessage:
    return OutgoingMessage.objects.get()


# --- Channels -------------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_a_message_leaves_once_by_each_chosen_channel(probe: ProbeKind, folder: Path) -> None:
    probe.wanted = (SMS, EMAIL, PUSH)
    queue(7)
    assert send_due(timezone.now()) == 3
    assert send_due(timezone.now()) == 0
    assert not OutgoingMessage.objects.filter(due_at__gt=F("sent_at")).exists(), "shows no lease"
    [sent] = mail.outbox
    receipts = dict(OutgoingMessage.objects.values_list("channel", "receipt"))
    assert receipts.pop(EMAIL) == sent.extra_headers["Message-ID"]
    assert sorted(receipts.values()) == sorted(path.name for path in folder.iterdir())
    text = (folder / receipts[SMS]).read_text()
    assert text == "To: p7@example.com\nTitle: Hello\n\nhello\n"


def test_a_receipt_that_no_database_keeps_sends_no_message_again(
    probe: ProbeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EmailChannel, "send", lambda self, message: "a\x00b\ud800c")
    queue(7)
    assert send_due(timezone.now()) == 1
    assert (stored().receipt, stored().failure) == ("abc", "")


def test_a_channel_that_told_the_fact_already_is_left_out(probe: ProbeKind, folder: Path) -> None:
    queue(7, channel=EMAIL, sent_at=timezone.now())
    probe.wanted = (EMAIL, SMS)
    queue(7)
    assert send_due(timezone.now()) == 1
    probe.wanted = (EMAIL,)
    again = queue(7)
    assert send_due(timezone.now()) == 0
    assert not OutgoingMessage.objects.filter(pk=again.pk).exists()


def test_a_message_that_its_person_does_not_want_is_deleted(probe: ProbeKind) -> None:
    probe.wanted = ()
    queue(7)
    assert post() == []
    assert not OutgoingMessage.objects.exists()


@pytest.mark.parametrize("channel", [SMS, ""])
def test_a_message_by_a_channel_that_is_off_is_given_up(
    probe: ProbeKind, settings: Any, channel: str
) -> None:
    settings.MESSAGE_CHANNELS = {EMAIL: settings.MESSAGE_CHANNELS[EMAIL]}
    probe.wanted = (SMS,)
    queue(7, channel=channel)
    assert post() == []
    assert (stored().failure, stored().given_up_at is None) == ("sms is off", False)


def test_an_unreachable_person_has_a_dead_message(probe: ProbeKind) -> None:
    probe.faults = [Unreachable("no account")]
    queue(7)  # without an account, as of a patient who books by telephone
    assert post() == []
    assert OutgoingMessage.objects.dead().get().failure == "no account"


class AwayChannel(Channel):
    """A provider that is away."""

    def send(self, message: Message) -> str:
        raise NotSent(Trouble.SERVER_AWAY, "HTTP 429", wait=1800)


def test_a_channel_that_is_away_holds_back_its_own_messages_alone(
    probe: ProbeKind, settings: Any
) -> None:
    away = {"BACKEND": f"{__name__}.AwayChannel"}
    settings.MESSAGE_CHANNELS = {**settings.MESSAGE_CHANNELS, SMS: away}
    now = timezone.now()
    for number in range(3):
        queue(number, channel=SMS)
    queue(9)
    assert len(post(now)) == 1
    tried = OutgoingMessage.objects.filter(channel=SMS, attempts=1).get()
    assert tried.due_at >= now + timedelta(minutes=30), "Retry-After"
    assert OutgoingMessage.objects.filter(channel=SMS, attempts=0).count() == 2


def test_a_mail_server_that_is_away_delays_no_other_channel(
    probe: ProbeKind, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EmailChannel, "send", AwayChannel.send)
    queue(1)
    queue(2)
    wanted = iter([(EMAIL,), (SMS,)])
    monkeypatch.setattr(probe, "channels", lambda row, at: next(wanted))
    assert send_due(timezone.now()) == 1
    assert [path.read_text()[:18] for path in folder.iterdir()] == ["To: p2@example.com"]


def test_a_worker_sends_nothing_for_some_seconds_after_a_server_was_away(
    probe: ProbeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(EmailChannel, "send", lambda self, message: away(message.to))

    def away(to: str) -> str:
        asked.append(to)
        raise NotSent(Trouble.SERVER_AWAY, "ConnectionRefusedError")

    now = timezone.now()
    for number in range(3):
        queue(number, channel=EMAIL, due_at=now - timedelta(days=1))
    send = sender_with_pauses()
    for second in range(8):
        monkeypatch.setattr("accounts.sending.monotonic", lambda second=second: second)
        send(now - second * timedelta(hours=1))  # the clock of the wall is put back meanwhile
    assert len(asked) == 2


def test_a_slow_server_holds_up_the_other_jobs_for_a_round_at_most(
    probe: ProbeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = count(step=4)  # at each look at the clock: two a message
    monkeypatch.setattr("accounts.sending.monotonic", lambda: next(seconds))
    for number in range(9):
        queue(number)
    assert [len(post()) for _ in range(3)] == [2, 2, 2]


def test_a_domain_that_fails_slowly_waits_for_a_later_round(
    probe: ProbeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.models.message.FAILING_SECONDS", 0)
    monkeypatch.setattr(EmailChannel, "send", lambda self, message: refuse())

    def refuse() -> str:
        raise NotSent(Trouble.POSTPONED, "SMTPRecipientsRefused 450")

    for number in range(3):
        queue(number)
    send_due(timezone.now())
    assert sorted(OutgoingMessage.objects.values_list("attempts", flat=True)) == [0, 0, 0]
    monkeypatch.setattr("accounts.models.message.FAILING_SECONDS", 5)
    send_due(timezone.now() + timedelta(minutes=2))
    assert sorted(OutgoingMessage.objects.values_list("attempts", flat=True)) == [1, 1, 1]


# --- Faults and deaths ----------------------------------------------------------------------------


@pytest.mark.both_databases
def test_a_message_that_cannot_be_made_stops_no_other(
    probe: ProbeKind, caplog: pytest.LogCaptureFixture
) -> None:
    now, broken = timezone.now(), queue(1)
    queue(2)
    probe.faults = [KeyError("p1@example.com")]
    assert len(post(now)) == 1
    assert f"Message {broken.pk} could not be made" in caplog.text
    for number in range(1, MAX_FAULTS):
        probe.faults = [KeyError("p1@example.com")]
        assert post(now + timedelta(hours=number)) == []
    broken.refresh_from_db()
    assert (broken.failure, broken.given_up_at is None) == ("KeyError", False)


class Killed(BaseException):
    """The process dies here."""


def killed(*args: Any) -> None:
    raise Killed


DEATHS = {
    "after the claim": ("deliver", 1),
    "after the server's yes": ("note_sent", 2),
    "after the note": ("is over", 1),
}


@pytest.mark.parametrize(("step", "mails"), DEATHS.values(), ids=DEATHS)
def test_a_killed_worker_loses_no_message_and_doubles_only_what_it_could_not_note(
    probe: ProbeKind, monkeypatch: pytest.MonkeyPatch, step: str, mails: int
) -> None:
    now = timezone.now()
    queue(7)
    if step == "deliver":
        monkeypatch.setattr("accounts.sending.Round._deliver", killed)
    if step == "note_sent":
        monkeypatch.setattr(OutgoingMessage, "note_sent", killed)
    if step == "is over":
        assert send_due(now) == 1
    else:
        with pytest.raises(Killed):
            send_due(now)
    monkeypatch.undo()
    monkeypatch.setitem(kinds(), PROBE, probe)
    assert send_due(now + LEASE - A_SECOND) == 0
    send_due(now + LEASE + A_SECOND)
    assert send_due(now + 2 * LEASE) == 0
    assert len(mail.outbox) == mails
    assert len({sent.extra_headers["Message-ID"] for sent in mail.outbox}) == 1


def test_a_worker_waits_for_the_database_to_note_the_servers_yes(
    probe: ProbeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    note, outages = OutgoingMessage.note_sent, [OperationalError("the server is restarted")] * 2

    def note_sent(row: OutgoingMessage, receipt: str) -> None:
        if outages:
            raise outages.pop()
        note(row, receipt)

    monkeypatch.setattr(OutgoingMessage, "note_sent", note_sent)
    monkeypatch.setattr("accounts.sending.connections.close_all", lambda: None)
    monkeypatch.setattr("accounts.sending.sleep", lambda seconds: None)
    queue(7)
    assert send_due(timezone.now()) == 1
    assert (len(mail.outbox), stored().sent_at is None, outages) == (1, False, [])
    outages += [OperationalError("the server is gone")] * 9
    monkeypatch.setattr("accounts.sending.NOTE_PAUSE", LEASE.total_seconds())
    queue(8)
    with pytest.raises(OperationalError):
        send_due(timezone.now())
    assert len(outages) == 8, "another process takes the message when the lease ends"


def test_a_worker_that_stood_still_past_its_lease_sends_nothing(
    probe: ProbeKind, time_machine: Any
) -> None:
    queue(7)
    compose, now = probe.compose, timezone.now()
    time_machine.move_to(now)

    def late(row: Any, at: Any) -> Any:
        time_machine.move_to(now + LEASE)
        return compose(row, at)

    probe.compose = late  # type: ignore[method-assign]
    assert send_due(now) == 0
    assert mail.outbox == []


def test_a_message_that_is_put_off_counts_no_try(probe: ProbeKind) -> None:
    now = timezone.now()
    probe.faults = [PutOff(now + timedelta(hours=9))]
    queue(7)
    assert post(now) == []
    assert (stored().attempts, stored().due_at) == (0, now + timedelta(hours=9))


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_several_workers_send_each_message_once(probe: ProbeKind, folder: Path) -> None:
    probe.wanted = (EMAIL, SMS)
    for number in range(12):
        queue(number)
    sent = run_together(4, lambda _: send_due(timezone.now()))
    assert sum(count for count in sent if isinstance(count, int)) == 24, sent
    assert set(Counter(message.to[0] for message in mail.outbox).values()) == {1}
    assert len(mail.outbox) == 12


@pytest.mark.only_on("postgres")
@pytest.mark.django_db(transaction=True)
def test_a_claim_does_not_wait_for_another_one(probe: ProbeKind) -> None:
    first, second = queue(1), queue(2)
    with elsewhere() as other, other.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM accounts_outgoingmail WHERE id = {first.pk} FOR UPDATE")
        claims = [OutgoingMessage.objects.claim_next(timezone.now()) for _ in range(2)]
    assert claims == [second, None]


# --- Order ----------------------------------------------------------------------------------------


def test_an_urgent_message_goes_before_older_ones_about_visits(probe: ProbeKind) -> None:
    StaffFactory(email="ana@example.com")
    for number in range(3):
        queue(number)
    OutgoingMessage.objects.enqueue(MailKind.PASSWORD_RESET, "ana@example.com")
    assert [sent.to[0] for sent in post()] == [
        "ana@example.com", "p0@example.com", "p1@example.com", "p2@example.com",
    ]  # fmt: skip


@pytest.mark.both_databases
def test_claims_read_by_an_index_as_many_rows_as_they_need(probe: ProbeKind) -> None:
    with counted_statements() as found:
        assert OutgoingMessage.objects.claim_next(timezone.now()) is None
        OutgoingMessage.objects.all().mark_too_late(timezone.now())
        OutgoingMessage.objects.ended(timezone.now()).delete_in_batches()
    reads = [sql for sql in found if sql.startswith("SELECT")]
    assert len(reads) >= 7
    for sql in reads:
        assert "message_" in (plan := plan_of(sql)), f"{sql}\n{plan}"
        assert "Sort" not in plan or "CASE" in sql or "IN (0, 1)" in sql, f"{sql}\n{plan}"


def plan_of(sql: str) -> str:
    """Return the plan of a statement, as for a large table."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        cursor.execute(
            ("EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN ") + sql
        )
        return "\n".join(str(row) for row in cursor.fetchall())


# --- Staff ----------------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_staff_send_a_message_again_as_a_copy(probe: ProbeKind, staff: User) -> None:
    first = queue(7)
    with pytest.raises(MessageWaits):
        first.send_again(staff)
    assert len(post()) == 1
    first.refresh_from_db()
    copy = first.send_again(staff)
    with pytest.raises(AlreadySentAgain):
        first.send_again(staff)
    assert (copy.copy, copy.channel, copy.attempts) == (1, EMAIL, 0)
    assert len(post()) == 1
    assert len({sent.extra_headers["Message-ID"] for sent in mail.outbox}) == 2
    [event] = AuditEvent.objects.filter(kind="accounts.outgoingmessage")
    assert (event.actor, event.object_id, event.role) == (staff, copy.pk, "staff")


def test_what_is_no_longer_true_is_not_sent_again(probe: ProbeKind, staff: User) -> None:
    row = queue(7, given_up_at=timezone.now())
    probe.stands = False
    with pytest.raises(MessageIsOver):
        row.send_again(staff)
    probe.faults = [Unreachable("no account")]
    with pytest.raises(MessageIsOver, match="no account"):
        row.send_again(staff)
    mail_of_account = OutgoingMessage.objects.enqueue(MailKind.PASSWORD_RESET, "ana@example.com")
    with pytest.raises(NotAboutAVisit):
        mail_of_account.send_again(staff)


def test_dead_messages_are_tried_again_from_the_beginning(probe: ProbeKind, staff: User) -> None:
    StaffFactory(email="ana@example.com")
    before = timezone.now() - timedelta(days=3)
    times = {"created_at": before, "expires_at": before + timedelta(days=1), "given_up_at": before}
    dead = queue(7, **times, attempts=20, failure="HTTP 500")
    settled = queue(8, **times, settled_at=before)
    queue(9, **{**times, "expires_at": None})  # as the mail about a webhook
    reset = OutgoingMessage.objects.enqueue(MailKind.PASSWORD_RESET, "ana@example.com")
    OutgoingMessage.objects.filter(pk=reset.pk).update(given_up_at=before, waits=None)
    assert OutgoingMessage.objects.all().retry(staff) == 3
    assert OutgoingMessage.objects.all().retry(staff) == 0
    told = {sent.to[0] for sent in post()}
    assert told == {"p7@example.com", "p9@example.com", "ana@example.com"}
    dead.refresh_from_db()
    settled.refresh_from_db()
    assert (dead.attempts, settled.attempts) == (1, 0)


def test_a_person_whom_nothing_reached_is_to_be_called(
    probe: ProbeKind, staff: User, folder: Path
) -> None:
    now = timezone.now()
    queue(1, channel=EMAIL, given_up_at=now)
    queue(1, channel=SMS, sent_at=now)
    queue(2, channel=EMAIL, given_up_at=now)
    queue(2, channel=EMAIL, copy=1)  # staff have sent it again, and it waits
    lost = queue(3, channel=EMAIL, given_up_at=now)
    assert list(OutgoingMessage.objects.not_reached("visit")) == [lost]
    assert lost.settle(staff)
    assert not lost.settle(staff)
    assert not OutgoingMessage.objects.not_reached("visit").exists()
    assert AuditEvent.objects.filter(kind="accounts.outgoingmessage").count() == 1


# --- Afterwards -----------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_messages_about_visits_are_kept_for_90_days_and_unsent_ones_for_ever(
    probe: ProbeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.models.message.ROWS_PER_STATEMENT", 2)
    now = timezone.now()
    old = now - timedelta(days=100)
    far = {"created_at": old, "due_at": now + timedelta(days=90)}
    reminder = queue(0, **far, expires_at=now + timedelta(days=91))
    kept = queue(1, created_at=old, sent_at=now - timedelta(days=89))
    for number in range(2, 7):
        queue(number, created_at=old, **{"sent_at" if number % 2 else "given_up_at": old})
    assert delete_old_messages(now) == 5
    assert set(OutgoingMessage.objects.all()) == {reminder, kept}


def test_a_message_that_is_too_late_keeps_its_failure(probe: ProbeKind) -> None:
    now = timezone.now()
    for number, failure in enumerate(["", "HTTP 500, the server may be away"]):
        queue(number, due_at=now, expires_at=now, failure=failure, attempts=number)
    assert post(now) == []
    delete_old_messages(now)
    dead = OutgoingMessage.objects.dead().order_by("object_id")
    assert [row.failure for row in dead] == ["too late", "HTTP 500, the server may be away"]
