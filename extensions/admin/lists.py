"""The lists of the admin, whose cost does not grow with their tables.

A list counts no more rows than its pages may show, and has no later page. It reads the keys of a
page by an index, and then these rows with what they refer to. It is sorted by a column only if
an index is: `sortable_by` of the admin names these columns.
"""

from datetime import date, datetime
from typing import Any

from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest

from extensions.admin.periods import Link, PeriodFilter

MOST_COUNTED = 10_000  # rows of a list; a user who looks for others chooses a period or a filter
MOST_READ = 20_000  # rows of which a filter without an index reads each: the latest


class BoundedChangeList(ChangeList):
    """A list that reads a bounded number of rows, whatever its table holds."""

    model_admin: Any
    _get_default_ordering: Any
    _get_deterministic_ordering: Any
    latest_since: date | datetime | int | None = None  # the list has no earlier rows

    @property
    def period(self) -> PeriodFilter | None:
        """The filter by dates, if the list has one."""
        found = (each for each in self.filter_specs if isinstance(each, PeriodFilter))
        return next(found, None)

    def period_links(self) -> list[Link]:
        """Return the links above the list to other periods."""
        return self.period.links(self) if self.period else []

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet[Any]:
        """Return the rows; if a filter has no index, of the latest MOST_READ of the period.

        A search bounds its rows by itself.
        """
        rows: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        bound = self.model_admin.most_read(request)
        if bound is None or self.query:
            return rows
        of_period = self.model._default_manager.all()
        if self.period and self.period.bounds:
            of_period = self.model_admin.in_period(of_period, *self.period.bounds)
        self.latest_since = self.model_admin.latest_since(of_period, bound)
        if self.latest_since is None:
            return rows
        return rows.filter(**{f"{self.model_admin.period_column}__gte": self.latest_since})

    # --- Order ---

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Return the order: by one sortable column and then the default one, or by the latter.

        The other direction reverses the whole of it, so that one index serves both.
        """
        self._keep_first_column()
        default = list(self.model_admin.get_ordering(request) or self._get_default_ordering())
        column, backwards = self._column(self.params.get(ORDER_VAR, ""))
        if not isinstance(column, str):
            return super().get_ordering(request, queryset)
        others = [each for each in default if str(each).lstrip("-") != column.lstrip("-")]
        order = [column, *others]
        if default and str(default[0]) == _reversed(column):
            order, backwards = default, not backwards
        if backwards:
            order = [_reversed(each) for each in order]
        return self._get_deterministic_ordering(order)

    def _keep_first_column(self) -> None:
        """Drop from the parameters all columns but the first, and one that is not sortable."""
        asked = str(self.params.get(ORDER_VAR, ""))
        if not asked:
            return
        first = asked.split(".", maxsplit=1)[0]
        if self._column(first)[0] is None:
            del self.params[ORDER_VAR]
        else:
            self.params[ORDER_VAR] = first

    def _column(self, asked: str) -> tuple[Any, bool]:
        """Return what a number such as -2 sorts by, and whether backwards; None for nothing."""
        _, minus, number = asked.rpartition("-")
        try:
            name = self.list_display[int(number)]
        except (IndexError, ValueError):
            return None, False
        if name not in (self.sortable_by or ()):
            return None, False
        return self.get_ordering_field(name), bool(minus)

    # --- Rows ---

    def get_results(self, request: HttpRequest) -> None:
        """Load the page: first its keys, by an index, then the rows with what they refer to.

        A row that is deleted in between is left out.
        """
        super().get_results(request)
        keys = list(self.result_list.values_list("pk", flat=True))
        rows = self.apply_select_related(self.root_queryset.filter(pk__in=keys).order_by())
        by_key = {row.pk: row for row in rows}
        self.result_list = [by_key[key] for key in dict.fromkeys(keys) if key in by_key]

    def apply_select_related(self, qs: Any) -> Any:
        """Join what the list shows, unless the queryset of the admin joins it already."""
        return qs if qs.query.select_related else super().apply_select_related(qs)


def _reversed(column: str) -> str:
    return column.removeprefix("-") if column.startswith("-") else f"-{column}"
