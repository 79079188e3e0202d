"""The code that is measured, in folders of its own, and the production server that serves it.

The working tree is copied first, with what is not committed: an edit during the run changes
nothing, and `collectstatic` writes into the copy. The revision that stood before is taken from
git's history.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess  # nosec B404  # it starts servers
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.clients import Connection
from benchmarks.generator import Failed, headers_of, host_of, http_request
from benchmarks.processes import children, cpu_seconds, memory
from tests import scratch
from tests.live import free_port
from tests.programs import tied_to_this_process

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
# As docs/operations.md starts it; the yardsticks have another entry point and settings.
SERVE = ("-m", "gunicorn", "--config", "deploy/gunicorn.conf.py")
PRODUCT_WSGI, YARDSTICKS_WSGI = "config.wsgi", "benchmarks.yardsticks.wsgi"


def copy_of_working_tree(folder: Path) -> Path:
    """Copy the project as it stands, without what git ignores; return the folder."""
    listed = git("ls-files", "--cached", "--others", "--exclude-standard", "-z")
    if listed is None:
        ignored = shutil.ignore_patterns(".git", ".venv", "var", "__pycache__", "mutants")
        shutil.copytree(ROOT, folder, ignore=ignored)
        return folder
    for name in listed.split("\0"):
        source = ROOT / name
        if name and source.is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    return folder


def tree_of_revision(revision: str, folder: Path) -> Path:
    """Write the files of a revision into the folder. Raises Failed if the history lacks it."""
    if git("cat-file", "-e", f"{revision}^{{commit}}") is None:
        raise Failed(f"git's history here has no {revision} (a shallow clone, or a copy).")
    folder.mkdir(parents=True)
    archive = subprocess.run(  # nosec B603, B607  # fixed words
        ["git", "archive", "--format=tar", revision], cwd=ROOT, capture_output=True, check=True
    )
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)  # nosec B603, B607  # fixed words
    return folder


def git(*words: str) -> str | None:
    """Return what git prints, or None if it fails or is not there."""
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)  # nosec B603, B607  # fixed words
    except OSError:
        return None
    return done.stdout.decode() if done.returncode == 0 else None


def revision() -> str:
    """Return the short hash of the commit that is measured, with a mark if files differ from it."""
    return (git("describe", "--always", "--dirty=+changes", "--exclude=*") or "unknown").strip()


@dataclass
class Server:
    """A production server on a port of its own: one folder of code, one database."""

    name: str
    root: Path
    url: str
    entry: str = PRODUCT_WSGI
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.log = self.root / f"{self.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        production = {
            "ENVIRONMENT": "production",
            "SECRET_KEY": secrets.token_urlsafe(64),
            "ALLOWED_HOSTS": "127.0.0.1",
            "DATABASE_URL": self.url,
            "NUM_PROXIES": "1",
            "EMAIL_URL": "smtp+tls://127.0.0.1:1",
            "DEFAULT_FROM_EMAIL": "clinic@clinic.example",
        }
        system = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environ = {**system, **production, **self.variables}

    def manage(self, *words: str) -> str:
        """Run a command of manage.py on its database; return what it prints. Raises Failed."""
        return self.run("manage.py", *words)

    def run(self, *words: str, is_shown: bool = False, **variables: str) -> str:
        """Run Python in its folder with its environment; return what it prints. Raises Failed.

        With `is_shown` the terminal shows its standard output instead.
        """
        environment = {**self.environ, **variables}
        done = subprocess.run(  # nosec B603  # fixed words
            [sys.executable, *words],
            cwd=self.root,
            env=environment,
            stdout=None if is_shown else subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            said = (done.stderr or done.stdout or "").strip()[-1500:]
            name = " ".join(words[:3])
            raise Failed(f"{self.name}: {name} ended with {done.returncode}: {said}")
        return done.stdout or ""

    def start(self) -> float:
        """Start it and wait until /readyz answers 200; return the seconds. Raises Failed."""
        command = [sys.executable, *SERVE, "--bind", f"127.0.0.1:{self.port}", self.entry]
        began = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # nosec B603  # fixed words
                command,
                cwd=self.root,
                env=self.environ,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                preexec_fn=tied_to_this_process(),  # noqa: PLW1509  (it only makes system calls)
            )
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() - began > START_SECONDS:
                raise Failed(f"{self.name} did not start: {self.log.read_text()[-1500:]}")
            time.sleep(0.02)
        return time.monotonic() - began

    def stop(self) -> None:
        """End it by SIGTERM, as a supervisor would. A second call does nothing."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def connection(self) -> Connection:
        """Return a client's connection to it."""
        return Connection(self.base)

    def get(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of one GET of a client without a login."""
        with self.connection() as connection:
            return connection.send(http_request("GET", path, host_of(self.base), headers_of(1)))

    def header(self, path: str, name: str) -> str | None:
        """Return one header of the answer to a GET, or None."""
        return self.get(path)[1].get(name.lower())

    def json(self, path: str) -> Any:
        """Return the parsed body of a GET. Raises Failed for another status than 200."""
        status, _, body = self.get(path)
        if status != 200:
            raise Failed(f"{self.name}: GET {path} answers {status}")
        return json.loads(body)

    def is_ready(self) -> bool:
        """Whether /readyz answers 200."""
        try:
            return self.get("/readyz")[0] == 200
        except (OSError, Failed):  # refused, reset or closed
            return False

    # --- What it uses ---

    @property
    def pid(self) -> int:
        assert self.process is not None  # nosec B101  # a condition of the bench itself
        return self.process.pid

    def cpu_seconds(self) -> float:
        """Return the CPU that it and its workers have used."""
        return cpu_seconds(self.pid)

    def workers(self) -> list[dict[str, float]]:
        """Return the memory of each worker (MB)."""
        return [memory(pid) for pid in children(self.pid)]


@contextmanager
def folder_for_code() -> Iterator[Path]:
    """Yield a temporary folder that is removed at the end."""
    made = scratch.Folder("clinic-bench-code-")
    try:
        yield made.path
    finally:
        made.close()
