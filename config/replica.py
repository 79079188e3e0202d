"""Public reads on the standby, where DATABASE_REPLICA_URL names one."""

from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.db import connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from extensions.db.replica import REPLICA, Standby, reads_on_replica

PUBLIC = "/api/doctor/"
READS = ("GET", "HEAD")


@cache
def standby() -> Standby:
    """Return the standby as this process sees it."""
    return Standby(settings.DATABASE_REPLICA_MAX_LAG)


def replica_state() -> dict[str, str]:
    """Return what /readyz tells of the standby; nothing where none is named."""
    if REPLICA not in connections:
        return {}
    standby().is_usable()
    return {"replica": standby().state}


def is_public_read(request: HttpRequest) -> bool:
    """Whether a caller without credentials reads the directory or the calendar.

    A caller with credentials may have written a moment ago, and reads the own write on the primary.
    """
    has_credentials = (
        "Authorization" in request.headers or settings.SESSION_COOKIE_NAME in request.COOKIES
    )
    is_read = request.method in READS and request.path.startswith(PUBLIC)
    return is_read and not has_credentials


class ReplicaMiddleware:
    """Let a public read use the standby; run it again on the primary where the standby fails.

    Stands last, so that only the view is repeated, and before RetryMiddleware sees a query that the
    standby has canceled. Such a view writes nothing, and a call is counted once.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not (is_public_read(request) and standby().is_usable()):
            return self.get_response(request)
        replica = connections[REPLICA]
        replica.errors_occurred = False  # Django sets it at an error of this connection
        with reads_on_replica():
            response = self.get_response(request)
        if not (replica.errors_occurred and response.status_code >= 500):
            return response
        standby().rest()
        return self.get_response(request)
