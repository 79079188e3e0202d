"""Counters that all processes share, each increased in one atomic step."""

import time
from datetime import UTC, datetime
from typing import Any

from django.core.cache import cache
from django.core.cache.backends import db
from django.db import connections, router

EXPIRED_DELETED = 2  # expired rows for each new counter, so that they do not pile up


def increment_counter(key: str, seconds: int) -> int:
    """Add one to the key's counter in the current window and return the new count.

    `seconds`: length of a window; each begins at a multiple of it on the UTC clock. Two calls at
    the same moment, in any process, never get the same count.
    """
    key = f"{key}_{int(time.time() // seconds)}"
    if hasattr(cache, "count"):
        return int(cache.count(key, seconds))
    cache.add(key, 0, 2 * seconds)
    return cache.incr(key)


def decrement_counter(key: str, seconds: int) -> None:
    """Subtract one from the key's counter in the current window, if it is above zero."""
    key = f"{key}_{int(time.time() // seconds)}"
    if hasattr(cache, "uncount"):
        cache.uncount(key)
    elif cache.get(key, 0) > 0:
        cache.decr(key)


class DatabaseCache(db.DatabaseCache):
    """Django's cache in a table, with counters in the same table.

    Django's own `incr` reads, adds and writes: of two calls at once, one is lost.
    """

    COUNT = (
        "INSERT INTO {table} AS counted (cache_key, value, expires) VALUES (%s, '1', %s) "
        "ON CONFLICT (cache_key) DO UPDATE "
        "SET value = CAST(CAST(counted.value AS integer) + 1 AS text) RETURNING value"
    )
    UNCOUNT = (
        "UPDATE {table} SET value = CAST(CAST(value AS integer) - 1 AS text) "
        "WHERE cache_key = %s AND CAST(value AS integer) > 0"
    )
    DELETE_EXPIRED = (
        "DELETE FROM {table} WHERE cache_key IN (SELECT cache_key FROM {table} "
        "WHERE expires < %s ORDER BY expires LIMIT {limit} {for_update})"
    )

    def __init__(self, table: str, params: dict[str, Any]) -> None:
        super().__init__(table, params)
        self._statements: dict[tuple[str, str], str] = {}

    def count(self, key: str, seconds: int) -> int:
        """Add one to the counter of this key in one statement, and return the new count."""
        [[value]] = self._execute(self.COUNT, self.make_key(key), self._after(seconds))
        if value == "1":
            self._execute(self.DELETE_EXPIRED, self._after(0))
        return int(value)

    def uncount(self, key: str) -> None:
        """Subtract one from the counter of this key in one statement, if it is above zero."""
        self._execute(self.UNCOUNT, self.make_key(key))

    def _execute(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        connection = connections[router.db_for_write(self.cache_model_class)]
        with connection.cursor() as cursor:
            cursor.execute(self._written(sql, connection), parameters)
            return list(cursor.fetchall()) if cursor.description else []

    def _written(self, sql: str, connection: Any) -> str:
        """Return the SQL for this table in this database; Django makes one cache a thread."""
        key = (sql, connection.vendor)
        if key not in self._statements:
            skips = connection.features.has_select_for_update_skip_locked
            self._statements[key] = sql.format(
                table=connection.ops.quote_name(self.cache_model_class._meta.db_table),
                limit=EXPIRED_DELETED,
                for_update="FOR UPDATE SKIP LOCKED" if skips else "",
            )
        return self._statements[key]

    def _after(self, seconds: int) -> Any:
        """Return the instant this many seconds from now, in the form that the database stores."""
        at = datetime.fromtimestamp(int(time.time()) + seconds, tz=UTC)
        ops = connections[router.db_for_write(self.cache_model_class)].ops
        return ops.adapt_datetimefield_value(at)
