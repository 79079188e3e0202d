"""What every answer tells the browser, and the caches on the way, not to do with it."""

from collections.abc import Callable

from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from config.csp import OF_REST_FRAMEWORK, PERMISSIONS_POLICY, STYLE_ATTRIBUTES


class NoStoreMiddleware:
    """Have no answer kept: there are patients in most, and free times are stale in a second.

    One rule for all rather than a list of what is personal: a page that somebody adds is in it.
    Static files are answered further out and may be kept.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if "no-store" not in response.get("Cache-Control", ""):
            response["Cache-Control"] = "no-store"
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return response


class ContentSecurityPolicyMiddleware(CSPMiddleware):
    """The policy of the settings; REST framework's own pages keep the style of their templates."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path.startswith(OF_REST_FRAMEWORK):
            parts.update = STYLE_ATTRIBUTES
        return parts
