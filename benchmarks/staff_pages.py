"""The pages of staff and the public lists that `make bench-growth` opens on both databases.

They are found, not listed: every list of the admin as it opens, with a search, sorted by each
column that it lets sort, and its autocomplete; the pages of the desk that need no key; and the
lists of the API. Run by benchmarks.prepare, within Django.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.test import RequestFactory
from django.urls import get_resolver, reverse

PUBLIC = (
    "/api/doctor/doctors/",
    "/api/doctor/doctors/?search={name}",
    "/api/doctor/doctors/?location={location}",
    "/api/doctor/specialties/",
    "/api/doctor/locations/",
    "/api/doctor/languages/",
    "/api/doctor/schedules/",
    "/api/doctor/slots/?page_size=20",
    "/api/doctor/slots/?location={location}",
)
OF_STAFF = (
    "/api/appointment/rebooking/",
    "/api/appointment/waitlist/",
    "/api/doctor/weekly-hours/",
    "/api/doctor/time-off/",
    "/api/patient/access-log/",
)


def pages(user: Any, name: str, location: int) -> list[str]:
    """Return the paths; `name` is a last name that patients have, `location` a key."""
    words = {"name": name, "location": location}
    found = [*admin_lists(user, name), *autocompletes(name), *desk(name), *OF_STAFF]
    return [*found, *(path.format(**words) for path in PUBLIC)]


def admin_lists(user: Any, name: str) -> Iterator[str]:
    """Yield the list of each model of the admin: plain, searched, and sorted by each column."""
    request = RequestFactory().get("/")
    request.user = user
    for model, shown in sorted(admin.site._registry.items(), key=lambda each: str(each[0])):
        if not shown.has_view_permission(request):
            continue
        options = model._meta
        path = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
        yield path
        if shown.get_search_fields(request):
            yield f"{path}?{urlencode({'q': name})}"
            yield f"{path}?{urlencode({'q': name[:2]})}"
            yield f"{path}?q=no+such+word"
        for number in sortable(shown, request):
            yield f"{path}?o={number}"


def sortable(shown: Any, request: Any) -> list[int]:
    """Return the numbers of the columns by which a list can be sorted."""
    changes = shown.get_changelist_instance(request)
    return [
        number
        for number, column in enumerate(changes.list_display)
        if column != "action_checkbox" and changes.get_ordering_field(column)
    ]


def autocompletes(name: str) -> Iterator[str]:
    """Yield the autocomplete of each relation that a form of the admin offers."""
    for model, shown in sorted(admin.site._registry.items(), key=lambda each: str(each[0])):
        for field in shown.autocomplete_fields:
            named = {"app_label": model._meta.app_label, "model_name": model._meta.model_name}
            for term in (name, ""):
                query = urlencode({"term": term, **named, "field_name": field})
                yield f"{reverse('admin:autocomplete')}?{query}"


def desk(name: str) -> Iterator[str]:
    """Yield the pages of the desk whose address has no key in it."""
    table = get_resolver("appointment.desk.urls").url_patterns
    for each in table:
        path = str(each.pattern)
        if "<" not in path:
            yield f"/admin/desk/{path}"
    yield f"/admin/desk/search/?{urlencode({'q': name})}"
    yield f"/admin/desk/search/?{urlencode({'q': name[:2]})}"
