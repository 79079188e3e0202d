"""A server that ends answers all who have come in."""

from pathlib import Path

import pytest

from tests.database import Database
from tests.drills.shutdown import assert_nobody_cut_off
from tests.live import BareServer
from tests.load import Load

# One database is enough: who is cut off is decided between the port and the worker.
pytestmark = pytest.mark.only_on("sqlite")


def test_a_server_that_is_told_to_end_in_mid_load_cuts_nobody_off(
    database: Database, tmp_path: Path
) -> None:
    server = BareServer(database.create_database("shutdown"), tmp_path / "log")
    server.migrate()
    assert_nobody_cut_off(Load.prepared(server, people=12, days=1), server, rounds=2)
