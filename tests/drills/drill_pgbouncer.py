"""The suite, and the real server under load, run through PgBouncer in transaction mode."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.drills import http_race
from tests.drills.load import Load
from tests.live import ROOT, UNCAPPED, BareServer, Server, environ
from tests.pgbouncer import BouncerMissing, Through
from tests.programs import tied_to_this_process
from tests.threads import becomes_true

pytestmark = pytest.mark.only_on("postgres")

CONNECTIONS = 4  # PgBouncer opens these to the server, for 32 threads of the clinic


@pytest.fixture(scope="module")
def through(database: Any) -> Iterator[Through]:
    """Put a PgBouncer before the suite's server, if this machine can have one."""
    try:
        bouncer = Through(database, CONNECTIONS)
    except BouncerMissing as reason:
        pytest.skip(f"PgBouncer is left out: {reason}")
    yield bouncer
    bouncer.close()


@pytest.fixture(scope="module")
def bounced(
    through: Through, clinic: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Start a second server, which reaches the clinic's database through PgBouncer."""
    url = through.url(urlsplit(clinic.url).path.strip("/"))
    log = tmp_path_factory.mktemp("bounced") / "log"
    server = Server(url, log, THROTTLE="off", PGBOUNCER="1", **UNCAPPED)
    with server.running():
        yield server


def test_a_server_without_the_variable_says_so_and_does_not_start(
    through: Through, clinic: Server, tmp_path: Path
) -> None:
    url = through.url(urlsplit(clinic.url).path.strip("/"))
    with pytest.raises(AssertionError, match="PGBOUNCER=1"):
        BareServer(url, tmp_path / "log").start()


def test_144_tries_at_5_places_sell_5_through_pgbouncer(bounced: Server) -> None:
    doctor, slot, tokens = http_race.prepared_in(bounced)
    http_race.assert_144_tries_sell_5(bounced, doctor, slot, tokens)


def test_a_load_of_more_clients_than_connections_is_served(bounced: Server) -> None:
    load = Load.prepared(bounced, people=8, days=1)
    with load.running():
        assert becomes_true(lambda: len(load.ledger) >= 50), load.summary()
    load.assert_kept()


# --- The suite ------------------------------------------------------------------------------------

SECONDS = 2400  # a whole run may take this long
USAGE_ERROR = 4
PART = [
    "tests/test_races.py",
    "tests/test_reschedule_races.py",
    "appointment/tests/test_booking_api.py",
]


def test_the_suite_passes_through_pgbouncer(
    report: Callable[[str], None], pytestconfig: pytest.Config
) -> None:
    """Run all tests at full size, and the files of PART at a smaller one."""
    files = [] if pytestconfig.getoption("scale") >= 1 else PART
    command = ["timeout", str(SECONDS), sys.executable, "-u", "-m", "pytest", "--db=pgbouncer"]
    process = subprocess.Popen(
        [*command, "--numprocesses=2", "--dist=loadfile", "-p", "no:cacheprovider", *files],
        cwd=ROOT,
        env=environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=tied_to_this_process(),  # noqa: PLW1509  (no other thread runs yet)
    )
    assert process.stdout
    printed: list[str] = []
    with process:
        for line in process.stdout:
            report(line.rstrip())
            printed.append(line)
    if process.returncode == USAGE_ERROR and "pgbouncer" in printed[-1].lower():
        pytest.skip(f"PgBouncer is left out: {printed[-1].strip()}")
    assert process.returncode == 0, "".join(printed[-50:])
