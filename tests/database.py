"""A pytest plugin that chooses the database of the suite before Django reads its settings.

`--db=sqlite` (the default), `--db=postgres`, or `--db=pgbouncer` for a PostgreSQL that is reached
through PgBouncer in transaction mode. Without the option a DATABASE_URL of the environment decides,
and a PostgreSQL named there is used as it is. pytest.ini loads this module by `-p`: hooks of a
conftest.py come after pytest-django has loaded the settings.

`make test` runs each test once, on PostgreSQL. It also runs a test on SQLite if the database has a
part in what the test claims; such a test is marked `both_databases`. A test of what only one
database has is marked `only_on("postgres")` or `only_on("sqlite")`.

With `-n 2` pytest-xdist runs the tests in two worker processes. The process that starts them also
starts the database server, and passes its place to them in two environment variables. Each worker
makes databases of its own there.
"""

import itertools
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Generator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

# pytest shows the values of a failed assertion in a helper module only if it rewrites the module.
# It rewrites what is imported after this line; the package `tests` is imported already.
HELPERS = [f"tests.{path.stem}" for path in Path(__file__).parent.glob("[a-z]*")]
APPS = ("extensions", "accounts", "doctor", "patient", "appointment")
pytest.register_assert_rewrite(*HELPERS, *(f"{app}.tests" for app in APPS))

from tests import pgbouncer, postgres, scratch  # noqa: E402
from tests.programs import end_with_parent  # noqa: E402

CHOICES = ("sqlite", "postgres", "pgbouncer")
KEY = pytest.StashKey["Database"]()
FOLDER = pytest.StashKey[Path]()
# A worker finds the folder and the server of its run by these variables.
RUN_FOLDER, RUN_SERVER = "TEST_RUN_FOLDER", "TEST_RUN_SERVER"
WORKER = "PYTEST_XDIST_WORKER"  # set by pytest-xdist
# The timeouts are long: a race on a slow machine gets its locks. Tests of timeouts set their own.
ENVIRONMENT = {
    "ENVIRONMENT": "demo",
    "THROTTLE": "off",
    "CACHE_URL": "locmemcache://",
    "DATABASE_LOCK_TIMEOUT": "60",
    "DATABASE_STATEMENT_TIMEOUT": "60",
    "DATABASE_IDLE_TIMEOUT": "300",
}
# A developer's shell may hold these variables, but the suite must not depend on them.
FOREIGN = (
    "ALLOWED_HOSTS",
    "CORS_ALLOWED_ORIGINS",
    "DATABASE_REPLICA_MAX_LAG",
    "DATABASE_REPLICA_URL",
    "DEBUG",
    "DEMO_DAYS",
    "EMERGENCY_MINUTES",
    "HOURS_AHEAD_DAYS",
    "NUM_PROXIES",
    "PGBOUNCER",
    "PORT",
    "PUSH_KEY",
    "PUSH_URL",
    "PYTHONDONTWRITEBYTECODE",
    "SECRET_KEY",
    "SMS_KEY",
    "SMS_URL",
    "TRUSTED_PROXIES",
)


MEMORY = "/dev/shm"  # Linux keeps this folder in memory
MEMORY_NEEDED = 2 << 30  # bytes; the suite's files take a fraction of it


class Database(Protocol):
    """The database of the suite. `SQLite` here and `postgres.Server` implement it."""

    kind: str

    def url(self, database: str = "") -> str:
        """Return the DATABASE_URL of the settings, or of the database with this name."""

    def create_database(self, name: str, template: str = "") -> str:
        """Return the DATABASE_URL of a new database, empty or a copy of the template."""

    def describe(self) -> str:
        """Describe it in one line for people: version, source, place."""

    def stop(self) -> None:
        """Remove all that was made."""


