"""What a call meets when the database is busy, away, or decides against it."""

import sys
from collections.abc import Callable
from contextlib import suppress

from django.contrib.messages.storage import default_storage
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.views.defaults import server_error as django_server_error

from config.problems import RETRY_AFTER, unavailable
from extensions.db.backends.postgresql.timeouts import use_timeouts
from extensions.db.retry import attempts_outside_transaction, is_conflict, is_outage, pause

Next = Callable[[HttpRequest], HttpResponseBase]


class DatabaseTimeoutMiddleware:
    """Let no call wait long for the database, and say so on a page where one did."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with use_timeouts():
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer what a view of a page raised, where the database is to blame for it."""
        return page_of(error) if is_outage(error) else None


class RetryMiddleware:
    """Answer a call anew which the database undid in favor of another: nobody hears of a deadlock.

    Stands last, so that only the view is repeated. A view changes rows in one transaction, its
    Idempotency-Key included, so that nothing of the first try is left.
    """

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            read_body(request)
        except UnreadablePostError:  # the client is gone
            return HttpResponse(status=400)
        for attempt in range(1, attempts_outside_transaction()):
            request.is_last_attempt = False  # type: ignore[attr-defined]
            response = self.get_response(request)
            if not getattr(response, "is_conflict", False):
                return response
            discard_messages(request)
            pause(attempt)
        request.is_last_attempt = True  # type: ignore[attr-defined]
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Have the call answered anew, unless this was the last try."""
        if request.is_last_attempt or not is_conflict(error):  # type: ignore[attr-defined]
            return None
        response = HttpResponse(status=503)
        response.is_conflict = True  # type: ignore[attr-defined]
        return response


def read_body(request: HttpRequest) -> None:
    """Read the body now: a stream could be read once only."""
    with suppress(RequestDataTooBig):  # for whoever reads it to find out
        request.body  # noqa: B018


def discard_messages(request: HttpRequest) -> None:
    """Drop what the admin queued of a success that was undone."""
    if hasattr(request, "_messages"):
        request._messages = default_storage(request)


def page_of(error: BaseException) -> HttpResponse:
    """A page for a person; it asks the database nothing."""
    unavailable(error)
    page = render_to_string("config/unavailable.html")
    headers = {"Retry-After": str(RETRY_AFTER), "Cache-Control": "no-store"}
    return HttpResponse(page, status=503, headers=headers)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer what was raised outside of any view, such as while a session was written."""
    error = sys.exc_info()[1]
    return page_of(error) if error and is_outage(error) else django_server_error(request)
