"""Lock rows in an order that every transaction keeps."""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


def lock_rows(rows: QuerySet[Row, Any]) -> list[Row]:
    """Lock these rows by primary key in one statement, until the transaction ends; return them.

    FOR NO KEY UPDATE, since the lock's holder changes no key: other transactions may meanwhile
    insert rows that refer to these. On SQLite the transaction itself is the lock.
    """
    return list(rows.select_for_update(no_key=True, of=("self",)).order_by("pk"))
