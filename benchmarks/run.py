"""One run: databases, servers, rounds, bursts, checks; everything is gone at its end."""

import argparse
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import bursts, data, growth, verify
from benchmarks.database import Database, require_disk, running
from benchmarks.existing import Existing, named, prepared
from benchmarks.generator import Failed
from benchmarks.rounds import Bench, Place
from benchmarks.rows import BEFORE, DATABASE, PRODUCT, SMALL, YARDSTICK, Row, chosen
from benchmarks.servers import (
    YARDSTICKS_WSGI,
    Server,
    copy_of_working_tree,
    folder_for_code,
    revision,
    tree_of_revision,
)

STARTS = 3
MOST_BOOKINGS = 500  # a second, for which times are prepared
DATABASE_NAME = "clinic"


@dataclass(frozen=True)
class Plan:
    """What a run measures."""

    rows: tuple[Row, ...]
    rounds: int
    seconds: float
    appointments: int
    against: str
    with_bursts: bool
    command: str
    small: int = 0  # visits of the small database, for the growth
    audit_events: int = 0  # of each visit
    doctors: int = 0
    minutes: float = 0  # after which no round begins
    requests: int = 0  # over which the memory of the workers is watched, at least
    with_pages: bool = True
    databases: tuple[str, ...] = ()  # URLs of the small and the large one, if they stand already

    @classmethod
    def of(cls, asked: argparse.Namespace) -> "Plan":
        """Return the plan of the options."""
        rows = chosen(asked.rows)
        is_whole = not asked.rows
        compares = bool(asked.small or asked.databases)
        if compares:
            rows = [*rows, *growth.small_twins(rows)]
        return cls(
            tuple(row for row in rows if asked.against or row.side != BEFORE),
            asked.rounds,
            asked.seconds,
            asked.appointments,
            asked.against if any(row.side == BEFORE for row in rows) else "",
            is_whole and not asked.no_bursts,
            f"python -m benchmarks --rounds {asked.rounds} --seconds {asked.seconds:g} "
            f"--appointments {asked.appointments}"
            + (f" --small {asked.small}" if asked.small else ""),
            asked.small,
            asked.audit_events,
            asked.doctors,
            asked.minutes,
            asked.requests,
            not asked.no_pages,
            tuple(asked.databases),
        )

    @property
    def compares(self) -> bool:
        """Whether it compares two databases."""
        return bool(self.small or self.databases)

    def seed(self, server: Server, visits: int) -> str:
        """Fill the server's database with so many visits; return a sentence on how."""
        more = {"audit_events": self.audit_events * visits, "doctors": self.doctors}
        return data.seed(server, visits, **more)

    def times_needed(self, books: str) -> int:
        """Return how many free times the bookings of these rows may need."""
        apart = (BEFORE, SMALL)  # on databases of their own
        rows = sum(row.books == books and row.side not in apart for row in self.rows)
        return int(MOST_BOOKINGS * (rows * (self.rounds * self.seconds + 1)) + 2000)


BEGAN = time.monotonic()


def say(text: str) -> None:
    """Print what the bench does now, and the seconds since it began."""
    print(f"{time.monotonic() - BEGAN:5.0f} s  {text}", flush=True)


def run(plan: Plan) -> dict[str, Any]:
    """Measure everything of the plan; return the results. Raises Failed."""
    if plan.databases:
        return on_existing(plan)
    visits = plan.appointments * (2 if plan.against else 1) + plan.small
    require_disk(visits, plan.audit_events * (plan.appointments + plan.small))
    with folder_for_code() as folder, running() as database:
        say(f"PostgreSQL {database.value('SHOW server_version')}, {database.durability()}")
        with places(plan, folder, database) as (found, notes):
            return all_results(plan, Bench(found, database, folder, plan.seconds), notes)


def on_existing(plan: Plan) -> dict[str, Any]:
    """Measure on the databases of the plan; return the results. Raises Failed."""
    database = Existing(plan.databases[1])
    needed = plan.times_needed("many"), plan.times_needed("one")
    with folder_for_code() as folder:
        tree, found = copy_of_working_tree(folder / "product"), dict[str, Place]()
        try:
            for side, url in zip((SMALL, PRODUCT), plan.databases, strict=True):
                server = Server(side, tree, named(url))
                say(f"Adding the people and calendars of the rows ({side})")
                server.manage("createcachetable")
                clinic = prepared(server, database, folder / f"{side}.json", *needed)
                found[side] = Place(server, clinic, url.rpartition("/")[2])
            found[PRODUCT].server.manage("collectstatic", "--no-input", "--verbosity=0")
            return all_results(plan, Bench(found, database, folder, plan.seconds), [])
        finally:
            for place in found.values():
                place.server.stop()


def all_results(plan: Plan, bench: Bench, notes: list[str]) -> dict[str, Any]:
    """Start the servers, and measure; return the results."""
    results: dict[str, Any] = {"notes": notes}
    results["start"] = bursts.starts(bench.places[PRODUCT].server, STARTS)
    for place in bench.places.values():
        if place.server.process is None:
            place.server.start()
    measure(plan, bench, results)
    results["run"] = about(plan, bench, bench.database)
    return results


