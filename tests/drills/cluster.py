"""A PostgreSQL that keeps what it acknowledged, on a port of its own, made to be killed.

    with cluster.primary() as primary:          # raises PostgresMissing; never a skip
        url = primary.create_database("clinic")
        primary.kill()                          # kill -9, every process of it
        primary.start()                         # as its supervisor would
        with primary.standby("reserve") as standby:
            primary.wait_for("reserve")         # every commit waits for it from now on
            standby.promote()

The suite's own server (tests/postgres.py) has durability off and one socket; this one has both as
in service. A password made for it keeps other accounts of the machine out. Start, restart and
make standbys in the main thread: Linux takes the end of the starting thread for the parent's.
"""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests import binaries, scratch
from tests.database import memory
from tests.live import free_port
from tests.postgres import PostgresMissing
from tests.programs import START_SECONDS, Programs, Unusable, query, wait_until_ready
from tests.threads import becomes_true

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "wal_keep_size": "256MB",
    "timezone": "UTC",
}
if sys.platform == "linux":  # file by file it takes seconds after each kill
    SETTINGS["recovery_init_sync_method"] = "syncfs"


@contextmanager
def primary(**settings: str) -> Iterator["Cluster"]:
    """A new, empty server from the first binaries that work; raises PostgresMissing."""
    tried: list[str] = []
    for source in binaries.find(os.environ.get("TEST_POSTGRES", "").strip()):
        folder = scratch.Folder("clinic-cluster-", memory() or binaries.place_for_data())
        try:
            made = Cluster(Programs(source, folder.path), "primary", secrets.token_hex(16))
            made.settings.update(settings)
            made.make()
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
    raise PostgresMissing(f"No PostgreSQL for a cluster could be started: {tried}")


class Cluster:
    """A server with durability on: `start`, `stop`, `kill`, `pause`, `standby`, `promote`."""

    def __init__(self, programs: Programs, name: str, password: str) -> None:
        self.programs, self.name, self.port = programs, name, free_port()
        self.settings = dict(SETTINGS)
        self.data = programs.folder / name
        self.log = programs.folder / f"{name}.log"
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None

    # --- Its life ---------------------------------------------------------------------------------

    def make(self) -> None:
        """Make an empty cluster and start it; raises Unusable."""
        secret = self.programs.folder / "password"
        secret.touch(mode=0o600)
        secret.write_text(self._password)
        self.programs.give(secret)
        options = ("-U", "postgres", "--auth=scram-sha-256", "--pwfile", str(secret))
        locale = ("--encoding=UTF8", "--locale=C", "--no-sync")
        self.programs.run("initdb", "-D", str(self.data), *options, *locale)
        self.start()

    def start(self) -> None:
        """Start it on its port and wait until it answers, recovery included; raises Unusable."""
        assert self._process is None, "it runs"
        try:
            self._launch()
        except Unusable:  # what was killed may have held its memory for another moment
            self._launch()

    def _launch(self) -> None:
        settings = {**self.settings, "port": str(self.port)}
        self._process = self.programs.launch(self.data, settings, self.log)
        try:
            wait_until_ready(self._process, self.url(), self.data, self.log)
        except Unusable:
            self.kill()
            raise

    def stop(self) -> None:
        """PostgreSQL's fast shutdown; again is allowed and does nothing."""
        if self._process is not None:
            self.resume()
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None

    def kill(self) -> None:
        """kill -9 of every process of it, as when the machine loses its power."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Stop it and start it again, as for a change of settings."""
        self.stop()
        self.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """None of its processes runs meanwhile; connections to it stay open and hear nothing."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.resume()

    def resume(self) -> None:
        """End a pause."""
        self._signal(signal.SIGCONT)

    # --- What is in it ----------------------------------------------------------------------------

    def url(self, database: str = "postgres") -> str:
        """The DATABASE_URL of a database of this server."""
        return f"postgres://postgres:{self._password}@127.0.0.1:{self.port}/{database}"

    def value(self, statement: str, database: str = "postgres") -> Any:
        """The one value that a statement answers there, or None."""
        return query(self.url(database), statement)

    def values(self, statement: str) -> list[Any]:
        """The first column of what a statement answers."""
        return self.value(f"SELECT coalesce(array_agg(v), '{{}}') FROM ({statement}) AS t(v)") or []

    def create_database(self, name: str, template: str = "template1") -> str:
        """The DATABASE_URL of a new database, empty or a copy of one that nobody uses."""
        self.value(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    # --- Replication ------------------------------------------------------------------------------

    @contextmanager
    def standby(self, name: str, port: int = 0) -> Iterator["Cluster"]:
        """A second server that follows this one, known to it by its name; on a port of its own."""
        made = Cluster(self.programs, name, self._password)
        made.port = port or made.port
        made.settings.update(self.settings)
        source = f"{self.url()}?application_name={name}"
        options = ("--checkpoint=fast", "--write-recovery-conf", "--no-sync", "--wal-method=stream")
        self.programs.run("pg_basebackup", "-D", str(made.data), "-d", source, *options)
        try:
            made.start()
            yield made
        finally:
            made.stop()

    def wait_for(self, standby: str) -> None:
        """Have every commit wait until the standby has it on disk; "" for none of them."""
        self.value(f"ALTER SYSTEM SET synchronous_standby_names = '{standby}'")
        self.value("SELECT pg_reload_conf()")
        state = f"SELECT sync_state FROM pg_stat_replication WHERE application_name = '{standby}'"
        assert not standby or becomes_true(lambda: self.value(state) == "sync"), (
            self.log.read_text()
        )

    def hold_back(self) -> None:
        """Send standbys nothing any more, until this server is killed or resumed."""
        for pid in self.values("SELECT pid FROM pg_stat_replication"):
            os.kill(pid, signal.SIGSTOP)

    def promote(self) -> None:
        """Make a standby the primary."""
        assert self.value("SELECT pg_promote()"), self.log.read_text()

    # --- Its processes ----------------------------------------------------------------------------

    def _signal(self, number: signal.Signals) -> None:
        """To the server first, so that it starts no new process, then to all of its processes.

        They are looked for before as well: those of a server that was killed are nobody's, and one
        that was stopped before it does not notice.
        """
        if self._process is None or self._process.poll() is not None:
            return
        known = children(self._process.pid)
        self._process.send_signal(number)
        for pid in {*known, *children(self._process.pid)}:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue


def children(pid: int) -> list[int]:
    """The processes that this one has started, where the system tells; their state is not asked."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = path.read_text().rpartition(")")[2].split()[1]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == str(pid):
            found.append(int(path.parent.name))
    return found


def port_of(url: str) -> int:
    """The port that a DATABASE_URL names."""
    port = urlsplit(url).port
    assert port is not None
    return port
