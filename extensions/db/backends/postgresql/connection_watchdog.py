"""Connections that are cut off when no answer comes: of a server that hangs, a network that eats.

libpq waits for an answer for ever. TCP's own limits see a peer that is gone, but none that keeps
the line open and says nothing: a stopped server, a proxy without its other side, a commit that
waits for a standby. Whoever is cut off raises OperationalError: whether a commit that was under way
took place is then not known, and nobody is told that it did.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, connection, cursor

from extensions.db.backends.postgresql.timeouts import current_timeouts, in_request

logger = logging.getLogger("extensions.db.backends.postgresql")

PERIOD = 0.2  # seconds between two looks at what is overdue
UNREPLICATED = "canceling wait for synchronous replication"


class ConnectionWatchdog:
    """A thread, made with the first statement of a process, that cuts off what is overdue."""

    def __init__(self) -> None:
        self._due: dict[socket.socket, float] = {}
        self._thread: threading.Thread | None = None
        self._making = threading.Lock()

    @contextmanager
    def watch(self, line: socket.socket, seconds: float) -> Iterator[None]:
        """Shut the line down if this takes longer."""
        self._start()
        self._due[line] = time.monotonic() + seconds
        try:
            yield
        finally:
            self._due.pop(line, None)

    def _start(self) -> None:
        """A fork leaves the thread behind; in the child it is not alive, and made anew."""
        if self._thread is None or not self._thread.is_alive():
            with self._making:
                self._thread = threading.Thread(
                    target=self._run, name="connection-watchdog", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while True:
            time.sleep(PERIOD)
            now = time.monotonic()
            for line, due in list(self._due.items()):
                if due < now and line in self._due:
                    self._due.pop(line, None)
                    logger.error("The database has not answered in time: its connection is cut.")
                    with suppress(OSError):  # it was closed at this very moment
                        line.shutdown(socket.SHUT_RDWR)


WATCHDOG = ConnectionWatchdog()


class Connection(connection):
    """A connection whose transactions are under the limits in force and whose answers are awaited.

    The line is a second handle on its socket, so that the watch never meets another connection that
    has been given the same number.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._line = socket.socket(fileno=os.dup(self.fileno()))

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """Wait for the server no longer than the limits in force say."""
        seconds = current_timeouts().answer
        if not seconds:
            yield
            return
        with WATCHDOG.watch(self._line, seconds):
            yield

    def limited(self, query: Any) -> Any:
        """The statement, with the limits before it where it begins a transaction.

        A command's statement by itself has none: some of those take long, or allow no company.
        """
        is_first = self.get_transaction_status() == TRANSACTION_STATUS_IDLE
        alone = self.autocommit and not in_request()
        if not is_first or alone or not isinstance(query, str):
            return query
        return current_timeouts().sql(of_transaction=not self.autocommit) + query

    def commit(self) -> None:
        """Commit; raises OperationalError where the standby that must have it has not said so."""
        self.notices.clear()
        with self.awaited():
            super().commit()
        if any(UNREPLICATED in notice for notice in self.notices):
            raise psycopg2.OperationalError("The commit is not replicated: its wait was canceled.")

    def rollback(self) -> None:
        with self.awaited():
            super().rollback()

    def close(self) -> None:
        self._line.close()
        super().close()


class Cursor(cursor):
    """Executes under its connection's limits; with a name, it is one on the server."""

    def execute(self, query: Any, vars: Any = None) -> None:
        asked = query if self.name else self.connection.limited(query)
        with self.connection.awaited():
            super().execute(asked, vars)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        with self.connection.awaited():
            return super().fetchmany(self.arraysize if size is None else size)

    def close(self) -> None:
        """Close; where the connection is lost, the cursor is gone with it.

        Django does not translate what closing raises. What was lost shows in the next statement.
        """
        try:
            with self.connection.awaited():
                super().close()
        except psycopg2.Error:
            if not self.connection.closed:
                raise
