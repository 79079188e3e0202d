"""Paginators that cost less: page and count by one statement, and a count that has an end."""

from functools import cached_property
from typing import Any, Protocol, cast

from django.core.paginator import EmptyPage, Page, Paginator

from extensions.db.fields import MAX_KEY

MOST_COUNTED = 10_000
MOST_ROWS = 10**9  # before a page: a database takes no offset of any size


class CountedRows(Protocol):
    """Rows that are read page by page; each row has the number of all as `rows_in_all`."""

    def rows(self, first: int, most: int) -> list[Any]:
        """Return at most `most` rows from this index on."""


class CountedPaginator(Paginator):
    """Django's Paginator, for CountedRows. Only a page beyond the last row needs two statements."""

    object_list: Any

    def page(self, number: int | str) -> "Page[Any]":
        """Return the page; raises EmptyPage for one beyond the last row."""
        wanted, counted = int(number), self.object_list
        first = (wanted - 1) * self.per_page
        rows = counted.rows(first, self.per_page) if first <= MAX_KEY else []
        known = rows or (counted.rows(0, 1) if first else [])
        self.__dict__["count"] = known[0].rows_in_all if known else 0  # Django's would be a query
        return Page(rows, self.validate_number(wanted), self)


class LongPaginator(Paginator):
    """Django's Paginator, for a queryset that grows without end: it counts MOST_COUNTED rows.

    `count` of a longer list is how many rows there are at least: up to the first one of the next
    page, and never fewer than MOST_COUNTED and one. Each page is there, up to the last one.
    """

    @cached_property
    def count(self) -> int:
        """Return the number of rows, or MOST_COUNTED and one if there are more."""
        number: int = cast(Any, self.object_list).order_by()[: MOST_COUNTED + 1].count()
        return number

    def page(self, number: int | str) -> "Page[Any]":
        """Return the page; raises EmptyPage for one beyond the last row."""
        if self.count <= MOST_COUNTED:
            return super().page(number)
        first = (int(number) - 1) * self.per_page
        following = first + self.per_page
        rows = list(self.object_list[first : following + 1]) if first < MOST_ROWS else []
        if not rows:
            raise EmptyPage(self.error_messages["no_results"])
        self.__dict__["count"] = max(self.count, first + len(rows))
        return Page(rows[: self.per_page], int(number), self)
