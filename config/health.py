"""Two questions a machine asks: does the process live, and can it serve?"""

from functools import cache

from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

RETRY_AFTER = 5  # seconds


@cache
def expected_migrations() -> frozenset[tuple[str, str]]:
    """The (app, name) of every migration in the code: read from disk once a process."""
    return frozenset(MigrationLoader(None).graph.nodes)


def missing_migrations() -> frozenset[tuple[str, str]]:
    """Those not applied, by one query; raises django.db.Error where even their table is missing."""
    applied = MigrationRecorder(connection).migration_qs.values_list("app", "name")
    return expected_migrations() - frozenset(applied)


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
        missing = missing_migrations()
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
