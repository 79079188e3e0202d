"""Django's PostgreSQL backend, with a timeout for every wait of a request."""

from typing import Any

from django.db.backends.postgresql import base

from extensions.db.backends.postgresql.connection_watchdog import Connection, Cursor
from extensions.db.backends.postgresql.timeouts import short_timeouts

PROBE_SECONDS = 1.2


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's wrapper, whose connections set the timeouts in force and are cut off past them."""

    def get_connection_params(self) -> dict[str, Any]:
        factories = {"connection_factory": Connection, "cursor_factory": Cursor}
        return {**super().get_connection_params(), **factories}

    def ensure_connection(self) -> None:
        """Connect if there is no connection, or if it broke outside a transaction.

        Inside one the next statement must fail, since the earlier statements are lost.
        """
        if self.connection is not None and self.connection.closed and not self.in_atomic_block:
            self.close()
        super().ensure_connection()

    def close_if_unusable_or_obsolete(self) -> None:
        """Close a broken connection first: Django's checks would open another one in its place."""
        if self.connection is not None and self.connection.closed:
            self.close()
        super().close_if_unusable_or_obsolete()

    def set_autocommit(
        self, autocommit: bool, force_begin_transaction_with_broken_autocommit: bool = False
    ) -> None:
        """Set autocommit; do not connect for it alone, as Django does after a failed rollback."""
        if autocommit and self.connection is None:
            self.autocommit = True  # the next connection begins with it
            self.run_commit_hooks_on_set_autocommit_on = False
        else:
            super().set_autocommit(autocommit, force_begin_transaction_with_broken_autocommit)

    def is_usable(self) -> bool:
        """Whether the server answers within PROBE_SECONDS."""
        with short_timeouts(PROBE_SECONDS):
            return super().is_usable()
