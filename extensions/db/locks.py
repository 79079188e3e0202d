"""Lock rows in an order that every transaction keeps."""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


def lock_rows(rows: QuerySet[Row, Any]) -> list[Row]:
    """Lock these rows by primary key in one statement, until the transaction ends; return them.

    FOR NO KEY UPDATE: no key changes under the lock, so that PostgreSQL still checks the foreign
    keys of other transactions meanwhile. On SQLite the transaction itself is the lock.
    """
    return list(rows.select_for_update(no_key=True, of=("self",)).order_by("pk"))
