"""Kills of processes under load, and backups under load: no acknowledged visit is ever lost.

A clinic of its own, with PostgreSQL as durable as in service, serves a load of clients. Each client
repeats a request with its Idempotency-Key until the server answers (tests/drills/load.py). A killed
process starts again as its supervisor would start it; the drill repairs nothing by hand.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from tests.database import Database
from tests.drills import cluster
from tests.drills.cluster import Cluster, children
from tests.drills.load import Load
from tests.drills.restoring import restore
from tests.live import BareServer
from tests.threads import becomes_true

PEOPLE = 8
BETWEEN = 10  # acknowledged bookings between one kill and the next
BACK_SECONDS = 60  # seconds until the server answers again, on the slowest machine
Report = Callable[[str], object]


@dataclass
class Clinic:
    """A server on a database that survives a kill. SQLite has no cluster."""

    server: BareServer
    cluster: Cluster | None
    create_database: Callable[[str], str]

    def kill_worker(self) -> None:
        """Send kill -9 to a worker. Gunicorn's master makes another."""
        signal_to(Random().choice(children(self.server.process.pid)))

    def kill_server(self) -> None:
        """Kill -9 the master, so that it makes no worker, then the workers. Start again."""
        workers = children(self.server.process.pid)
        self.server.process.kill()
        for worker in workers:
            signal_to(worker)
        self.server.process.wait()
        self.server.start()

    def kill_database(self) -> None:
        """Send kill -9 to every process of PostgreSQL. Start it again, and it recovers."""
        assert self.cluster is not None
        self.cluster.kill()
        self.cluster.start()


def signal_to(pid: int) -> None:
    """Send kill -9 to a process that may have ended already."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@contextmanager
def clinic(database: Database, folder: Path) -> Iterator[Clinic]:
    """Start a clinic without demo data, on SQLite or on a PostgreSQL of its own."""
    if database.kind == "sqlite":
        with serving(database.create_database, None, folder) as made:
            yield made
    else:
        with (
            cluster.primary() as primary,
            serving(primary.create_database, primary, folder) as made,
        ):
            yield made


@contextmanager
def serving(
    create_database: Callable[[str], str], primary: Cluster | None, folder: Path
) -> Iterator[Clinic]:
    """Start the server on a new database, and yield the clinic."""
    server = BareServer(create_database("clinic"), folder / "log")
    server.migrate()
    with server.running():
        yield Clinic(server, primary, create_database)


# --- Kills ----------------------------------------------------------------------------------------


def survive(clinic: Clinic, kills: list[Callable[[], None]], report: Report = str) -> None:
    """Kill repeatedly under load. Every acknowledged visit must exist once, and be sound."""
    load = Load.prepared(clinic.server, PEOPLE, days=2 + len(kills))
    waits = []
    with load.running():
        for number, kill in enumerate(kills, 1):
            go_on(load)
            kill()
            waits.append(until_served(load, time.monotonic()))
            report(f"kill {number} of {len(kills)}: served again after {waits[-1]:.1f} s")
    load.assert_kept()
    report(f"{len(kills)} kills: {load.summary()}; served again after {max(waits):.1f} s at most")


def go_on(load: Load) -> None:
    """Wait until the clients have booked some more visits."""
    before = len(load.ledger)
    assert becomes_true(lambda: len(load.ledger) >= before + BETWEEN, BACK_SECONDS), load.summary()


def until_served(load: Load, since: float) -> float:
    """Return the seconds from that instant until a later request was acknowledged."""
    served = becomes_true(lambda: load.first_acknowledged(since) < BACK_SECONDS, BACK_SECONDS)
    assert served, load.summary()
    return load.first_acknowledged(since)


# --- Backups --------------------------------------------------------------------------------------


def back_up_and_restore(clinic: Clinic, folder: Path, number: int, report: Report = str) -> None:
    """Back up under load, restore, and check that the copy has every visit acknowledged before."""
    load, file = Load.prepared(clinic.server, PEOPLE, days=3), folder / f"backup{number}"
    with load.running():
        go_on(load)
        began = time.monotonic()
        done = clinic.server.manage("backup", str(file))
        took = time.monotonic() - began
        go_on(load)
    assert done.returncode == 0, done.stderr
    url = clinic.create_database(f"restored{number}")
    restore(file, url)
    assert_restored(load, url, began)
    before = sum(kept.at < began for kept in load.ledger)
    report(f"backup {number}: {took:.1f} s, all {before} rows acknowledged before it restored")


def assert_restored(load: Load, url: str, began: float) -> None:
    """Assert that the copy is sound and has every visit acknowledged before the backup began."""
    copy = BareServer(url, load.server.log.with_name("restored"))
    held = replace(load, server=copy).held()
    for kept in load.ledger:
        slot, status = held.get(kept.appointment, (0, ""))
        if kept.at < began:
            assert slot == kept.slot
            assert status == "scheduled" or kept.canceled, kept
    checked = copy.manage("check_invariants")
    assert checked.returncode == 0, checked.stdout + checked.stderr
