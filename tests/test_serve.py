"""`manage.py serve`, as `make run` calls it."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from config.management.commands import serve
from tests.live import ROOT, Server, environ, free_port
from tests.test_start import run

SECOND_RUN = 3  # seconds that a second run may take
BUSY = 2.5  # where the machine is busy, so many times what loading Django alone takes


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


def test_from_an_empty_database_to_a_booking(clinic: Server) -> None:
    box = clinic.box
    assert f"{clinic.base}/api/docs/" in box
    for path in ("/static/config/start.css", "/static/admin/css/base.css", "/api/docs/"):
        assert clinic.get(path)[0] == 200
    assert run(box[box.index("CLINIC=") :])["status"] == "scheduled"


def test_a_second_run_is_quick_and_makes_nothing_anew(clinic: Server, tmp_path: Path) -> None:
    again = Server(clinic.url, tmp_path / "log")
    with again.running():
        assert again.box.startswith("+---"), "it migrated or seeded again"
    tries = [(seconds_to_start(again), seconds_to_load()) for _ in range(3)]
    assert any(start < max(SECOND_RUN, BUSY * load) for start, load in tries), tries


def test_mail_is_sent_beside_the_server_until_it_ends_however_it_ends(
    clinic: Server, tmp_path: Path
) -> None:
    server, beside = Server(clinic.url, tmp_path / "log"), list[int]()
    with pytest.raises(AssertionError):  # it does not end well
        kill(server, beside, mailboxes=[server.mail, clinic.mail])  # of one database: either sends
    assert len(beside) == 1, "none, or more than one"
    wait_until(lambda: not words_of(beside[0]), seconds=10)


def kill(server: Server, beside: list[int], mailboxes: list[Path]) -> None:
    """Start the server, wait for a mail, note what works beside it, and kill the server at once."""
    with server.running():
        json = {"Content-Type": "application/json"}
        body = b'{"email": "patient@example.com"}'
        with urlopen(Request(f"{server.base}/api/auth/password-reset/", body, json)) as answer:
            assert answer.status == 202
        wait_until(lambda: has_mail_for("patient@example.com", mailboxes), seconds=20)
        beside += [pid for pid in children_of(server.process.pid) if "serve" in words_of(pid)]
        server.process.kill()


def has_mail_for(address: str, mailboxes: list[Path]) -> bool:
    files = [path for mailbox in mailboxes for path in mailbox.glob("*.log")]
    return any(f"To: {address}\n" in path.read_text() for path in files)


def wait_until(so: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children_of(pid: int) -> list[int]:
    """The processes that this one has started; Linux knows them."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def words_of(pid: int) -> list[str]:
    """The command line of a process; nothing where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except FileNotFoundError:
        return []


def seconds_to_start(server: Server) -> float:
    with server.running() as seconds:
        return seconds


def seconds_to_load() -> float:
    """How long the machine takes by now to load the project, which a start does once."""
    began = time.monotonic()
    command = [sys.executable, "-c", "import django; django.setup()"]
    settings = environ(DJANGO_SETTINGS_MODULE="config.settings")
    subprocess.run(command, cwd=ROOT, env=settings, check=True)
    return time.monotonic() - began
