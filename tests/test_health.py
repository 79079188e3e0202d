"""The probes that load balancers and orchestrators call."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from config import environment, health

pytestmark = pytest.mark.both_databases


def assert_unavailable(client: Client, reason: str) -> None:
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "reason": reason}
    assert int(response["Retry-After"]) > 0


def test_a_server_is_alive_without_a_database(client: Client, unreachable: None) -> None:
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_a_server_is_ready_by_one_query(
    client: Client, db: None, django_assert_num_queries: Callable[[int], Any]
) -> None:
    client.get("/readyz")  # the first call reads the migrations from disk
    with django_assert_num_queries(1):
        response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_a_server_is_not_ready_while_the_database_is_unreachable(
    client: Client, unreachable: None
) -> None:
    assert_unavailable(client, "database")


def test_a_server_is_not_ready_before_the_first_migration(client: Client, db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_migrations RENAME TO django_migrations_gone")
    assert_unavailable(client, "database")


def test_a_server_is_not_ready_while_a_migration_is_missing(client: Client, db: None) -> None:
    last = MigrationRecorder(connection).migration_qs.filter(app="appointment").order_by("-id")
    last.first().delete()
    assert_unavailable(client, "migrations")


def test_the_migrations_expected_are_those_that_migrate_applies(db: None) -> None:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes(), clean_start=True)
    assert health.expected_migrations() == {(step.app_label, step.name) for step, _ in plan}


def test_a_server_is_not_ready_without_the_table_that_counts_calls(
    client: Client, transactional_db: None, settings: Any
) -> None:
    settings.CACHES = {"default": environment.counting_cache("dbcache://nowhere")}
    assert_unavailable(client, "cache_table")
    assert "createcachetable" in str(health.reason_to_refuse())


@pytest.fixture
def collected(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """Collect the static files into an empty folder, as production serves them."""
    settings.PRODUCTION, settings.STATIC_ROOT = True, tmp_path
    backend = {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": backend}
    health.lacks_static_files.cache_clear()
    call_command("collectstatic", interactive=False, verbosity=0)
    yield tmp_path
    health.lacks_static_files.cache_clear()


def lacks_static_files() -> bool:
    """Ask as a process that has just started."""
    health.lacks_static_files.cache_clear()
    storage: Any = staticfiles_storage
    storage.hashed_files = storage.load_manifest()[0]
    return health.lacks_static_files()


def test_a_server_is_not_ready_without_a_collected_file_of_the_code(
    client: Client, db: None, collected: Path
) -> None:
    assert lacks_static_files() is False
    assert client.get("/readyz").status_code == 200
    manifest = collected / "staticfiles.json"
    stored = json.loads(manifest.read_text())
    del stored["paths"]["config/start.css"]  # as collected by an older release
    manifest.write_text(json.dumps(stored))
    assert lacks_static_files() is True
    assert_unavailable(client, "static")
    assert "collectstatic" in str(health.reason_to_refuse())
    manifest.unlink()
    assert lacks_static_files() is True


def test_a_server_may_start_while_its_database_is_away(unreachable: None) -> None:
    assert health.reason_to_refuse() is None


@pytest.mark.only_on("postgres")
@pytest.mark.parametrize("does", ["refuses", "ignores", "keeps"])
def test_a_server_does_not_start_where_a_proxy_does_not_keep_the_limits(
    db: None, monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    """Connect as through a PgBouncer that refuses libpq's options, ignores or passes them."""
    connect = psycopg2.connect

    def through_proxy(options: str = "", **params: Any) -> Any:
        if does == "refuses":
            raise psycopg2.OperationalError("FATAL:  unsupported startup parameter: options")
        return connect(**params, options=options if does == "keeps" else "")

    with monkeypatch.context() as patch:
        patch.setattr(psycopg2, "connect", through_proxy)
        patch.setattr(health, "reason_to_wait", lambda: None)
        assert ("PGBOUNCER=1" in str(health.reason_to_refuse())) is (does != "keeps")
        patch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
        assert health.loses_limits() is False


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_an_answer_is_not_cached_and_sets_no_cookie(client: Client, db: None, path: str) -> None:
    response = client.get(path)
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Type"] == "application/json"
    assert response.cookies == {}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_answers_reads_only(db: None, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.head(path).status_code == 200
    response = client.post(path)
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


@pytest.mark.only_on("postgres")
def test_a_server_is_not_ready_on_a_standby(client: Client, db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE FUNCTION pg_is_in_recovery() RETURNS bool RETURN true")
        cursor.execute("SET LOCAL search_path TO public, pg_catalog")
    assert_unavailable(client, "read_only")
