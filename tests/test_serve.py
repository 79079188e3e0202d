"""`manage.py serve`, as `make run` calls it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from config.management.commands import serve
from tests.database import Database
from tests.test_start import run

ROOT = Path(__file__).resolve().parent.parent
SECOND_RUN = 3  # seconds that a second run may take


def environ(**variables: str) -> dict[str, str]:
    """What a stranger's shell holds: none of the suite's own settings."""
    names = ("ENVIRONMENT", "THROTTLE", "CACHE_URL", "DATABASE_URL")
    return {**{k: v for k, v in os.environ.items() if k not in names}, **variables}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((serve.HOST, 0))
        return int(probe.getsockname()[1])


# --- The port -------------------------------------------------------------------------------------


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "80.5", "1" * 5000])
def test_a_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(CommandError, match="PORT must be a whole number from 1 to 65535"):
        serve.chosen_port()


@pytest.mark.parametrize(("given", "port"), [("", 8000), ("18001", 18001), (" 65535 ", 65535)])
def test_the_port_is_8000_or_the_given_one(
    monkeypatch: pytest.MonkeyPatch, given: str, port: int
) -> None:
    monkeypatch.setenv("PORT", given)
    assert serve.chosen_port() == port


def test_a_taken_port_is_said_before_the_database_is_touched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server((serve.HOST, 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        with pytest.raises(CommandError, match=rf"^Port {port} is taken; .* PORT=\d+ make run$"):
            call_command("serve")


def test_a_port_in_time_wait_is_free() -> None:
    with socket.create_server((serve.HOST, 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection((serve.HOST, port))
        accepted, _ = server.accept()
        accepted.close()  # the side that closes first is the one that waits
        client.close()
    with socket.socket() as strict, pytest.raises(OSError, match="in use"):
        strict.bind((serve.HOST, port))
    serve.refuse_taken(port)


# --- What stands in the way -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgres://me:s3cret@127.0.0.1:1/clinic", "The PostgreSQL database 'clinic' cannot"),
        ("sqlite:////nowhere/clinic.db", "The SQLite database '/nowhere/clinic.db' cannot"),
        ("mysql://me:s3cret@host/clinic", "DATABASE_URL must read"),
    ],
)
def test_a_database_out_of_reach_is_said_in_one_line(url: str, sentence: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "serve"],
        cwd=ROOT,
        env=environ(PORT=str(free_port()), DATABASE_URL=url),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    [line] = (done.stdout + done.stderr).splitlines()
    assert sentence in line
    assert "s3cret" not in line


def test_production_without_collected_files_is_refused(settings: Any, tmp_path: Path) -> None:
    settings.PRODUCTION, settings.STATIC_ROOT = True, tmp_path
    with pytest.raises(CommandError, match="collectstatic"):
        serve.refuse_without_static_files()
    (tmp_path / "staticfiles.json").touch()
    serve.refuse_without_static_files()


# --- The real thing -------------------------------------------------------------------------------


class Server:
    """A server process with a database and a port of its own."""

    def __init__(self, url: str, log: Path) -> None:
        self.base, self.log = f"http://{serve.HOST}:{free_port()}", log
        self._environ = environ(DATABASE_URL=url, PORT=self.base.rpartition(":")[2])

    @contextmanager
    def running(self) -> Iterator[float]:
        """Start it and wait until it is ready; yields the seconds that took. It must end well."""
        command = [sys.executable, "manage.py", "serve"]
        began = time.monotonic()
        with self.log.open("w") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=self._environ, stdout=log, stderr=log)
        try:
            while not self._is_ready() and process.poll() is None:
                time.sleep(0.05)
            yield time.monotonic() - began
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == 0, self.log.read_text()

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of a page."""
        with urlopen(self.base + path, timeout=10) as response:
            return response.status, response.read().decode()

    def _is_ready(self) -> bool:
        try:
            return self.get("/readyz")[0] == 200
        except URLError:
            return False


@pytest.mark.only_on("sqlite")
def test_from_an_empty_database_to_a_booking_and_quickly_again(
    database: Database, tmp_path: Path
) -> None:
    server = Server(database.create_database("serve"), tmp_path / "log")
    with server.running():
        box = server.log.read_text()
        assert f"{server.base}/api/docs/" in box
        for path in ("/static/config/start.css", "/static/admin/css/base.css", "/api/docs/"):
            assert server.get(path)[0] == 200
        commands = box[box.index("CLINIC=") :]
        assert run(commands)["status"] == "scheduled"
    with server.running():
        assert server.log.read_text().startswith("+---"), "it migrated or seeded again"
        assert run(commands)["status"] == "scheduled"
    assert any(seconds_to_start(server) < SECOND_RUN for _ in range(3)), "slow, and not by chance"


def seconds_to_start(server: Server) -> float:
    with server.running() as seconds:
        return seconds
