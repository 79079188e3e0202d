"""PostgreSQL's own programs, run as the account that may run them, in a folder of that account."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2

from tests import binaries
from tests.binaries import Binaries

START_SECONDS = 60
PR_SET_PDEATHSIG = 1


class Unusable(Exception):
    """These binaries do not make a running server; the message says why."""


def _die_with(parent: int, prctl: Callable[..., int]) -> None:
    """Ask Linux, in the child, to send it SIGQUIT when the test run dies.

    The child does so after the change of account, which would clear the request. If the parent died
    before the request, the child notices that it has another parent.
    """
    prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)
    if os.getppid() != parent:
        os._exit(1)


def end_with_parent(number: signal.Signals) -> None:
    """Send this process the signal when the process that started it ends. Only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def tied_to_this_process() -> Callable[[], None] | None:
    """Return a `preexec_fn` that shuts the child down when this process dies. Only Linux can."""
    if sys.platform != "linux":
        return None
    return partial(_die_with, os.getpid(), ctypes.CDLL(None).prctl)


def query(url: str, statement: str) -> Any:
    """Run a statement in autocommit. Return its one value, or None if it has no result."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()[0] if cursor.description else None


class Programs:
    """PostgreSQL's programs of one release; they run in `folder`, which their account then owns."""

    def __init__(self, source: Binaries, folder: Path) -> None:
        self.source, self.folder = source, folder
        self._account = binaries.account()
        binaries.give(folder, self._account)
        self._place = binaries.within_reach(source, folder, self._account)

    def run(self, name: str, *arguments: str, **variables: str) -> None:
        """Run one program to its end. Raises Unusable with its message if it fails."""
        command = [str(self._place / name), *arguments]
        options = self._as_child(**variables)
        answer = subprocess.run(command, capture_output=True, text=True, check=False, **options)
        if answer.returncode:
            message = (answer.stderr or answer.stdout).strip()
            raise Unusable(f"{name} ended with {answer.returncode}: {message}")

    def launch(
        self, data: Path, settings: Mapping[str, str], log: Path
    ) -> "subprocess.Popen[bytes]":
        """Start a server on the data directory. It is shut down when this thread ends."""
        command = [str(self._place / "postgres"), "-D", str(data)]
        command += [part for item in settings.items() for part in ("-c", "=".join(item))]
        with log.open("ab") as output:
            return subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C ends the tests first and this after them
                **self._as_child(),
            )

    def give(self, path: Path) -> None:
        """Make the programs' account the owner of the file."""
        binaries.give(path, self._account)

    def _as_child(self, **variables: str) -> dict[str, Any]:
        path = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
        return {
            "cwd": self.folder,
            "env": {**path, **variables},
            "stdin": subprocess.DEVNULL,
            "preexec_fn": tied_to_this_process(),
            **self._account,
        }


def wait_until_ready(process: "subprocess.Popen[bytes]", url: str, data: Path, log: Path) -> None:
    """Wait until the server on this data directory answers. Raises Unusable with its log."""
    deadline = time.monotonic() + START_SECONDS
    while not _answers(url, data):
        if process.poll() is not None:
            raise Unusable(f"it ended while starting: {log.read_text()[-2000:]}")
        if time.monotonic() > deadline:
            raise Unusable(f"no answer in {START_SECONDS} s: {log.read_text()[-2000:]}")
        time.sleep(0.05)


def _answers(url: str, data: Path) -> bool:
    """Return whether a server answers. Raises Unusable if it is not the one started here."""
    try:
        place = query(url, "SHOW data_directory")
    except psycopg2.OperationalError:
        return False
    if place != str(data):
        raise Unusable(f"another server answered, whose data is in {place}")
    return True
