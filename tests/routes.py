"""Every route of the application, read from the URL resolver itself."""

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, get_resolver

METHODS = ("get", "post", "put", "patch", "delete")
# These answer with a file, never with a page of the browsable API; the latter two with calendars.
FILES = (
    "/api/patient/export/",
    "/api/appointment/my-appointments/{id}/calendar.ics",
    "/api/appointment/calendar-feeds/{secret}.ics",
)
DOCUMENTS = ("/api/schema/", "/api/docs/")  # the OpenAPI document, and the page that shows it
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>[^()]*\)")


def api_routes() -> dict[str, set[str]]:
    """Return the methods (in capitals) of each path template, such as /api/doctor/doctors/{id}/."""
    found: dict[str, set[str]] = {}
    for path, view in _views(get_resolver().url_patterns, "/"):
        if path.startswith("/api/") and path not in DOCUMENTS:
            found[path] = {method.upper() for method in METHODS if _offers(view, method)}
    return found


def api_views() -> dict[str, Any]:
    """Return the view of each path template under /api/, the two documents included."""
    found = _views(get_resolver().url_patterns, "/")
    return {path: view for path, view in found if path.startswith("/api/")}


def routes() -> list[str]:
    """Return the template of every path, of the API and of every page, in the resolver's order."""
    return [path for path, _ in _views(get_resolver().url_patterns, "/")]


def template_of(route: str) -> str:
    """Return the template of a route as the resolver writes it: with `{id}` for `<id:pk>`."""
    return "/" + PARAMETER.sub(_parameter, route.removeprefix("/"))


def _views(patterns: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern).removeprefix("^").removesuffix("$")
        if isinstance(pattern, URLPattern):
            yield PARAMETER.sub(_parameter, path), pattern.callback
        else:
            yield from _views(pattern.url_patterns, path)


def _parameter(match: re.Match[str]) -> str:
    name = match[1] or match[2]
    return "{id}" if name == "pk" else f"{{{name}}}"


def _offers(view: Any, method: str) -> bool:
    actions = getattr(view, "actions", None)
    return method in actions if actions else hasattr(view.cls, method)
