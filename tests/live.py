"""The real server in a process of its own, started as `make run` starts it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from config import environment
from config.management.commands import serve
from tests import database
from tests.programs import tied_to_this_process

ROOT = Path(__file__).resolve().parent.parent
DEMO_DAYS = "7"
# For clients that book all day with one account.
UNCAPPED = {"MAX_AHEAD_PER_ACCOUNT": "0", "MAX_AHEAD_UNVERIFIED": "0"}
SHUTDOWN_SECONDS = 120  # more than its graceful_timeout


def environ(**variables: str) -> dict[str, str]:
    """Return this process's environment, without the suite's variables and with these."""
    of_suite = {*database.ENVIRONMENT, "DATABASE_URL", database.RUN_FOLDER, database.RUN_SERVER}
    kept = {k: v for k, v in os.environ.items() if k not in of_suite}
    return {**kept, **variables}


def free_port() -> int:
    """Return a port on which no process listens."""
    with socket.socket() as probe:
        probe.bind((serve.HOST, 0))
        return int(probe.getsockname()[1])


class Server:
    """A server process with a database and a port of its own; `variables` are its environment.

    Its demo is a short one: appointment/tests/test_seed_demo.py tests a long one.
    `box` is its output by the time it was ready; `root` is the folder of its code.
    """

    command: tuple[str, ...] = ("manage.py", "serve")
    box = ""
    root = ROOT
    process: "subprocess.Popen[bytes]"

    def __init__(self, url: str, log: Path, **variables: str) -> None:
        self.url = url
        self.base, self.log = f"http://{serve.HOST}:{free_port()}", log
        port = self.base.rpartition(":")[2]
        self.mail = log.parent / "mail"
        places = {"DATABASE_URL": url, "PORT": port, "EMAIL_URL": f"filemail:///{self.mail}"}
        self.environ = environ(**{"DEMO_DAYS": DEMO_DAYS, **places, **variables})

    @contextmanager
    def running(self) -> Iterator[float]:
        """Start it, wait until it is ready, and yield the seconds that took; then `stop()` it."""
        began = time.monotonic()
        try:
            self.start()
            yield time.monotonic() - began
        finally:
            self.stop()
            self._delete_limits()

    def start(self) -> None:
        """Start it and wait until it is ready."""
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.command],
                cwd=self.root,
                env=self.environ,
                stdout=log,
                stderr=log,
                preexec_fn=tied_to_this_process(),  # noqa: PLW1509  (it only makes system calls)
            )
        while not self._is_ready():
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        self.box = self.log.read_text()

    def stop(self) -> None:
        """Shut it down by SIGTERM. It must exit with 0."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=SHUTDOWN_SECONDS) == 0, self.log.read_text()

    def get(self, path: str) -> tuple[int, str]:
        """Return status and text of a page."""
        with urlopen(self.base + path, timeout=120) as response:
            return response.status, response.read().decode()

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a management command on the server's database. The caller judges its exit code."""
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=self.root, env=self.environ, capture_output=True, text=True, check=False
        )

    def _delete_limits(self) -> None:
        """Delete the file in which a demo on PostgreSQL counts calls, as its database goes too."""
        folder = self.root / "var"
        file = environment.limits_file({"NAME": ""}, self.url, folder)
        for each in folder.glob(f"{file.name}*"):
            each.unlink()

    def _is_ready(self) -> bool:
        try:
            return self.get("/readyz")[0] == 200
        except OSError:  # refused, reset, or 503
            return False


class BareServer(Server):
    """A server that is gunicorn alone, without demo data or caps; `migrate()` makes its tables."""

    command: tuple[str, ...] = (
        "-m",
        "gunicorn",
        "--config",
        "deploy/gunicorn.conf.py",
        "config.wsgi",
    )

    def __init__(self, url: str, log: Path, **variables: str) -> None:
        settings = {"THROTTLE": "off", "CACHE_URL": "locmemcache://", **UNCAPPED, **variables}
        super().__init__(url, log, **settings)

    def migrate(self) -> None:
        """Apply the migrations to its database."""
        done = self.manage("migrate", "--verbosity=0")
        assert done.returncode == 0, done.stderr


def printed_value(server: Server, word: str, code: str) -> str:
    """Run the code in the server's shell, and return the rest of the line that starts with word."""
    done = server.manage("shell", "--no-imports", "-c", code)
    lines = [line for line in done.stdout.splitlines() if line.startswith(word)]
    assert len(lines) == 1, done.stderr
    return lines[0].removeprefix(word)
