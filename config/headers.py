"""Headers of every answer: no caching, and what its page may do in the browser."""

from collections.abc import Callable
from http import HTTPStatus

from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from config.csp import OF_REST_FRAMEWORK, PERMISSIONS_POLICY, STYLE_ATTRIBUTES
from extensions.icalendar import MEDIA_TYPE as CALENDAR
from extensions.rest.conditional import KEPT_BY_CLIENTS


class NoStoreMiddleware:
    """Forbid caches to store any answer, and set the Permissions-Policy of pages.

    Most answers hold patients' data. One rule covers views that are added later. A view that gives
    everybody the same answer may say REVALIDATE: a cache stores it, and asks each time whether it
    still holds. The file of a calendar may be kept by its one client. WhiteNoise answers static
    files further out, and caches may store those.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        stated = response.get("Cache-Control", "")
        if stated not in KEPT_BY_CLIENTS and "no-store" not in stated:
            response["Cache-Control"] = "no-store"
        if response.status_code == HTTPStatus.NOT_MODIFIED:
            del response["Content-Length"]  # of the answer that the client has, not 0
        if not is_data(response):
            response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return response


class ContentSecurityPolicyMiddleware(CSPMiddleware):
    """Set the policy of pages; those of REST framework may keep their style attributes."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Add the header, but not to data: `nosniff` keeps a browser from showing it as a page."""
        return response if is_data(response) else super().process_response(request, response)

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path.startswith(OF_REST_FRAMEWORK):
            parts.update = STYLE_ATTRIBUTES
        return parts


def is_data(response: HttpResponseBase) -> bool:
    """Whether the response is data or has no body, and so needs no policy for pages."""
    kind = response.get("Content-Type", "").partition(";")[0]
    return not kind or "json" in kind or kind == CALENDAR
