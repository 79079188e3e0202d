"""Load many rows into empty tables: without their indexes, which are made again at the end.

One transaction drops the foreign keys, unique constraints and indexes of the tables, copies the
rows, and makes all of them again by the definitions that the database itself gives. So an
interrupted load leaves the schema whole and the tables empty. Primary keys, checks, triggers and
exclusion constraints stay in force: an exclusion constraint costs the same for each row as for all
of them at the end, and the rows are made meanwhile. The rows bring their primary keys.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from io import BytesIO
from threading import Thread
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.models import Model

Row = Sequence[Any]
Report = Callable[[str, float], None]

COPY_BUFFER = 1 << 20  # bytes
SETTINGS = {
    "maintenance_work_mem": "512MB",  # sorts of an index
    "work_mem": "128MB",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "client_connection_check_interval": "1s",  # a killed load does not go on building an index
}
# Text that COPY would take for the end of a column or of a row.
ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", "\t": r"\t", "\r": r"\r", "\v": r"\v"})
# How long it takes to make one object again, in rows copied for each row of its table.
COSTS = {"index": 0.15, "u": 0.15, "f": 0.2}
DEFINITIONS = """
SELECT c.contype::text, quote_ident(c.conname), c.conrelid::regclass::text,
       pg_get_constraintdef(c.oid)
FROM pg_constraint c
WHERE (c.contype = 'u' AND c.conrelid = ANY(%(tables)s::regclass[]))
   OR (c.contype = 'f' AND (c.conrelid = ANY(%(tables)s::regclass[])
                            OR c.confrelid = ANY(%(tables)s::regclass[])))
UNION ALL
SELECT 'index', i.indexrelid::regclass::text, i.indrelid::regclass::text,
       pg_get_indexdef(i.indexrelid)
FROM pg_index i
WHERE i.indrelid = ANY(%(tables)s::regclass[]) AND NOT i.indisprimary
  AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid
                  AND c.contype IN ('u', 'x'))
