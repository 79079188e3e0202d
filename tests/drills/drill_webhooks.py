"""Webhooks while receiver and senders are killed: each event arrives, in the order of its visit."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from threading import Lock, Thread
from typing import Any

from standardwebhooks import Webhook as Signer

from tests.database import Database
from tests.live import BareServer
from tests.programs import tied_to_this_process
from tests.threads import becomes_true

EVENTS = 2000
VISITS = 5  # for so many events of each
SENDERS = 3
SECONDS = 600
PRIVATE = {"WEBHOOK_PRIVATE_NETWORKS": "on"}
# Jobs of a sender again and again, with waits of a hundredth, so that hours pass in seconds.
SENDER = """
import time
from datetime import timedelta
from django.utils import timezone
from appointment.models import webhook, webhook_delivery
from appointment.webhook_sender import send_due_webhooks
seconds = (0.2, 0.5, 1, 2, 4, *range(8, 900, 8))
webhook_delivery.SCHEDULE = tuple(timedelta(seconds=n) for n in seconds)
webhook_delivery.LEASE = timedelta(seconds=12)
webhook.FIRST_PAUSE = timedelta(seconds=0.05)
webhook.LONGEST_PAUSE = timedelta(seconds=0.5)
while True:
    send_due_webhooks(timezone.now())
    time.sleep(0.05)
"""
PREPARE = """
from datetime import timedelta
from django.utils import timezone
from accounts.models import User
from appointment.models import Webhook, WebhookDelivery
from appointment.models.webhook import new_secret
hook = Webhook.objects.create(url="{url}", events="appointment.moved", secret=new_secret())
at = timezone.now()
due = dict(created_at=at, due_at=at, expires_at=at + timedelta(days=1), occurred_at=at)
WebhookDelivery.objects.bulk_create(
    WebhookDelivery(webhook=hook, event_type="appointment.moved", visit=n // {visits}, event=n,
        slot=n, **due)
    for n in range({events})
)
print(hook.secret)
"""
STATES = """
from appointment.models import WebhookDelivery
rows = WebhookDelivery.objects
print(rows.filter(sent_at__isnull=False).count(), rows.unsent().count())
"""


class Flaky:
    """A receiver that fails by chance, and that `restart` ends in the midst of its answers."""

    def __init__(self) -> None:
        self.random, self.lock = Random(1), Lock()
        self.taken: list[tuple[str, dict[str, Any]]] = []
        self.failed: Counter[str] = Counter()
        self.secret, self.port = "", 0
        self.server: Any = None

    def start(self) -> None:
        flaky = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                message = Signer(flaky.secret).verify(body, dict(self.headers.items()))
                flaky.answer(self, self.headers["webhook-id"], message)

            def log_message(self, *args: Any) -> None:
                pass

        ThreadingHTTPServer.daemon_threads = True
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, handler: Any, key: str, message: dict[str, Any]) -> None:
        """Take the message and say so, take it and break off, or refuse it."""
        chance = self.random.random()
        refusal = next(
            (code for code, to in ((500, 0.05), (429, 0.08), (302, 0.1)) if chance < to), 0
        )
        with self.lock:
            if refusal:
                self.failed[str(refusal)] += 1
            else:
                self.taken.append((key, message["data"]))
        if not refusal and chance < 0.13:
            self.failed["broken off"] += 1
            handler.connection.close()
            return
        handler.send_response(refusal or 204)
        if refusal == 429:
            handler.send_header("Retry-After", "1")
        handler.send_header("Content-Length", "0")
        handler.end_headers()


@contextmanager
def running(server: BareServer) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Run the senders, each a process; the caller may replace one that it has killed."""
    senders = [sender(server) for _ in range(SENDERS)]
    try:
        yield senders
    finally:
        for process in senders:
            process.kill()
            process.wait()


def sender(server: BareServer) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", SENDER],
        cwd=server.root,
        env=server.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=tied_to_this_process(),  # noqa: PLW1509  (it only makes system calls)
    )


def shell(server: BareServer, code: str) -> str:
    done = server.manage("shell", "--no-imports", "-c", code)
    assert done.returncode == 0, done.stderr
    return str(done.stdout).strip()


def test_each_event_arrives_in_order_while_senders_and_receiver_are_killed(
    database: Database,
    tmp_path: Path,
    sized: Callable[[int], int],
    report: Callable[[str], None],
) -> None:
    events = sized(EVENTS)
    server = BareServer(database.create_database("webhooks"), tmp_path / "log", **PRIVATE)
    server.migrate()
    receiver, random = Flaky(), Random(2)
    receiver.start()
    url = f"http://127.0.0.1:{receiver.port}/"
    receiver.secret = shell(server, PREPARE.format(url=url, visits=VISITS, events=events))
    began, kills = time.monotonic(), 0

    def all_taken() -> bool:
        return len({key for key, _ in receiver.taken}) == events

    with running(server) as senders:
        while not becomes_true(all_taken, random.uniform(0.5, 2)):
            number = random.randrange(SENDERS)
            senders[number].send_signal(signal.SIGKILL)
            senders[number].wait()
            senders[number] = sender(server)
            receiver.stop()
            receiver.start()
            kills += 1
            assert time.monotonic() - began < SECONDS, len(receiver.taken)
            becomes_true(lambda: False, 3)  # a process takes a while to start
        assert becomes_true(lambda: shell(server, STATES) == f"{events} 0", 60)
    receiver.stop()
    keys = Counter(key for key, _ in receiver.taken)
    first = dict(reversed(receiver.taken))
    order: dict[int, list[int]] = {}
    for key in dict.fromkeys(key for key, _ in receiver.taken):
        order.setdefault(first[key]["appointment"], []).append(first[key]["slot"])
    assert all(slots == sorted(slots) for slots in order.values())
    assert sum(len(slots) for slots in order.values()) == events
    contents = {(key, json.dumps(data)) for key, data in receiver.taken}
    assert len(contents) == events, "an id has one content"
    twice = sum(count - 1 for count in keys.values())
    report(
        f"{events} events, {kills} kills of a sender and of the receiver, failures "
        f"{dict(receiver.failed)}: each arrived, in order; {twice} times one came again, "
        f"after {time.monotonic() - began:.0f} s"
    )
