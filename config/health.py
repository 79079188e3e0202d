"""Health checks for machines: `/healthz` (liveness) and `/readyz` (readiness)."""

from functools import cache

from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import BooleanField, Func, Value
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from extensions.db.backends.postgresql.timeouts import short_timeouts

RETRY_AFTER = 5  # seconds
TIMEOUT = 2  # seconds


class ReadOnly(Error):
    """The database is a standby, which takes no writes."""


@cache
def expected_migrations() -> frozenset[tuple[str, str]]:
    """Return the (app, name) of every migration in the code; reads the disk once a process."""
    return frozenset(MigrationLoader(None).graph.nodes)


def missing_migrations() -> frozenset[tuple[str, str]]:
    """Return the migrations that are not applied, by one query.

    Raises ReadOnly on a standby, and django.db.Error if the table of migrations is missing or the
    database does not answer.
    """
    on_postgres = connection.vendor == "postgresql"
    is_standby = (
        Func(function="pg_is_in_recovery", output_field=BooleanField())
        if on_postgres
        else Value(False)
    )
    rows = MigrationRecorder(connection).migration_qs.annotate(is_standby=is_standby)
    applied = frozenset(rows.values_list("app", "name", "is_standby"))
    if any(is_standby for _, _, is_standby in applied):
        raise ReadOnly
    return expected_migrations() - {(app, name) for app, name, _ in applied}


@csrf_exempt  # so that a POST gets 405 rather than 403
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process lives, even if the database does not answer."""
    return _answer(200, status="ok")


@csrf_exempt
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 if the database takes writes and every migration is applied, else 503."""
    try:
        with short_timeouts(TIMEOUT):
            missing = missing_migrations()
    except ReadOnly:
        return _answer(503, status="unavailable", reason="read_only")
    except Error:
        return _answer(503, status="unavailable", reason="database")
    if missing:
        return _answer(503, status="unavailable", reason="migrations")
    return _answer(200, status="ok")


def _answer(code: int, **body: str) -> HttpResponse:
    """Return a JSON response that no cache stores; a 503 has a Retry-After header."""
    headers = {"Cache-Control": "no-store"}
    if code == 503:
        headers["Retry-After"] = str(RETRY_AFTER)
    return JsonResponse(body, status=code, headers=headers)
