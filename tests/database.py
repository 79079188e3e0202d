"""pytest plugin: which database the suite runs on, settled before Django reads its settings.

`--db=sqlite` (the default), `--db=postgres`, or `--db=pgbouncer` for a PostgreSQL that is reached
through PgBouncer in transaction mode. Without the option a DATABASE_URL of the
environment decides, and a PostgreSQL named there is used as it is. pytest.ini loads this module
by `-p`: hooks of a conftest.py come after pytest-django has loaded the settings.

A test of what only one of them has is marked `@pytest.mark.only_on("postgres")` or `("sqlite")`.
Thousands of calls whose answers are made above the database are marked `alike`: with `--share`,
which `make test` gives, each of these cases runs on one of the two, and without it on both.
"""

import itertools
import os
import shutil
import sqlite3
import zlib
from collections.abc import Generator
from pathlib import Path
from typing import Protocol

import pytest

from tests import pgbouncer, postgres, scratch

CHOICES = ("sqlite", "postgres", "pgbouncer")
KEY = pytest.StashKey["Database"]()
# Races wait for their locks however slow the machine is; what is about limits sets its own.
ENVIRONMENT = {
    "ENVIRONMENT": "demo",
    "THROTTLE": "off",
    "CACHE_URL": "locmemcache://",
    "DATABASE_LOCK_TIMEOUT": "60",
    "DATABASE_STATEMENT_TIMEOUT": "60",
    "DATABASE_IDLE_TIMEOUT": "300",
}
# What a developer's shell may hold and the suite must not depend on.
FOREIGN = (
    "ALLOWED_HOSTS",
    "CORS_ALLOWED_ORIGINS",
    "DEBUG",
    "DEMO_DAYS",
    "EMERGENCY_MINUTES",
    "HOURS_AHEAD_DAYS",
    "NUM_PROXIES",
    "PGBOUNCER",
    "PORT",
    "SECRET_KEY",
)


MEMORY = "/dev/shm"  # of Linux
MEMORY_NEEDED = 2 << 30  # bytes; the suite's files take a fraction of it


class Database(Protocol):
    """What the suite runs on; `SQLite` here and `postgres.Server` are the two."""

    kind: str

    def url(self, database: str = "") -> str:
        """The DATABASE_URL of the settings; with a name, of that database."""

    def create_database(self, name: str) -> str:
        """The DATABASE_URL of a new, empty database, for a server process of a test."""

    def describe(self) -> str:
        """One line for people: version, source, place."""

    def stop(self) -> None:
        """Leave nothing behind."""


class SQLite:
    """SQLite in files, so that threads have connections and locks of their own, as in service."""

    kind = "sqlite"

    def __init__(self) -> None:
        self._folder = scratch.Folder("clinic-sqlite-", memory())
        self._numbers = itertools.count()

    def url(self, database: str = "") -> str:
        """The DATABASE_URL of a file in the suite's folder."""
        return f"sqlite:///{self.file(database or 'clinic')}"

    def file(self, database: str) -> str:
        """The path of that file."""
        return str(self._folder.path / f"{database}.sqlite3")

    def create_database(self, name: str) -> str:
        """The DATABASE_URL of a new file, which the first connection makes."""
        return self.url(f"{name}_{next(self._numbers)}")

    def describe(self) -> str:
        """One line for people: version, source, place."""
        return f"SQLite {sqlite3.sqlite_version} (of Python), files in {self._folder.path}"

    def stop(self) -> None:
        """Remove the files."""
        self._folder.close()


def memory() -> str | None:
    """Where files need not wait for a disk, if this machine has such a place and it is wide."""
    wide = Path(MEMORY).is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_NEEDED
    return MEMORY if wide and os.access(MEMORY, os.W_OK) else None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--db` and `--share`."""
    parser.addoption("--db", choices=CHOICES, help="the database to test on")
    parser.addoption(
        "--share", action="store_true", help="of cases marked `alike`, run this database's half"
    )


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Start the database and put it into the environment; a wrapper runs before all plugins."""
    options = early_config.known_args_namespace
    if not (options.help or options.version):
        try:
            database = choose(options.db)
        except (postgres.PostgresMissing, pgbouncer.BouncerMissing) as error:
            raise pytest.UsageError(str(error)) from error
        early_config.add_cleanup(database.stop)
        early_config.stash[KEY] = database
        os.environ.update(ENVIRONMENT, DATABASE_URL=database.url())
        for name in FOREIGN:
            os.environ.pop(name, None)
        if isinstance(database, pgbouncer.Through):
            os.environ["PGBOUNCER"] = "1"
    return (yield)


def choose(kind: str | None) -> Database:
    """The database that the option, or else the environment, asks for."""
    given = os.environ.get("DATABASE_URL", "").strip()
    if kind is None and given.startswith(("postgres", "pgsql", "psql")):
        return postgres.Server(given, "DATABASE_URL")
    if kind == "pgbouncer":
        return pgbouncer.Through(postgres.start())
    return postgres.start() if kind == "postgres" else SQLite()


def pytest_configure(config: pytest.Config) -> None:
    """Name the markers of tests that need not run on both databases."""
    config.addinivalue_line("markers", "only_on(kind): run on sqlite, or on postgres, alone")
    config.addinivalue_line("markers", "alike: with --share, each case runs on one of the two")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about the other database: a skip would read as something missing."""
    kind, share = config.stash[KEY].kind, config.option.share
    left_out = [
        item
        for item in items
        if _only_on(item) not in {kind, None} or (share and _only_share(item) not in {kind, None})
    ]
    if left_out:
        items[:] = [item for item in items if item not in set(left_out)]
        config.hook.pytest_deselected(items=left_out)


def _only_on(item: pytest.Item) -> str | None:
    marker = item.get_closest_marker("only_on")
    return marker.args[0] if marker else None


def _only_share(item: pytest.Item) -> str | None:
    """On which of the two a case that is alike on both has its turn, the same in every run."""
    half = ("sqlite", "postgres")[zlib.crc32(item.nodeid.encode()) % 2]
    return half if item.get_closest_marker("alike") else None


def pytest_report_header(config: pytest.Config) -> str:
    """Name the database at the top of the run."""
    return f"database: {config.stash[KEY].describe()}"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Name the database at the end, where people look when the log is long."""
    terminalreporter.write_line(f"Ran on {config.stash[KEY].describe()}")
