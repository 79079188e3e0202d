"""Interleaved rounds: each round measures each row once, in another order."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import generator, limits
from benchmarks.data import Clinic
from benchmarks.database import Database, is_counted
from benchmarks.generator import Failed, Load, Sending
from benchmarks.rows import CALLS, DATABASE, PRODUCT, Row
from benchmarks.servers import Server

MOST_A_SECOND = 2500  # bookings that are prepared for a second of a row
WARMING, PROBED = 10, 30  # requests before the statements of a request are counted, and then


@dataclass
class Place:
    """A server, the clinic in its database, and the name of the database."""

    server: Server
    clinic: Clinic
    database: str


@dataclass
class Bench:
    """Measures rows on their servers; keeps the samples and what failed."""

    places: Mapping[str, Place]
    database: Database
    folder: Path
    seconds: float
    samples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    probes: dict[str, dict[str, Any]] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)  # by side

    def rounds(self, rows: Sequence[Row], number: int) -> Iterator[int]:
        """Measure the rows so many times, each round beginning with another row; yield its turn."""
        rows = [row for row in rows if row.is_timed]
        for turn in range(number):
            shift = turn * max(1, len(rows) // number)
            began = time.monotonic()
            for row in [*rows[shift % len(rows) :], *rows[: shift % len(rows)]]:
                if row.name not in self.failures:
                    self.sample(row)
            print(f"  round {turn + 1} of {number}: {time.monotonic() - began:.0f} s", flush=True)
            yield turn

    def sample(self, row: Row) -> None:
        """Measure a row once, and note its figures or why they do not count."""
        try:
            found = self.pgbench(row) if row.side == DATABASE else self.wrk(row)
        except Failed as failed:
            self.failures[row.name] = str(failed)
            print(f"  {row.name} FAILED: {failed}", flush=True)
            return
        self.samples.setdefault(row.name, []).append(found)

    def wrk(self, row: Row) -> dict[str, Any]:
        """Send the row's requests by wrk. Raises Failed if an answer is not the expected one."""
        place = self.places[row.side]
        load, used = self.load(row, place, self.seconds)
        reason = generator.refusal(load, row.status, row.clients)
        if reason:
            raise Failed(reason)
        shown = {
            "server_cpu": used[0],
            "database_cpu": used[1],
            "generator_cpu": load.generator_cpu,
        }
        per_request = {name: 1000 * cpu / load.requests for name, cpu in shown.items()}
        per_request["cpu"] = per_request["server_cpu"] + per_request["database_cpu"]
        latencies = {name: getattr(load, name) for name in ("p50", "p95", "p99", "max")}
        return {"rate": load.rate, "requests": load.requests, **latencies, **per_request}

    def load(self, row: Row, place: Place, seconds: float) -> tuple[Load, tuple[float, float]]:
        """Run wrk on the row; return what it saw, and the CPU of server and database (seconds)."""
        number = int(MOST_A_SECOND * seconds) if row.books else 4000
        requests = row.made(place, number)
        before = place.server.cpu_seconds(), self.database.cpu_seconds()
        sending = Sending(row.clients, seconds, bool(row.books), row.code)
        load = generator.run(place.server.base, requests, self.folder, sending)
        after = place.server.cpu_seconds(), self.database.cpu_seconds()
        self.answered[row.side] = self.answered.get(row.side, 0) + load.requests
        if row.books:
            place.clinic.use(load.sent + 1, of_one=row.books == "one")
            place.clinic.acknowledged += load.created
        return load, (after[0] - before[0], after[1] - before[1])

    def send_until(self, number: int) -> None:
        """Read free slots at the product until it has answered so many requests in all."""
        row = next(each for each in CALLS if each.name == "slots")
        while self.answered.get(PRODUCT, 0) < number:
            load, _ = self.load(row, self.places[PRODUCT], 10)
            reason = generator.refusal(load, row.status, row.clients)
            if reason:
                self.failures["memory"] = reason
                return

    def pgbench(self, row: Row) -> dict[str, Any]:
        """Run the row's statement by pgbench on the product's database."""
        place = self.places[PRODUCT]
        before = self.database.cpu_seconds()
        script = limits.script(row.script, place.clinic)
        found = self.database.pgbench(script, place.database, row.clients, self.seconds)
        if found.get("failures") or not found.get("requests"):
            raise Failed(f"pgbench reports {found}")
        if self.database.value(limits.USED, place.database) >= place.clinic.limit_pairs:
            raise Failed("the pairs that pgbench books did not last")
        used = self.database.cpu_seconds() - before
        return {**found, "database_cpu": 1000 * used / found["requests"]}

    # --- Statements -------------------------------------------------------------------------------

    def probe(self, row: Row) -> None:
        """Count the statements and buffers of a request, by PROBED requests one after the other."""
        place = self.places[PRODUCT if row.side == DATABASE else row.side]
        if row.side == DATABASE or row.name in self.failures:
            return
        try:
            send_one_by_one(row, place, WARMING)
            self.database.forget_statements()
            statuses = send_one_by_one(row, place, PROBED)
        except Failed as failed:
            self.failures[row.name] = str(failed)
            return
        if set(statuses) != {row.status}:
            self.failures[row.name] = f"answers {sorted(set(statuses))} instead of {row.status}"
            return
        self.probes[row.name] = self.count(place, PROBED, with_queries=True)

    def count(self, place: Place, requests: int, *, with_queries: bool = False) -> dict[str, Any]:
        """Return statements and buffers a request since the counts were forgotten."""
        found = self.database.statements(place.database)
        counted = [each for each in found if is_counted(each["query"])]
        counts: dict[str, Any] = {
            "statements": sum(each["calls"] for each in counted) / requests,
            "buffers": float(sum(each["buffers"] for each in found)) / requests,
        }
        if with_queries:
            counts["queries"] = [
                {
                    "calls": each["calls"] / requests,
                    "buffers": float(each["buffers"]) / requests,
                    "query": " ".join(each["query"].split())[:300],
                }
                for each in found[:25]
            ]
        return counts


def send_one_by_one(row: Row, place: Place, number: int) -> list[int]:
    """Send so many requests of a row, one after the other; return the statuses."""
    requests = row.made(place, number + 1)
    with place.server.connection() as connection:
        statuses = [connection.send(request)[0] for request in requests[:number]]
    if row.books:
        place.clinic.use(number, of_one=row.books == "one")
    return statuses
