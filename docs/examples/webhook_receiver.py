"""Receive the webhooks of the clinic: check each signature, and handle each message once.

Run it with the secret that the clinic showed when the webhook was registered:

    pip install standardwebhooks==1.1.0
    WEBHOOK_SECRET=whsec_... python webhook_receiver.py 8080

It serves plain http: put it behind a proxy that has a certificate.
"""

import json
import os
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

LARGEST = 64 * 1024  # bytes; a message of the clinic has less than one KiB


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 once a message is stored, 400 if its signature is wrong."""

    secret = ""
    file = "messages.sqlite3"
    timeout = 10  # seconds that a sender may be silent

    def do_POST(self) -> None:
        try:
            length = int(self.headers["Content-Length"] or 0)
            body = self.rfile.read(max(0, min(length, LARGEST)))
            message = Webhook(self.secret).verify(body, dict(self.headers.items()))
        except (WebhookVerificationError, ValueError):  # the second for what is no signature at all
            self.answer(400)
            return
        self.store(self.headers["webhook-id"], message)
        self.answer(204)

    def store(self, key: str, message: dict[str, Any]) -> None:
        """Store the message, unless it came before: a message may come twice, with the same id.

        Store it first and work on it later: the clinic waits ten seconds for an answer.
        """
        data = sqlite3.connect(self.file)
        with data:
            data.execute("CREATE TABLE IF NOT EXISTS messages (id TEXT PRIMARY KEY, message TEXT)")
            row = (key, json.dumps(message))
            data.execute("INSERT OR IGNORE INTO messages (id, message) VALUES (?, ?)", row)
        data.close()

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


if __name__ == "__main__":
    Receiver.secret = os.environ["WEBHOOK_SECRET"]
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
