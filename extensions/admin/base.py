"""Base ModelAdmins whose pages answer a made-up URL or form with 400 or 404, never with 500."""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.exceptions import DisallowedModelAdminLookup, DisallowedModelAdminToField
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import lookup_spawns_duplicates
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.core.exceptions import BadRequest, PermissionDenied, ValidationError
from django.db import DataError, transaction
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.formats import number_format
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from extensions.admin.dates import DATE_FIELDS
from extensions.admin.form_keys import FormKeyMixin
from extensions.admin.forms import Autocomplete, AutocompleteMultiple, GuardedForm
from extensions.admin.lists import MOST_COUNTED, MOST_READ, BoundedChangeList
from extensions.admin.log import PrivateLogEntryMixin, shown_message
from extensions.admin.lookups import (
    LOOKUP_ERRORS,
    RefusedFilters,
    refusal,
    refuse_the_rest,
    refused_page,
)
from extensions.admin.periods import PERIOD, PeriodFilter, date_parameters, within
from extensions.admin.search import LimitedPaginator, Search, all_rows_of, most_listed
from extensions.db.retry import is_outage
from extensions.formats import day_text, instant_text
from extensions.search import Term, typed_terms

TERM = "term"  # what is typed into an autocomplete field
TOO_MANY = _("More than %(number)s match, of which %(number)s are listed. Type more.")
OF_MANY_PEOPLE = _(
    "Many people have such a name: what the first of them have is listed. Type more."
)
LATEST = _(
    "So many rows are searched one by one: only those since %(start)s are. Choose a shorter period."
)


