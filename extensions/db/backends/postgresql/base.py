"""Django's PostgreSQL backend, with a timeout for every wait of a request."""

from typing import Any

from django.db.backends.postgresql import base

from extensions.db.backends.postgresql.connection_watchdog import Connection, Cursor
from extensions.db.backends.postgresql.timeouts import (
    in_request,
    request_timeouts,
    short_timeouts,
)

PROBE_SECONDS = 1.2


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's wrapper, whose connections set the timeouts in force and are cut off past them."""

    health_check_done: bool

    def get_connection_params(self) -> dict[str, Any]:
        factories = {"connection_factory": Connection, "cursor_factory": Cursor}
        return {**super().get_connection_params(), **factories}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect; in a request give the session the timeouts of requests, and UTC.

        Through PgBouncer a session belongs to no client: there each transaction sets them.
        """
        timeouts = request_timeouts() if in_request() and not self.is_pooled else None
        if timeouts:
            given, zone = conn_params.get("options", ""), f"-c timezone={self.timezone_name}"
            conn_params = {**conn_params, "options": f"{given} {timeouts.options} {zone}".strip()}
        connection = super().get_new_connection(conn_params)
        connection.of_session = timeouts
        return connection

    @property
    def is_pooled(self) -> bool:
        """Whether a PgBouncer stands between (the variable PGBOUNCER)."""
        return bool(self.settings_dict["DISABLE_SERVER_SIDE_CURSORS"])

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

    def close_if_health_check_failed(self) -> None:
        """Ask the server with a statement only if the connection itself does not tell.

        Django asks once a request, which costs as much as another read.
        """
        if self.connection is not None and not self.health_check_done:
            self.health_check_done = self.connection.is_fresh()
        super().close_if_health_check_failed()

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
