"""The clients of the drills find no fault in a sound server, and notice a lost visit."""

import time

import pytest

from tests.drills.load import Load
from tests.live import Server


@pytest.fixture(scope="module")
def load(clinic: Server) -> Load:
    """Let four people book at the server for a second, and return their load."""
    load = Load.prepared(clinic, people=4, days=1)
    with load.running():
        time.sleep(1)
    return load


def test_control_a_durable_server_keeps_what_it_acknowledges(load: Load) -> None:
    load.assert_kept()
    assert set(load.statuses()) <= {"200", "201", "409"}
    assert 0 < load.longest() < 10


def test_an_acknowledged_visit_that_is_gone_is_seen(load: Load) -> None:
    answer = load.ledger[0]
    answer.appointment, kept = -1, answer.appointment
    assert load.lost() == [answer]
    answer.appointment = kept
    assert load.lost() == []
