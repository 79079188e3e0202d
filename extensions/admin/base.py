"""Base ModelAdmins whose pages answer a made-up URL or form with 400 or 404, never with 500."""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
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
from django.utils.text import capfirst

from extensions.admin.dates import DATE_FIELDS
from extensions.admin.form_keys import FormKeyMixin
from extensions.admin.forms import Autocomplete, AutocompleteMultiple, GuardedForm
from extensions.admin.log import PrivateLogEntryMixin
from extensions.admin.lookups import (
    LOOKUP_ERRORS,
    RefusedFilters,
    refusal,
    refuse_the_rest,
    refused_page,
)
from extensions.admin.search import MOST_LISTED, NOTHING, LimitedPaginator, search_condition
from extensions.db.retry import is_outage
from extensions.search import Term, typed_terms

TYPED = (SEARCH_VAR, "term")  # parameters of a list and of an autocomplete field
TOO_MANY = f"More than {MOST_LISTED:,} match, of which {MOST_LISTED:,} are listed. Type more."


class BaseAdmin(FormKeyMixin, PrivateLogEntryMixin):
    """A ModelAdmin whose pages answer a made-up URL or form with 400 or 404, never with 500.

    The filters of its list are `list_filter`, `date_hierarchy` and `link_filters`; others are 400.
    """

    form: Any = GuardedForm
    link_filters: tuple[str, ...] = ()  # parameters with which other pages link to this list
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

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Keep the rows that match every typed term; all rows for a blank text."""
        fields = self.get_search_fields(request)
        if not fields or not search_term.strip():
            return queryset, False
        terms = typed_terms(search_term)
        found = search_condition(queryset, fields, terms, self.more_conditions)
        return queryset.filter(found if terms else NOTHING), self._joins_many(fields)

    def more_conditions(self, term: Term, terms: Sequence[Term]) -> Q | None:
        """Return None; an admin that finds rows by something else returns the term's condition."""
        return None

    def _joins_many(self, fields: Any) -> bool:
        """Whether a search by these columns may find a row twice."""
        return any(lookup_spawns_duplicates(self.opts, name) for name in fields)

    def get_paginator(
        self, request: HttpRequest, queryset: Any, per_page: int, *args: Any, **kwargs: Any
    ) -> Any:
        """Return the pages: of a search the first MOST_LISTED rows, so that it counts no more."""
        if any(request.GET.get(name, "").strip() for name in TYPED):
            return LimitedPaginator(queryset, per_page, *args, **kwargs)
        return super().get_paginator(request, queryset, per_page, *args, **kwargs)

    def response_action(self, request: HttpRequest, queryset: Any, *args: Any) -> Any:
        """Run the action; refuse one on all rows of a search that is too long to be listed."""
        if request.POST.get("select_across") == "1" and self._is_cut(request, queryset):
            self.message_user(request, TOO_MANY, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, queryset, *args)

    def _is_cut(self, request: HttpRequest, queryset: Any) -> bool:
        pages = self.get_paginator(request, queryset, self.list_per_page)
        return isinstance(pages, LimitedPaginator) and pages.is_cut

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Whether a popup may choose rows by this column: the key, or one that a relation names.

        Django itself raises AttributeError for the name of a reverse relation.
        """
        columns = {field.name for field in self.opts.concrete_fields}
        return to_field in columns and super().to_field_allowed(request, to_field)

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Return the filters of the list, and last the one that refuses every other parameter."""
        return (*super().get_list_filter(request), refuse_the_rest)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Load the page's rows now, so that a filter that the database refuses is no 500.

        Raises RefusedFilters for a parameter that the list does not offer, and for a value that it
        cannot use. The savepoint keeps a transaction around it usable after the error.
        """
        inside = transaction.get_connection().in_atomic_block
        try:
            with transaction.atomic() if inside else nullcontext():
                changelist = super().get_changelist_instance(request)
                len(changelist.result_list)
                cut = getattr(changelist.paginator, "is_cut", False)
        except (*LOOKUP_ERRORS, DisallowedModelAdminLookup, DisallowedModelAdminToField) as error:
            if is_outage(error):
                raise
            raise refusal(error, request, self) from error
        if cut and request.method == "GET":
            self.message_user(request, TOO_MANY, messages.WARNING)
        changelist.title = str(capfirst(self.opts.verbose_name_plural))
        return changelist

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
        return super().history_view(request, object_id, extra_context)

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


class ReadOnlyAdmin(BaseAdmin):
    """A ModelAdmin without forms: only methods of the model write these rows."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
