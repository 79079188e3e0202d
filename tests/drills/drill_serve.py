"""A second `make run` is soon ready, and the sender of mail ends with a killed server."""

import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.live import ROOT, Server, environ
from tests.threads import becomes_true

SECOND_RUN = 3  # seconds that a second run may take
BUSY = 2.5  # a busy machine may take this many times what loading Django takes


def test_a_second_run_is_quick(clinic: Server, tmp_path: Path) -> None:
    again = Server(clinic.url, tmp_path / "log")
    with again.running():
        assert again.box.startswith("+---"), "it migrated or seeded again"
    tries = [(seconds_to_start(again), seconds_to_load()) for _ in range(3)]
    assert any(start < max(SECOND_RUN, BUSY * load) for start, load in tries), tries


def seconds_to_start(server: Server) -> float:
    with server.running() as seconds:
        return seconds


def seconds_to_load() -> float:
    """Return the seconds that the machine now takes to load the project, as a start does."""
    began = time.monotonic()
    command = [sys.executable, "-c", "import django; django.setup()"]
    settings = environ(DJANGO_SETTINGS_MODULE="config.settings")
    subprocess.run(command, cwd=ROOT, env=settings, check=True)
    return time.monotonic() - began


def test_a_child_of_the_server_sends_mail_until_the_server_ends_in_any_way(
    clinic: Server, tmp_path: Path
) -> None:
    server, beside = Server(clinic.url, tmp_path / "log"), list[int]()
    with pytest.raises(AssertionError):  # the killed server ends with an error
        kill(server, beside, mailboxes=[server.mail, clinic.mail])  # either may send the mail
    assert len(beside) == 1, "none, or more than one"
    assert becomes_true(lambda: not words_of(beside[0]))


def kill(server: Server, beside: list[int], mailboxes: list[Path]) -> None:
    """Start the server, wait for a mail, note its child process, and kill the server at once."""
    with server.running():
        json = {"Content-Type": "application/json"}
        body = b'{"email": "patient@example.com"}'
        with urlopen(Request(f"{server.base}/api/auth/password-reset/", body, json)) as answer:
            assert answer.status == 202
        assert becomes_true(lambda: has_mail_for("patient@example.com", mailboxes))
        beside += [pid for pid in children_of(server.process.pid) if "serve" in words_of(pid)]
        server.process.kill()


def has_mail_for(address: str, mailboxes: list[Path]) -> bool:
    files = [path for mailbox in mailboxes for path in mailbox.glob("*.log")]
    return any(f"To: {address}\n" in path.read_text() for path in files)


def children_of(pid: int) -> list[int]:
    """Return the processes that this one has started. Only Linux lists them."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def words_of(pid: int) -> list[str]:
    """Return the command line of a process, or an empty list if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except FileNotFoundError:
        return []