class SQLite:
    """SQLite in files, so that threads have connections and locks of their own, as in service."""

    kind = "sqlite"

    def __init__(self, folder: Path) -> None:
        """Keep the files in the folder. The maker of the folder removes it."""
        self._folder = folder
        self._numbers = itertools.count()

    def url(self, database: str = "") -> str:
        """Return the DATABASE_URL of a file in the suite's folder."""
        return f"sqlite:///{self._folder / (database or 'clinic')}.sqlite3"

    def create_database(self, name: str, template: str = "") -> str:
        """Return the DATABASE_URL of a copy, or of a new file, which the first connection makes."""
        url = self.url(f"{name}_{os.getpid()}_{next(self._numbers)}")
        if template:
            with (
                closing(sqlite3.connect(template.removeprefix("sqlite:///"))) as source,
                closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as copy,
            ):
                source.backup(copy)
        return url

    def describe(self) -> str:
        """Describe it in one line for people: version, source, place."""
        return f"SQLite {sqlite3.sqlite_version} (of Python), files in {self._folder}"

    def stop(self) -> None:
        """Do nothing: no server runs, and the files go with their folder."""


def memory() -> str | None:
    """Return a folder in memory with enough room, or None if this machine has none."""
    wide = Path(MEMORY).is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_NEEDED
    return MEMORY if wide and os.access(MEMORY, os.W_OK) else None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--db`."""
    parser.addoption("--db", choices=CHOICES, help="the database to test on")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Start the database and put its URL into the environment, before Django's settings load.

    pytest-django loads them in the same hook. A hook wrapper runs before all other plugins.
    """
    options = early_config.known_args_namespace
    if not (options.help or options.version):
        try:
            _stand_on_a_database(early_config, options.db)
        except (postgres.PostgresMissing, pgbouncer.BouncerMissing) as error:
            raise pytest.UsageError(str(error)) from error
    return (yield)


def _stand_on_a_database(config: pytest.Config, kind: str | None) -> None:
    """Join the run's database in a worker, or else start one; set the environment for Django."""
    if os.environ.pop(WORKER, None):
        end_with_parent(signal.SIGKILL)
        folder = Path(os.environ.pop(RUN_FOLDER))
        database = join(kind, folder, os.environ.pop(RUN_SERVER))
        config.add_cleanup(database.stop)
    else:
        made = scratch.Folder("clinic-test-", memory())
        config.add_cleanup(made.close)
        folder, database = made.path, choose(kind, made.path)
        server = pgbouncer.behind(database)
        os.environ.update({RUN_FOLDER: str(folder), RUN_SERVER: server.url()})
        config.add_cleanup(database.stop)
        config.add_cleanup(partial(drop_templates, server, folder))  # before it stops
    config.stash[KEY], config.stash[FOLDER] = database, folder
    os.environ.update(ENVIRONMENT, DATABASE_URL=database.url())
    for name in FOREIGN:
        os.environ.pop(name, None)
    sys.dont_write_bytecode = False  # else every process compiles every test module again
    if isinstance(database, pgbouncer.Through):
        os.environ["PGBOUNCER"] = "1"


def drop_templates(server: Database, folder: Path) -> None:
    """Drop the databases of `tests.templates`, which no worker drops since the others copy them."""
    if isinstance(server, postgres.Server):
        for made in folder.glob("*.url"):
            server.drop(made.read_text())


def choose(kind: str | None, folder: Path) -> Database:
    """Return the database that the option, or else the environment, asks for."""
    given = os.environ.get("DATABASE_URL", "").strip()
    if kind is None and given.startswith(("postgres", "pgsql", "psql")):
        return postgres.Server(given, "DATABASE_URL")
    if kind == "pgbouncer":
        return pgbouncer.Through(postgres.start())
    return postgres.start() if kind == "postgres" else SQLite(folder)


def join(kind: str | None, folder: Path, url: str) -> Database:
    """Return the run's database for one of its workers: the same server, or the same folder."""
    if url.startswith("sqlite"):
        return SQLite(folder)
    server = postgres.Server(url, "the run's own")
    return pgbouncer.Through(server) if kind == "pgbouncer" else server


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers that choose the database."""
    config.addinivalue_line("markers", "only_on(kind): run on sqlite, or on postgres, alone")
    config.addinivalue_line(
        "markers", "both_databases: the database has a part in the claim; run on SQLite as well"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests of the other database. A skip would look like a missing database."""
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
    """Name the database at the end as well, where people look when the log is long."""
    terminalreporter.write_line(f"Ran on {config.stash[KEY].describe()}")
