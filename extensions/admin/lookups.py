"""The query parameters that a list of the admin accepts, and the page that refuses all others."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.admin.exceptions import (
    DisallowedModelAdminLookup,
    DisallowedModelAdminToField,
)
from django.contrib.admin.options import (
    IS_POPUP_VAR,
    TO_FIELD_VAR,
    IncorrectLookupParameters,
)
from django.contrib.admin.views.main import ERROR_FLAG, IGNORED_PARAMS, PAGE_VAR
from django.contrib.admin.widgets import url_params_from_lookup_dict
from django.core.exceptions import BadRequest
from django.core.paginator import InvalidPage
from django.db import DatabaseError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

PRESERVED = "_changelist_filters"  # on the page of a row: the query of the list it was opened from
NOT_FILTERS = {*IGNORED_PARAMS, PAGE_VAR, ERROR_FLAG, PRESERVED}
LOOKUP_ERRORS = (
    IncorrectLookupParameters,
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
    DatabaseError,
)
MAX_NAME = 80  # characters of a made-up parameter that the page repeats


class RefusedFilters(BadRequest):
    """The list does not take these parameters, or cannot use their values."""

    title: Any = _("The list cannot use this filter")
    sentence: Any = _("The list cannot use the value of one of these filters:")

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)
        super().__init__(f"{self.title}: {', '.join(self.names)[:MAX_NAME]}")


class UnknownFilters(RefusedFilters):
    """The list does not take these parameters."""

    title = _("The list has no such filter")
    sentence = _("The list cannot be filtered by:")


# --- What a list accepts --------------------------------------------------------------------------


def refuse_the_rest(
    request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any
) -> None:
    """Raise UnknownFilters if a parameter is left that no filter of the list has taken.

    It is the last entry of `list_filter`, which Django calls before it filters by the parameters
    that are left. Each filter before it has taken its own out of `params`. Django itself would
    filter by any column: a list that does not show a column would tell it by the rows that match.
    """
    params.pop(PRESERVED, None)
    unknown = [name for name in params if name not in model_admin.link_filters]
    unknown = [name for name in unknown if not _limits_choices(model, name, params[name])]
    if unknown:
        raise UnknownFilters(unknown)


def _limits_choices(model: type[Model], name: str, values: list[str]) -> bool:
    """Whether the popup of a foreign key with `limit_choices_to` sends this parameter."""
    limits = [
        url_params_from_lookup_dict(limit() if callable(limit) else limit)
        for limit in model._meta.related_fkey_lookups
    ]
    return all(any((name, value) in limit.items() for limit in limits) for value in values)


# --- The refusal ----------------------------------------------------------------------------------


def refusal(error: Exception, request: HttpRequest, model_admin: Any) -> Exception:
    """Return what to raise for an error that the parameters of a list have caused.

    A page number past the last, or an error without any filter, stays IncorrectLookupParameters:
    Django then redirects to the list without parameters.
    """
    filters = {name: values for name, values in request.GET.lists() if name not in NOT_FILTERS}
    match error:
        case DisallowedModelAdminToField():
            return RefusedFilters([TO_FIELD_VAR])
        case DisallowedModelAdminLookup():
            return UnknownFilters(_disallowed(filters, request, model_admin))
        case _ if filters and not isinstance(error.__context__, InvalidPage):
            return RefusedFilters(filters)
    return IncorrectLookupParameters(error)


def _disallowed(
    filters: Mapping[str, list[str]], request: HttpRequest, model_admin: Any
) -> list[str]:
    return [
        name
        for name, values in filters.items()
        if not all(model_admin.lookup_allowed(name, value, request) for value in values)
    ]


def refused_page(refused: RefusedFilters, request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Return the page, with status 400, that names the parameters and links to the list."""
    kept = request.GET.copy()
    for name in (*refused.names, ERROR_FLAG, PAGE_VAR):
        kept.pop(name, None)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": refused.title,
        "sentence": refused.sentence,
        "names": [name[:MAX_NAME] for name in refused.names],
        "query": kept.urlencode(),
        "opts": model_admin.opts,
        "is_popup": IS_POPUP_VAR in request.GET,
    }
    return TemplateResponse(request, "admin/refused_filters.html", context, status=400)
