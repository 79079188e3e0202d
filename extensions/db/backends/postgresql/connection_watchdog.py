"""psycopg2 connections that are cut off when the server does not answer in time.

libpq waits for an answer without end. TCP's own timeouts notice a peer that is gone, but not one
that keeps the connection open and is silent: a stopped server, a proxy that lost its server, a
commit that waits for a standby. The thread whose connection is cut off gets an OperationalError.
Whether its commit took place is then unknown, so it is never reported as done.
"""

import logging
import os
import socket
import threading
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from select import POLLIN, poll
from typing import Any

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, connection, cursor

from extensions.db.backends.postgresql.timeouts import Timeouts, current_timeouts, in_request

logger = logging.getLogger("extensions.db.backends.postgresql")

CHECK_INTERVAL = 0.2  # seconds
FRESH = 1.0  # seconds after an answer in which a connection that is quiet counts as usable
UNREPLICATED = "canceling wait for synchronous replication"


class ConnectionWatchdog:
    """A thread that shuts down overdue sockets; the first statement of a process starts it."""

    def __init__(self) -> None:
        self._due: dict[socket.socket, float] = {}
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def watch(self, line: socket.socket, seconds: float) -> "Watch":
        """Return a context manager that shuts the socket down if its block takes `seconds`."""
        self._start()
        return Watch(self._due, line, seconds)

    def _start(self) -> None:
        """Start the thread where none is alive: a fork does not copy threads into the child."""
        if self._thread is None or not self._thread.is_alive():
            with self._starting:
                self._thread = threading.Thread(
                    target=self._run, name="connection-watchdog", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while True:
            time.sleep(CHECK_INTERVAL)
            now = time.monotonic()
            for line, due in list(self._due.items()):
                if due < now and line in self._due:
                    self._due.pop(line, None)
                    logger.error("The database has not answered in time: its connection is cut.")
                    with suppress(OSError):  # another thread has just closed it
                        line.shutdown(socket.SHUT_RDWR)


class Watch:
    """A block whose socket is due within `seconds`; a class, since each statement enters one."""

    __slots__ = ("due", "line", "seconds")

    def __init__(self, due: dict[socket.socket, float], line: socket.socket, seconds: float):
        self.due, self.line, self.seconds = due, line, seconds

    def __enter__(self) -> None:
        self.due[self.line] = time.monotonic() + self.seconds

    def __exit__(self, *error: object) -> None:
        self.due.pop(self.line, None)


WATCHDOG = ConnectionWatchdog()
UNWATCHED = nullcontext()


class Connection(connection):
    """A connection that sets the timeouts in force and is watched while it waits for the server.

    `_line` is a duplicate of its socket: another connection that gets the same file descriptor
    after a close is never shut down by mistake. `of_session`: the timeouts with which the server
    began the session, None if it has its own.
    """

    of_session: Timeouts | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._line = socket.socket(fileno=os.dup(self.fileno()))
        self._arrivals = poll()
        self._arrivals.register(self._line, POLLIN)
        self.answered_at = time.monotonic()

    def is_fresh(self) -> bool:
        """Whether the server has answered within FRESH seconds and has sent nothing since.

        What arrives unasked is the end of the connection, as after a restart of the server, or a
        notice. A server that has vanished without a word is not noticed.
        """
        return time.monotonic() - self.answered_at < FRESH and not self._arrivals.poll(0)

    def watched(self) -> AbstractContextManager[None]:
        """Cut the connection off if the block takes longer than `current_timeouts().answer`."""
        seconds = current_timeouts().answer
        return WATCHDOG.watch(self._line, seconds) if seconds else UNWATCHED

    def with_timeouts(self, query: Any) -> Any:
        """Return the SQL, with the SQL that sets the timeouts before it if it begins a transaction.

        Nothing is set where the session has these timeouts already. In autocommit each statement is
        a transaction. There the statements of a management command get no timeouts: some take long,
        and some (VACUUM) must be sent alone.
        """
        timeouts = current_timeouts()
        if timeouts is self.of_session or not isinstance(query, str):
            return query
        if self.get_transaction_status() != TRANSACTION_STATUS_IDLE:
            return query
        if not self.autocommit:
            return timeouts.of_transaction + query
        return timeouts.of_statement + query if in_request() else query

    def commit(self) -> None:
        """Commit; raises OperationalError where the synchronous standby has not confirmed it.

        PostgreSQL only sends a warning when the wait for the standby is canceled.
        """
        self.notices.clear()
        with self.watched():
            super().commit()
        if any(UNREPLICATED in notice for notice in self.notices):
            raise psycopg2.OperationalError("The commit is not replicated: its wait was canceled.")

    def rollback(self) -> None:
        with self.watched():
            super().rollback()

    def close(self) -> None:
        self._line.close()
        super().close()


class Cursor(cursor):
    """A cursor that executes with its connection's timeouts.

    A cursor with a name is a server-side one: psycopg2 sends its query inside a DECLARE, where no
    other statement can stand before it.
    """

    def execute(self, query: Any, vars: Any = None) -> None:
        line = self.connection
        statement = query if self.name else line.with_timeouts(query)
        with line.watched():
            super().execute(statement, vars)
        line.answered_at = time.monotonic()

    def fetchmany(self, size: int | None = None) -> list[Any]:
        size = self.arraysize if size is None else size
        if not self.name:  # all rows have arrived
            return super().fetchmany(size)
        with self.connection.watched():
            return super().fetchmany(size)

    def close(self) -> None:
        """Close; ignore the error if the connection is lost, since the cursor is gone with it.

        Django would raise psycopg2's own error here. The next statement raises Django's for it.
        """
        if not self.name:
            super().close()
            return
        try:
            with self.connection.watched():
                super().close()
        except psycopg2.Error:
            if not self.connection.closed:
                raise
