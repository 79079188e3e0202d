"""Django's SQLite backend; the threads of a process queue for BEGIN IMMEDIATE.

SQLite has one writer and does not wake the next: each waiting thread asks again after a pause that
grows, and the thread that has just finished asks first. Of 16 writers without a pause one waited
for 13 seconds. In the queue only the first thread asks SQLite. The queue is for fairness alone:
SQLite decides who may write, and other processes are not in the queue.
"""

import threading
import time
from collections import defaultdict
from typing import Any

from django.db import OperationalError
from django.db.backends.sqlite3 import base

WRITE_QUEUES: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's wrapper, which begins each transaction through the queue of its file."""

    def _start_transaction_under_autocommit(self) -> None:
        """Begin; raises OperationalError after `timeout` seconds in the queue and at the file."""
        write_queue = WRITE_QUEUES[str(self.settings_dict["NAME"])]
        options: dict[str, Any] = self.settings_dict["OPTIONS"]
        timeout = options.get("timeout", 5)
        began = time.monotonic()
        if not write_queue.acquire(timeout=timeout):
            raise OperationalError("database is locked")
        try:
            waited = time.monotonic() - began
            self._set_busy_timeout(max(timeout - waited, 0))
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        finally:
            write_queue.release()  # first: the PRAGMA below fails where the connection is broken
            self._set_busy_timeout(timeout)

    def _set_busy_timeout(self, seconds: float) -> None:
        self.connection.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")
