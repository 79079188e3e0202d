"""Killed in mid-load, and backed up in it: a twentieth of the drill."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.database import Database
from tests.drills import kills
from tests.drills.kills import Clinic, back_up_and_restore, survive


@pytest.fixture(scope="module")
def durable(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """A clinic whose database is as durable as in service."""
    with kills.clinic(database, tmp_path_factory.mktemp("durable")) as clinic:
        yield clinic


@pytest.mark.only_on("sqlite")
def test_a_killed_worker_and_a_killed_server_lose_nothing_acknowledged(durable: Clinic) -> None:
    survive(durable, [durable.kill_worker, durable.kill_server])


@pytest.mark.only_on("postgres")
def test_a_killed_worker_and_a_killed_database_lose_nothing_acknowledged(durable: Clinic) -> None:
    survive(durable, [durable.kill_worker, durable.kill_database])


@pytest.mark.usefixtures("direct")
def test_a_backup_under_load_holds_all_that_was_acknowledged_before(
    durable: Clinic, tmp_path: Path
) -> None:
    back_up_and_restore(durable, tmp_path, 1)
