"""Counters that all processes share, each increased in one atomic step."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from django.core.cache import cache
from django.core.cache.backends import db
from django.db import connections, router

# A process deletes up to so many expired rows at every tenth counter that it begins. That is twice
# as many as it adds, so that they do not pile up, by few statements.
EXPIRED_DELETED = 20
BEGUN_BETWEEN = 10
_begun = count(1)  # the counters that this process has begun; its `next` is atomic


def increment_counters(counters: Sequence[tuple[str, int]]) -> list[int]:
    """Add one to each of these counters in its current window and return the new counts.

    A counter is a key and the length of its windows in seconds; each window begins at a multiple of
    it on the UTC clock. Two calls at the same moment, in any process, never get the same count. In
    a table the counters are increased by one statement.
    """
    windows = [(_in_window(key, seconds), seconds) for key, seconds in counters]
    if hasattr(cache, "count"):
        return list(cache.count(windows))
    for key, seconds in windows:
        cache.add(key, 0, 2 * seconds)
    return [cache.incr(key) for key, _ in windows]


def decrement_counter(key: str, seconds: int) -> None:
    """Subtract one from the key's counter in the current window, if it is above zero."""
    key = _in_window(key, seconds)
    if hasattr(cache, "uncount"):
        cache.uncount(key)
    elif cache.get(key, 0) > 0:
        cache.decr(key)


def _in_window(key: str, seconds: int) -> str:
    """Return the key of the counter in the current window."""
    return f"{key}_{int(time.time() // seconds)}"


class DatabaseCache(db.DatabaseCache):
    """Django's cache in a table, with counters in the same table.

    Django's own `incr` reads, adds and writes: of two calls at once, one is lost.
    """

    COUNT = (
        "INSERT INTO {table} AS counted (cache_key, value, expires) VALUES {rows} "
        "ON CONFLICT (cache_key) DO UPDATE "
        "SET value = CAST(CAST(counted.value AS integer) + 1 AS text) RETURNING cache_key, value"
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
        self._statements: dict[tuple[str, int, str], str] = {}

    def count(self, counters: Sequence[tuple[str, int]]) -> list[int]:
        """Add one to each of the counters, by one statement; return the new counts.

        A counter is a key and the seconds that it is kept. The statement takes them in the order of
        their keys, so that two calls with the same ones do not deadlock.
        """
        keys = [self.make_key(key) for key, _ in counters]
        kept = dict(zip(keys, (self._after(seconds) for _, seconds in counters), strict=True))
        values = [value for row in sorted(kept.items()) for value in row]
        counted = dict(self._execute(self.COUNT, *values))
        if any(counted[key] == "1" and next(_begun) % BEGUN_BETWEEN == 0 for key in keys):
            self._execute(self.DELETE_EXPIRED, self._after(0))
        return [int(counted[key]) for key in keys]

    def uncount(self, key: str) -> None:
        """Subtract one from the counter of this key in one statement, if it is above zero."""
        self._execute(self.UNCOUNT, self.make_key(key))

    def _execute(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        connection = connections[router.db_for_write(self.cache_model_class)]
        with connection.cursor() as cursor:
            cursor.execute(self._written(sql, len(parameters) // 2, connection), parameters)
            return list(cursor.fetchall()) if cursor.description else []

    def _written(self, sql: str, rows: int, connection: Any) -> str:
        """Return the SQL for this table in this database; Django makes one cache a thread.

        `rows`: the number of rows that an INSERT has.
        """
        key = (sql, rows, connection.vendor)
        if key not in self._statements:
            skips = connection.features.has_select_for_update_skip_locked
            self._statements[key] = sql.format(
                table=connection.ops.quote_name(self.cache_model_class._meta.db_table),
                rows=", ".join(["(%s, '1', %s)"] * rows),
                limit=EXPIRED_DELETED,
                for_update="FOR UPDATE SKIP LOCKED" if skips else "",
            )
        return self._statements[key]

    def _after(self, seconds: int) -> Any:
        """Return the instant this many seconds from now, in the form that the database stores."""
        at = datetime.fromtimestamp(int(time.time()) + seconds, tz=UTC)
        ops = connections[router.db_for_write(self.cache_model_class)].ops
        return ops.adapt_datetimefield_value(at)
