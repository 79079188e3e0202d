"""A drill kills a primary under load, and the standby takes over.

With a synchronous standby, no commit is acknowledged before the standby has it. The control has an
asynchronous standby, which the primary sends nothing in the second before the kill. The control has
to lose visits, which shows that the drill can see a loss.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.drills.cluster import Cluster
from tests.drills.load import Load
from tests.live import BareServer, free_port
from tests.threads import becomes_true

LOAD_SECONDS = 1.5
BACK_SECONDS = 10  # seconds in which the standby takes over and the server finds it


def either(first: Cluster, second: int, database: str) -> str:
    """Return a DATABASE_URL that names both servers; libpq uses the one that takes writes."""
    parts = urlsplit(first.url(database))
    hosts = f"{parts.netloc},127.0.0.1:{second}"
    return urlunsplit(parts._replace(netloc=hosts, query="target_session_attrs=read-write"))


@dataclass
class Relay:
    """A primary, which each round kills, and a spare port, on which a standby takes over."""

    leader: Cluster
    spare: int
    load: Load
    stack: ExitStack
    report: Callable[[str], object] = str
    rounds: int = 0

    def round(self, *, synchronous: bool) -> None:
        """Kill the leader under load, promote its standby, and wait for an acknowledgement."""
        self.rounds += 1
        follow = self.leader.standby(f"standby{self.rounds}", self.spare)
        standby = self.stack.enter_context(follow)
        if synchronous:
            self.leader.wait_for(standby.name)
        with self.load.running():
            time.sleep(LOAD_SECONDS)
            if not synchronous:
                self.leader.hold_back()
                time.sleep(LOAD_SECONDS)
            back = self._fail_over(standby)
        self.leader, self.spare = standby, self.leader.port
        self.report(f"round {self.rounds}: {self.load.summary()}, back in {back:.1f} s")

    def _fail_over(self, standby: Cluster) -> float:
        self.leader.kill()
        since = time.monotonic()
        standby.promote()
        assert becomes_true(lambda: self.load.first_acknowledged(since) < 60, BACK_SECONDS)
        return self.load.first_acknowledged(since)


@contextmanager
def relay(leader: Cluster, database: str, log: Path) -> Iterator[Relay]:
    """Start a server whose DATABASE_URL names the leader and a spare port, and yield the relay.

    The leader has this database, with all migrations.
    """
    spare = free_port()
    server = BareServer(either(leader, spare, database), log)
    load = Load.prepared(server, patience=30)
    with ExitStack() as stack, server.running():  # the server ends before its databases do
        yield Relay(leader, spare, load, stack)
