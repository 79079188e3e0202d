"""PgBouncer in transaction mode before a PostgreSQL: the system's, or Debian's package unpacked.

    through = pgbouncer.Through(postgres.start())  # raises BouncerMissing if there is none
    through.url("clinic")                          # the DATABASE_URL of that database
    through.stop()

It listens on a socket in a folder that only its account may enter, as the suite's PostgreSQL does,
and asks for no password. The module fetches Debian's package once into var/, without root's rights.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import psycopg2

from tests import binaries, postgres, scratch
from tests.live import ROOT
from tests.programs import query, tied_to_this_process

STORE = ROOT / "var" / "pgbouncer"
SECONDS = 60  # that a step of apt, and a start or end of PgBouncer, may take
CONNECTIONS = 20  # to each database, for all clients together; PgBouncer's own default
CONFIG = """
[databases]
* = {server}
[pgbouncer]
listen_port = 6432
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 300
"""


class BouncerMissing(Exception):
    """This machine has no PgBouncer; the message says why."""


class Through:
    """A PostgreSQL that the suite reaches through a PgBouncer alone (`--db=pgbouncer`)."""

    kind = "postgres"

    def __init__(self, server: postgres.Server, connections: int = CONNECTIONS) -> None:
        """Put a PgBouncer, with this number of connections to each database, before the server."""
        self.server = server
        self._folder = scratch.Folder("clinic-pgb-", binaries.place_for_data())
        try:
            self.bouncer = Bouncer(self._folder.path, server, connections)
        except BaseException:
            self.stop()
            raise

    def url(self, database: str = "postgres") -> str:
        """Return the DATABASE_URL of a database of the server."""
        return self.bouncer.url(database or "postgres")

    def create_database(self, name: str, template: str = "") -> str:
        """Return the DATABASE_URL of a new database, empty or a copy. `stop()` drops it."""
        made = self.server.create_database(name, template)
        return self.url(urlsplit(made).path.strip("/"))

    def describe(self) -> str:
        """Describe it in one line for people."""
        return f"{self.server.describe()}, through {self.bouncer.describe()}"

    def close(self) -> None:
        """Stop the PgBouncer. The server keeps running."""
        if hasattr(self, "bouncer"):
            self.bouncer.stop()
        self._folder.close()

    def stop(self) -> None:
        """Remove all that was made."""
        self.close()
        self.server.stop()


def behind(database: Any) -> Any:
    """Return the server behind the PgBouncer, or the database itself if there is none between."""
    return database.server if isinstance(database, Through) else database


class Bouncer:
    """A running PgBouncer, a child of this process that ends with it."""

    def __init__(self, folder: Path, server: postgres.Server, connections: int) -> None:
        self.folder, self.log = folder, folder / "log"
        self._account = binaries.account()
        self._environ = {"LD_LIBRARY_PATH": str(folder), "PATH": os.defpath}
        self._program = _laid_into(folder)
        config = folder / "pgbouncer.ini"
        words = " ".join(f"{name}={value}" for name, value in parameters(server.url()).items())
        config.write_text(CONFIG.format(server=words, folder=folder, connections=connections))
        for path in (folder, *folder.rglob("*")):
            binaries.give(path, self._account)
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def url(self, database: str = "postgres") -> str:
        """Return the DATABASE_URL of a database, through PgBouncer."""
        return f"postgres://postgres@:6432/{database}?host={quote(str(self.folder))}"

    def start(self) -> None:
        """Start it and wait until it accepts a connection."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [self._program, self.folder / "pgbouncer.ini"],
                env=self._environ,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=tied_to_this_process(),  # noqa: PLW1509  (no other thread runs yet)
                **self._account,
            )
        deadline = time.monotonic() + SECONDS
        while not self._answers():
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def describe(self) -> str:
        """Return its name and version."""
        done = subprocess.run(
            [self._program, "--version"],
            env=self._environ,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.partition("\n")[0]

    def stop(self) -> None:
        """Stop it. A second call does nothing."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(SECONDS)
        self._process = None

    def _answers(self) -> bool:
        try:
            return bool(query(self.url(), "SELECT true"))
        except psycopg2.OperationalError:
            return False


def parameters(url: str) -> dict[str, str]:
    """Return PgBouncer's parameters for the server at a DATABASE_URL, without the database."""
    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [parts.hostname or ""])[0]
    found = {
        "host": host,
        "port": str(parts.port or 5432),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
    }
    return {name: value for name, value in found.items() if value}


# --- Origin ---------------------------------------------------------------------------------------


def _laid_into(folder: Path) -> Path:
    """Copy PgBouncer and its libraries into a folder that its account may enter."""
    program = _of_system() or _unpacked() or _fetched()
    for path in (program, *STORE.rglob("*.so*")):
        shutil.copy(path, folder / path.name)
        (folder / path.name).chmod(0o755)  # files in var/ are for their owner, and not executable
    return folder / program.name


def _of_system() -> Path | None:
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    return Path(found) if found else None


def _unpacked() -> Path | None:
    return next(STORE.glob("*/usr/sbin/pgbouncer"), None)


def _fetched() -> Path:
    """Unpack Debian's package and its libraries into var/. Raises BouncerMissing."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise BouncerMissing("pgbouncer is not installed, and there is no apt-get to fetch it with")
    draft = scratch.Folder("clinic-apt-")
    try:
        _download(draft.path)
        STORE.mkdir(parents=True, exist_ok=True)
        for package in sorted(draft.path.glob("*.deb"), key=lambda path: "pgbouncer" in path.name):
            _apt("dpkg-deb", "-x", str(package), str(STORE / package.stem))
    finally:
        draft.close()
    program = _unpacked()
    if program is None:
        raise BouncerMissing("Debian's package holds no pgbouncer")
    return program


def _download(folder: Path) -> None:
    """Fetch the packages. If apt knows none and we are root, update its lists first."""
    try:
        _apt("apt-get", "download", "pgbouncer", *_libraries(), cwd=folder)
    except BouncerMissing:
        if os.geteuid() != 0:
            raise
        _apt("apt-get", "update")
        _apt("apt-get", "download", "pgbouncer", *_libraries(), cwd=folder)


def _libraries() -> list[str]:
    """Return the libraries that PgBouncer needs and few machines have: libevent and c-ares."""
    names = _apt("apt-cache", "depends", "--important", "pgbouncer").split()
    return [name for name in names if name.startswith(("libevent", "libc-ares", "libcares"))]


def _apt(*command: str, **options: Any) -> str:
    """Return a command's standard output. Raises BouncerMissing if it fails or takes too long."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=SECONDS, **options
        )
    except subprocess.TimeoutExpired as error:
        raise BouncerMissing(f"`{' '.join(command)}` took more than {SECONDS} s") from error
    if done.returncode:
        raise BouncerMissing(f"`{' '.join(command)}`: {done.stderr.strip()[-500:]}")
    return done.stdout
