"""Two questions a machine asks: does the process live, and can it serve?"""

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
SECONDS = 2  # that it is waited for


class ReadOnly(Error):
    """The database follows another one."""


@cache
def expected_migrations() -> frozenset[tuple[str, str]]:
    """The (app, name) of every migration in the code: read from disk once a process."""
    return frozenset(MigrationLoader(None).graph.nodes)


def missing_migrations() -> frozenset[tuple[str, str]]:
    """Those not applied, by one query; raises django.db.Error where even their table is missing.

    Raises ReadOnly where the database is a standby, which answers and takes nothing.
    """
    on_postgres = connection.vendor == "postgresql"
    follows = (
        Func(function="pg_is_in_recovery", output_field=BooleanField())
        if on_postgres
        else Value(False)
    )
    rows = MigrationRecorder(connection).migration_qs.annotate(follows=follows)
    applied = frozenset(rows.values_list("app", "name", "follows"))
    if any(follows for _, _, follows in applied):
        raise ReadOnly
    return expected_migrations() - {(app, name) for app, name, _ in applied}


@csrf_exempt  # so that a POST is told 405, as it should
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that the process lives; looks at nothing else, so that no database outage restarts it."""
    return _answer(200, status="ok")


@csrf_exempt
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether calls can be served: the database answers and every migration is applied."""
    try:
        with short_timeouts(SECONDS):
            missing = missing_migrations()
    except ReadOnly:
        return _answer(503, status="unavailable", reason="read_only")
    except Error:
        return _answer(503, status="unavailable", reason="database")
    if missing:
        return _answer(503, status="unavailable", reason="migrations")
    return _answer(200, status="ok")


def _answer(code: int, **body: str) -> HttpResponse:
    """An answer for this moment only: kept by no cache, and saying when to ask again."""
    headers = {"Cache-Control": "no-store"}
    if code == 503:
        headers["Retry-After"] = str(RETRY_AFTER)
    return JsonResponse(body, status=code, headers=headers)
