"""A worker without a process, a client at the other end of a socket pair, and a clock to move."""

import selectors
import socket
from collections.abc import Callable
from concurrent.futures import Future
from errno import EAGAIN
from typing import Any
from unittest.mock import Mock

from django.conf import settings
from gunicorn.config import Config

from config import worker as module
from config.worker import Worker

MAX_BODY = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
GET = b"GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"POST /a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
CLIENT = ("203.0.113.9", 50000)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Pool:
    """A pool that runs each job at once. `jobs`: how many it got."""

    jobs = 0

    def submit(self, job: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        self.jobs += 1
        future: Future[Any] = Future()
        future.set_result(job(*arguments))
        return future

    def shutdown(self, wait: bool) -> None:
        pass


class Bench:
    """A worker, its clock, its clients, and the requests that reached the application."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.pool = clock, Pool()
        self.requests: list[tuple[dict[str, Any], bytes]] = []
        self.answer = b"done"
        self.reads_bodies = True
        cfg = Config()
        cfg.set("sendfile", False)
        cfg.set("keepalive", 5)
        cfg.set("worker_connections", 20)
        cfg.set("threads", 2)
        self.worker = Worker(1, 1, [], Mock(), 30, cfg, Mock())
        self.worker.wsgi, self.worker.tpool = self.application, self.pool
        self.worker.poller = selectors.DefaultSelector()
        self.worker.method_queue.init()
        queue = self.worker.method_queue
        self.worker.poller.register(queue.fileno(), module.READ, queue.run_callbacks)
        self.clients: list[socket.socket] = []

    def application(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[Any]:
        too_large = int(environ.get("CONTENT_LENGTH") or 0) > MAX_BODY
        body = b"" if too_large or not self.reads_bodies else environ["wsgi.input"].read()
        self.requests.append((environ, body))
        status = "413 Payload Too Large" if too_large else "200 OK"
        start_response(status, [("Content-Length", str(len(self.answer)))])
        return [self.answer]

    def connect(self) -> socket.socket:
        """Return a new client, whose connection the worker has accepted."""
        client, accepted = socket.socketpair()
        client.setblocking(False)
        listener = Mock(getsockname=lambda: ("127.0.0.1", 8000))
        listener.accept.side_effect = [(accepted, CLIENT), BlockingIOError(EAGAIN, "no more")]
        self.worker.accept(listener)
        self.clients.append(client)
        return client

    def turn(self, seconds: float = 0) -> None:
        """Move the clock, let the loop do all there is to do, and cut off who is too slow."""
        self.clock.now += seconds
        self._dispatch()
        self.worker.murder_keepalived()
        self._dispatch()

    def _dispatch(self) -> None:
        while self.worker.poller.select(0):
            self.worker.wait_for_and_dispatch_events(0)

    def bodies(self) -> list[bytes]:
        return [body for _, body in self.requests]

    def close(self) -> None:
        self.worker.murder_keepalived(force=True)
        assert (self.worker.nr_conns, self.worker.held, self.worker.waiting) == (0, 0, {})
        for client in self.clients:
            client.close()
        self.worker.poller.close()
        self.worker.method_queue.close()
        self.worker.tmp.close()


def received(client: socket.socket) -> bytes | None:
    """Return what the client has got and not read; None if the server has ended the connection."""
    found = b""
    while True:
        try:
            data = client.recv(1 << 20)
        except BlockingIOError:
            return found
        except ConnectionResetError:
            return found or None
        if not data:
            return found or None
        found += data


def status(client: socket.socket) -> str:
    """Return the status of the answer that the client has got."""
    answer = received(client) or b""
    return answer[9:12].decode()
