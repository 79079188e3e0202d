"""The PostgreSQL of the bench: its own, on a disk, with PostgreSQL's default durability.

The server is that of the drills (tests/drills/cluster.py) with other settings, in a folder on a
disk rather than in memory: a commit waits until the disk has it.
"""

import os
import shutil
import subprocess  # nosec B404  # it starts servers
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from benchmarks.generator import Failed
from benchmarks.processes import cpu_seconds
from tests import binaries, scratch
from tests.drills.cluster import Cluster
from tests.programs import Programs, Unusable

DISK = "/var/tmp"  # a disk on every system, where /tmp may be memory  # nosec B108
# fsync, synchronous_commit and full_page_writes stay as PostgreSQL has them: on.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "timezone": "UTC",
}
BYTES_OF_VISIT, BYTES_OF_EVENT = 1800, 400  # on the disk, with slots, events and indexes
STATISTICS = {
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track": "top",
    "pg_stat_statements.max": "10000",
}
DURABILITY = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method")
# What the table of the issue does not count as a statement.
NOT_COUNTED = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET", "START")


class Database(Cluster):
    """A durable PostgreSQL that counts the statements of each database."""

    has_statistics = True

    def cpu_seconds(self) -> float:
        """Return the CPU that all its processes have used."""
        assert self._process is not None  # nosec B101  # a condition of the bench itself
        return cpu_seconds(self._process.pid)

    def durability(self) -> dict[str, str]:
        """Return the settings that decide whether a commit is on the disk, and the version."""
        found = {name: str(self.value(f"SHOW {name}")) for name in DURABILITY}
        names = ("server_version", "shared_buffers")
        return {**found, **{name: str(self.value(f"SHOW {name}")) for name in names}}

    def forget_statements(self) -> None:
        """Begin to count the statements of every database anew."""
        if self.has_statistics:
            self.value("SELECT pg_stat_statements_reset()")

    def statements(self, database: str) -> list[dict[str, Any]]:
        """Return text, calls and shared buffers of what a database has run since then."""
        if not self.has_statistics:
            return []
        rows = """SELECT query, calls, shared_blks_hit + shared_blks_read, rows, total_exec_time
            FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
            WHERE d.datname = %s AND query NOT LIKE '%%pg_stat_statements%%' ORDER BY calls DESC"""
        names = ("query", "calls", "buffers", "rows", "milliseconds")
        with closing(psycopg2.connect(self.url())) as connection, connection.cursor() as cursor:
            cursor.execute(rows, [database])
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def program(self, name: str) -> Path:
        """Return the path of one of PostgreSQL's programs; raises Failed if it is not there."""
        path = self.programs.source.folder / name
        if not path.exists():
            raise Failed(
                f"{self.programs.source} have no {name}; on Debian: apt install postgresql"
            )
        return path

    def pgbench(self, script: str, database: str, clients: int, seconds: float) -> dict[str, float]:
        """Run one script of pgbench; return `rate` and `p50` (a mean, in ms). Raises Failed."""
        command = [str(self.program("pgbench")), "-n", "-M", "prepared", "-j", "1"]
        command += ["-c", str(clients), "-T", str(max(1, round(seconds))), "-f", "/dev/stdin"]
        command += [self.url(database)]
        done = subprocess.run(  # nosec B603  # fixed words
            command, input=script, capture_output=True, text=True, check=False, timeout=600
        )
        if done.returncode or "failed" not in done.stdout:
            raise Failed(f"pgbench: {(done.stderr or done.stdout).strip()[-500:]}")
        return parse_pgbench(done.stdout)


def parse_pgbench(output: str) -> dict[str, float]:
    """Return the transactions a second, their mean latency (ms) and number from its report."""
    found: dict[str, float] = {}
    for line in output.splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "tps":
            found["rate"] = float(value.split()[0])
        elif name.strip() == "latency average":
            found["p50"] = float(value.split()[0])
        elif line.startswith("number of transactions actually processed"):
            found["requests"] = float(line.partition(":")[2].split("/")[0])
        elif line.startswith("number of failed transactions"):
            found["failures"] = float(line.partition(":")[2].split()[0])
    return found


def is_counted(query: str) -> bool:
    """Whether the table counts a statement: all but those of transactions, and SET.

    Nor the look-ups by which PostgreSQL itself checks foreign keys when a transaction commits.
    """
    if "FROM ONLY" in query and query.endswith("FOR KEY SHARE OF x"):
        return False
    return query.split(None, 1)[0].upper().rstrip(";") not in NOT_COUNTED


@contextmanager
def running(settings: dict[str, str] | None = None) -> Iterator[Database]:
    """Start an empty server with the first binaries that work, on a disk. Raises Failed."""
    tried: list[str] = []
    for source in binaries.find(os.environ.get("TEST_POSTGRES", "").strip()):
        folder = scratch.Folder("clinic-bench-", place())
        try:
            made = start(Programs(source, folder.path), {**SETTINGS, **(settings or {})})
        except Unusable as error:
            tried.append(f"{source}: {error}")
            folder.close()
            continue
        try:
            yield made
        finally:
            made.stop()
            folder.close()
        return
    raise Failed(f"No PostgreSQL could be started for the bench: {tried or 'no programs found'}")


def require_disk(visits: int, audit_events: int) -> None:
    """Raise Failed if the disk has no room for so many rows, with their indexes and the WAL."""
    needed = (8 << 30) + visits * BYTES_OF_VISIT + audit_events * BYTES_OF_EVENT
    free = shutil.disk_usage(place()).free
    if free < needed:
        sizes = f"{needed >> 30} GB in {place()}, which has {free >> 30}"
        raise Failed(f"The databases need about {sizes}.")


def place() -> str:
    """Return the folder on a disk in which the bench makes its own."""
    return DISK if Path(DISK).is_dir() else tempfile.gettempdir()


def start(programs: Programs, settings: dict[str, str]) -> Database:
    """Start a server that counts its statements, or one that cannot. Raises Unusable."""
    made = Database(programs, "bench", os.urandom(16).hex())
    library = [*programs.source.folder.parent.rglob("pg_stat_statements.so")]
    made.has_statistics = bool(library)
    made.settings = {**settings, **(STATISTICS if library else {})}
    made.make()
    if library:
        made.value("CREATE EXTENSION pg_stat_statements")
    return made
