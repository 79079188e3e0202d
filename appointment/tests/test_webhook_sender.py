"""Messages of webhooks are sent in order, again after a failure, and with an id that stays."""

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path
from runpy import run_path
from threading import Thread
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.http import http_date
from standardwebhooks import Webhook as Signer
from standardwebhooks import WebhookVerificationError

from accounts.sending import send_due
from accounts.tests.factories import StaffFactory, SuperuserFactory, UserFactory
from appointment import webhook_sender
from appointment.messages.webhooks import queue_mails
from appointment.models import Appointment, Webhook, WebhookDelivery
from appointment.models.webhook import BOTH_SECRETS, FAILING, new_secret
from appointment.models.webhook_delivery import LEASE, SCHEDULE
from appointment.tests.webhooks import OK, Received, Receiver, Reply, make_webhook
from appointment.webhook_sender import delete_old_webhook_messages, send_due_webhooks
from doctor.tests.factories import ScheduleFactory
from extensions import public_http
from extensions.interrupts import interrupts
from patient.models import Patient
from tests.live import ROOT
from tests.threads import run_together

pytestmark = pytest.mark.django_db

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
EXAMPLE = ROOT / "docs" / "examples" / "webhook_receiver.py"
Queue = Callable[..., WebhookDelivery]


@pytest.fixture(autouse=True)
def private_networks(settings: Any) -> None:
    """Let the webhooks of the tests lead to this machine."""
    settings.WEBHOOK_PRIVATE_NETWORKS = True


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appointment.models.webhook_delivery.JITTER", 0)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().running() as running:
        yield running


@pytest.fixture
def webhook(db: None, receiver: Receiver) -> Webhook:
    return make_webhook(receiver.url)


@pytest.fixture
def at() -> datetime:
    return timezone.now()


@pytest.fixture
def queue(webhook: Webhook, at: datetime) -> Queue:
    """Return a function that queues a message about a visit."""

    def queued(visit: int = 1, to: Webhook = webhook, **columns: Any) -> WebhookDelivery:
        message = WebhookDelivery.objects.queue_test(to.pk, at)
        columns = {"visit": visit, "event_type": "appointment.booked", **columns}
        WebhookDelivery.objects.filter(pk=message.pk).update(**columns)
        message.refresh_from_db()
        return message

    return queued


def state(message: WebhookDelivery) -> tuple[str, int, str]:
    """Return state, attempts and failure, as they are stored."""
    message.refresh_from_db()
    return message.state, message.attempts, message.failure


# --- What is sent ---------------------------------------------------------------------------------


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Any]:
    """Run the example of docs/examples, as it is; yield its class, with the `url`."""
    handler: Any = run_path(str(EXAMPLE))["Receiver"]
    handler.file, handler.log_message = str(tmp_path / "messages"), lambda *args: None
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.url = f"http://127.0.0.1:{server.server_address[1]}/"
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield handler
    server.shutdown()
    server.server_close()


def test_a_receiver_of_the_docs_stores_a_message_once_and_refuses_a_forged_one(
    patient: Patient, example: Any
) -> None:
    """With a booking as patients make it."""
    webhook = make_webhook(example.url)
    slot = ScheduleFactory().slots.first()
    visit = Appointment.objects.book_own(patient.user, slot.doctor_id, slot.pk)
    example.secret = make_webhook().secret
    assert send_due_webhooks(timezone.now()) == 0
    example.secret = webhook.secret
    message = WebhookDelivery.objects.get(webhook=webhook)
    assert state(message) == ("waiting", 1, "HTTP 400")
    assert send_due_webhooks(timezone.now() + 6 * SECOND) == 1
    WebhookDelivery.objects.replay()
    assert send_due_webhooks(timezone.now()) == 1
    [row] = sqlite3.connect(example.file).execute("SELECT id, message FROM messages")
    assert row[0] == message.header_id
    assert f'"appointment": {visit.pk}' in row[1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"webhook-signature": "nonsense"},
        {"webhook-signature": "v1,a"},
        {"webhook-timestamp": "0"},
        {"Content-Length": "-1"},
        {"Content-Length": "many"},
    ],
)
def test_a_receiver_of_the_docs_answers_what_is_no_message_with_400(
    example: Any, wrong: dict[str, str]
) -> None:
    example.secret = new_secret()
    now = datetime.now(UTC)
    signature = Signer(example.secret).sign("msg_1", now, "{}")
    of_now = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp()))}
    headers = {"Content-Length": "2", **of_now, "webhook-signature": signature}
    assert public_http.post(example.url, b"{}", headers, private=True).status == 204
    answer = public_http.post(example.url, b"{}", {**headers, **wrong}, private=True)
    assert answer.status == 400


