"""A dialogue ends in time, and a process that is told to end finishes what it has at hand."""

import io
import os
import signal
import smtplib
import threading
from collections.abc import Iterator
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import pytest

from extensions.deadline import DeadlineReader, seconds_left, within
from extensions.interrupts import Interrupts
from extensions.smtp import LONGEST_REPLY, EmailBackend


class Dribble:
    """A socket whose server sends a byte every nine seconds, by the clock of the test."""

    def __init__(self) -> None:
        self.now, self.timeouts = 0.0, [0.0]

    def makefile(self, *args: Any, **kwargs: Any) -> "Dribble":
        return self

    def settimeout(self, seconds: float) -> None:
        self.timeouts.append(seconds)

    def readinto(self, buffer: Any) -> int:
        self.now += 9
        buffer[:1] = b"x"
        return 1


def test_a_server_that_sends_a_byte_every_nine_seconds_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server: Any = Dribble()
    monkeypatch.setattr("extensions.deadline.time.monotonic", lambda: server.now)
    reader = io.BufferedReader(DeadlineReader(server, 10))
    with within(60), within(600), pytest.raises(TimeoutError):
        reader.readline()
    assert server.now == 63
    assert server.timeouts[-1] == 6, "the last wait ends with the dialogue"
    assert seconds_left(10) == 10, "outside of the block"


class Session(StreamRequestHandler):
    """A mail server that takes every mail, and notes what the client's timeouts were."""

    def handle(self) -> None:
        self.wfile.write(b"220-many\r\n220 ready\r\n")
        while line := self.rfile.readline():
            answer = b"250 ok\r\n"
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                while self.rfile.readline() != b".\r\n":
                    pass
            if line.upper().startswith(b"QUIT"):
                answer = b"221 bye\r\n"
            self.wfile.write(answer)


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        server.daemon_threads = True  # a failed test leaves its connection open
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_the_reply_to_the_end_of_a_mail_may_take_as_long_as_the_dialogue(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    read = DeadlineReader.readinto

    def noted(self: DeadlineReader, buffer: Any) -> int | None:
        waits.append(seconds_left(self.timeout))
        return read(self, buffer)

    monkeypatch.setattr(DeadlineReader, "readinto", noted)
    backend = EmailBackend(host="127.0.0.1", port=port, timeout=10)
    backend.open()
    backend.connection.sendmail("a@example.com", ["b@example.com"], b"Subject: x\r\n\r\nx")
    assert LONGEST_REPLY in waits
    assert max(waits[:2]) == 10
    with within(0), pytest.raises(smtplib.SMTPServerDisconnected):
        backend.connection.noop()
    backend.close()


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    made = Interrupts()
    made.catch()
    yield made
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("times", [1, 2])
def test_a_signal_lets_the_block_end_and_a_second_does_not(
    interrupts: Interrupts, times: int
) -> None:
    done: list[bool] = []

    def work() -> None:
        with interrupts.deferred():
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGTERM)
            done.append(True)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert len(done) == (times == 1)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
