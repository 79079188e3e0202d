"""Mail servers that answer slowly, refuse some recipients, and die."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import random
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

from config.management.commands import serve

REFUSED, LATER = "refused.example", "later.example"
DEATHS = 0.05  # how often a dying server hangs up at a command
MESSAGE_ID = re.compile(r"^Message-ID:\s*(\S+)", re.MULTILINE)
REPLY_SECONDS = 0.02  # as over a network


class MailServer(ThreadingTCPServer):
    """Counts, by address, the recipients that it was asked to take, and keeps when it took mail.

    It refuses by the `refusal`, which takes it `seconds`; after 421 it ends the connection.
    """

    daemon_threads = True

    def __init__(self, refusal: str, seconds: float) -> None:
        super().__init__((serve.HOST, 0), Session)
        self.refusal, self.seconds = refusal, seconds
        self.asked: Counter[str] = Counter()
        self.taken: dict[str, float] = {}

    @property
    def url(self) -> str:
        return f"smtp://{serve.HOST}:{self.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve in a thread until the end of the block."""
        thread = Thread(target=self.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            self.server_close()


class Session(StreamRequestHandler):
    """One connection, as far as smtplib needs one (RFC 5321)."""

    server: MailServer
    recipient = ""

    def handle(self) -> None:
        """Greet, then reply to each command until QUIT or the end of the connection."""
        self._reply("220 ready")
        while line := self.rfile.readline():
            verb = line[:4].upper().decode(errors="replace")
            if verb == "QUIT":
                return self._reply("221 bye")
            answer = self._answer(verb, line.decode(errors="replace"))
            self._reply(answer)
            if answer.startswith("421"):
                return None
        return None

    def _answer(self, verb: str, line: str) -> str:
        if verb == "RCPT":
            self.recipient = line.partition("<")[2].partition(">")[0]
            self.server.asked[self.recipient] += 1
            if self.recipient.endswith(f"@{REFUSED}"):
                time.sleep(self.server.seconds)
                return self.server.refusal
        if verb == "DATA":
            self._reply("354 go on")
            while self.rfile.readline().rstrip(b"\r\n") != b".":
                pass
            self.server.taken[self.recipient] = time.monotonic()
        return "250 ok"

    def _reply(self, text: str) -> None:
        time.sleep(REPLY_SECONDS)
        self.wfile.write(f"{text}\r\n".encode())


class UnreliableServer(MailServer):
    """A mail server that is fine, slow, dying in mid-dialogue or away, as its `behavior` says.

    It keeps what it accepted: the Message-ID, the recipient, and when by the clock of the wall.
    It refuses the recipients of REFUSED, and tells those of LATER once to come back.
    """

    def __init__(self) -> None:
        super().__init__("550 no such mailbox", 0)
        self.RequestHandlerClass = UnreliableSession
        self.behavior = "fine"
        self.accepted: list[tuple[str, str, float]] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: clients are killed, and connections dropped."""


class UnreliableSession(Session):
    """One connection to an UnreliableServer."""

    server: UnreliableServer

    def handle(self) -> None:
        """Hang up at once if the server is away."""
        if self.server.behavior != "away":
            super().handle()

    def _answer(self, verb: str, line: str) -> str:
        if self.server.behavior == "dying" and random() < DEATHS:
            raise ConnectionAbortedError
        if verb != "DATA":
            answer = super()._answer(verb, line)
            is_first = self.server.asked[self.recipient] == 1
            return "450 later" if verb == "RCPT" and LATER in line and is_first else answer
        self._reply("354 go on")
        mail = b"".join(iter(self.rfile.readline, b".\r\n"))
        if self.server.behavior == "dying" and random() < DEATHS:
            raise ConnectionAbortedError
        found = MESSAGE_ID.search(mail.decode(errors="replace"))
        assert found
        self.server.accepted.append((found[1], self.recipient, time.time()))
        return "250 ok"

    def _reply(self, text: str) -> None:
        time.sleep(REPLY_SECONDS * (9 if self.server.behavior == "slow" else 0))
        super()._reply(text)
