"""The probes that load balancers and orchestrators call."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from config import health

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
