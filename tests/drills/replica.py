"""A server with a primary and a streaming standby, and callers who read without credentials.

with replica.pair(folder) as pair:      # two PostgreSQL servers, and the server of the clinic
    with pair.reading() as readers:     # callers that read the public lists without pause
        pair.standby.kill()
    readers.assert_served(longest=5)
"""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.drills import cluster
from tests.drills.cluster import Cluster
from tests.drills.load import NO_ANSWER, Booking, Load
from tests.live import BareServer
from tests.threads import becomes_true

MAX_LAG = 2  # seconds
STATEMENT = 1  # seconds: a silent standby is noticed after GRACE more
READERS = 4
SCANS = (
    "SELECT coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0)::bigint "
    "FROM pg_stat_user_tables WHERE relname = 'doctor_slot'"
)


@dataclass
class Readers:
    """What the callers got: the status of each answer (0 for none), and how long it took."""

    answers: list[tuple[int, float]] = field(default_factory=list)

    def assert_served(self, longest: float) -> None:
        """Assert that each call got 200, within so many seconds."""
        assert set(self.statuses()) == {200}, self.statuses()
        assert self.longest() < longest, self.longest()

    def statuses(self) -> Counter[int]:
        """Count how often each status came."""
        return Counter(status for status, _ in self.answers)

    def longest(self) -> float:
        """Return the longest wait, in seconds."""
        return max(seconds for _, seconds in self.answers)

    def slower_than(self, seconds: float) -> int:
        """Count the calls that waited longer."""
        return sum(each > seconds for _, each in self.answers)


@dataclass
class Pair:
    """The two servers, the clinic's server, and a load whose callers are signed in."""

    primary: Cluster
    standby: Cluster
    server: BareServer
    load: Load

    @property
    def slots_path(self) -> str:
        """The list of free slots of the load's doctor."""
        return f"/api/doctor/doctors/{self.load.doctor}/available-slots/"

    def call(self, path: str, token: str = "", body: Any = None) -> tuple[int, Any]:
        """Return status and document of a call on a connection of its own."""
        connection = http.client.HTTPConnection(urlsplit(self.server.base).netloc, timeout=30)
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Token {token}"
        try:
            method = "GET" if body is None else "POST"
            connection.request(method, path, body and json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def free(self, slot: int, token: str = "") -> int:
        """Return the places of a slot that a caller sees as free."""
        status, found = self.call(self.slots_path, token)
        assert status == 200, found
        return sum(row["available"] for row in found["results"] if row["id"] == slot)

    def book(self, slot: int, token: str) -> None:
        """Book the slot, and note it with the visits of the load."""
        status, found = self.call(
            f"/api/appointment/book/{self.load.doctor}/", token, {"slot_id": slot}
        )
        assert status == 201, found
        self.load.ledger.append(Booking(found["id"], slot, time.monotonic()))

    def state(self) -> str:
        """Return what /readyz tells of the standby; the server stays ready."""
        status, found = self.call("/readyz")
        assert status == 200, found
        return str(found["replica"])

    def scans(self, server: Cluster) -> int:
        """Return how often queries have scanned the table of slots on that server."""
        return int(server.value(SCANS, "clinic"))

    def reads_reach(self, server: Cluster, seconds: float = 30) -> bool:
        """Whether public reads scan the slots on that server, at the latest after so long."""
        before = self.scans(server)
        return becomes_true(lambda: self._reads() and self.scans(server) > before + 5, seconds)

    def _reads(self) -> bool:
        return all(self.call(self.slots_path)[0] == 200 for _ in range(4))

    @contextmanager
    def reading(self) -> Iterator[Readers]:
        """Let callers without credentials read during the block."""
        readers, enough = Readers(), threading.Event()
        threads = [
            threading.Thread(target=self._read, args=(readers, enough), daemon=True)
            for _ in range(READERS)
        ]
        for thread in threads:
            thread.start()
        try:
            yield readers
        finally:
            enough.set()
            for thread in threads:
                thread.join(30)

    def _read(self, readers: Readers, enough: threading.Event) -> None:
        paths = (self.slots_path, "/api/doctor/doctors/", "/api/doctor/slots/")
        while not enough.is_set():
            for path in paths:
                began, status = time.monotonic(), 0
                with suppress(NO_ANSWER):
                    status, _ = self.call(path)
                readers.answers.append((status, time.monotonic() - began))


@contextmanager
def pair(folder: Path) -> Iterator[Pair]:
    """Start a primary, a standby that streams from it, and the server of one worker."""
    with cluster.primary() as primary:
        url = primary.create_database("clinic")
        with primary.standby("reserve") as standby:
            server = BareServer(
                url,
                folder / "log",
                DATABASE_REPLICA_URL=standby.url("clinic"),
                DATABASE_REPLICA_MAX_LAG=str(MAX_LAG),
                DATABASE_STATEMENT_TIMEOUT=str(STATEMENT),
                WEB_CONCURRENCY="1",
            )
            server.migrate()
            load = Load.prepared(server, people=4, days=2)
            with server.running():
                yield Pair(primary, standby, server, load)