class BaseAdmin(FormKeyMixin, PrivateLogEntryMixin):
    """A ModelAdmin whose pages answer a made-up URL or form with 400 or 404, never with 500.

    The filters of its list are `list_filter`, `date_hierarchy` and `link_filters`; others are 400.
    The cost of a list does not grow with its table: `extensions.admin.lists` says how.
    """

    form: Any = GuardedForm
    link_filters: tuple[str, ...] = ()  # parameters with which other pages link to this list
    opens_with_this_month = False  # whether the list shows no other month without a choice
    bounding_filters: tuple[str, ...] = ()  # parameters that leave few rows of any date
    unindexed_filters: tuple[str, ...] = ()  # parameters by which no index finds rows
    few_rows_note: Any = ""  # what the user reads where `few_rows` bounds the list
    unindexed_search: frozenset[str] = frozenset()  # of `search_fields`
    list_per_page = 50
    show_full_result_count = False  # saves a count of the whole table
    formfield_overrides = DATE_FIELDS
    show_facets = admin.ShowFacets.NEVER  # each choice would count the whole table

    class Media:
        js = ("extensions/forms.js",)

    def rows_shown(self, of: Model | type[Model], rows: Iterable[Any]) -> None:
        """Do nothing; an admin that audits reads overrides this to record the rows a page shows.

        `of`: the row whose page it is, or the model of a list.
        """

    # --- Period and search ---

    @property
    def period_column(self) -> str:
        """The indexed column of the date or instant of a row, or its key if it has none."""
        return str(self.date_hierarchy or "pk")

    def in_period(self, rows: QuerySet[Any], first: date, end: date) -> QuerySet[Any]:
        """Return the rows from the day `first` on and before the day `end`."""
        return within(rows, self.period_column, first, end)

    def most_read(self, request: HttpRequest) -> int | None:
        """Return how many of the latest rows the list reads; None if an index serves its filters.

        A user who may see few of the rows makes it read many, too: such an admin overrides it.
        """
        unindexed = any(request.GET.get(name) for name in self.unindexed_filters)
        return MOST_READ if unindexed else None

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Keep the rows that match every typed term; all rows for a blank text."""
        fields = self.get_search_fields(request)
        if not fields or not search_term.strip():
            few = self.few_rows(request)
            return queryset if few is None else queryset.filter(few), False
        terms = typed_terms(search_term)
        if not terms:
            return queryset.none(), False
        latest = partial(self._latest, request, queryset)
        slow, seen = self.unindexed_search, partial(self._seen, request)
        search = Search(queryset, fields, terms, self.more_conditions, slow, latest, seen)
        return search.rows(), self._joins_many(fields)

    def few_rows(self, request: HttpRequest) -> Q | None:
        """Return None; the condition of the rows that a list without a search is about, if few.

        An admin overrides it for a user who sees few of very many rows, which no index tells apart.
        """
        return None

    def latest_since(self, rows: QuerySet[Any], most: int) -> Any:
        """Return the date or instant of the first of the latest rows; None if they are fewer."""
        column = self.period_column
        dates = rows.order_by(f"-{column}").values_list(column, flat=True)
        return next(iter(dates[most : most + 1]), None)

    def _latest(self, request: HttpRequest, rows: QuerySet[Any]) -> Q:
        """Return the condition of the latest MOST_READ rows, of which a search reads each.

        They are those of the period, if the user has chosen one.
        """
        chosen = {PERIOD, *date_parameters(self.date_hierarchy)} & request.GET.keys()
        of_period = rows if chosen else self.model._default_manager.all()
        since = self.latest_since(of_period, MOST_READ)
        return Q() if since is None else Q(**{f"{self.period_column}__gte": since})

    def _seen(self, request: HttpRequest, model: type[Model]) -> QuerySet[Any]:
        """Return the rows of another model that its own admin shows the user; all without one."""
        if not self.admin_site.is_registered(model):
            return all_rows_of(model)
        return self.admin_site.get_model_admin(model).get_queryset(request)

    def more_conditions(self, term: Term, terms: Sequence[Term]) -> Q | None:
        """Return None; an admin that finds rows by something else returns the term's condition."""
        return None

    def _joins_many(self, fields: Any) -> bool:
        """Whether a search by these columns may find a row twice."""
        return any(lookup_spawns_duplicates(self.opts, name) for name in fields)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BoundedChangeList

    def get_paginator(
        self, request: HttpRequest, queryset: Any, per_page: int, *args: Any, **kwargs: Any
    ) -> Any:
        """Return the pages of the first MOST_COUNTED rows; of a search, of MOST_LISTED."""
        typed = TERM in request.GET or request.GET.get(SEARCH_VAR, "").strip()
        most = most_listed() if typed else MOST_COUNTED
        return LimitedPaginator(queryset, per_page, *args, most=most, **kwargs)

    def response_action(self, request: HttpRequest, queryset: Any, *args: Any) -> Any:
        """Run the action; refuse one on all rows of a search that is too long to be listed."""
        pages = self.get_paginator(request, queryset, self.list_per_page)
        if request.POST.get("select_across") == "1" and pages.is_cut:
            self.message_user(request, _too_many(pages), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, queryset, *args)

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Whether a popup may choose rows by this column: the key, or one that a relation names.

        Django itself raises AttributeError for the name of a reverse relation.
        """
        columns = {field.name for field in self.opts.concrete_fields}
        return to_field in columns and super().to_field_allowed(request, to_field)

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Return the filters: by period, the admin's own, and one that refuses all others."""
        period = (PeriodFilter,) if self.date_hierarchy else ()
        return (*period, *super().get_list_filter(request), refuse_the_rest)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Load the page's rows now, so that a filter that the database refuses is no 500.

        Raises RefusedFilters for a parameter that the list does not offer, and for a value that it
        cannot use. The savepoint keeps a transaction around it usable after the error.
        """
        inside = transaction.get_connection().in_atomic_block
        try:
            with transaction.atomic() if inside else nullcontext():
                changelist = super().get_changelist_instance(request)
        except (*LOOKUP_ERRORS, DisallowedModelAdminLookup, DisallowedModelAdminToField) as error:
            if is_outage(error):
                raise
            raise refusal(error, request, self) from error
        if request.method == "GET":
            self._tell_what_is_left_out(request, changelist)
        changelist.title = str(capfirst(self.opts.verbose_name_plural))
        return changelist

    def _tell_what_is_left_out(self, request: HttpRequest, changelist: Any) -> None:
        """Tell the user of a search that is cut, and since when a list has its rows."""
        pages = changelist.paginator
        if changelist.query and pages.is_cut:
            self.message_user(request, _too_many(pages), messages.WARNING)
        elif pages.leaves_out:
            self.message_user(request, OF_MANY_PEOPLE, messages.WARNING)
        if not changelist.query and self.few_rows(request) is not None:
            self.message_user(request, self.few_rows_note, messages.INFO)
        if since := changelist.latest_since:
            self.message_user(request, LATEST % {"start": _text(since)}, messages.WARNING)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list or run an action, or say with status 400 which filter is refused.

        Raises BadRequest for a key that no row can have.
        """
        if not all(map(self._can_be_key, request.POST.getlist(ACTION_CHECKBOX_NAME))):
            raise BadRequest("No row can have this key.")
        try:
            return super().changelist_view(request, extra_context)
        except RefusedFilters as refused:
            return refused_page(refused, request, self)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show or save the form; raises BadRequest for a value that no column can hold."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (OverflowError, DataError) as error:
            raise BadRequest("No row can hold this value.") from error

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the history; raises PermissionDenied before the row is looked up.

        Django looks it up first, and so tells a user without the permission whether it exists.
        """
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        response = super().history_view(request, object_id, extra_context)
        for entry in (getattr(response, "context_data", None) or {}).get("action_list", ()):
            entry.words = shown_message(entry.get_change_message())
        return response

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = self._autocomplete(Autocomplete, db_field, request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = self._autocomplete(AutocompleteMultiple, db_field, request)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def _autocomplete(self, kind: Any, db_field: Any, request: HttpRequest) -> Any:
        """Return a widget that names the selected rows if its suggestions would name them too."""
        widget = kind(db_field, self.admin_site)
        related = self.admin_site.get_model_admin(db_field.remote_field.model)
        widget.shows_labels = related.has_view_permission(request)
        return widget

    def _can_be_key(self, value: str) -> bool:
        try:
            self.opts.pk.clean(value, None)
        except ValidationError:
            return False
        return "\0" not in value


def _text(since: date | datetime | int) -> str:
    match since:
        case datetime():
            return instant_text(since, UTC)
        case date():
            return day_text(since)
    return gettext("number %(number)s") % {"number": since}


def _too_many(pages: Any) -> str:
    return TOO_MANY % {"number": number_format(pages.most, force_grouping=True)}


class ReadOnlyAdmin(BaseAdmin):
    """A ModelAdmin without forms: only methods of the model write these rows."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
