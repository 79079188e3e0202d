"""A proxy between the server and its database that a drill can make slow, cut or silent.

    with Proxy(port_of(database)) as line:
        server = BareServer(line.between(url), log)
        line.delay = 0.2          # seconds for every piece that passes
        line.reset()              # cuts every connection, also in mid-request
        with line.silence(): ...  # connections stay, new ones are taken, no data passes

The proxy uses threads and blocking sockets. It passes bytes on unread.
"""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

PIECE = 65536
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST, and drop unsent data


class Proxy:
    """A proxy that listens on a port of 127.0.0.1. A drill can change the port that it leads to."""

    delay = 0.0

    def __init__(self, target: int) -> None:
        self.target = target
        self._passes = threading.Event()
        self._passes.set()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._passes.set()
        self.reset()

    def between(self, url: str) -> str:
        """Return the DATABASE_URL with this proxy's host and port."""
        parts = urlsplit(url)
        people = parts.netloc.rpartition("@")[0]
        return urlunsplit(parts._replace(netloc=f"{people}@127.0.0.1:{self.port}"))

    def reset(self) -> None:
        """Cut every connection on both sides at once, with a reset."""
        while self._pairs:
            with suppress(KeyError):
                for line in self._pairs.pop():
                    _cut(line)

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Pass no data during the block. Afterwards pass the data that was sent."""
        self._passes.clear()
        try:
            yield
        finally:
            self._passes.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        self._passes.wait()
        try:
            server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
        except OSError:
            return _cut(client)
        server.settimeout(None)
        pair = (client, server)
        self._pairs.add(pair)
        for source, sink in (pair, pair[::-1]):
            threading.Thread(target=self._pass, args=(source, sink, pair), daemon=True).start()
        return None

    def _pass(
        self, source: socket.socket, sink: socket.socket, pair: tuple[socket.socket, socket.socket]
    ) -> None:
        """Pass data on until the connection ends, and then pass the end on."""
        with suppress(OSError):
            while piece := source.recv(PIECE):
                time.sleep(self.delay)
                self._passes.wait()
                sink.sendall(piece)
        for line in pair:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()
        self._pairs.discard(pair)


def _cut(line: socket.socket) -> None:
    """Close with a reset, which wakes any thread that reads from the connection."""
    with suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        line.shutdown(socket.SHUT_RD)
    line.close()
