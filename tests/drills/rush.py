"""Callers who come at a fixed rate, whatever the server does: an open load, by one thread.

    crowd = Crowd(server, calls)         # `calls` yields the bytes of requests
    crowd.rush(rate=1000, seconds=60)    # a caller each millisecond, on a connection of its own
    crowd.answers                        # status, seconds and headers of each

A client of `tests.drills.load` waits for its answer before it sends the next request: a server that
gets slower gets fewer requests, and never collapses.
"""

import json
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.live import Server

PATIENCE = 30.0  # seconds that a caller waits
MAX_OPEN = 3_000  # callers at once
STEP = 65_536  # bytes
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


@dataclass(frozen=True)
class Call:
    """A request: what it is called in the report, its bytes, and who sends it."""

    kind: str
    data: bytes
    slot: int = 0


@dataclass
class Caller:
    """A connection that sends one request and reads the answer to its end."""

    call: Call
    line: socket.socket
    began: float
    unsent: bytes
    received: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True)
class Answer:
    """What a caller got; status 0 is no answer."""

    call: Call
    began: float
    seconds: float
    status: int
    head: str = ""
    body: bytes = b""

    @property
    def retry_after(self) -> int:
        """Return the seconds of Retry-After; 0 without it."""
        found = [line for line in self.head.split("\r\n") if line.startswith("Retry-After:")]
        return int(found[0].partition(":")[2]) if found else 0

    def document(self) -> Any:
        """Return the JSON of the answer."""
        return json.loads(self.body)


def request(method: str, path: str, token: str = "", key: str = "", body: Any = None) -> bytes:
    """Return the bytes of a request; HTTP/1.0 ends the connection, and has no chunks."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.0", "Host: localhost"]
    lines += [f"Authorization: Token {token}"] * bool(token)
    lines += [f"Idempotency-Key: {key}"] * bool(key)
    if content:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


class Crowd:
    """All callers of a server, and the answers that they got."""

    def __init__(self, server: Server, calls: Iterator[Call]) -> None:
        parts = urlsplit(server.base)
        self.address = (parts.hostname, parts.port)
        self.calls, self.answers = calls, list[Answer]()
        self.poller = selectors.DefaultSelector()
        self.open: dict[socket.socket, Caller] = {}
        self.busy = 0.0  # seconds of this thread's processor

    def rush(self, rate: float, seconds: float) -> list[Answer]:
        """Let callers come at this rate a second; return their answers, after the last one."""
        first, began, cpu = len(self.answers), time.monotonic(), time.thread_time()
        for number in range(round(rate * seconds)):
            due = began + number / rate
            while (left := due - time.monotonic()) > 0 or len(self.open) >= MAX_OPEN:
                self._turn(max(0.0, min(left, 0.05)))
            self._turn(0)
            self._call(next(self.calls))
        self._finish()
        self.busy = time.thread_time() - cpu
        return self.answers[first:]

    def together(self, number: int, seconds: float) -> list[Answer]:
        """Keep this number of callers at once, each with a new call after its answer."""
        first, until = len(self.answers), time.monotonic() + seconds
        while time.monotonic() < until:
            while len(self.open) < number:
                self._call(next(self.calls))
            self._turn(0.05)
        self._finish()
        return self.answers[first:]

    def _finish(self) -> None:
        while self.open:
            self._turn(0.1)
            late = time.monotonic() - PATIENCE
            for caller in [each for each in self.open.values() if each.began < late]:
                self._end(caller)

    def _call(self, call: Call) -> None:
        line = socket.socket()
        line.setblocking(False)
        line.connect_ex(self.address)
        self.open[line] = Caller(call, line, time.monotonic(), call.data)
        self.poller.register(line, WRITE, self._send)

    def _turn(self, seconds: float) -> None:
        for key, _ in self.poller.select(seconds):
            step: Callable[[Caller], None] = key.data
            caller = self.open[key.fileobj]  # type: ignore[index]
            try:
                step(caller)
            except OSError:
                self._end(caller)

    def _send(self, caller: Caller) -> None:
        caller.unsent = caller.unsent[caller.line.send(caller.unsent) :]
        if not caller.unsent:
            self.poller.modify(caller.line, READ, self._receive)

    def _receive(self, caller: Caller) -> None:
        data = caller.line.recv(STEP)
        caller.received += data
        if not data:
            self._end(caller)

    def _end(self, caller: Caller) -> None:
        self.poller.unregister(caller.line)
        caller.line.close()
        del self.open[caller.line]
        head, _, body = bytes(caller.received).partition(b"\r\n\r\n")
        status = int(head[9:12]) if head.startswith(b"HTTP/1.") else 0
        seconds = time.monotonic() - caller.began
        self.answers.append(
            Answer(caller.call, caller.began, seconds, status, head.decode("latin-1"), body)
        )


def statuses(answers: list[Answer]) -> dict[int, int]:
    """Count the answers by status."""
    return dict(sorted(Counter(answer.status for answer in answers).items()))


def served(answers: list[Answer]) -> list[Answer]:
    """Return those that were answered and not refused."""
    return [answer for answer in answers if 0 < answer.status < 500]


def percentile(answers: list[Answer], share: float) -> float:
    """Return the seconds within which this share of the answers came."""
    waits = sorted(answer.seconds for answer in answers)
    return waits[min(len(waits) - 1, int(share * len(waits)))] if waits else 0.0
