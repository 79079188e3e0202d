"""All rows of a queryset as one JSON text, made by the database."""

import json
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from django.db.models import Func, TextField


class JsonRows(Func):
    """The rows of a queryset as one JSON text: a list that holds, for each row, a list of columns.

        rows = JsonRows("id", "taken", order_by=("id",))
        text = slots.order_by().values_list(rows, flat=True).get()

    `order_by`: names of some of the columns. An instant is a text that `datetime.fromisoformat`
    parses; on SQLite it has no offset and is in UTC. The text is "[]" without rows. For some
    hundred rows this costs as much as the rows themselves, and the text tells by one comparison
    whether any of them has changed.
    """

    def __init__(self, *columns: Any, order_by: Sequence[str]) -> None:
        super().__init__(*columns, output_field=TextField())
        self.places = [columns.index(name) for name in order_by]

    def as_postgresql(self, compiler: Any, connection: Any, **options: Any) -> Any:
        """Return the column for PostgreSQL."""
        columns, params = self._columns(compiler)
        order = ", ".join(columns[place] for place in self.places)
        row = f"JSON_BUILD_ARRAY({', '.join(columns)})"
        return f"COALESCE(JSON_AGG({row} ORDER BY {order})::text, '[]')", params

    def as_sqlite(self, compiler: Any, connection: Any, **options: Any) -> Any:
        """Return the column for SQLite, which sorts no rows in an aggregate before 3.44."""
        columns, params = self._columns(compiler)
        return f"JSON_GROUP_ARRAY(JSON_ARRAY({', '.join(columns)}))", params

    def get_db_converters(self, connection: Any) -> list[Any]:
        """Return the function that sorts the rows, for SQLite."""
        return [self._sorted] if connection.vendor == "sqlite" else []

    def _columns(self, compiler: Any) -> tuple[list[str], list[Any]]:
        """Return the SQL of each column, and the parameters of all."""
        parts = [compiler.compile(column) for column in self.source_expressions]
        return [sql for sql, _ in parts], [value for _, params in parts for value in params]

    def _sorted(self, text: str, expression: Any, connection: Any) -> str:
        return json.dumps(sorted(json.loads(text), key=itemgetter(*self.places)))
