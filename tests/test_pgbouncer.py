"""The settings behind PgBouncer in transaction mode; the drill runs the whole suite through one."""

from pathlib import Path

import pytest
from django.conf import settings

from config import environment
from tests.database import Database
from tests.pgbouncer import Through

pytestmark = pytest.mark.only_on("postgres")


def test_a_server_behind_pgbouncer_keeps_no_cursors_there(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgres://user@host/clinic"
    for flag, without in (("", False), ("1", True)):
        monkeypatch.setenv("PGBOUNCER", flag)
        config = environment.database(url, Path("/base"))
        assert config["DISABLE_SERVER_SIDE_CURSORS"] is without


def test_the_suite_knows_whether_it_runs_through_pgbouncer(database: Database) -> None:
    config = settings.DATABASES["default"]
    assert config["DISABLE_SERVER_SIDE_CURSORS"] is isinstance(database, Through)
