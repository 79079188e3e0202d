"""INSERT statements that Django does not write: of one row unless it is there, of several rows.

The columns and values are those that `Model.save(force_insert=True)` would write; no signal of a
save is sent.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import groupby
from typing import Any

from django.db import connections, models, router
from django.db.models.constants import OnConflict
from django.db.models.sql import InsertQuery

from extensions.db.compiled import BoundStatement

MOST_STATEMENTS = 200


class KeyOf:
    """The place of the key of a row that `insert_together` writes earlier in the same call."""

    def __init__(self, row: models.Model) -> None:
        self.row = row


def insert_unless_present(row: models.Model) -> bool:
    """Insert the row and set its key; return False where a unique constraint has another row.

    Waits for a transaction that has inserted such a row, until its end. One statement, without a
    savepoint: an INSERT that fails would abort the transaction on PostgreSQL.
    """
    using = router.db_for_write(type(row))
    connection = connections[using]
    sql, fields = _insert_sql(type(row), row.pk is not None, using, OnConflict.IGNORE)
    with connection.cursor() as cursor:
        cursor.execute(sql, _values(row, fields, connection))
        found = cursor.fetchone()
    if found is None:
        return False
    _mark_saved(row, found[0], using)
    return True


def insert_together(rows: Sequence[models.Model], after: BoundStatement | None = None) -> bool:
    """Insert these rows and set their keys.

    With `after`, an UPDATE of one row, only if that finds its row; else this returns False. A
    foreign key to an earlier row, or a KeyOf it, becomes its key. On PostgreSQL it is one
    statement, in which each row is selected from those before it: so they are written, and their
    locks taken, in this order. Elsewhere it is one statement for each run of rows of one model.
    """
    using = router.db_for_write(type(rows[0]))
    connection = connections[using]
    if after is not None and not after.sql:
        return False
    if connection.vendor != "postgresql":
        return _insert_one_by_one(rows, after, using)
    values: list[Any] = [] if after is None else [*after.params]
    shape, references = [], []
    for row in rows:
        columns, plain, referring = _columns(row, rows, connection)
        shape.append((type(row), columns))
        values += plain
        references += [(row, name, target) for name, target in referring]
    sql = _together_sql(tuple(shape), using, "" if after is None else after.sql)
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        keys = cursor.fetchone()
    if keys is None:
        return False
    for row, key in zip(rows, keys, strict=True):
        _mark_saved(row, key, using)
    for row, name, target in references:
        setattr(row, name, target.pk)
    return True


def _insert_one_by_one(
    rows: Sequence[models.Model], after: BoundStatement | None, using: str
) -> bool:
    if after is not None and not after.run():
        return False
    for (model, has_key), run in groupby(rows, lambda row: (type(row), row.pk is not None)):
        _set_references(rows)
        _insert_run(model, has_key, [*run], using)
    return True


def _insert_run(model: Any, has_key: bool, rows: Sequence[Any], using: str) -> None:
    """Insert rows of one model, of which none refers to another, by one statement."""
    connection = connections[using]
    sql, fields = _insert_sql(model, has_key, using, count=len(rows))
    with connection.cursor() as cursor:
        cursor.execute(sql, [value for row in rows for value in _values(row, fields, connection)])
        for row, (key,) in zip(rows, cursor.fetchall(), strict=True):
            _mark_saved(row, key, using)


def _columns(
    row: Any, rows: Sequence[Any], connection: Any
) -> tuple[tuple[tuple[str, int | None], ...], list[Any], list[tuple[str, Any]]]:
    """Return the columns to insert, the values of those that refer to no other row, and the others.

    The others are pairs of an attribute and the row to which it refers. With a column stands the
    position of that row, or None. A column that is NULL anyway is left out: PostgreSQL plans and
    reads less.
    """
    columns: list[tuple[str, int | None]] = []
    values: list[Any] = []
    referring: list[tuple[str, Any]] = []
    model: Any = type(row)
    for field in _fields(model, row.pk is not None):
        value = _value(row, field, rows)
        if isinstance(value, KeyOf):
            columns.append((str(field.column), rows.index(value.row)))
            referring.append((field.attname, value.row))
        elif value is not None or field.has_db_default():
            columns.append((str(field.column), None))
            values.append(None if value is None else field.get_db_prep_save(value, connection))
    return tuple(columns), values, referring


def _value(row: Any, field: Any, rows: Sequence[Any]) -> Any:
    """Return the value of the field, or a KeyOf the row of `rows` to which it refers."""
    value = field.pre_save(row, True)
    if value is None and field.is_relation and field.is_cached(row):
        target = field.get_cached_value(row)
        return KeyOf(target) if any(target is each for each in rows) else None
    return value


def _set_references(rows: Sequence[Any]) -> None:
    """Set the keys that are known by now in the columns that refer to earlier rows."""
    for row in rows:
        model: Any = type(row)
        for field in _fields(model, False):
            value = _value(row, field, rows)
            if isinstance(value, KeyOf):
                setattr(row, field.attname, value.row.pk or value)


@cache
def _fields(model: type[models.Model], has_key: bool) -> "list[models.Field[Any, Any]]":
    """Return the fields of all columns; without the key, if the database makes it."""
    fields = model._meta.local_concrete_fields
    return [field for field in fields if has_key or not field.primary_key]


def _values(row: Any, fields: Any, connection: Any) -> list[Any]:
    """Return the values of these fields as the database takes them."""
    values = ((field, field.pre_save(row, True)) for field in fields)
    return [
        None if value is None else field.get_db_prep_save(value, connection)
        for field, value in values
    ]


@cache
def _insert_sql(
    model: type[models.Model],
    has_key: bool,
    using: str,
    on_conflict: OnConflict | None = None,
    count: int = 1,
) -> "tuple[str, list[models.Field[Any, Any]]]":
    """Return the SQL that inserts `count` rows and returns their keys, and the fields of a row."""
    fields = _fields(model, has_key)
    query = InsertQuery(model, on_conflict=on_conflict)
    query.insert_values(fields, [model() for _ in range(count)])
    compiler: Any = query.get_compiler(using)
    compiler.returning_fields = [model._meta.pk]
    [(sql, _)] = compiler.as_sql()
    return sql, fields


@lru_cache(MOST_STATEMENTS)  # the UPDATE before them has many shapes
def _together_sql(
    shape: tuple[tuple[type[models.Model], tuple[tuple[str, int | None], ...]], ...],
    using: str,
    after: str,
) -> str:
    """Return the SQL of `insert_together` for these rows, on PostgreSQL.

    A row is its model and its columns; with a column stands the position of the row to which it
    refers, or None.
    """
    quote: Any = connections[using].ops.quote_name
    parts = [f"changed AS ({after} RETURNING 1)"] if after else []
    earlier = ["changed"] if after else []
    for number, (model, names) in enumerate(shape):
        columns = ", ".join(quote(name) for name, _ in names)
        values = ", ".join("%s" if at is None else f"row{at}.key" for _, at in names)
        source = f" FROM {', '.join(earlier)}" if earlier else ""
        table, key = quote(model._meta.db_table), quote(model._meta.pk.column)
        parts.append(
            f"row{number} AS (INSERT INTO {table} ({columns}) "
            f"SELECT {values}{source} RETURNING {key} AS key)"
        )
        earlier.append(f"row{number}")
    names_of_rows = [f"row{number}" for number in range(len(shape))]
    keys = ", ".join(f"{name}.key" for name in names_of_rows)
    return f"WITH {', '.join(parts)} SELECT {keys} FROM {', '.join(names_of_rows)}"  # noqa: S608  # nosec


def _mark_saved(row: Any, key: Any, using: str) -> None:
    row.pk, row._state.adding, row._state.db = key, False, using
