"""Fixtures of the tests that cross apps."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.database import Database
from tests.live import UNCAPPED, Server
from tests.sample_data import SampleData, rolled_back
from tests.templates import Templates


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every attempt to connect to the database fail."""

    def refuse(self: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", refuse)


@pytest.fixture(scope="module")
def sample_data(django_db_setup: None, django_db_blocker: Any) -> Iterator[SampleData]:
    """Make one clinic for all tests of a module. Each test's changes are undone."""
    with django_db_blocker.unblock(), rolled_back():
        yield SampleData.made()


@pytest.fixture(scope="session")
def clinic(
    database: Database, templates: Templates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Start the real server with its demo data, on a database of its own.

    All tests of a process share it. They add to its data and break none of its invariants.
    """
    log = tmp_path_factory.mktemp("clinic") / "log"
    server = Server(
        database.create_database("clinic", templates.demo()), log, THROTTLE="off", **UNCAPPED
    )
    with server.running():
        yield server
