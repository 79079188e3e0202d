"""The database backend of PostgreSQL, where every wait of a request has an end."""

from typing import Any

from django.db.backends.postgresql import base

from extensions.db.backends.postgresql.connection_watchdog import Connection, Cursor
from extensions.db.backends.postgresql.timeouts import short_timeouts

PROBE_SECONDS = 1.2


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own, with connections that keep the limits in force."""

    def get_connection_params(self) -> dict[str, Any]:
        factories = {"connection_factory": Connection, "cursor_factory": Cursor}
        return {**super().get_connection_params(), **factories}

    def ensure_connection(self) -> None:
        """Connect, also where the connection broke: whoever goes on after that gets another."""
        if self.connection is not None and self.connection.closed and not self.in_atomic_block:
            self.close()
        super().ensure_connection()

    def close_if_unusable_or_obsolete(self) -> None:
        """Let go of a connection that broke, and make no other at the end of a request."""
        if self.connection is not None and self.connection.closed:
            self.close()
        super().close_if_unusable_or_obsolete()

    def set_autocommit(
        self, autocommit: bool, force_begin_transaction_with_broken_autocommit: bool = False
    ) -> None:
        """Set it where there is a connection; Django would make one at the end of a lost one."""
        if autocommit and self.connection is None:
            self.autocommit = True  # as the next one is made
            self.run_commit_hooks_on_set_autocommit_on = False
        else:
            super().set_autocommit(autocommit, force_begin_transaction_with_broken_autocommit)

    def is_usable(self) -> bool:
        """Whether it answers, and at once: who asks is about to wait for it."""
        with short_timeouts(PROBE_SECONDS):
            return super().is_usable()
