"""Middleware that refuses a query parameter of the API that is given twice."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from config.middleware import API
from config.problems import validation_problem

REPEATED = {"code": "repeated", "detail": "Give this once."}


class QueryMiddleware:
    """Answer 400 to a call of the API whose query names a parameter twice.

    Django would take the last value, a proxy or another framework the first: neither is what the
    client means. No parameter is documented as a list that repeats its name.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponse | None:
        """Return the problem, which names each such parameter; None if there is none."""
        if not request.path.startswith(API):
            return None
        repeated = [name for name, values in request.GET.lists() if len(values) > 1]
        errors = ({"field": name, **REPEATED} for name in repeated)
        return validation_problem(errors).response(request) if repeated else None