ORDER BY 3, 2
"""


class Table:
    """A table to load: its model, and the columns of its rows in their order.

    Raises ImproperlyConfigured if these are not all columns of the model: the rows would lack one.
    """

    def __init__(self, model: type[Model], *columns: str) -> None:
        missing = {field.column for field in model._meta.concrete_fields} ^ set(columns)
        if missing:
            names = ", ".join(sorted(map(str, missing)))
            raise ImproperlyConfigured(f"Rows of {model._meta.label} differ in columns: {names}.")
        self.model = model
        self.name: str = model._meta.db_table
        self.columns = columns

    def quoted_columns(self) -> str:
        """Return the columns as SQL."""
        return ", ".join(map(connection.ops.quote_name, self.columns))


def loading(tables: Sequence[Table], report: Report) -> "AbstractContextManager[Load]":
    """Open the transaction of a load into these tables, and make their indexes again at its end.

    `report` gets the name of each object that is made again, and its cost in rows copied.
    """
    load = PostgresLoad if connection.vendor == "postgresql" else SqliteLoad
    return load(tables, report).transaction()


class Load:
    """The transaction of a load. `append` adds rows to one of its tables."""

    def __init__(self, tables: Sequence[Table], report: Report) -> None:
        self.tables = tables
        self.report = report
        self.counts = dict.fromkeys((table.name for table in tables), 0)

    @contextmanager
    def transaction(self) -> Iterator["Load"]:
        raise NotImplementedError

    def append(self, table: Table, rows: list[Row]) -> None:
        """Add these rows to the table."""
        if rows:
            self.counts[table.name] += len(rows)
            self._write(table, rows)

    def _write(self, table: Table, rows: list[Row]) -> None:
        raise NotImplementedError

    def _set_sequences(self) -> None:
        """Let the next row of each table get a key above those that were loaded."""
        models = [table.model for table in self.tables]
        with connection.cursor() as cursor:
            for statement in connection.ops.sequence_reset_sql(no_style(), models):
                cursor.execute(statement)


class PostgresLoad(Load):
    """A load by COPY."""

    @contextmanager
    def transaction(self) -> Iterator[Load]:
        with transaction.atomic(durable=True):
            for name, value in SETTINGS.items():
                self._execute(f"SET LOCAL {name} = '{value}'")
            dropped = self._drop()
            self.frozen = set(self._truncate_empty())
            yield self
            self._execute("SET CONSTRAINTS ALL IMMEDIATE")  # an ALTER TABLE refuses to wait
            self._make_again(dropped)
            self._set_sequences()

    def _drop(self) -> list[Row]:
        """Drop indexes and constraints of the tables; return kind, name, table and definition."""
        with connection.cursor() as cursor:
            cursor.execute(DEFINITIONS, {"tables": [table.name for table in self.tables]})
            found: list[Row] = cursor.fetchall()
        for kind, name, table, _ in sorted(found, key=lambda row: "fui".index(row[0][0])):
            if kind == "index":
                self._execute(f"DROP INDEX {name}")
            else:
                self._execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        return found

    def _truncate_empty(self) -> list[str]:
        """Truncate the tables without rows, and return them.

        Rows that a transaction copies into a table that it has truncated are stored as visible to
        all: no VACUUM has to read them again.
        """
        empty = [table.name for table in self.tables if not table.model._base_manager.exists()]
        if empty:
            self._execute(f"TRUNCATE {', '.join(map(connection.ops.quote_name, empty))}")
        return empty

    def _write(self, table: Table, rows: list[Row]) -> None:
        text = _copy_text(rows, len(table.columns))
        options = "NULL 'None', FREEZE" if table.name in self.frozen else "NULL 'None'"
        into = f"{connection.ops.quote_name(table.name)} ({table.quoted_columns()})"
        with connection.cursor() as cursor:
            cursor.copy_expert(
                f"COPY {into} FROM STDIN WITH ({options})", BytesIO(text.encode()), COPY_BUFFER
            )

    def _make_again(self, dropped: list[Row]) -> None:
        """Make the indexes, then the constraints, foreign keys last."""
        for kind, name, table, definition in sorted(
            dropped, key=lambda row: "iuf".index(row[0][0])
        ):
            if kind == "index":
                self._execute(definition)
            else:
                self._execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
            self.report(name, COSTS[kind] * self.counts.get(table.strip('"'), 0))
        for each in self.tables:
            self._execute(f"ANALYZE {connection.ops.quote_name(each.name)}")

    @staticmethod
    def _execute(statement: str) -> None:
        """Execute a statement in a thread, so that Ctrl-C reaches this one and cancels it."""
        with connection.cursor() as cursor:
            raw = cursor.cursor
            errors: list[BaseException] = []

            def run() -> None:
                try:
                    raw.execute(statement)
                except BaseException as error:  # noqa: BLE001  raised again below
                    errors.append(error)

            thread = Thread(target=run)
            thread.start()
            try:
                while thread.is_alive():
                    thread.join(0.5)
            except BaseException:
                connection.connection.cancel()
                thread.join()
                raise
            if errors:
                raise errors[0]


class SqliteLoad(Load):
    """A load by INSERT, of many rows with one statement each."""

    @contextmanager
    def transaction(self) -> Iterator[Load]:
        # Within a transaction SQLite cannot stop checking each row.
        with connection.constraint_checks_disabled(), transaction.atomic(durable=True):
            dropped = self._drop()
            yield self
            for name, definition in dropped:
                self._execute(definition)
                self.report(name, 0)
            self._set_sequences()
            connection.check_constraints([table.name for table in self.tables])

    def _drop(self) -> list[Row]:
        """Drop the indexes that no constraint has made; return name and definition."""
        found: list[Row] = []
        for table in self.tables:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT name, sql FROM sqlite_master"
                    " WHERE type = 'index' AND tbl_name = %s AND sql IS NOT NULL",
                    [table.name],
                )
                found += cursor.fetchall()
        for name, _ in found:
            self._execute(f"DROP INDEX {connection.ops.quote_name(name)}")
        return found

    def _write(self, table: Table, rows: list[Row]) -> None:
        places = ", ".join(["%s"] * len(table.columns))
        into = f"{connection.ops.quote_name(table.name)} ({table.quoted_columns()})"
        with connection.cursor() as cursor:
            sql = f"INSERT INTO {into} VALUES ({places})"  # noqa: S608  # nosec B608  (names of models)
            cursor.executemany(sql, rows)

    @staticmethod
    def _execute(statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)


def _copy_text(rows: list[Row], columns: int) -> str:
    """Return the rows in the text format of COPY, with None for NULL."""
    line = "\t".join(["%s"] * columns) + "\n"
    text = "".join([line % tuple(row) for row in rows])
    counts = (text.count("\n"), text.count("\t"), text.count("\\"))
    if counts == (len(rows), len(rows) * (columns - 1), 0):
        return text  # nothing to escape, as in nearly all tables
    return "".join([line % tuple(map(_escaped, row)) for row in rows])


def _escaped(value: Any) -> Any:
    return value.translate(ESCAPES) if isinstance(value, str) else value
