"""Conditions and columns that Django cannot write for both databases."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from django.db.models import (
    BooleanField,
    F,
    Func,
    IntegerField,
    JSONField,
    Model,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.functions import JSONObject


class AmongKeys(Func):
    """The condition that a column has one of these keys, which the database gets as one value.

    Of thousands of keys one by one, as `__in` writes them, PostgreSQL takes longer to read and plan
    the statement than to run it.
    """

    column = "%(expressions)s"

    def __init__(self, path: str, keys: Sequence[int]) -> None:
        super().__init__(F(path), output_field=BooleanField())
        self.keys = json.dumps(list(keys))

    def as_sqlite(self, compiler: Any, connection: Any, **options: Any) -> Any:
        """Return the condition for SQLite."""
        form = f"{self.column} IN (SELECT value FROM json_each(%%s))"  # noqa: S608  # nosec B608  (no value)
        sql, given = self.as_sql(compiler, connection, template=form, **options)
        return sql, (*given, self.keys)

    def as_postgresql(self, compiler: Any, connection: Any, **options: Any) -> Any:
        """Return the condition for PostgreSQL, which estimates rows by an array's length."""
        form = f"{self.column} = ANY(%%s::bigint[])"
        sql, given = self.as_sql(compiler, connection, template=form, **options)
        return sql, (*given, f"{{{self.keys[1:-1]}}}")


class ComparedKeys(AmongKeys):
    """The same condition, compared with each row that another condition finds: no index serves."""

    column = "(%(expressions)s + 0)"


class AmongFewKeys(AmongKeys):
    """The same condition, by which PostgreSQL looks up each key.

    Beside `AmongKeys`, it may read the whole index of another condition to combine the two.
    """

    def as_postgresql(self, compiler: Any, connection: Any, **options: Any) -> Any:
        """Return the condition for PostgreSQL."""
        form = "%(expressions)s IN (SELECT unnest(%%s::bigint[]))"
        sql, given = self.as_sql(compiler, connection, template=form, **options)
        return sql, (*given, f"{{{self.keys[1:-1]}}}")


class FirstOnly(Q):
    """A condition that finds what the first of many have, and not what the others have."""


class AmongRows(Func):
    """The condition that the columns have together the texts of one of these rows.

    The database gets the rows as one value, and looks for each by an index. A date is its ISO text;
    `casts` names the columns to which PostgreSQL must convert a text, with their type.
    """

    def __init__(self, columns: Sequence[str], rows: Sequence[Sequence[str]], **casts: str) -> None:
        super().__init__(*map(F, columns), output_field=BooleanField())
        self.columns, self.casts = columns, casts
        self.rows = json.dumps([list(row) for row in rows])

    def as_sqlite(self, compiler: Any, connection: Any, **options: Any) -> Any:
        """Return the condition for SQLite."""
        values = (f"json_extract(value, '$[{place}]')" for place in range(len(self.columns)))
        return self._among(compiler, connection, values, "json_each(%%s)", options)

    def as_postgresql(self, compiler: Any, connection: Any, **options: Any) -> Any:
        """Return the condition for PostgreSQL."""
        values = (
            f"(value->>{place})::{self.casts.get(name, 'text')}"
            for place, name in enumerate(self.columns)
        )
        rows = "jsonb_array_elements(%%s::jsonb) AS value"
        return self._among(compiler, connection, values, rows, options)

    def _among(
        self, compiler: Any, connection: Any, values: Iterable[str], rows: str, options: Any
    ) -> Any:
        form = f"(%(expressions)s) IN (SELECT {', '.join(values)} FROM {rows})"  # noqa: S608  # nosec B608  (no value)
        sql, given = self.as_sql(compiler, connection, template=form, **options)
        return sql, (*given, self.rows)


class CountOf(Subquery):
    """The number of rows of a queryset without groups, which the database counts once.

    It counts rows and not keys, so that PostgreSQL may read an index alone.
    """

    def __init__(self, queryset: Any) -> None:
        number = Func(template="COUNT(*)", output_field=IntegerField())
        super().__init__(queryset.order_by().annotate(number=number).values("number"))


class RowsOf(Subquery):
    """The rows of another queryset for each row, as a list of dictionaries, in its order.

    `columns`: the keys of the dictionaries, each with a field. Unlike a prefetch, it costs no
    statement, and the database reads no more of each row than these columns.
    """

    template = """(SELECT COALESCE(JSONB_AGG("row"), '[]') FROM (%(subquery)s) AS found)"""

    def __init__(self, rows: QuerySet[Any], **columns: str) -> None:
        super().__init__(rows.values(row=JSONObject(**columns)), output_field=JSONField())

    def as_sqlite(self, compiler: Any, connection: Any, **options: Any) -> Any:
        """Return the column for SQLite."""
        template = """(SELECT JSON_GROUP_ARRAY(JSON("row")) FROM (%(subquery)s))"""
        return self.as_sql(compiler, connection, template=template, **options)


def values_by_index(model: type[Model], column: str, most: int) -> list[Any]:
    """Return the first `most` values of a column, each once, by one look-up in its index for each.

    DISTINCT would read all rows.
    """
    quote = connection.ops.quote_name
    name, table = quote(column), quote(model._meta.db_table)
    sql = (
        f"WITH RECURSIVE found(value) AS (SELECT min({name}) FROM {table} UNION ALL "  # noqa: S608  # nosec B608  (no value)
        f"SELECT (SELECT min({name}) FROM {table} WHERE {name} > value) FROM found "
        "WHERE value IS NOT NULL) SELECT value FROM found WHERE value IS NOT NULL LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [most])
        return [value for (value,) in cursor.fetchall()]
