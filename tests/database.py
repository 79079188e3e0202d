"""pytest plugin: which database the suite runs on, settled before Django reads its settings.

`--db=sqlite` (the default), `--db=postgres`, or `--db=pgbouncer` for a PostgreSQL that is reached
through PgBouncer in transaction mode. Without the option a DATABASE_URL of the environment decides,
and a PostgreSQL named there is used as it is. pytest.ini loads this module by `-p`: hooks of a
conftest.py come after pytest-django has loaded the settings.

`make test` runs each test once, on PostgreSQL. A test runs on SQLite besides if the database has a
part in what it claims; it is marked `both_databases`. A test of what only one database has is
marked `only_on("postgres")` or `only_on("sqlite")`.

With `-n 2` pytest-xdist runs the tests in two worker processes. The process that starts them starts
the database server, and tells them by two environment variables where it is. Each worker makes
databases of its own there.
"""

import itertools
import os
import shutil
import signal
import sqlite3
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Protocol

import pytest

# A failed assertion shows its values in a helper module as in a test. Only what is imported after
# this is rewritten, and the package `tests` itself is imported already.
HELPERS = [f"tests.{path.stem}" for path in Path(__file__).parent.glob("[a-z]*")]
APPS = ("extensions", "accounts", "doctor", "patient", "appointment")
pytest.register_assert_rewrite(*HELPERS, *(f"{app}.tests" for app in APPS))

from tests import pgbouncer, postgres, scratch  # noqa: E402
from tests.programs import end_with_parent  # noqa: E402

CHOICES = ("sqlite", "postgres", "pgbouncer")
KEY = pytest.StashKey["Database"]()
FOLDER = pytest.StashKey[Path]()
# How the workers of a run find its folder and its server.
RUN_FOLDER, RUN_SERVER = "TEST_RUN_FOLDER", "TEST_RUN_SERVER"
WORKER = "PYTEST_XDIST_WORKER"  # set by pytest-xdist
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

    def create_database(self, name: str, template: str = "") -> str:
        """The DATABASE_URL of a new database: empty, or a copy of the one at that DATABASE_URL."""

    def describe(self) -> str:
        """One line for people: version, source, place."""

    def stop(self) -> None:
        """Leave nothing behind."""


class SQLite:
    """SQLite in files, so that threads have connections and locks of their own, as in service."""

    kind = "sqlite"

    def __init__(self, folder: Path) -> None:
        """Keep the files in the folder, whose maker removes it."""
        self._folder = folder
        self._numbers = itertools.count()

    def url(self, database: str = "") -> str:
        """The DATABASE_URL of a file in the suite's folder."""
        return f"sqlite:///{self._folder / (database or 'clinic')}.sqlite3"

    def create_database(self, name: str, template: str = "") -> str:
        """The DATABASE_URL of a new file, which the first connection makes, or of a copy."""
        url = self.url(f"{name}_{os.getpid()}_{next(self._numbers)}")
        if template:
            with (
                closing(sqlite3.connect(template.removeprefix("sqlite:///"))) as source,
                closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as copy,
            ):
                source.backup(copy)
        return url

    def describe(self) -> str:
        """One line for people: version, source, place."""
        return f"SQLite {sqlite3.sqlite_version} (of Python), files in {self._folder}"

    def stop(self) -> None:
        """Nothing runs; the files go with their folder."""


def memory() -> str | None:
    """Where files need not wait for a disk, if this machine has such a place and it is wide."""
    wide = Path(MEMORY).is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_NEEDED
    return MEMORY if wide and os.access(MEMORY, os.W_OK) else None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--db`."""
    parser.addoption("--db", choices=CHOICES, help="the database to test on")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Start the database and put it into the environment; a wrapper runs before all plugins."""
    options = early_config.known_args_namespace
    if not (options.help or options.version):
        try:
            _stand_on_a_database(early_config, options.db)
        except (postgres.PostgresMissing, pgbouncer.BouncerMissing) as error:
            raise pytest.UsageError(str(error)) from error
    return (yield)


def _stand_on_a_database(config: pytest.Config, kind: str | None) -> None:
    if os.environ.pop(WORKER, None):
        end_with_parent(signal.SIGKILL)
        folder = Path(os.environ.pop(RUN_FOLDER))
        database = join(kind, folder, os.environ.pop(RUN_SERVER))
    else:
        made = scratch.Folder("clinic-test-", memory())
        config.add_cleanup(made.close)
        folder, database = made.path, choose(kind, made.path)
        server = database.server if isinstance(database, pgbouncer.Through) else database
        os.environ.update({RUN_FOLDER: str(folder), RUN_SERVER: server.url()})
    config.add_cleanup(database.stop)
    config.stash[KEY], config.stash[FOLDER] = database, folder
    os.environ.update(ENVIRONMENT, DATABASE_URL=database.url())
    for name in FOREIGN:
        os.environ.pop(name, None)
    if isinstance(database, pgbouncer.Through):
        os.environ["PGBOUNCER"] = "1"


def choose(kind: str | None, folder: Path) -> Database:
    """The database that the option, or else the environment, asks for; SQLite's in the folder."""
    given = os.environ.get("DATABASE_URL", "").strip()
    if kind is None and given.startswith(("postgres", "pgsql", "psql")):
        return postgres.Server(given, "DATABASE_URL")
    if kind == "pgbouncer":
        return pgbouncer.Through(postgres.start())
    return postgres.start() if kind == "postgres" else SQLite(folder)


def join(kind: str | None, folder: Path, url: str) -> Database:
    """The database of this run, for one of its workers: the same server, or the same folder."""
    if url.startswith("sqlite"):
        return SQLite(folder)
    server = postgres.Server(url, "the run's own")
    return pgbouncer.Through(server) if kind == "pgbouncer" else server


def pytest_configure(config: pytest.Config) -> None:
    """Name the markers that choose the database."""
    config.addinivalue_line("markers", "only_on(kind): run on sqlite, or on postgres, alone")
    config.addinivalue_line(
        "markers", "both_databases: the database has a part in the claim; run on SQLite as well"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about the other database: a skip would read as something missing."""
    kind = config.stash[KEY].kind
    left_out = [item for item in items if _only_on(item) not in {kind, None}]
    if left_out:
        items[:] = [item for item in items if item not in set(left_out)]
        config.hook.pytest_deselected(items=left_out)


def _only_on(item: pytest.Item) -> str | None:
    marker = item.get_closest_marker("only_on")
    return marker.args[0] if marker else None


def pytest_report_header(config: pytest.Config) -> str:
    """Name the database at the top of the run."""
    return f"database: {config.stash[KEY].describe()}"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Name the database at the end, where people look when the log is long."""
    terminalreporter.write_line(f"Ran on {config.stash[KEY].describe()}")
