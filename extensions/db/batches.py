"""Batches, so that neither memory nor one statement grows with the number of rows."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

T = TypeVar("T")
Row = TypeVar("Row", bound=Model)

ROWS_PER_QUERY = 500
KEYS_PER_STATEMENT = 10_000  # SQLite takes at most 32,766 parameters


def batches(items: Iterable[T], size: int = KEYS_PER_STATEMENT) -> Iterator[list[T]]:
    """Yield the items, in their order, in lists of at most `size`."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch


def row_batches(rows: QuerySet[Row], size: int = ROWS_PER_QUERY) -> Iterator[list[Row]]:
    """Yield the rows by ascending primary key in lists of at most `size`, one statement each.

    Each batch is a new query that starts after the last key of the previous batch: no cursor stays
    open, and each query sees the rows as they are when it runs.
    """
    rows = rows.order_by("pk")
    batch = list(rows[:size])
    while batch:
        yield batch
        batch = list(rows.filter(pk__gt=batch[-1].pk)[:size])


def key_batches(rows: QuerySet[Any], size: int = ROWS_PER_QUERY) -> Iterator[list[int]]:
    """Yield the primary keys of the rows in ascending lists, as `row_batches` yields the rows."""
    for batch in row_batches(rows.only("pk"), size):
        yield [row.pk for row in batch]
