"""Drills kill workers, servers and databases 20 times each under load, and back up under load."""

from collections.abc import Iterator

import pytest

from tests.drills import kills
from tests.drills.kills import Clinic, back_up_and_restore, survive


@pytest.fixture(scope="module")
def durable(database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """Start a clinic whose database is as durable as in service."""
    with kills.clinic(database, tmp_path_factory.mktemp("durable")) as clinic:
        yield clinic


def test_20_killed_workers_lose_nothing(durable: Clinic, sized, report) -> None:
    survive(durable, [durable.kill_worker] * sized(20), report)


def test_20_killed_servers_lose_nothing(durable: Clinic, sized, report) -> None:
    survive(durable, [durable.kill_server] * sized(20), report)


@pytest.mark.only_on("postgres")
def test_20_killed_databases_lose_nothing(durable: Clinic, sized, report) -> None:
    survive(durable, [durable.kill_database] * sized(20), report)


def test_5_backups_under_load_hold_all_that_was_acknowledged(
    durable: Clinic, tmp_path, sized, report
) -> None:
    for number in range(sized(5)):
        back_up_and_restore(durable, tmp_path, number, report)
