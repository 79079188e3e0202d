"""Requests that hash a password wait for each other in the server's loop, not in its threads."""

from collections import deque
from typing import Any
from urllib.parse import unquote_to_bytes

from accounts.hashers import HASHES_AT_ONCE

PATHS = frozenset(
    {
        b"/admin/login/",
        b"/api-auth/login/",
        b"/api/auth/change-password/",
        b"/api/auth/delete-account/",
        b"/api/auth/login/",
        b"/api/auth/password-reset/confirm/",
        b"/api/auth/register/",
    }
)


class SignIns:
    """The connections whose request hashes a password: those in threads, and those that wait.

    A process hashes HASHES_AT_ONCE passwords at a time. A request that waited for its turn in a
    thread would keep the thread from the calls of others: sixteen sign-ins would stop a worker.
    """

    def __init__(self) -> None:
        self.answered: set[Any] = set()
        self.waiting: deque[Any] = deque()

    def admit(self, conn: Any, request_line: bytes) -> bool:
        """Whether a thread may have the connection now; if not, `end` returns it later."""
        if not hashes_password(request_line):
            return True
        if len(self.answered) >= HASHES_AT_ONCE:
            self.waiting.append(conn)
            return False
        self.answered.add(conn)
        return True

    def end(self, conn: Any) -> Any:
        """Note that the connection is answered; return the one whose turn it is, or None."""
        if conn not in self.answered:
            return None
        self.answered.remove(conn)
        if not self.waiting:
            return None
        following = self.waiting.popleft()
        self.answered.add(following)
        return following


def hashes_password(request_line: bytes) -> bool:
    """Whether the request is a sign-in, or another call that hashes a password."""
    method, _, target = request_line.partition(b" ")
    if method != b"POST":
        return False
    return unquote_to_bytes(target.partition(b" ")[0].partition(b"?")[0]) in PATHS
