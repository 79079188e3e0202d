"""The period of a list with dates: this month and the next at first, with links to others.

`date_hierarchy` of the admin names the column of the date. Django's own links count the dates of
the whole table for each page; these need at most its first and its last row.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import DateTimeField, Model, QuerySet
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

PERIOD = "dates"  # the parameter
ALL, NEAR = "all", "near"
NEAR_TEXT, ALL_TEXT = _("This month and the next"), _("All dates")
A_DAY = timedelta(days=1)
MOST_YEARS = 50  # with links of their own
Link = tuple[Any, str | None, bool]  # text, query or None, whether it leads to a longer period


class PeriodFilter(admin.ListFilter):
    """Keeps the rows of a period: a year, month or day, this month and the next, or all.

    A list that `opens_with_this_month` shows this month and the next at first, so that the last
    day of a month does not hide tomorrow. It shows all dates where the user searches or a filter of
    its own bounds the rows: a user who types a name looks for it at any date. An action on rows
    that are selected one by one finds them at any date, although the month may have changed.
    """

    title = _("date")

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        self.column = model_admin.date_hierarchy
        names = (PERIOD, *date_parameters(self.column))
        self.used_parameters: dict[str, Any] = {
            name: params.pop(name)[-1] for name in names if name in params
        }
        self.model_admin = model_admin
        self.opens_with = self._opens_with(request)

    def has_output(self) -> bool:
        return True

    def lookups(self) -> list[tuple[str, Any]]:
        """Return the values of the parameter with their labels."""
        return [(NEAR, NEAR_TEXT), (ALL, ALL_TEXT)]

    def expected_parameters(self) -> list[str | None]:
        return [PERIOD, *date_parameters(self.column)]

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        """Yield the links of the sidebar."""
        shown = self.used_parameters.get(PERIOD, self.opens_with)
        chosen = None if self._of_calendar() else shown
        for value, label in self.lookups():
            query = changelist.get_query_string({PERIOD: value}, [f"{self.column}__"])
            yield {"selected": chosen == value, "query_string": query, "display": label}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the period."""
        if self.bounds is None:
            return queryset
        rows: QuerySet[Any] = self.model_admin.in_period(queryset, *self.bounds)
        return rows

    def _opens_with(self, request: HttpRequest) -> str:
        """Return the period that the list shows without a choice."""
        listed = self.model_admin
        bounding = (SEARCH_VAR, *listed.link_filters, *listed.bounding_filters)
        bounded = any(request.GET.get(name, "").strip() for name in bounding)
        selected = request.method == "POST" and request.POST.get("select_across") != "1"
        return NEAR if listed.opens_with_this_month and not bounded and not selected else ALL

    def _of_calendar(self) -> list[int]:
        """Return the year, the month and the day that are asked for, as far as they are."""
        found = [self.used_parameters.get(name) for name in date_parameters(self.column)]
        given = [each for each in found if each is not None]
        if found[: len(given)] != given:
            raise IncorrectLookupParameters("a day without its month, or a month without its year")
        try:
            return [int(each) for each in given]
        except ValueError as error:
            raise IncorrectLookupParameters(error) from error

    @cached_property
    def bounds(self) -> tuple[date, date] | None:
        """The first day of the period and the first after it; None for all dates.

        Raises IncorrectLookupParameters for what is no period.
        """
        if asked := self._of_calendar():
            return _calendar_bounds(asked)
        value = self.used_parameters.get(PERIOD, self.opens_with)
        if value not in dict(self.lookups()):
            raise IncorrectLookupParameters(value)
        if value == ALL:
            return None
        first = timezone.localdate().replace(day=1)
        return first, _month_after(_month_after(first))

    # --- The links above the list ---

    def links(self, changelist: Any) -> list[Link]:
        """Return the links to longer and to shorter periods, around the name of the shown one."""
        if self.bounds is None:
            years = ((str(year), self._link(changelist, [year]), False) for year in self._years())
            return [(ALL_TEXT, None, False), *years]
        longer = [(ALL_TEXT, self._link(changelist, []), True)]
        asked, first = self._of_calendar(), self.bounds[0]
        of_year = (str(first.year), self._link(changelist, [first.year]), True)
        if not asked:
            months = (first, _month_after(first))
            near = [self._month_link(changelist, month) for month in months]
            return [*longer, of_year, (NEAR_TEXT, None, False), *near]
        if len(asked) == 1:
            months_of_year = (date(first.year, number, 1) for number in range(1, 13))
            shorter = [self._month_link(changelist, month) for month in months_of_year]
            return [*longer, (str(first.year), None, False), *shorter]
        if len(asked) == 2:
            last = _month_after(first) - A_DAY
            days = range(1, last.day + 1)
            of_days = ((str(day), self._link(changelist, [*asked, day]), False) for day in days)
            return [*longer, of_year, (_month(first), None, False), *of_days]
        of_month = (_month(first), self._link(changelist, asked[:2]), True)
        return [*longer, of_year, of_month, (_day(first), None, False)]

    def _month_link(self, changelist: Any, month: date) -> Link:
        return _month(month), self._link(changelist, [month.year, month.month]), False

    def _link(self, changelist: Any, parts: list[int]) -> str:
        given: dict[str, Any] = dict(zip(date_parameters(self.column), parts, strict=False))
        query: str = changelist.get_query_string(
            given or {PERIOD: ALL}, [f"{self.column}__", PERIOD]
        )
        return query

    def _years(self) -> range:
        """Return the years between the first row of the table and the last, by its index."""
        column = self.model_admin.period_column
        dates = self.model_admin.model._default_manager.order_by().values_list(column, flat=True)
        first, last = dates.order_by(column).first(), dates.order_by(f"-{column}").first()
        if first is None:
            return range(0)
        return range(max(first.year, last.year - MOST_YEARS), last.year + 1)


def date_parameters(column: str | None) -> list[str]:
    """Return the parameters of the links of a list with this `date_hierarchy`."""
    parts = ("year", "month", "day") if column else ()
    return [f"{column}__{part}" for part in parts]


def within(rows: QuerySet[Any], column: str, first: date, end: date) -> QuerySet[Any]:
    """Return the rows whose date or instant (in TIME_ZONE) is from `first` on and before `end`."""
    bounds: list[Any] = [first, end]
    if isinstance(rows.model._meta.get_field(column), DateTimeField):
        zone = timezone.get_current_timezone()
        bounds = [datetime.combine(day, time(), zone).astimezone(UTC) for day in bounds]
    return rows.filter(**{f"{column}__gte": bounds[0], f"{column}__lt": bounds[1]})


def _calendar_bounds(parts: list[int]) -> tuple[date, date]:
    try:
        first = date(*[*parts, 1, 1][:3])
        match len(parts):
            case 1:
                return first, first.replace(year=first.year + 1)
            case 2:
                return first, _month_after(first)
        return first, first + A_DAY
    except (ValueError, OverflowError, TypeError) as error:
        raise IncorrectLookupParameters(error) from error


def _month_after(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _month(day: date) -> str:
    return str(capfirst(formats.date_format(day, "YEAR_MONTH_FORMAT")))


def _day(day: date) -> str:
    return str(capfirst(formats.date_format(day, "MONTH_DAY_FORMAT")))
