"""Batches, so that neither memory nor one statement grows with the number of rows."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from django.db.models import QuerySet

T = TypeVar("T")

KEYS_PER_STATEMENT = 10_000  # SQLite takes at most 32,766 parameters


def batches(items: Iterable[T], size: int = KEYS_PER_STATEMENT) -> Iterator[list[T]]:
    """Split the items, in their order, into lists of at most `size`."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch


def key_batches(rows: QuerySet[Any], size: int = 500) -> Iterator[list[int]]:
    """Read the primary keys of the rows in ascending order, at most `size` in a statement.

    Each batch is a new query that starts after the last key of the previous batch: no cursor stays
    open, and each query sees the rows as they are when it runs.
    """
    keys = rows.order_by("pk").values_list("pk", flat=True)
    last_key = 0
    while batch := list(keys.filter(pk__gt=last_key)[:size]):
        yield batch
        last_key = batch[-1]
