"""The application, served by threads of this process, so that it has the clock of the test."""

import threading
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer
from django.core.signals import request_finished, request_started
from django.test.testcases import QuietWSGIRequestHandler

HOST = "127.0.0.1"
PATIENCE = 30  # seconds; a request that takes longer fails the test


class Served:
    """A server on a free port of this machine; `url` is its address."""

    def __init__(self) -> None:
        self._server = ThreadedWSGIServer((HOST, 0), QuietWSGIRequestHandler)
        self._server.set_app(WSGIHandler())
        self.url = f"http://{HOST}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._running = 0
        self._changed = threading.Condition()

    def start(self) -> None:
        """Answer requests from now on."""
        request_started.connect(self._began)
        request_finished.connect(self._ended)
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        request_started.disconnect(self._began)
        request_finished.disconnect(self._ended)

    def wait_until_idle(self) -> None:
        """Wait until no request runs: one may go on after its page is closed."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._running == 0, PATIENCE), "a request hangs"

    def _began(self, **kwargs: Any) -> None:
        with self._changed:
            self._running += 1

    def _ended(self, **kwargs: Any) -> None:
        with self._changed:
            self._running -= 1
            self._changed.notify_all()
