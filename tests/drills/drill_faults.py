"""The database's connection gets slow, breaks or falls silent; a standby or primary is lost."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg2
import pytest

from extensions.db.backends.postgresql.connection_watchdog import Connection, Cursor
from extensions.db.backends.postgresql.timeouts import Timeouts, use_timeouts
from tests.drills import cluster, failover
from tests.drills.cluster import Cluster
from tests.drills.failover import Relay
from tests.drills.load import Load
from tests.drills.network import Line
from tests.drills.proxy import Proxy
from tests.live import BareServer
from tests.threads import becomes_true

pytestmark = pytest.mark.only_on("postgres")

Lines = Callable[..., Line]


@pytest.fixture(scope="module")
def durable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start a server with a migrated database `clinic`. Tests use or copy the database."""
    with cluster.primary() as primary:
        url = primary.create_database("clinic")
        BareServer(url, tmp_path_factory.mktemp("durable") / "log").migrate()
        yield primary


@pytest.fixture(scope="module")
def line(durable: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lines]:
    """Yield `line(report)`: a server, its clients, and the line to its own database."""
    with Proxy(durable.port) as proxy:
        url = proxy.between(durable.create_database("line", template="clinic"))
        server = BareServer(url, tmp_path_factory.mktemp("line") / "log")
        with server.running():
            yield lambda report=str: Line(server, Load.prepared(server), proxy, report)


@pytest.fixture(scope="module")
def relay(durable: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    """Start a server whose DATABASE_URL names a primary and the port of a standby."""
    with failover.relay(durable, "clinic", tmp_path_factory.mktemp("relay") / "log") as pair:
        yield pair


def test_a_slow_connection_loses_nothing(line, sized, report) -> None:
    line(report).is_slow(0.2, sized(20))


def test_a_connection_cut_during_a_transaction_acknowledges_no_lost_write(
    line, sized, report
) -> None:
    line(report).breaks(sized(20))


def test_a_database_that_is_silent_for_10_seconds_delays_no_caller_longer(line, report) -> None:
    line(report).falls_silent(10)


def test_a_synchronous_standby_has_every_write_and_a_lagging_one_has_not(
    relay, sized, report
) -> None:
    relay.report = report
    for _ in range(sized(10)):
        relay.round(synchronous=True)
    relay.load.assert_kept()
    relay.load.assert_answers_are_usual()
    for _ in range(sized(2)):
        relay.round(synchronous=False)
    lost = relay.load.lost()
    report(f"control: {len(lost)} of {len(relay.load.ledger)} acknowledged visits lost")
    assert lost


# --- A commit whose standby is gone ---------------------------------------------------------------


@pytest.fixture
def standby_gone(durable: Cluster) -> Iterator[Cluster]:
    """Yield a primary with a table `note`, whose commits wait for a standby that is not there."""
    durable.value("CREATE TABLE IF NOT EXISTS note (what text)", "clinic")
    durable.value("ALTER SYSTEM SET synchronous_standby_names = 'gone'")
    durable.value("SELECT pg_reload_conf()")
    assert becomes_true(lambda: durable.value("SHOW synchronous_standby_names") == "gone")
    yield durable
    durable.value("ALTER SYSTEM RESET synchronous_standby_names")
    durable.value("SELECT pg_reload_conf()")


def commit(primary: Cluster, answer: float) -> None:
    """Commit a row as the application does, and wait this number of seconds for the answer."""
    with closing(psycopg2.connect(primary.url("clinic"), connection_factory=Connection)) as one:
        one.cursor(cursor_factory=Cursor).execute("INSERT INTO note VALUES ('x')")
        with use_timeouts(Timeouts(lock=3, statement=5, idle=30, answer=answer)):
            one.commit()


WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


def test_a_commit_whose_standby_is_lost_is_given_up_and_not_acknowledged(
    standby_gone: Cluster,
) -> None:
    with pytest.raises(psycopg2.OperationalError):
        commit(standby_gone, answer=0.5)
    assert standby_gone.value("SELECT count(*) FROM note", "clinic") == 0
    assert standby_gone.values(WAITING)  # it still waits, and takes effect if the standby comes


def test_a_commit_whose_wait_is_canceled_is_not_acknowledged(standby_gone: Cluster) -> None:
    before = set(standby_gone.values(WAITING))
    with ThreadPoolExecutor(1) as pool:
        committed = pool.submit(commit, standby_gone, answer=30)
        assert becomes_true(lambda: set(standby_gone.values(WAITING)) - before)
        [waiting] = set(standby_gone.values(WAITING)) - before
        standby_gone.value(f"SELECT pg_cancel_backend({waiting})")
        with pytest.raises(psycopg2.OperationalError, match="not replicated"):
            committed.result(30)
