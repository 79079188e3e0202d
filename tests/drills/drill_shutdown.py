"""A graceful end under load cuts no caller off. With gunicorn's own worker, it cuts some off."""

from pathlib import Path

import pytest

from tests.database import Database
from tests.drills.load import Load
from tests.drills.shutdown import (
    assert_no_caller_cut_off,
    cut_off,
    end_in_mid_load,
    signed_in_while_it_ends,
)
from tests.live import BareServer


@pytest.fixture
def server(database: Database, tmp_path: Path) -> BareServer:
    server = BareServer(database.create_database("shutdown"), tmp_path / "log")
    server.migrate()
    return server


def test_a_server_that_ends_cuts_off_no_caller(server: BareServer, sized, report) -> None:
    assert_no_caller_cut_off(Load.prepared(server, people=12), server, sized(10), report)


def test_a_server_that_ends_answers_the_sign_ins_that_wait(server: BareServer, report) -> None:
    statuses = signed_in_while_it_ends(server, 40)
    report(f"40 sign-ins in mid-end: {dict(statuses)}")
    assert statuses.total() == 40
    assert statuses[200] > 4, "no more than those that had a turn"
    assert set(statuses) <= {200, 503}


def test_control_gunicorns_own_worker_cuts_off_queued_callers(
    server: BareServer, sized, report
) -> None:
    server.command = (*server.command, "--worker-class", "gthread")
    answer = end_in_mid_load(Load.prepared(server, people=12), server, sized(3))
    report(f"control: {cut_off(answer)}")
    assert cut_off(answer)