def measure(plan: Plan, bench: Bench, results: dict[str, Any]) -> None:
    """Run the rounds and the bursts, and check what they left; fill the results."""
    sides = tuple(bench.places) if plan.databases else (*bench.places, DATABASE)
    rows = [row for row in plan.rows if row.side in sides]
    say("Counting the statements of each row")
    for row in rows:
        bench.probe(row)
    results["memory"] = rounds(plan, bench, rows)
    results["bursts"] = come_at_once(bench) if plan.with_bursts else {}
    if plan.compares and plan.with_pages:
        say("Opening each page on both databases")
        results["pages"] = growth.pages(bench)
    say("Checking the bookings and the invariants")
    results["checks"] = checks(bench, with_invariants=not plan.databases)
    results.update(samples=bench.samples, probes=bench.probes, failures=bench.failures)


def rounds(plan: Plan, bench: Bench, rows: list[Row]) -> dict[str, Any]:
    """Run the rounds; return the memory of the workers after the first and at the end."""
    workers = bench.places[PRODUCT].server.workers
    memory, before = dict[str, Any](), 0
    say(f"{plan.rounds} rounds of {len(rows)} rows, {plan.seconds:g} s each")
    for turn in bench.rounds(rows, plan.rounds):
        if turn == 0:
            memory["first"], before = workers(), bench.answered.get(PRODUCT, 0)
        if plan.minutes and time.monotonic() - BEGAN > 60 * plan.minutes:
            say(f"No other round begins after {plan.minutes:g} minutes")
            break
    if plan.requests:
        say(f"Sending until {plan.requests:,} requests are answered, for the memory")
        bench.send_until(before + plan.requests)
    memory.update(last=workers(), requests=bench.answered.get(PRODUCT, 0) - before)
    return memory


def come_at_once(bench: Bench) -> dict[str, Any]:
    """Run the races and the sign-ins; return their figures."""
    say("64 for one place, and 32 sign-ins at once")
    found = {}
    for name, burst in {"races": bursts.races, "sign_ins": bursts.sign_ins}.items():
        try:
            found[name] = burst(bench)
        except Failed as failed:
            bench.failures[name] = str(failed)
    return found


def checks(bench: Bench, *, with_invariants: bool) -> dict[str, Any]:
    """Check what the bookings of each database have left; return what was counted.

    Those of a database that others write to at the same time do not hold still.
    """
    found = {}
    for side, place in bench.places.items():
        if side == YARDSTICK:  # it has the product's database
            continue
        try:
            found[side] = {
                "acknowledged": verify.acknowledged_bookings(place),
                **({"invariants": verify.invariants(place)} if with_invariants else {}),
            }
        except Failed as failed:
            bench.failures[f"check of {side}"] = str(failed)
    return found


@contextmanager
def places(
    plan: Plan, folder: Path, database: Database
) -> Iterator[tuple[dict[str, Place], list[str]]]:
    """Seed, copy and name the databases; yield the servers, which do not run yet, and notes."""
    url, notes = database.create_database(DATABASE_NAME), []
    tree = copy_of_working_tree(folder / "product")
    product = Server("product", tree, url)
    say(f"Seeding {plan.appointments:,} visits")
    notes.append(plan.seed(product, plan.appointments))
    say("Adding the people and calendars of the rows")
    clinic = data.prepare(
        product, folder / "clinic.json", plan.times_needed("many"), plan.times_needed("one")
    )
    product.manage("collectstatic", "--no-input", "--verbosity=0")
    found = {PRODUCT: Place(product, clinic, DATABASE_NAME)}
    if plan.against:
        try:
            found[BEFORE] = before(plan, folder, database, product, clinic)
        except Failed as failed:
            say(f"  The rows of what stood before are left out: {failed}")
            notes.append(f"without the rows of {plan.against}: {failed}")
    if plan.small:
        found[SMALL] = small(plan, folder, database, tree)
    yardsticks = Server("yardsticks", tree, url, YARDSTICKS_WSGI)
    found[YARDSTICK] = Place(yardsticks, clinic, DATABASE_NAME)
    try:
        yield found, notes
    finally:
        for place in found.values():
            place.server.stop()


def before(plan: Plan, folder: Path, database: Database, product: Server, clinic: Any) -> Place:
    """Return the place of the revision that stood before, on a copy of the product's database."""
    say(f"Copying the database for {plan.against}")
    tree = tree_of_revision(plan.against, folder / "before")
    url = data.copy_for_revision(database, product, tree, "before")
    server = Server("before", tree, url)
    server.manage("collectstatic", "--no-input", "--verbosity=0")
    return Place(server, clinic.copy(), "before")


def small(plan: Plan, folder: Path, database: Database, tree: Path) -> Place:
    """Return the place of the same code with the small database."""
    say(f"Seeding {plan.small:,} visits beside it")
    server = Server("small", tree, database.create_database("small"))
    plan.seed(server, plan.small)
    needed = plan.times_needed("many"), plan.times_needed("one")
    return Place(server, data.prepare(server, folder / "small.json", *needed), "small")


def about(plan: Plan, bench: Bench, database: Database) -> dict[str, Any]:
    """Return what the figures depend on."""
    sizes = bench.places[PRODUCT].clinic.found["sizes"]
    return {
        "revision": revision(),
        "against": plan.against,
        "command": plan.command,
        "rounds": max((len(each) for each in bench.samples.values()), default=0),
        "row_seconds": plan.seconds,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "database": database.durability(),
        "sizes": sizes,
        "rows": {row.name: row_facts(row) for row in plan.rows},
    }


def row_facts(row: Row) -> dict[str, Any]:
    """Return what the documents say of a row."""
    facts = asdict(row)
    del facts["requests"]
    return facts
