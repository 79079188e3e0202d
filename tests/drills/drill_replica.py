"""Public reads on a real standby, which lags, hangs, is cut off and killed: no call fails."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from extensions.db.replica import REST
from tests.drills import replica
from tests.drills.conftest import Sized
from tests.drills.replica import MAX_LAG, READERS, Pair
from tests.threads import becomes_true

pytestmark = pytest.mark.only_on("postgres")

BACK = REST + 10  # seconds in which a standby that is back is in use again
LONGEST = 8.0  # seconds: one answer that does not come (2.5), one check (2), and the primary's
CUT = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = 'clinic'"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Start both servers and the clinic's for all drills of this file."""
    with replica.pair(tmp_path_factory.mktemp("pair")) as pair:
        yield pair


def in_use(pair: Pair) -> None:
    """Wait until public reads reach the standby."""
    assert becomes_true(lambda: pair.state() == "ok", BACK), pair.state()
    assert pair.reads_reach(pair.standby)


def test_public_reads_reach_the_standby_and_not_the_primary(pair: Pair) -> None:
    in_use(pair)
    time.sleep(2)  # PostgreSQL writes its counts with a delay
    before = pair.scans(pair.primary)
    assert pair.reads_reach(pair.standby)
    time.sleep(2)
    assert pair.scans(pair.primary) == before


def test_a_caller_reads_the_own_write_and_the_lag_of_others_is_bounded(pair: Pair) -> None:
    in_use(pair)
    slot, token = pair.load.slots[-1], pair.load.tokens[0]
    places = pair.free(slot)
    pair.standby.value("SELECT pg_wal_replay_pause()")
    try:
        pair.book(slot, token)
        assert pair.free(slot, token) == places - 1
        assert pair.free(slot) == places  # the standby, behind within the bound
        assert becomes_true(lambda: pair.free(slot) == places - 1, MAX_LAG + 5)
        assert pair.state() == "behind"
    finally:
        pair.standby.value("SELECT pg_wal_replay_resume()")
    in_use(pair)
    assert pair.free(slot) == places - 1


def test_killed_standbys_fail_no_call(pair: Pair, sized: Sized, report) -> None:
    for number in range(sized(5)):
        in_use(pair)
        with pair.reading() as readers, pair.load.running():
            time.sleep(1)
            pair.standby.kill()
            time.sleep(2)
            assert pair.state() in {"failed", "unreachable"}
        pair.standby.start()
        readers.assert_served(LONGEST)
        report(
            f"kill {number + 1}: {len(readers.answers)} reads, {readers.longest():.2f} s at most"
        )
    in_use(pair)
    pair.load.assert_kept()


def test_a_standby_that_cuts_its_connections_fails_no_call(pair: Pair, sized: Sized) -> None:
    for _ in range(sized(5)):
        in_use(pair)
        with pair.reading() as readers:
            time.sleep(0.5)
            pair.standby.value(CUT)
            time.sleep(0.5)
        readers.assert_served(LONGEST)


def test_a_silent_standby_delays_a_call_of_each_thread_once(pair: Pair, report) -> None:
    in_use(pair)
    with pair.reading() as readers:
        time.sleep(1)
        pair.standby.suspend()
        time.sleep(REST + 8)  # in which the server checks it again
    pair.standby.resume()
    readers.assert_served(LONGEST)
    slow = readers.slower_than(2)
    report(f"silent: {len(readers.answers)} reads, {slow} of them slow, {readers.longest():.1f} s")
    assert slow <= READERS + 2  # each reader once, and one for each check
    in_use(pair)


def test_a_standby_without_its_primarys_log_counts_as_behind(pair: Pair) -> None:
    in_use(pair)
    pair.primary.hold_back()  # the standby is connected, and has replayed all it knows
    try:
        pair.book(pair.load.slots[-2], pair.load.tokens[0])
        assert becomes_true(lambda: pair.state() == "behind", MAX_LAG + 5), pair.state()
    finally:
        pair.primary.resume()
    in_use(pair)


def test_a_promoted_standby_is_not_read(pair: Pair, tmp_path: Path) -> None:
    in_use(pair)
    pair.standby.promote()
    assert becomes_true(lambda: pair.state() == "promoted", REST), pair.state()
    before = pair.scans(pair.standby)
    assert pair.call(pair.slots_path)[0] == 200
    time.sleep(2)
    assert pair.scans(pair.standby) == before
