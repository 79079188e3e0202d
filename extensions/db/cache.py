"""Counts that all processes share, each raised by one atomic step."""

import time
from datetime import UTC, datetime
from typing import Any

from django.core.cache import cache
from django.core.cache.backends import db
from django.db import connections, router

SWEPT = 2  # expired counts for each new one: the table is never larger than what is in use


def increment_counter(key: str, seconds: int) -> int:
    """Count one more call in the present window, and return how many there are with it.

    Windows are those of the clock, each minute or each hour. Of calls at the very same moment, in
    whatever process, no two are told the same number.
    """
    key = f"{key}_{int(time.time() // seconds)}"
    if hasattr(cache, "count"):
        return int(cache.count(key, seconds))
    cache.add(key, 0, 2 * seconds)
    return cache.incr(key)


class DatabaseCache(db.DatabaseCache):
    """Django's cache in a table, and counts in that table.

    Its own `incr` reads, adds and writes: of two at once one is lost.
    """

    COUNT = (
        "INSERT INTO {table} AS counted (cache_key, value, expires) VALUES (%s, '1', %s) "
        "ON CONFLICT (cache_key) DO UPDATE "
        "SET value = CAST(CAST(counted.value AS integer) + 1 AS text) RETURNING value"
    )
    SWEEP = (
        "DELETE FROM {table} WHERE cache_key IN (SELECT cache_key FROM {table} "
        "WHERE expires < %s ORDER BY expires LIMIT {most} {for_update})"
    )

    def count(self, key: str, seconds: int) -> int:
        """Raise the count of this key by one, in one statement, and return it."""
        [[value]] = self._execute(self.COUNT, self.make_and_validate_key(key), self._after(seconds))
        if value == "1":
            self._execute(self.SWEEP, self._after(0))
        return int(value)

    def _execute(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        connection = connections[router.db_for_write(self.cache_model_class)]
        skips = connection.features.has_select_for_update_skip_locked
        words = {
            "table": connection.ops.quote_name(self.cache_model_class._meta.db_table),
            "most": SWEPT,
            "for_update": "FOR UPDATE SKIP LOCKED" if skips else "",
        }
        with connection.cursor() as cursor:
            cursor.execute(sql.format(**words), parameters)
            return list(cursor.fetchall()) if cursor.description else []

    def _after(self, seconds: int) -> Any:
        """The instant so many seconds from now, as the table holds it."""
        at = datetime.fromtimestamp(int(time.time()) + seconds, tz=UTC)
        ops = connections[router.db_for_write(self.cache_model_class)].ops
        return ops.adapt_datetimefield_value(at)
