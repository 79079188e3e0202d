"""A receiver of webhooks on this machine, and webhooks that lead to it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from accounts.tests.factories import SuperuserFactory
from appointment.models import EventType, Webhook
from appointment.models.webhook import joined, new_secret

Reply = tuple[int, dict[str, str]]
OK: Reply = (204, {})


@dataclass
class Received:
    """One request: its headers with lower-case names, its body, and where it was sent."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    @property
    def key(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """Keeps what it is sent, and answers by `reply`: a function of what it has received last."""

    reply: Callable[[Received], Reply] = lambda received: OK
    received: list[Received] = field(default_factory=list)
    url: str = ""

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [each.message for each in self.received]

    @contextmanager
    def running(self) -> Iterator["Receiver"]:
        """Serve in a thread until the end of the block."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                headers = {name.lower(): value for name, value in self.headers.items()}
                received = Received(self.path, headers, self.rfile.read(length))
                receiver.received.append(received)
                status, more = receiver.reply(received)
                self.send_response(status)
                for name, value in {"Content-Length": "0", **more}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()


def make_webhook(url: str = "https://hook.example/", *events: str, **columns: Any) -> Webhook:
    """Make a webhook of these events, of all if none is given."""
    chosen = joined(events or EventType.subscribable())
    author = columns.pop("created_by", None) or SuperuserFactory()
    columns = {"secret": new_secret(), "created_by": author, **columns}
    webhook: Webhook = Webhook.objects.create(url=url, events=chosen, **columns)
    return webhook
