"""Health checks for machines: `/healthz` (liveness) and `/readyz` (readiness)."""

from functools import cache
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.cache import cache as limits
from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import BooleanField, Func, Value
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from config.replica import replica_state
from extensions.db.backends.postgresql.timeouts import (
    request_timeouts,
    short_timeouts,
    use_timeouts,
)

RETRY_AFTER = 5  # seconds
TIMEOUT = 2  # seconds
REMEDIES = {
    "cache_table": "Run `manage.py createcachetable` first: the API counts calls in that table.",
    "pgbouncer": (
        "Set PGBOUNCER=1: DATABASE_URL names a PgBouncer, or another proxy, whose connections do "
        "not keep the limits of requests."
    ),
    "static": "Run `manage.py collectstatic` first: production serves collected files only.",
}


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


def lacks_cache_table() -> bool:
    """Whether calls cannot be counted, while the database answers: the API would answer 500."""
    try:
        limits.get("readyz")
    except Error:
        return True
    return False


def loses_limits() -> bool:
    """Whether connections do not keep the limits of requests, as those of a PgBouncer.

    It refuses a connection that states them, or ignores them, as it is configured.
    """
    if connection.vendor != "postgresql" or connection.is_pooled:  # type: ignore[attr-defined]
        return False
    expected = request_timeouts().of_server
    new = connection.copy()
    try:
        with use_timeouts(), new.cursor() as cursor:
            cursor.execute("SELECT name, setting FROM pg_settings WHERE name LIKE '%timeout'")
            found = dict(cursor.fetchall())
    except Error as error:
        return "unsupported startup parameter" in str(error)
    finally:
        new.close()
    return any(int(found[name]) != value for name, value in expected.items())


@cache
def lacks_static_files() -> bool:
    """Whether production lacks a collected static file, so that a page of the admin would be 500.

    A process reads the list of collected files once, and so does this.
    """
    if not settings.PRODUCTION:
        return False
    app: Any = apps.get_app_config("staticfiles")
    storage: Any = staticfiles_storage
    ignored, collected = app.ignore_patterns, storage.hashed_files
    files = (each for finder in get_finders() for each in finder.list(ignored))
    # As collectstatic joins them: a folder of STATICFILES_DIRS may have a prefix.
    names = (Path(getattr(folder, "prefix", None) or "", name).as_posix() for name, folder in files)
    return not all(name in collected for name in names)


def reason_to_wait() -> str | None:
    """Return why this server cannot serve yet, in the word that /readyz tells; None if it can."""
    try:
        with short_timeouts(TIMEOUT):
            if missing_migrations():
                return "migrations"
            if lacks_cache_table():
                return "cache_table"
    except ReadOnly:
        return "read_only"
    except Error:
        return "database"
    return "static" if lacks_static_files() else None


def reason_to_refuse() -> str | None:
    """Return why a server must not start, in a sentence; None if it may.

    What comes back by itself or by a migration is no reason: /readyz tells it meanwhile.
    """
    if lacks_static_files():
        return REMEDIES["static"]
    if loses_limits():
        return REMEDIES["pgbouncer"]
    return REMEDIES["cache_table"] if reason_to_wait() == "cache_table" else None


@csrf_exempt  # so that a POST gets 405 rather than 403
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process lives, even if the database does not answer."""
    return _answer(200, status="ok")


@csrf_exempt
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 if the database takes writes and has all its tables, and pages their files.

    Without its standby, whose state it tells, the server serves from the primary.
    """
    reason = reason_to_wait()
    if reason:
        return _answer(503, status="unavailable", reason=reason)
    return _answer(200, status="ok", **replica_state())


def _answer(code: int, **body: str) -> HttpResponse:
    """Return a JSON response that no cache stores; a 503 has a Retry-After header."""
    headers = {"Cache-Control": "no-store"}
    if code == 503:
        headers["Retry-After"] = str(RETRY_AFTER)
    return JsonResponse(body, status=code, headers=headers)
