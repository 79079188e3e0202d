"""Middleware for a database that is busy, unreachable or rolls a transaction back."""

import sys
from collections.abc import Callable
from contextlib import suppress

from django.contrib.messages.storage import default_storage
from django.core.exceptions import RequestDataTooBig
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.views.defaults import server_error as django_server_error

from config.problems import RETRY_AFTER, unavailable
from extensions.db.backends.postgresql.timeouts import use_timeouts
from extensions.db.retry import (
    attempts_outside_transaction,
    is_conflict,
    is_outage,
    pause,
    retry,
)

Next = Callable[[HttpRequest], HttpResponseBase]


class DatabaseTimeoutMiddleware:
    """Set the database timeouts of a request, and show the 503 page for a view's outage error."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with use_timeouts():
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the 503 page if the database is unreachable, busy or read-only, else None."""
        return unavailable_page(error) if is_outage(error) else None


class ConflictResponse(OperationalError):
    """The 503 response of a view that met a deadlock or a serialization failure.

    An OperationalError, so that `retry` catches it.
    """

    def __init__(self, response: HttpResponseBase) -> None:
        self.response = response
        super().__init__("The transaction was rolled back in favor of another one.")


def is_conflict_response(error: BaseException) -> bool:
    """Whether the error is a ConflictResponse, so that a new attempt may succeed."""
    return isinstance(error, ConflictResponse)


class RetryMiddleware:
    """Retry the view after a deadlock or a serialization failure, up to three times in all.

    Stands last, so that only the view is repeated. A view writes in one transaction, the row of its
    Idempotency-Key included, so that a failed attempt leaves nothing behind.
    """

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            read_body(request)
        except UnreadablePostError:  # the client disconnected
            return HttpResponse(status=400)
        try:
            return self.attempt(request)
        except ConflictResponse as conflict:
            return conflict.response

    @retry(is_conflict_response, attempts=attempts_outside_transaction, wait=pause)
    def attempt(self, request: HttpRequest) -> HttpResponseBase:
        """Call the view; raises ConflictResponse after a deadlock or a serialization failure."""
        response = self.get_response(request)
        if getattr(response, "is_conflict", False):
            discard_messages(request)
            raise ConflictResponse(response)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the 503 page for a conflict, marked for `attempt` to retry; None for others."""
        if not is_conflict(error):
            return None
        response = unavailable_page(error)
        response.is_conflict = True  # type: ignore[attr-defined]
        return response


def read_body(request: HttpRequest) -> None:
    """Read the body now: the second attempt could not read the stream again."""
    with suppress(RequestDataTooBig):  # the view that reads it raises this again
        request.body  # noqa: B018


def discard_messages(request: HttpRequest) -> None:
    """Drop the success messages that the admin queued in a transaction that was rolled back."""
    if hasattr(request, "_messages"):
        request._messages = default_storage(request)


def unavailable_page(error: BaseException) -> HttpResponse:
    """Log the error, and return the 503 page, which needs no query."""
    unavailable(error)
    page = render_to_string("config/unavailable.html")
    headers = {"Retry-After": str(RETRY_AFTER), "Cache-Control": "no-store"}
    return HttpResponse(page, status=503, headers=headers)


def server_error(request: HttpRequest) -> HttpResponse:
    """Return the 503 page for an outage, else Django's 500 page (`handler500`).

    The error was raised outside of any view, such as while the session was saved.
    """
    error = sys.exc_info()[1]
    return unavailable_page(error) if error and is_outage(error) else django_server_error(request)
