"""Public reads use the standby, all else the primary, and a failing standby fails no call.

The standby is a second connection to the database of the tests, so a test commits its rows.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import pytest
from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, Error, OperationalError, connections, transaction
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from psycopg2 import errors
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import UserFactory
from config import replica as module
from config.management.commands.serve import reach_databases
from config.replica import is_public_read
from config.routers import ReplicaRouter
from config.tests.bench import Clock
from doctor.models import Slot
from doctor.tests.factories import SpecialtyFactory
from extensions.db.replica import (
    BEHIND,
    CHECKED_EVERY,
    FAILED,
    PROMOTED,
    REPLICA,
    REST,
    UNREACHABLE,
    USABLE,
    NotInRecovery,
    Standby,
    alias_for_read,
    reads_on_replica,
)

PATH = "/api/doctor/specialties/"
commits = pytest.mark.django_db(transaction=True, databases=[DEFAULT_DB_ALIAS, REPLICA])


class Lag:
    """A measured lag that a test sets; an exception is raised. `checks`: how often it was asked."""

    def __init__(self) -> None:
        self.seconds: float | type[Exception] = 0.0
        self.checks = 0

    def __call__(self) -> float:
        self.checks += 1
        if isinstance(self.seconds, float):
            return self.seconds
        raise self.seconds


@pytest.fixture(scope="module", autouse=True)
def replica(django_db_setup: None) -> Iterator[None]:
    """Add the alias `replica`, another connection to the same database."""
    known: Any = connections.settings
    name = connections[DEFAULT_DB_ALIAS].settings_dict["NAME"]
    known[REPLICA] = {**known[DEFAULT_DB_ALIAS], "NAME": name}
    yield
    connections[REPLICA].close()
    del connections[REPLICA], known[REPLICA]


@pytest.fixture
def lag() -> Lag:
    return Lag()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def standby(lag: Lag, clock: Clock) -> Standby:
    return Standby(5.0, lag, clock)


@pytest.fixture
def served(db: None, standby: Standby, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Standby:
    """Let the application use the standby."""
    settings.DATABASE_ROUTERS = ["config.routers.ReplicaRouter"]
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "config.replica.ReplicaMiddleware"]
    monkeypatch.setattr(module, "standby", lambda: standby)
    SpecialtyFactory(name="Cardiology")
    return standby


@contextmanager
def statements(alias: str) -> Iterator[list[str]]:
    """Yield a list that holds, after the block, the SQL of the connection."""
    found: list[str] = []
    with CaptureQueriesContext(connections[alias]) as captured:
        yield found
    found += [query["sql"] for query in captured.captured_queries]


# --- The state of the standby ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "state"),
    [(0.0, USABLE), (5.0, USABLE), (5.1, BEHIND), (Error, UNREACHABLE), (NotInRecovery, PROMOTED)],
)
def test_a_standby_is_used_within_its_bound(
    standby: Standby, lag: Lag, seconds: Any, state: str
) -> None:
    lag.seconds = seconds
    assert standby.is_usable() is (state == USABLE)
    assert standby.state == state


def test_a_measured_lag_counts_for_a_moment(standby: Standby, lag: Lag, clock: Clock) -> None:
    assert standby.is_usable()
    lag.seconds = 6.0
    assert standby.is_usable()
    assert lag.checks == 1
    clock.now += CHECKED_EVERY
    assert not standby.is_usable()
    lag.seconds = 0.0
    clock.now += CHECKED_EVERY
    assert standby.is_usable()


@pytest.mark.parametrize("fault", [Error, NotInRecovery])
def test_a_standby_that_is_away_is_asked_once_in_a_while(
    standby: Standby, lag: Lag, clock: Clock, fault: Any
) -> None:
    lag.seconds = fault
    assert not standby.is_usable()
    clock.now += REST - 0.1
    assert not standby.is_usable()
    assert lag.checks == 1
    clock.now += 0.1
    lag.seconds = 0.0
    assert standby.is_usable()


def test_threads_do_not_wait_for_the_check_of_another_one(standby: Standby, lag: Lag) -> None:
    seen = []

    def measure() -> float:
        seen.append(standby.is_usable())  # as another thread would meanwhile
        return 0.0

    standby._measure = measure
    assert standby.is_usable()
    assert seen == [False]


def test_a_check_that_began_before_a_failure_does_not_end_the_rest(standby: Standby) -> None:
    def measure() -> float:
        standby.rest()
        return 0.0

    standby._measure = measure
    assert not standby.is_usable()
    assert standby.state == FAILED


# --- Which calls, and which tables ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "headers", "expected"),
    [
        ("GET", PATH, {}, True),
        ("HEAD", PATH, {}, True),
        ("POST", PATH, {}, False),
        ("GET", "/api/appointment/my-appointments/", {}, False),
        ("GET", "/admin/", {}, False),
        ("GET", PATH, {"HTTP_AUTHORIZATION": "Token nonsense"}, False),
        ("GET", PATH, {"HTTP_COOKIE": "sessionid=nonsense"}, False),
        ("GET", PATH, {"HTTP_COOKIE": "theme=dark"}, True),
    ],
)
def test_public_reads_without_credentials_may_use_the_standby(
    method: str, path: str, headers: dict[str, str], expected: bool
) -> None:
    assert is_public_read(RequestFactory().generic(method, path, **headers)) is expected


def test_only_the_tables_of_the_public_app_are_read_there() -> None:
    router = ReplicaRouter()
    with reads_on_replica():
        there = {m._meta.app_label for m in apps.get_models() if router.db_for_read(m) == REPLICA}
        written = {router.db_for_write(model) for model in apps.get_models()}
    assert there == {"doctor"}
    assert written == {DEFAULT_DB_ALIAS}
    assert {router.db_for_read(model) for model in apps.get_models()} == {DEFAULT_DB_ALIAS}


def test_a_migration_changes_the_primary_alone() -> None:
    router = ReplicaRouter()
    assert router.allow_migrate(REPLICA, "doctor") is False
    assert router.allow_migrate(DEFAULT_DB_ALIAS, "doctor") is None


@commits
def test_locks_and_transactions_stay_on_the_primary(settings: Any) -> None:
    settings.DATABASE_ROUTERS = ["config.routers.ReplicaRouter"]
    with reads_on_replica():
        assert Slot.objects.all().db == REPLICA
        assert Slot.objects.select_for_update().db == DEFAULT_DB_ALIAS
        with transaction.atomic():
            assert alias_for_read() == DEFAULT_DB_ALIAS


# --- Calls ----------------------------------------------------------------------------------------


@commits
def test_a_public_read_uses_the_standby(served: Standby) -> None:
    with statements(REPLICA) as there, statements(DEFAULT_DB_ALIAS) as here:
        found = APIClient().get(PATH).json()["results"]
    assert [row["name"] for row in found] == ["Cardiology"]
    assert [sql for sql in there if "doctor_specialty" in sql]
    assert [sql for sql in here if "doctor_" in sql] == []


@commits
def test_a_caller_with_a_token_reads_the_primary(
    served: Standby, client_of: Callable[[User], APIClient]
) -> None:
    client = client_of(UserFactory())
    with statements(REPLICA) as there:
        assert client.get(PATH).status_code == 200
    assert there == []


@pytest.mark.only_on("postgres")
@commits
@pytest.mark.parametrize("fault", [errors.SerializationFailure, errors.AdminShutdown])
def test_a_read_that_the_standby_cancels_is_repeated_on_the_primary(
    served: Standby, lag: Lag, clock: Clock, fault: type[Exception]
) -> None:
    attempts = []

    def cancel(execute: Any, *arguments: Any) -> Any:
        attempts.append(1)
        with connections[REPLICA].wrap_database_errors:
            raise fault("canceling statement due to conflict with recovery")

    with connections[REPLICA].execute_wrapper(cancel):
        for _ in range(2):
            assert APIClient().get(PATH).status_code == 200
        assert served.state == FAILED
        assert len(attempts) == 1
    clock.now += REST
    assert APIClient().get(PATH).status_code == 200
    assert served.state == USABLE


@pytest.mark.only_on("postgres")
@commits
def test_a_standby_that_refuses_connections_fails_no_call(
    served: Standby, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def refuse(*arguments: Any) -> None:
        tries.append(1)
        raise psycopg2.OperationalError("connection refused")

    monkeypatch.setattr(connections[REPLICA], "get_new_connection", refuse)
    for _ in range(3):
        assert APIClient().get(PATH).status_code == 200
    assert len(tries) == 1


@commits
def test_a_fault_of_the_primary_is_no_fault_of_the_standby(
    served: Standby, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> None:
        raise OperationalError("the primary is away")

    monkeypatch.setattr("accounts.authentication.count_call", fail)
    assert APIClient().get(PATH).status_code == 503
    assert served.state == USABLE


def test_a_server_starts_without_its_standby(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(connections[REPLICA], "ensure_connection", refuse)
    reach_databases()


@commits
def test_readyz_tells_the_state_and_stays_ready(served: Standby, lag: Lag, settings: Any) -> None:
    lag.seconds = 60.0
    response = APIClient().get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "replica": BEHIND})
