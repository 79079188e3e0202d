"""A mail server that answers slowly, and refuses the recipients of one domain."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

from config.management.commands import serve

REFUSED = "refused.example"
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
