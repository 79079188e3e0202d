"""The database backend of SQLite, where the threads of a process begin their writing in turn.

SQLite wakes nobody when its one writer is done: everybody asks again after a pause that grows, and
whoever has just finished is back before them. Of 16 writers without a pause one waited for 13
seconds. Here they stand in a queue for BEGIN IMMEDIATE, and the first in it alone asks. It is there
for fairness: who may write is SQLite's to say, and other processes ask it as ever.
"""

import threading
import time
from collections import defaultdict
from typing import Any

from django.db import OperationalError
from django.db.backends.sqlite3 import base

WRITE_QUEUES: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own, with the beginning of each transaction in turn."""

    def _start_transaction_under_autocommit(self) -> None:
        """Begin, waiting for one's turn and for the file's lock no longer than `timeout` in all."""
        turn = WRITE_QUEUES[str(self.settings_dict["NAME"])]
        options: dict[str, Any] = self.settings_dict["OPTIONS"]
        patience = options.get("timeout", 5)
        asked = time.monotonic()
        if not turn.acquire(timeout=patience):
            raise OperationalError("database is locked")
        try:
            waited = time.monotonic() - asked
            self._wait_for_locks(max(patience - waited, 0))
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        finally:
            turn.release()  # first: were the connection broken, nobody would have a turn any more
            self._wait_for_locks(patience)

    def _wait_for_locks(self, seconds: float) -> None:
        self.connection.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")
