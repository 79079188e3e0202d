"""The code of the previous release and today's code work on one database.

The previous release is the newest tag `v...` in today's history, or the commit named here. A clone
without history has neither, and raises NoHistory.
"""

import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from tests.drills.clinic_day import Patient, Staff
from tests.live import ROOT, Server

BEFORE = "fee1b9d2e5bf5b3e283ea16a1e5b717d4e600884"
LOADER = "from django.db.migrations.loader import MigrationLoader as Loader; import json; "
LEAVES = LOADER + 'print("LEAVES", json.dumps(Loader(None).graph.leaf_nodes()))'


class NoHistory(Exception):
    """This clone does not hold the code of the previous release; the message says why."""


def unpack(folder: Path) -> str:
    """Unpack the code of the previous release, and return its name. Raises NoHistory."""
    commit = _git("describe", "--tags", "--abbrev=0", "--match=v*", "HEAD^").stdout.decode().strip()
    code = _git("archive", commit or BEFORE)
    if code.returncode:
        raise NoHistory(code.stderr.decode().strip())
    with tarfile.open(fileobj=io.BytesIO(code.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return commit or BEFORE[:7]


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise NoHistory("git is not installed") from error


class Old(Server):
    """A server that runs the code of the previous release."""

    def __init__(self, code: Path, url: str, log: Path) -> None:
        super().__init__(url, log, THROTTLE="off")
        self.root = code


def day(server: Server) -> None:
    """Run a day of a patient and of staff at this server."""
    Patient(server.base).day()
    Staff(server.base).day()


def change_over(first: Server, second: Server) -> None:
    """Sign in at one server, and sign out or change the password at the other."""
    for move in (Patient.leave, lambda patient: patient.move_to(second.base)):
        patient = Patient(first.base)
        patient.arrive()
        patient.base = second.base
        move(patient)


@contextmanager
def busy(*servers: Server) -> Iterator[list[int]]:
    """Run days of patients at each server without a break during the block.

    Yield the number of days at each, which grows. Raises at the end what a patient's day raised.
    """
    over, days = Event(), [0 for _ in servers]

    def go_on(number: int) -> None:
        while not over.is_set():
            Patient(servers[number].base).day()
            days[number] += 1

    with ThreadPoolExecutor(len(servers)) as pool:
        going = [pool.submit(go_on, number) for number in range(len(servers))]
        try:
            yield days
        finally:
            over.set()
        for each in going:
            each.result()


def roll(old: Server, new: Server, days: int, report: Callable[[str], None]) -> None:
    """Put the new code into service beside the old, take it back, and put it in again.

    Patients call all the time, and none of their calls may fail.
    """
    with old.running():
        day(old)
        with busy(old) as while_migrating:
            done(new, "migrate")
            day(old)
        report(f"migrated under the old code: {while_migrating[0] + 1} days, nothing failed")
        with new.running(), busy(old, new) as side_by_side:
            for _ in range(days):
                day(old)
                day(new)
                change_over(new, old)
                change_over(old, new)
        report(f"old and new side by side: {side_by_side[0]} and {side_by_side[1]} days beside it")
        with busy(old) as while_going_back:
            go_back(old, new)
            day(old)
        report(f"migrated back under the old code: {while_going_back[0] + 1} days, nothing failed")
        done(new, "migrate")
    with new.running():
        day(new)


def go_back(old: Server, new: Server) -> None:
    """Undo, by the new code, every migration that the old code does not know."""
    before = leaves(old)
    for app, name in leaves(new).items():
        if before.get(app) != name:
            done(new, "migrate", app, before.get(app, "zero"))


def leaves(server: Server) -> dict[str, str]:
    """Map each app to its last migration in the server's code."""
    printed = done(server, "shell", "--no-imports", "-c", LEAVES)
    [line] = [line for line in printed.splitlines() if line.startswith("LEAVES")]
    return dict(json.loads(line.removeprefix("LEAVES")))


def done(server: Server, *arguments: str) -> str:
    """Return the output of a command that must succeed."""
    command = server.manage(*arguments)
    assert command.returncode == 0, command.stdout + command.stderr
    return command.stdout
