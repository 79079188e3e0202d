"""The databases of a run: seeded, prepared, copied; and the requests for each row."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.database import Database
from benchmarks.generator import Failed, headers_of, host_of, http_request
from benchmarks.servers import Server

APPS = ("accounts", "doctor", "patient", "appointment")
KEYS = count(1)


@dataclass
class Clinic:
    """What benchmarks.prepare has written, and how much of it has been used.

    Two databases that are copies of each other have a clinic each: a booking in one leaves the
    place in the other free.
    """

    found: dict[str, Any]
    booked: int = 0
    booked_of_one: int = 0
    acknowledged: list[int] = field(default_factory=list)
    later_page: str = ""  # of the search, once the links that lead to it were followed

    def __getattr__(self, name: str) -> Any:
        try:
            return self.found[name]
        except KeyError as missing:
            raise AttributeError(name) from missing

    def copy(self) -> "Clinic":
        """Return the clinic of a copy of the database as it was prepared."""
        return Clinic(self.found)

    # --- Requests ---

    def bookings(
        self, base: str, path: str, number: int, *, of_one: bool = False, reason: str = ""
    ) -> list[bytes]:
        """Return so many bookings of times that are still free, each with a key of its own."""
        used = self.booked_of_one if of_one else self.booked
        pairs = (self.of_one if of_one else self.book)[used : used + number]
        if not pairs:
            raise Failed("Too few free times were prepared for so many bookings.")
        people = self.tokens_of_one if of_one else self.tokens
        host, size = host_of(base), len(people)
        return [
            self.booking(host, path, pair, people[(used + n) % size], used + n, reason)
            for n, pair in enumerate(pairs)
        ]

    def use(self, sent: int, *, of_one: bool = False) -> None:
        """Note that so many bookings were sent, so that the next row takes other times."""
        if of_one:
            self.booked_of_one += sent
        else:
            self.booked += sent

    def refused(self, base: str, number: int) -> list[bytes]:
        """Return bookings of full times, by people in turn."""
        host, path = host_of(base), "/api/appointment/book/{}/"
        people, full = self.tokens_refused, self.full
        return [
            self.booking(host, path, full[n % len(full)], people[n % len(people)], n)
            for n in range(number)
        ]

    def booking(
        self, host: str, path: str, pair: list[int], token: str, number: int, reason: str = ""
    ) -> bytes:
        """Return one booking with a new key."""
        doctor, slot = pair
        headers = headers_of(number, token, Idempotency_Key=f"bench-{next(KEYS):012}")
        body = {"slot_id": slot, **({"reason": reason} if reason else {})}
        return http_request("POST", path.format(doctor), host, headers, body)

    def reads(
        self, base: str, path: str, tokens: list[str] | None = None, **headers: str
    ) -> list[bytes]:
        """Return GETs of one path, each of another address, by these people in turn if given."""
        host = host_of(base)
        return [
            http_request("GET", path, host, headers_of(n, token, **headers))
            for n, token in enumerate(
                (tokens * (2000 // len(tokens) + 1)) if tokens else [""] * 2000
            )
        ]


def seed(server: Server, appointments: int, **more: int) -> str:
    """Migrate the server's database and fill it; return a sentence on how.

    `more`: other options of seed_load, left out where they are 0.
    """
    server.manage("migrate", "--verbosity=0")
    server.manage("createcachetable")
    if not appointments:
        return "without a seed"
    words = ["seed_load", "--appointments", str(appointments)]
    for option, number in more.items():
        words += [f"--{option.replace('_', '-')}", str(number)] if number else []
    # Production refuses invented visits. The command prints its progress.
    server.run("manage.py", *words, is_shown=True, ENVIRONMENT="demo")
    return f"seeded by manage.py {' '.join(words)}"


def prepare(server: Server, file: Path, bookings: int, of_one: int) -> Clinic:
    """Add the bench's people and calendars to the server's database, and return them."""
    words = [str(file), "--bookings", str(bookings), "--of-one", str(of_one)]
    server.run("-m", "benchmarks.prepare", *words)
    return Clinic(json.loads(file.read_text()))


def leaves(root: Path) -> Iterator[tuple[str, str]]:
    """Yield each app of the tree with the name of its last migration."""
    for app in APPS:
        names = sorted(path.stem for path in (root / app / "migrations").glob("[0-9]*.py"))
        yield app, names[-1]


def copy_for_revision(
    database: Database, source: Server, tree: Path, name: str, *, same_code: bool = False
) -> str:
    """Copy the server's database, which is not in use, back to the migrations of another tree.

    The newer code reverses its own migrations on the copy, so that the older code gets the same
    rows in the tables that it knows. Returns the DATABASE_URL. Raises Failed if a migration has no
    way back.
    """
    url = database.create_database(name, source.url.rpartition("/")[2])
    if same_code:
        return url
    back = Server(f"{name}-migrations", source.root, url)
    known = dict(leaves(tree))
    for app, leaf in leaves(source.root):
        if known[app] != leaf:
            back.manage("migrate", app, known[app], "--verbosity=0")
    return url
