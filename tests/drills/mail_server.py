"""A mail server that answers slowly, and refuses the recipients of one domain for good."""

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
    """Counts, by address, the recipients that it was asked to take, and keeps when it took mail."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((serve.HOST, 0), Session)
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
            self._reply(self._answer(verb, line.decode(errors="replace")))
        return None

    def _answer(self, verb: str, line: str) -> str:
        if verb == "RCPT":
            self.recipient = line.partition("<")[2].partition(">")[0]
            self.server.asked[self.recipient] += 1
            return "550 no such mailbox" if self.recipient.endswith(f"@{REFUSED}") else "250 ok"
        if verb == "DATA":
            self._reply("354 go on")
            while self.rfile.readline().rstrip(b"\r\n") != b".":
                pass
            self.server.taken[self.recipient] = time.monotonic()
        return "250 ok"

    def _reply(self, text: str) -> None:
        time.sleep(REPLY_SECONDS)
        self.wfile.write(f"{text}\r\n".encode())
