"""A flush that returns the database to the state in which its migrations left it.

Django's own flush empties every table, filled or not, and then makes content types and permissions
again. On PostgreSQL that takes longer than most tests. This flush deletes from the tables that hold
rows, and keeps the rows of the migrations.

Only this module bypasses the triggers that refuse a DELETE (`accounts/triggers.py`). On SQLite it
drops them and makes them again. On PostgreSQL it empties such a table by TRUNCATE, which its
triggers allow.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import connections, transaction

# Migrations fill these tables. If a test changes one, it gets its original rows back.
KEPT = ("django_content_type", "auth_group", "auth_permission", "auth_group_permissions")
TRIGGERS = {
    "sqlite": "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": """
        SELECT tgrelid::regclass::text, tgname, '' FROM pg_trigger
        WHERE NOT tgisinternal AND tgtype & 2 <> 0""",  # BEFORE: those that refuse
}
NOTES = "appointment_staleday"  # a DELETE of past visits inserts rows here


class Flush:
    """A callable that returns the database to its state at this object's creation."""

    def __init__(self, connection: Any) -> None:
        self._alias = connection.alias
        tables = connection.introspection.django_table_names(only_existing=True)
        self._asking = " UNION ALL ".join(
            f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})"
            for table in sorted({*tables} - {*KEPT})
        )
        with connection.cursor() as cursor:
            assert not self._filled(cursor), "migrations fill a table that is not in KEPT"
            self.kept = {table: self._rows(cursor, table) for table in KEPT}

    def __call__(self) -> None:
        """Delete the rows of tests and restore those of KEPT, in one transaction.

        The database checks foreign keys only at its end, so the DELETEs may come in any order.
        """
        with transaction.atomic(self.connection.alias), self.connection.cursor() as cursor:
            self._empty(cursor, self._filled(cursor))
            changed = [table for table in KEPT if self._rows(cursor, table) != self.kept[table]]
            self._restore(cursor, changed)

    @property
    def connection(self) -> Any:
        """Return the thread's connection of now: an event loop in the thread has one of its own."""
        return connections[self._alias]

    def _filled(self, cursor: Any) -> list[str]:
        cursor.execute(self._asking)
        return [table for (table,) in cursor.fetchall()]

    def _empty(self, cursor: Any, tables: list[str]) -> None:
        """Delete all rows: TRUNCATE first, since it fails once a DELETE has queued checks."""
        with self._without_triggers(cursor, tables) as guarded:
            for table in sorted(tables, key=lambda table: table not in guarded):
                cursor.execute(f"{'TRUNCATE' if table in guarded else 'DELETE FROM'} {table}")
            cursor.execute(f"DELETE FROM {NOTES}")

    @contextmanager
    def _without_triggers(self, cursor: Any, tables: list[str]) -> Iterator[set[str]]:
        """Lift the triggers that refuse a DELETE, and yield the tables that still have theirs.

        On SQLite it drops the triggers during the block. On PostgreSQL it lifts none, so the caller
        has to TRUNCATE.
        """
        cursor.execute(TRIGGERS[self.connection.vendor])
        triggers = [trigger for trigger in cursor.fetchall() if trigger[0] in tables]
        if self.connection.vendor == "postgresql":
            yield {table for table, _, _ in triggers}
            return
        for _, name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        yield set()
        for _, _, statement in triggers:
            cursor.execute(statement)

    def _rows(self, cursor: Any, table: str) -> list[Any]:
        cursor.execute(f"SELECT * FROM {table} ORDER BY id")
        return list(cursor.fetchall())

    def _restore(self, cursor: Any, tables: list[str]) -> None:
        for table in tables:
            cursor.execute(f"DELETE FROM {table}")
        for table in tables:
            for row in self.kept[table]:
                places = ", ".join(["%s"] * len(row))
                cursor.execute(f"INSERT INTO {table} VALUES ({places})", row)
        if tables:
            ContentType.objects.clear_cache()
