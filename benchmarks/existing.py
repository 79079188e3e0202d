"""Two databases that stand already, for `--databases SMALL LARGE`: they need not be seeded again.

They are on a PostgreSQL of this machine that the bench neither starts nor stops, and others may use
it at the same time. So the CPU counted is that of the backends of the bench's own servers, which
their name of the application tells. Whether the server is durable is its owner's choice; the notes
say it. Statements are counted if it has pg_stat_statements.
"""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2

from benchmarks.data import Clinic, prepare
from benchmarks.database import Database
from benchmarks.servers import Server

APPLICATION = "clinic-bench"
BACKENDS = "SELECT pid FROM pg_stat_activity WHERE application_name = %s"
# The times that bookings of earlier runs have used are at the beginning of the list.
LAST_TAKEN = """SELECT max(place) FROM unnest(%s::bigint[]) WITH ORDINALITY AS pair (slot, place)
    JOIN doctor_slot ON doctor_slot.id = pair.slot WHERE taken > 0"""


class Existing(Database):
    """The PostgreSQL of a URL, as the bench sees it."""

    def __init__(self, url: str) -> None:
        self._url, self._used = url, dict[int, float]()  # seconds of each backend
        self.has_statistics = bool(
            self.value("SELECT count(*) FROM pg_extension WHERE extname = 'pg_stat_statements'")
        )

    def url(self, database: str = "") -> str:
        """Return the URL of a database of the server."""
        return f"{self._url.rpartition('/')[0]}/{database}" if database else self._url

    def value(self, statement: str, database: str = "", values: Any = None) -> Any:
        """Return the first column of the first row, or None."""
        with closing(psycopg2.connect(self.url(database))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchone()[0] if cursor.description and cursor.rowcount else None

    def cpu_seconds(self) -> float:
        """Return the CPU of all backends of the bench, those included that have ended."""
        with closing(psycopg2.connect(self.url())) as connection, connection.cursor() as cursor:
            cursor.execute(BACKENDS, [APPLICATION])
            self._used.update({pid: on_cpu(pid) for (pid,) in cursor.fetchall()})
        return sum(self._used.values())


def on_cpu(pid: int) -> float:
    """Return the seconds that a process of one thread has run; 0 if it has ended."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def named(url: str) -> str:
    """Return the URL with the name by which the backends of the bench are known."""
    return f"{url}?application_name={APPLICATION}"


def prepared(server: Server, database: Existing, file: Path, bookings: int, of_one: int) -> Clinic:
    """Add the bench's people and calendars once; a later run goes on where the last one ended."""
    name = server.url.partition("?")[0].rpartition("/")[2]
    if database.value("SELECT to_regclass('bench.prepared') IS NOT NULL", name):
        found = json.loads(database.value("SELECT content FROM bench.prepared", name))
        clinic = Clinic(found)
        for pairs, used in ((found["book"], "booked"), (found["of_one"], "booked_of_one")):
            slots = [[slot for _, slot in pairs]]
            setattr(clinic, used, database.value(LAST_TAKEN, name, slots) or 0)
        return clinic
    clinic = prepare(server, file, bookings, of_one)
    keep = "CREATE TABLE bench.prepared AS SELECT %s::text AS content"
    database.value(keep, name, [json.dumps(clinic.found)])
    return clinic
