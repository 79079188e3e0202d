"""A client of one connection that sends prepared requests and reads whole answers."""

import json
import socket
import time
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from benchmarks.generator import Failed


class Connection:
    """A kept connection. It leaves a chunked body as it is: only the bare no-op sends one."""

    def __init__(self, base: str) -> None:
        place = urlsplit(base)
        self.place = (str(place.hostname), int(place.port or 80))
        self.socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self.socket is not None:
            self.socket.close()

    def connect(self) -> None:
        """Connect now, so that the first request does not wait for it."""
        self.socket = socket.create_connection(self.place, timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send the request and return status, headers (lower case) and body."""
        if self.socket is None:
            self.connect()
        assert self.socket is not None  # nosec B101  # a condition of the bench itself
        self.socket.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        head, _, body = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (e.partition(":") for e in lines)
        }
        if headers.get("transfer-encoding") == "chunked":
            while not body.endswith(b"0\r\n\r\n"):
                body += self._more()
        while len(body) < int(headers.get("content-length", 0)):
            body += self._more()
        if headers.get("connection") == "close":
            self.socket.close()
            self.socket = None
        return int(first.split()[1]), headers, body

    def timed(self, request: bytes) -> tuple[int, float, bytes]:
        """Send the request; return status, milliseconds and body."""
        began = time.perf_counter()
        status, _, body = self.send(request)
        return status, 1000 * (time.perf_counter() - began), body

    def json(self, request: bytes) -> Any:
        """Return the parsed body. Raises Failed for a status of 400 or more."""
        status, _, body = self.send(request)
        if status >= 400:
            raise Failed(f"{status}: {body[:300].decode(errors='replace')}")
        return json.loads(body)

    def _more(self) -> bytes:
        assert self.socket is not None  # nosec B101  # a condition of the bench itself
        part = self.socket.recv(1 << 18)
        if not part:
            raise Failed("the server closed a connection before its answer was whole")
        return part
