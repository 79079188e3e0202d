"""A PostgreSQL server that keeps what it acknowledged, on a port of its own, for drills to kill.

    with cluster.primary() as primary:          # raises PostgresMissing; never a skip
        url = primary.create_database("clinic")
        primary.kill()                          # kill -9, every process of it
        primary.start()                         # as its supervisor would
        with primary.standby("reserve") as standby:
            primary.wait_for("reserve")         # every commit waits for it from now on
            standby.promote()

The suite's own server (tests/postgres.py) has no durability and listens on a socket only. This one
is durable and listens on a port, as in service. A password keeps other accounts of the machine out.
Call `start` and `standby` in the main thread: Linux ends the server when the thread that
started it ends.
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
if sys.platform == "linux":  # syncing each file takes seconds after each kill
    SETTINGS["recovery_init_sync_method"] = "syncfs"


@contextmanager
def primary(**settings: str) -> Iterator["Cluster"]:
    """Start an empty server with the first binaries that work. Raises PostgresMissing."""
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
    """A durable server: `start`, `stop`, `kill`, `standby`, `promote`."""

    def __init__(self, programs: Programs, name: str, password: str) -> None:
        self.programs, self.name, self.port = programs, name, free_port()
        self.settings = dict(SETTINGS)
        self.data = programs.folder / name
        self.log = programs.folder / f"{name}.log"
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None

    # --- Start and stop ---------------------------------------------------------------------------

    def make(self) -> None:
        """Make an empty cluster and start it. Raises Unusable."""
        secret = self.programs.folder / "password"
        secret.touch(mode=0o600)
        secret.write_text(self._password)
        self.programs.give(secret)
        options = ("-U", "postgres", "--auth=scram-sha-256", "--pwfile", str(secret))
        locale = ("--encoding=UTF8", "--locale=C", "--no-sync")
        self.programs.run("initdb", "-D", str(self.data), *options, *locale)
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers, also after recovery. Raises Unusable."""
        assert self._process is None, "it runs"
        try:
            self._launch()
        except Unusable:  # the killed server may hold its memory a moment longer
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
        """Stop the server by PostgreSQL's fast shutdown. A second call does nothing."""
        if self._process is not None:
            self.resume()
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None

    def kill(self) -> None:
        """Send kill -9 to every process of the server, as when the machine loses power."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
        self._process = None

    def suspend(self) -> None:
        """Stop every process of the server, as a machine that hangs: connections stay, silent."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let the processes that `hold_back` or `suspend` stopped go on."""
        self._signal(signal.SIGCONT)

    # --- Databases and values ---------------------------------------------------------------------

    def url(self, database: str = "postgres") -> str:
        """Return the DATABASE_URL of a database of this server."""
        return f"postgres://postgres:{self._password}@127.0.0.1:{self.port}/{database}"

    def value(self, statement: str, database: str = "postgres") -> Any:
        """Run a statement. Return the one value of its result, or None if it has no result."""
        return query(self.url(database), statement)

    def values(self, statement: str) -> list[Any]:
        """Return the values of a query of one column."""
        return self.value(f"SELECT coalesce(array_agg(v), '{{}}') FROM ({statement}) AS t(v)") or []

    def create_database(self, name: str, template: str = "template1") -> str:
        """Return the DATABASE_URL of a new database, empty or a copy of an unused one."""
        self.value(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    # --- Replication ------------------------------------------------------------------------------

    @contextmanager
    def standby(self, name: str, port: int = 0) -> Iterator["Cluster"]:
        """Start a second server that follows this one, under this name, on a port of its own."""
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
        """Make every commit wait until the standby has it on disk. "" ends the waiting."""
        self.value(f"ALTER SYSTEM SET synchronous_standby_names = '{standby}'")
        self.value("SELECT pg_reload_conf()")
        state = f"SELECT sync_state FROM pg_stat_replication WHERE application_name = '{standby}'"
        assert not standby or becomes_true(lambda: self.value(state) == "sync"), (
            self.log.read_text()
        )

    def hold_back(self) -> None:
        """Send the standbys nothing more, until this server is killed or resumed."""
        for pid in self.values("SELECT pid FROM pg_stat_replication"):
            os.kill(pid, signal.SIGSTOP)

    def promote(self) -> None:
        """Make a standby the primary."""
        assert self.value("SELECT pg_promote()"), self.log.read_text()

    # --- Processes --------------------------------------------------------------------------------

    def _signal(self, number: signal.Signals) -> None:
        """Signal the server first, so that it starts no new process, and then all of its processes.

        The children are listed before as well: those of a killed server have no parent, and a
        stopped server does not notice.
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
    """Return the processes that this one has started; the system has to list them in /proc."""
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
    """Return the port that a DATABASE_URL names."""
    port = urlsplit(url).port
    assert port is not None
    return port
