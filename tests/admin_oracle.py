"""What an attacker asks a list of the admin, to read columns by the rows that match."""

import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import AutocompleteMixin
from django.db.models import Model
from django.http import HttpRequest
from django.test import RequestFactory

from accounts.models import User

LOOKUPS = ("", "__exact", "__gte", "__startswith", "__regex", "__isnull", "__in")
HEXADECIMAL = "0123456789abcdef"


def read_by_comparing(is_found: Callable[[str], bool], length: int) -> str:
    """Read a hexadecimal column digit by digit, with four questions `column >= guess` for each.

    `is_found`: asks the list, and returns whether it shows the row.
    """
    known = ""
    for _ in range(length):
        low, high = 0, len(HEXADECIMAL)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if is_found(known + HEXADECIMAL[middle]) else (low, middle)
        known += HEXADECIMAL[low]
    return known


def request_of(user: User, **query: Any) -> HttpRequest:
    """Return a GET request of the user, without a middleware."""
    request = RequestFactory().get("/", query)
    request.user = user
    return request


def columns(model: type[Model]) -> Iterator[str]:
    """Yield the names by which a query reaches each column and relation of the model."""
    yield "pk"
    for field in model._meta.get_fields(include_hidden=True):
        yield field.name
        attname = getattr(field, "attname", field.name)
        if attname != field.name:
            yield attname


def columns_beyond(model: type[Model]) -> Iterator[str]:
    """Yield the names of each column and relation of the models that this model refers to.

    Relations count in both directions.
    """
    for field in model._meta.get_fields(include_hidden=True):
        if isinstance(field.related_model, type):
            yield from (f"{field.name}__{name}" for name in columns(field.related_model))


def parameters(model: type[Model]) -> Iterator[str]:
    """Yield the parameters to try: every column and relation, those beyond with two lookups."""
    yield from (f"{name}{lookup}" for name in columns(model) for lookup in LOOKUPS)
    for name in columns_beyond(model):
        yield from (f"{name}{lookup}" for lookup in ("", "__exact", "__gte", "__isnull"))


def offered(changelist: ChangeList) -> set[str]:
    """Return the parameters of the links that lead to the list or are on it."""
    model_admin: Any = changelist.model_admin
    hierarchy = changelist.date_hierarchy
    dates = [f"{hierarchy}__{part}" for part in ("year", "month", "day")] if hierarchy else []
    filters = (name for spec in changelist.filter_specs for name in spec.expected_parameters())
    return {*filters, *dates, *model_admin.link_filters}


def is_taken(changelist: ChangeList, request: HttpRequest, name: str) -> bool:
    """Whether the list filters by the parameter, as Django decides before any query."""
    changelist.filter_params = {name: ["2026"]}
    try:
        changelist.get_filters(request)
    except Exception as refusal:
        if type(refusal).__name__ not in {"UnknownFilters", "DisallowedModelAdminLookup"}:
            raise
        return False
    return True


def registered() -> list[type[Model]]:
    """Return every model that has an admin, by name."""
    return sorted(admin.site._registry, key=lambda model: model._meta.label)


# --- What the pages offer -------------------------------------------------------------------------


def links(html: str) -> set[str]:
    """Return one link that begins with `?` for each set of parameters, of those on the page."""
    found = re.findall(r'href="(\?[^"]*)"', html)
    queries = [unescape(link).removeprefix("?") for link in found]
    return set({frozenset(parse_qs(query, True)): query for query in queries}.values())


def autocompletes(model: type[Model], request: HttpRequest) -> set[tuple[type[Model], str]]:
    """Return model and name of each field that the forms of this model autocomplete."""
    model_admin = admin.site.get_model_admin(model)
    rows = (None, model._default_manager.first())
    fields = [
        field
        for row in rows
        for field in model_admin.get_form(request, row, change=row is not None).base_fields.values()
    ]
    widgets = [getattr(field.widget, "widget", field.widget) for field in fields]
    return {
        (widget.field.model, widget.field.name)
        for widget in widgets
        if isinstance(widget, AutocompleteMixin)
    }