def test_a_message_is_signed_after_the_specification(
    receiver: Receiver, webhook: Webhook, queue: Queue
) -> None:
    message = queue(visit=7, slot=8, doctor=9, location=10, patient=11, status="scheduled")
    assert send_due_webhooks(timezone.now()) == 1
    [sent] = receiver.received
    assert sent.path == "/hook"
    assert (sent.key, sent.headers["content-type"]) == (message.header_id, "application/json")
    assert Signer(webhook.secret).verify(sent.body, sent.headers) == {
        "type": "appointment.booked",
        "timestamp": message.occurred_at.isoformat().replace("+00:00", "Z"),
        "data": {
            "appointment": 7,
            "doctor": 9,
            "location": 10,
            "slot": 8,
            "patient": 11,
            "status": "scheduled",
        },
    }
    assert state(message) == ("sent", 1, "")


def test_for_a_day_after_a_rotation_both_secrets_sign(
    receiver: Receiver, webhook: Webhook, queue: Queue, at: datetime
) -> None:
    old, _ = webhook.secret, queue()
    new = webhook.rotate_secret(webhook.created_by, at)
    send_due_webhooks(timezone.now())
    [sent] = receiver.received
    for secret in (old, new):
        Signer(secret).verify(sent.body, sent.headers)
    with pytest.raises(WebhookVerificationError):
        Signer(make_webhook().secret).verify(sent.body, sent.headers)
    assert len(webhook.signatures("msg_1", at + BOTH_SECRETS, "{}").split()) == 1


# --- Order ----------------------------------------------------------------------------------------


def test_messages_of_a_visit_wait_for_the_one_before(
    receiver: Receiver, queue: Queue, at: datetime
) -> None:
    """Until it is sent or given up; messages of other visits do not wait."""
    receiver.reply = lambda received: (500, {}) if len(receiver.received) == 1 else OK
    first, second, other = queue(1), queue(1), queue(2)
    send_due_webhooks(at + SECOND)
    assert [each.key for each in receiver.received] == [first.header_id]
    send_due_webhooks(at + 6 * SECOND + SECOND)
    keys = [each.key for each in receiver.received[1:]]
    assert sorted(keys) == sorted(each.header_id for each in (first, second, other))
    assert keys.index(first.header_id) < keys.index(second.header_id)


def test_a_message_that_is_given_up_lets_the_next_one_pass(
    receiver: Receiver, queue: Queue, at: datetime
) -> None:
    queue(1, given_up_at=at)
    second = queue(1)
    assert send_due_webhooks(at) == 1
    assert receiver.received[0].key == second.header_id


