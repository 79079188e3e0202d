"""No address or form that somebody makes up is an error of the server."""

from contextlib import nullcontext
from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import BadRequest, PermissionDenied, ValidationError
from django.db import DatabaseError, DataError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from extensions.admin.forms import Autocomplete, AutocompleteMultiple
from extensions.admin.log import PrivateLogEntryMixin
from extensions.db.retry import is_outage

MAX_SEARCH_LENGTH = 200
MAX_SEARCH_TERMS = 10
LOOKUP_ERRORS = (ValueError, TypeError, LookupError, OverflowError, DatabaseError)


class BaseAdmin(PrivateLogEntryMixin):
    """An admin in which no address or form that somebody makes up is an error of the server."""

    list_per_page = 50
    show_full_result_count = False  # one count of the whole table less
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table, choice by choice

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find by the first ten words: thousands of them exhaust the database's parser."""
        words = search_term.replace("\0", " ")[:MAX_SEARCH_LENGTH].split()[:MAX_SEARCH_TERMS]
        return super().get_search_results(request, queryset, " ".join(words))

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Read the page's rows here, where a filter that no database takes is still answered.

        Django answers it by leading back to the list without filters.
        """
        inside = transaction.get_connection().in_atomic_block
        try:
            with transaction.atomic() if inside else nullcontext():
                changelist = super().get_changelist_instance(request)
                len(changelist.result_list)
        except LOOKUP_ERRORS as error:
            if is_outage(error):
                raise
            raise IncorrectLookupParameters(error) from error
        return changelist

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list; an action upon keys that no row can have is 400."""
        if not all(map(self._can_be_key, request.POST.getlist(ACTION_CHECKBOX_NAME))):
            raise BadRequest("No row can have this key.")
        return super().changelist_view(request, extra_context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form; a value that no column can hold is 400."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (OverflowError, DataError) as error:
            raise BadRequest("No row can hold this value.") from error

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The history; Django would tell who may see no row whether there is this one."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return super().history_view(request, object_id, extra_context)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = Autocomplete(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = AutocompleteMultiple(db_field, self.admin_site)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def _can_be_key(self, value: str) -> bool:
        try:
            self.opts.pk.clean(value, None)
        except ValidationError:
            return False
        return "\0" not in value


class ReadOnlyAdmin(BaseAdmin):
    """An admin that shows what only verbs write."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
