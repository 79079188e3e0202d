"""200 clients that send or read too slowly hold no thread of the server, and are cut off."""

import http.client
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

import pytest

from tests.database import Database
from tests.drills.load import Load
from tests.live import BareServer

PROBED_EVERY = 0.2  # seconds
ANSWERED_WITHIN = 1.0  # seconds
LATE = 3.0  # seconds after a deadline that the server may take to notice it
MADE_IN = 2.0  # seconds in which the server makes the large answers
BLOCKED = 5.0  # seconds without an answer by which the control shows its fault
LARGE_PATH = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"  # 1.5 MB
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
BODY = b"POST /api/auth/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
LARGE = f"GET {LARGE_PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
# Four answers are more than the buffers of the kernel hold.
KINDS = {
    "head": (HEAD, 10),
    "body": (BODY, 30),
    "reader": (LARGE * 4, None),
}  # bytes sent, deadline


@dataclass
class Slow:
    """A slow client: sends `HEAD` or `BODY` and then a byte a second, or reads nothing."""

    kind: str
    line: socket.socket
    since: float
    ended: float = 0.0  # seconds after which the server cut it off

    def go_on(self) -> None:
        """Send one more byte; note that the server has cut the connection off."""
        try:
            self.line.send(b"x")
            gone = bool(select.select([self.line], [], [], 0)[0])
        except OSError:
            gone = True
        if gone:
            self.ended = time.monotonic() - self.since


class SlowClients:
    """All slow clients of a server, a third of each kind, driven by one thread."""

    def __init__(self, server: BareServer, number: int) -> None:
        parts = urlsplit(server.base)
        self.address = (parts.hostname, parts.port)
        self.clients = [self._connect(kind) for _ in range(number // 3 + 1) for kind in KINDS]
        self.done = Event()

    def _connect(self, kind: str) -> Slow:
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.settimeout(10)
        line.connect(self.address)
        line.sendall(KINDS[kind][0])
        return Slow(kind, line, time.monotonic())

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let all of them go on during the block; then they leave."""
        thread = Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self.done.set()
            thread.join()
            for client in self.clients:
                client.line.close()

    def _run(self) -> None:
        while not self.done.wait(1):
            for client in self.clients:
                if client.kind != "reader" and not client.ended:
                    client.go_on()

    def are_cut_off(self) -> bool:
        return all(client.ended for client in self.clients if client.kind != "reader")

    def assert_cut_off_in_time(self) -> None:
        for client in self.clients:
            deadline = KINDS[client.kind][1]
            assert deadline is None or deadline - 1 < client.ended < deadline + LATE, client


def seconds_to_answer(server: BareServer) -> float:
    """Return the seconds that /healthz takes on a new connection, BLOCKED at most."""
    began = time.monotonic()
    connection = http.client.HTTPConnection(urlsplit(server.base).netloc, timeout=BLOCKED)
    try:
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
    except TimeoutError:
        return BLOCKED
    finally:
        connection.close()
    return time.monotonic() - began


@pytest.fixture
def server(database: Database, tmp_path: Path) -> BareServer:
    """Return a server of one worker: 16 threads."""
    url = database.create_database("slow_clients")
    server = BareServer(url, tmp_path / "log", WEB_CONCURRENCY="1")
    server.migrate()
    return server


def test_slow_clients_hold_no_thread(server: BareServer, sized, report) -> None:
    load, probes = Load.prepared(server, people=4), list[float]()
    with server.running():
        clients = SlowClients(server, sized(200))
        with clients.running():
            time.sleep(MADE_IN)
            until = time.monotonic() + 30 + LATE
            with load.running():
                while not clients.are_cut_off() and time.monotonic() < until:
                    probes.append(seconds_to_answer(server))
                    time.sleep(PROBED_EVERY)
    report(f"{len(clients.clients)} slow clients: /healthz at most {max(probes):.2f} s")
    report(load.summary())
    assert max(probes) < ANSWERED_WITHIN
    assert len(probes) > 50
    clients.assert_cut_off_in_time()
    load.assert_kept()
    assert load.statuses()["201"] > 0


def test_control_they_hold_all_threads_of_gunicorns_own_worker(
    server: BareServer, sized, report
) -> None:
    server.command = (*server.command, "--worker-class", "gthread")
    with server.running():
        clients = SlowClients(server, max(sized(200), 60))
        with clients.running():
            time.sleep(MADE_IN)
            seconds = seconds_to_answer(server)
    report(f"control: /healthz took {seconds:.1f} s")
    assert seconds > ANSWERED_WITHIN