def test_a_webhook_that_does_not_answer_delays_no_other_one(
    receiver: Receiver, queue: Queue, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slow one answers when the other has all its messages; it is tried once in the round."""
    monkeypatch.setattr(public_http, "TOTAL_SECONDS", 30.0)
    with Receiver().running() as quick_receiver:
        quick = make_webhook(quick_receiver.url)
        slow_ones = [queue(visit) for visit in range(3)]
        for visit in range(5):
            queue(visit, to=quick)

        def answer_last(received: Received) -> Reply:
            while len(quick_receiver.received) < 5:
                pass
            return 500, {}

        receiver.reply = answer_last
        assert send_due_webhooks(at) == 5
    assert sorted(each.attempts for each in fresh(slow_ones)) == [0, 0, 1]
    assert not quick.deliveries.filter(due_at__gt=F("sent_at")).exists(), "shows no lease"


def fresh(messages: list[WebhookDelivery]) -> list[WebhookDelivery]:
    return list(WebhookDelivery.objects.filter(pk__in=[each.pk for each in messages]))


# --- Failures -------------------------------------------------------------------------------------


def test_a_message_is_tried_for_a_day_by_the_schedule_then_given_up_and_the_webhook_disabled(
    receiver: Receiver, webhook: Webhook, queue: Queue, at: datetime
) -> None:
    receiver.reply = lambda received: (500, {})
    message = queue()
    waits = []
    for _ in SCHEDULE:
        message.refresh_from_db()
        waits.append(message.due_at - message.created_at)
        send_due_webhooks(max(message.due_at, paused(webhook) or at))
    assert waits == [timedelta(), *SCHEDULE[:-1]]
    assert state(message)[:2] == ("waiting", len(SCHEDULE))
    assert stored(webhook).is_active
    send_due_webhooks(at + SCHEDULE[-1] + HOUR)
    assert state(message) == ("given_up", len(SCHEDULE) + 1, "HTTP 500")
    row = stored(webhook)
    assert (row.is_active, row.disabled_reason) == (False, "failing")
    assert {each.key for each in receiver.received} == {message.header_id}
    assert len({each.body for each in receiver.received}) == 1


def paused(webhook: Webhook) -> datetime | None:
    return stored(webhook).paused_until


def stored(webhook: Webhook) -> Webhook:
    return Webhook.objects.get(pk=webhook.pk)


def test_a_success_ends_the_row_of_failures(
    receiver: Receiver, webhook: Webhook, queue: Queue, at: datetime
) -> None:
    webhook.revise(failures=3, failing_since=at - FAILING + SECOND, paused_until=at)
    queue()
    send_due_webhooks(at)
    row = stored(webhook)
    assert (row.failures, row.failing_since, row.paused_until) == (0, None, None)


def test_a_success_is_noted_of_the_webhook_as_it_is_by_then(webhook: Webhook, at: datetime) -> None:
    """Another sender may have noted a failure meanwhile, and staff may have deleted it."""
    claimed = stored(webhook)
    webhook.note_failure(at, None, gone=False)
    claimed.note_success()
    assert stored(webhook).failing_since is None
    webhook.note_failure(at, None, gone=False)
    failing = stored(webhook)
    webhook.remove(webhook.created_by)
    failing.note_success()


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("is_date", [False, True])
def test_retry_after_pauses_the_webhook(
    receiver: Receiver, webhook: Webhook, queue: Queue, at: datetime, status: int, is_date: bool
) -> None:
    value = http_date((at + HOUR).timestamp()) if is_date else "3600"
    receiver.reply = lambda received: (status, {"Retry-After": value})
    message, other = queue(1), queue(2)
    send_due_webhooks(at)
    until = paused(webhook)
    assert until is not None
    assert abs(until - at - HOUR) < 10 * SECOND
    assert state(message)[0] == "waiting"
    assert abs(message.due_at - until) < SECOND
    receiver.reply = lambda received: OK
    assert send_due_webhooks(until - SECOND) == 0
    assert send_due_webhooks(until + SECOND) == 2
    assert state(other)[0] == "sent"


def test_a_pause_that_another_sender_noted_holds_and_a_test_ends_it(
    webhook: Webhook, queue: Queue, at: datetime
) -> None:
    queue()
    webhook.note_failure(at, HOUR, gone=False)
    assert WebhookDelivery.objects.claim_next(webhook.pk, at + SECOND) is None
    test = webhook.send_test(at)
    assert send_due_webhooks(at + SECOND) == 2
    assert state(test)[0] == "sent"


@pytest.mark.parametrize("value", ["999999999", "9" * 500, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_no_retry_after_is_longer_than_six_hours(
    receiver: Receiver, webhook: Webhook, queue: Queue, at: datetime, value: str
) -> None:
    receiver.reply = lambda received: (503, {"Retry-After": value})
    queue()
    send_due_webhooks(at)
    until = paused(webhook)
    assert until is not None
    assert until - at < 6 * HOUR + 10 * SECOND


def test_410_disables_the_webhook_at_once(
    receiver: Receiver, webhook: Webhook, queue: Queue, at: datetime
) -> None:
    receiver.reply = lambda received: (410, {})
    queue(1)
    queue(2)
    send_due_webhooks(at)
    send_due_webhooks(at + DAY)
    assert len(receiver.received) == 1
    assert stored(webhook).disabled_reason == "gone"
    webhook = stored(webhook)
    webhook.change(webhook.created_by, is_active=True)
    receiver.reply = lambda received: OK
    assert send_due_webhooks(at + HOUR) == 2, "what waits is sent once staff activate it again"


def test_staff_get_a_mail_about_a_webhook_that_was_disabled(
    receiver: Receiver, webhook: Webhook, queue: Queue, at: datetime, mailoutbox: list[Any]
) -> None:
    """Its author and superusers, whose addresses `createsuperuser` leaves unverified; not once it
    is active again.
    """
    receiver.reply = lambda received: (410, {})
    boss, author = webhook.created_by, StaffFactory()
    others = StaffFactory(), SuperuserFactory(is_active=False), UserFactory()
    assert {each.email_verified_at for each in (boss, author, *others)} == {None}
    webhook.revise(created_by=author)
    queue()
    send_due_webhooks(at)
    send_due(timezone.now())
    assert {mail.to[0] for mail in mailoutbox} == {author.email, boss.email}
    assert f"Webhook {webhook.pk} was switched off" in mailoutbox[0].body
    assert webhook.secret not in mailoutbox[0].body
    [(html, media_type)] = mailoutbox[0].alternatives
    assert (f"Webhook {webhook.pk}" in html, media_type) == (True, "text/html")
    author.revise(language="es")
    queue_mails(webhook)
    send_due(timezone.now())
    subjects = {mail.to[0]: mail.subject for mail in mailoutbox[2:]}
    assert subjects == {
        boss.email: "A webhook was switched off",
        author.email: "Se ha desactivado un webhook",
    }
    del mailoutbox[2:]
    queue_mails(webhook)
    webhook.revise(is_active=True)
    send_due(timezone.now())
    assert len(mailoutbox) == 2


def test_a_redirect_is_a_failure_and_is_not_followed(
    receiver: Receiver, queue: Queue, at: datetime
) -> None:
    with Receiver().running() as elsewhere:
        receiver.reply = lambda received: (307, {"Location": elsewhere.url})
        message = queue()
        send_due_webhooks(at)
    assert not elsewhere.received
    assert state(message) == ("waiting", 1, "HTTP 307")


def test_an_address_that_is_no_longer_public_is_sent_nothing(
    receiver: Receiver, queue: Queue, at: datetime, settings: Any
) -> None:
    settings.WEBHOOK_PRIVATE_NETWORKS = False
    webhook = make_webhook("https://hook.example/", created_by=queue().webhook.created_by)
    message = queue(to=webhook)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(public_http, "resolve", lambda *of: ["93.184.215.14", "10.0.0.1"])
        send_due_webhooks(at)
    assert state(message) == ("waiting", 1, "refused: url_not_public")
    assert not receiver.received


def test_the_log_of_a_failure_holds_neither_url_nor_secret_nor_answer(
    receiver: Receiver, webhook: Webhook, queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.reply = lambda received: (500, {"X-Text": "theirs"})
    webhook.revise(url=f"{receiver.url}?token=t0ken")
    message = queue()
    send_due_webhooks(timezone.now())
    assert f"Message {message.pk} to webhook {webhook.pk}: HTTP 500" in caplog.text
    for private in ("t0ken", "127.0.0.1", webhook.secret, "theirs"):
        assert private not in caplog.text


# --- Crashes, replays, and several senders --------------------------------------------------------


def test_a_sender_that_dies_after_the_claim_leaves_it_to_another_with_the_same_id(
    receiver: Receiver, queue: Queue, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*args: Any) -> None:
        raise SystemExit

    message = queue()
    with monkeypatch.context() as patch:
        patch.setattr(webhook_sender.Round, "_note", die)
        with pytest.raises(SystemExit):
            send_due_webhooks(at)
    assert send_due_webhooks(at + LEASE - SECOND) == 0, "the lease has not ended"
    assert send_due_webhooks(at + LEASE + SECOND) == 1
    assert [each.key for each in receiver.received] == [message.header_id] * 2
    assert state(message) == ("sent", 2, "")


@pytest.fixture
def _signals_are_caught() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    interrupts.catch()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_signals_are_caught")
def test_a_signal_to_end_lets_the_attempt_at_hand_be_noted_and_no_other_begin(
    receiver: Receiver, queue: Queue, at: datetime
) -> None:
    def end_the_sender(received: Received) -> Reply:
        os.kill(os.getpid(), signal.SIGTERM)
        return OK

    receiver.reply = end_the_sender
    first, second = queue(1), queue(2)
    with pytest.raises(KeyboardInterrupt):
        send_due_webhooks(at)
    assert state(first) == ("sent", 1, "")
    assert state(second) == ("waiting", 0, "")


def test_a_note_after_a_replay_does_not_undo_the_replay(queue: Queue, at: datetime) -> None:
    message = queue()
    assert message.claim(at)
    WebhookDelivery.objects.replay(at + SECOND)
    assert not message.note_sent(at + 2 * SECOND)
    assert state(message) == ("waiting", 0, "")


def test_old_messages_are_given_up_and_deleted(queue: Queue, at: datetime) -> None:
    late = queue(expires_at=at)
    old = queue(occurred_at=at - 31 * DAY, sent_at=at - 30 * DAY)
    queued_again = queue(occurred_at=at - 31 * DAY)
    assert delete_old_webhook_messages(at) == 1
    assert state(late)[0] == "given_up"
    assert state(queued_again)[0] == "waiting"
    assert not WebhookDelivery.objects.filter(pk=old.pk).exists()


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_three_senders_at_once_send_each_message_once_and_in_order(
    receiver: Receiver, queue: Queue, at: datetime
) -> None:
    with transaction.atomic():
        sent = [queue(number % 5) for number in range(30)]
    outcomes = run_together(3, lambda number: send_due_webhooks(timezone.now()))
    assert sum(each for each in outcomes if isinstance(each, int)) == 30, outcomes
    keys = [each.key for each in receiver.received]
    assert sorted(keys) == sorted(each.header_id for each in sent)
    for visit in range(5):
        of_visit = [each.header_id for each in sent if each.visit == visit]
        assert [key for key in keys if key in of_visit] == of_visit
