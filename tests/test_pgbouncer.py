"""Through PgBouncer in transaction mode; `make drill` runs the whole suite so."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from config import environment
from tests import test_http_race
from tests.cluster import comes_true
from tests.database import Database
from tests.live import Server
from tests.load import Load
from tests.pgbouncer import BouncerMissing, Through

pytestmark = pytest.mark.only_on("postgres")

CONNECTIONS = 4  # of PgBouncer's to the server, for 32 threads of the clinic's


@pytest.fixture(scope="module")
def through(database: Any) -> Iterator[Through]:
    """The suite's server behind a PgBouncer, where one can be had."""
    try:
        bouncer = Through(database, CONNECTIONS)
    except BouncerMissing as reason:
        pytest.skip(f"PgBouncer is left out: {reason}")
    yield bouncer
    bouncer.close()


@pytest.fixture(scope="module")
def bounced(
    through: Through, clinic: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A second server on the clinic's database, which comes to it through PgBouncer."""
    url = through.url(urlsplit(clinic.url).path.strip("/"))
    log = tmp_path_factory.mktemp("bounced") / "log"
    server = Server(url, log, THROTTLE="off", PGBOUNCER="1")
    with server.running():
        yield server


def test_144_tries_at_5_places_sell_5_through_pgbouncer(bounced: Server) -> None:
    doctor, slot, tokens = test_http_race.prepared_in(bounced)
    test_http_race.assert_144_tries_sell_5(bounced, doctor, slot, tokens)


def test_a_load_of_more_clients_than_connections_is_served(bounced: Server) -> None:
    load = Load.prepared(bounced, people=8, days=1)
    with load.running():
        assert comes_true(lambda: len(load.ledger) >= 50), load.summary()
    load.assert_kept()


def test_a_server_behind_pgbouncer_keeps_no_cursors_there(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgres://user@host/clinic"
    for flag, without in (("", False), ("1", True)):
        monkeypatch.setenv("PGBOUNCER", flag)
        config = environment.database(url, Path("/base"))
        assert config["DISABLE_SERVER_SIDE_CURSORS"] is without


def test_the_suite_knows_whether_it_runs_through_pgbouncer(database: Database) -> None:
    config = settings.DATABASES["default"]
    assert config["DISABLE_SERVER_SIDE_CURSORS"] is isinstance(database, Through)
