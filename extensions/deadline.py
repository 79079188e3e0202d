"""Limits how long a whole dialogue with another server may take.

The timeout of a socket limits one read: a server that sends a byte every few seconds would keep a
process busy for hours.
"""

import io
import math
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_ends_at: ContextVar[float] = ContextVar("ends_at", default=math.inf)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Limit the dialogues of the block to so many seconds in all; an outer limit stays."""
    token = _ends_at.set(min(_ends_at.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _ends_at.reset(token)


def seconds_left(most: float) -> float:
    """Return the seconds until the end of the block, at most `most`; raises TimeoutError after it.

    Outside of a block it returns `most`.
    """
    left = min(most, _ends_at.get() - time.monotonic())
    if left <= 0:
        raise TimeoutError("The dialogue took too long.")
    return left


class DeadlineReader(io.RawIOBase):
    """Reads from a socket, each time for `timeout` seconds, and never past the end of the block."""

    def __init__(self, sock: socket.socket, timeout: float) -> None:
        self._sock, self.timeout = sock, timeout
        self._raw: Any = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what has arrived, or wait for it; raises TimeoutError."""
        self._sock.settimeout(seconds_left(self.timeout))
        read: int | None = self._raw.readinto(buffer)
        return read

    def close(self) -> None:
        """Close the reader, which lets the socket close."""
        self._raw.close()
        super().close()
