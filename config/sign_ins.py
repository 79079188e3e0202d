"""Requests that hash a password wait for each other in the server's loop, not in its threads."""

import re
from collections import deque
from typing import Any
from urllib.parse import unquote

from accounts.hashers import HASHES_AT_ONCE
from config.backlog import Backlog

TURNS = HASHES_AT_ONCE + 1  # while one hashes, the next one reads the account
MAX_WAIT = 10.0  # seconds that a new sign-in may have to wait, by the pace of the last ones
LONGEST_WAIT = 18.0  # seconds after which one that waited after all is refused
MAX_WAITING = 200  # connections: a quarter of a worker's
FIRST_PACE = 0.05  # seconds between two answers, before there are any
PATHS = re.compile(
    r"/admin/accounts/user/(add|[^/]+/password)/"
    r"|/admin/(login|password_change)/"
    r"|/api-auth/login/"
    r"|/api/auth/(change-password|delete-account|login|password-reset/confirm|register)/"
)


class SignIns:
    """The connections whose request hashes a password: those in threads, and those that wait.

    A process hashes HASHES_AT_ONCE passwords at a time. A request that waited for its turn in a
    thread would keep the thread from the calls of others: sixteen sign-ins would stop a worker.
    """

    def __init__(self) -> None:
        self.answered: set[Any] = set()
        self.waiting: deque[Any] = deque()
        self.backlog = Backlog(TURNS, MAX_WAIT, FIRST_PACE)

    @property
    def is_full(self) -> bool:
        """Whether one more would have to wait too long, or too many wait already."""
        return len(self.waiting) >= MAX_WAITING or self.backlog.is_full

    def admit(self, conn: Any, now: float) -> bool:
        """Whether a thread may have the connection now; if not, `end` returns it later."""
        self.backlog.begin()
        if len(self.answered) < TURNS:
            self.answered.add(conn)
            return True
        conn.queued_at = now
        self.waiting.append(conn)
        return False

    def end(self, conn: Any, now: float) -> Any:
        """Note that the connection is answered; return the one whose turn it is, or None."""
        if conn not in self.answered:
            return None
        self.answered.remove(conn)
        self.backlog.end(now, was_answered=not conn.is_late)
        if not self.waiting:
            return None
        following = self.waiting.popleft()
        self.answered.add(following)
        return following

    def give_up(self, now: float) -> list[Any]:
        """Return the connections that have waited too long; they get no turn any more."""
        late = []
        while self.waiting and now - self.waiting[0].queued_at > LONGEST_WAIT:
            late.append(self.waiting.popleft())
            self.backlog.end(now, was_answered=False)
        return late


def hashes_password(method: str, path: str) -> bool:
    """Whether the request is a sign-in, or another call that hashes a password.

    `path`: as the server's parser returns it, without the query, and encoded.
    """
    return method == "POST" and bool(PATHS.fullmatch(unquote(path)))
