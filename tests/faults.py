"""pytest plugin: a durable PostgreSQL with the clinic's tables, and what is put before it."""

from collections.abc import Callable, Iterator

import pytest

from tests import cluster
from tests.cluster import Cluster
from tests.drills import failover
from tests.drills.failover import Relay
from tests.drills.network import Line
from tests.live import BareServer
from tests.load import Load
from tests.proxy import Proxy

Lines = Callable[..., Line]


@pytest.fixture(scope="module")
def durable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A server with a migrated database `clinic`, to be used or copied."""
    with cluster.primary() as primary:
        url = primary.create_database("clinic")
        BareServer(url, tmp_path_factory.mktemp("durable") / "log").migrate()
        yield primary


@pytest.fixture(scope="module")
def line(durable: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lines]:
    """`line(tell)`: a server and the line to its database, a copy, with clients of their own."""
    with Proxy(durable.port) as proxy:
        url = proxy.between(durable.create_database("line", template="clinic"))
        server = BareServer(url, tmp_path_factory.mktemp("line") / "log")
        with server.running():
            yield lambda tell=str: Line(server, Load.prepared(server), proxy, tell)


@pytest.fixture(scope="module")
def relay(durable: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    """A server that knows of two places for its database."""
    with failover.relay(durable, "clinic", tmp_path_factory.mktemp("relay") / "log") as pair:
        yield pair
