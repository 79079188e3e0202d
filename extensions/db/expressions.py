"""Conditions that Django cannot write for both databases."""

import json
from collections.abc import Sequence
from typing import Any

from django.db.models import BooleanField, F, Func


class AmongKeys(Func):
    """The condition that a column has one of these keys, which the database gets as one value.

    Of thousands of keys one by one, as `__in` writes them, PostgreSQL takes longer to read and plan
    the statement than to run it.
    """

    def __init__(self, path: str, keys: Sequence[int]) -> None:
        super().__init__(F(path), output_field=BooleanField())
        self.keys = json.dumps(list(keys))

    def as_sqlite(self, compiler: Any, connection: Any, **options: Any) -> Any:
        """Return the condition for SQLite."""
        form = "%(expressions)s IN (SELECT value FROM json_each(%%s))"
        sql, given = self.as_sql(compiler, connection, template=form, **options)
        return sql, (*given, self.keys)

    def as_postgresql(self, compiler: Any, connection: Any, **options: Any) -> Any:
        """Return the condition for PostgreSQL, which estimates rows by an array's length."""
        form = "%(expressions)s = ANY(%%s::bigint[])"
        sql, given = self.as_sql(compiler, connection, template=form, **options)
        return sql, (*given, f"{{{self.keys[1:-1]}}}")
