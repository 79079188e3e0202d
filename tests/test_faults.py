"""A line that breaks and falls silent, a primary that is killed: the drills, small."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg2
import pytest

from extensions.db.backends.postgresql.connection_watchdog import Connection, Cursor
from extensions.db.backends.postgresql.timeouts import Timeouts, use_timeouts
from tests.cluster import Cluster, comes_true

pytestmark = pytest.mark.only_on("postgres")


def test_a_line_that_breaks_and_falls_silent_loses_nothing_and_sticks_nobody(line) -> None:
    line().breaks(3)
    line().falls_silent(10)


@pytest.fixture
def standby_gone(durable: Cluster) -> Iterator[Cluster]:
    """A primary whose commits wait for a standby that is not there; with a table to write to."""
    durable.value("CREATE TABLE IF NOT EXISTS note (what text)", "clinic")
    durable.value("ALTER SYSTEM SET synchronous_standby_names = 'gone'")
    durable.value("SELECT pg_reload_conf()")
    assert comes_true(lambda: durable.value("SHOW synchronous_standby_names") == "gone")
    yield durable
    durable.value("ALTER SYSTEM RESET synchronous_standby_names")
    durable.value("SELECT pg_reload_conf()")


def commit(primary: Cluster, answer: float) -> None:
    """Commit a row as the application does, waiting so many seconds for the answer."""
    with closing(psycopg2.connect(primary.url("clinic"), connection_factory=Connection)) as one:
        one.cursor(cursor_factory=Cursor).execute("INSERT INTO note VALUES ('x')")
        with use_timeouts(Timeouts(lock=3, statement=5, idle=30, answer=answer)):
            one.commit()


WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


def test_a_commit_whose_standby_is_gone_is_not_waited_for_and_not_acknowledged(
    standby_gone: Cluster,
) -> None:
    with pytest.raises(psycopg2.OperationalError):
        commit(standby_gone, answer=0.5)
    assert standby_gone.value("SELECT count(*) FROM note", "clinic") == 0
    assert standby_gone.values(WAITING)  # it goes on waiting, and takes place if the standby comes


def test_a_commit_whose_wait_is_canceled_is_not_acknowledged(standby_gone: Cluster) -> None:
    before = set(standby_gone.values(WAITING))
    with ThreadPoolExecutor(1) as pool:
        committed = pool.submit(commit, standby_gone, answer=30)
        assert comes_true(lambda: set(standby_gone.values(WAITING)) - before)
        [waiting] = set(standby_gone.values(WAITING)) - before
        standby_gone.value(f"SELECT pg_cancel_backend({waiting})")
        with pytest.raises(psycopg2.OperationalError, match="not replicated"):
            committed.result(30)


def test_a_synchronous_standby_that_takes_over_has_all_and_one_that_lags_has_not(relay) -> None:
    relay.round(synchronous=True)
    relay.load.assert_kept()
    relay.load.assert_told_properly()
    relay.round(synchronous=False)
    assert relay.load.lost()
