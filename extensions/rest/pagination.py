"""A paginator that reads a page and the number of all rows by one statement."""

from typing import Any, cast

from django.core.paginator import Page, Paginator
from django.db.models import F, Func, IntegerField, Subquery

from extensions.db.fields import MAX_KEY


class CountedPaginator(Paginator):
    """Django's Paginator, for a queryset of models without groups: each row brings the count.

    Only a page beyond the last row needs a statement more.
    """

    def page(self, number: int | str) -> "Page[Any]":
        """Return the page; raises EmptyPage for one beyond the last row."""
        wanted, queryset = int(number), cast(Any, self.object_list)
        first = (wanted - 1) * self.per_page
        if first > MAX_KEY:
            return super().page(number)  # the database cannot count so far
        counted = queryset.annotate(rows_in_all=_count_of(queryset))
        rows = list(counted[first : first + self.per_page])
        if rows or not first:
            self.__dict__["count"] = rows[0].rows_in_all if rows else 0  # instead of a statement
        return Page(rows, self.validate_number(wanted), self)


def _count_of(queryset: Any) -> Subquery:
    """Return the number of rows as a subquery, which the database computes once."""
    number = Func(F("pk"), function="COUNT", output_field=IntegerField())
    return Subquery(queryset.order_by().annotate(number=number).values("number"))
