"""A paginator that reads a page and the number of all rows by one statement."""

from typing import Any, Protocol

from django.core.paginator import Page, Paginator

from extensions.db.fields import MAX_KEY


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
