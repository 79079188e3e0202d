"""Ten times the capacity for a minute: the server refuses in time, and loses no booking.

A third of the calls book, with a key and one slot for each caller, and the others list free slots.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

import pytest

from config.backlog import LONGEST_WAIT
from tests.database import Database
from tests.drills import rush
from tests.drills.conftest import Sized
from tests.drills.load import Load
from tests.drills.rush import Answer, Call, Crowd, percentile, served, statuses
from tests.live import BareServer

pytestmark = pytest.mark.only_on("postgres")

PEOPLE, DAYS = 200, 40
MEASURED = 5  # seconds
IDLE = 4  # callers at once, whose waits are those of an idle server
FULL = 32  # callers at once, who use it fully: its threads
TIMES = 10
LONGEST = LONGEST_WAIT + 5.0  # seconds: with the answer itself, on a machine that others use


@pytest.fixture(scope="module")
def server(database: Database, tmp_path_factory: pytest.TempPathFactory) -> BareServer:
    """Return the production server on a database with all tables."""
    log = tmp_path_factory.mktemp("rush") / "log"
    server = BareServer(database.create_database("rush"), log)
    server.migrate()
    return server


@pytest.fixture(scope="module")
def load(server: BareServer) -> Load:
    """Make the people and the calendar."""
    return Load.prepared(server, people=PEOPLE, days=DAYS)


def calls(load: Load) -> Iterator[Call]:
    """Yield two lists for each booking, of slot after slot, by one person after the other."""
    day = datetime.now(UTC).date() + timedelta(days=5)
    listing = f"/api/doctor/doctors/{load.doctor}/available-slots/?from={day}&to={day}"
    people = cycle(load.tokens)
    for slot in cycle(load.slots):
        body = {"slot_id": slot}
        path = f"/api/appointment/book/{load.doctor}/"
        data = rush.request("POST", path, next(people), uuid.uuid4().hex, body)
        yield Call("book", data, slot)
        yield Call("list", rush.request("GET", listing))
        yield Call("list", rush.request("GET", listing))


def assert_kept(load: Load, answers: list[Answer]) -> int:
    """Assert that the database has each acknowledged booking; return how many there are."""
    booked = [answer for answer in answers if answer.status == 201]
    held = load.held()
    for answer in booked:
        assert held[answer.document()["id"]] == (answer.call.slot, "scheduled")
    done = load.server.manage("check_invariants")
    assert done.returncode == 0, done.stdout + done.stderr
    return len(booked)


def assert_refused_well(answers: list[Answer]) -> None:
    """Assert that each refusal is a problem with Retry-After, and came in time."""
    refused = [answer for answer in answers if answer.status == 503]
    assert refused
    assert all(answer.retry_after for answer in refused)
    assert {answer.document()["code"] for answer in refused} == {"unavailable"}
    assert percentile(refused, 1) < LONGEST


def test_ten_times_the_capacity_for_a_minute(
    server: BareServer, load: Load, sized: Sized, report: Callable[[str], None]
) -> None:
    seconds = max(10, sized(60))
    with server.running():
        crowd = Crowd(server, calls(load))
        crowd.together(IDLE, 2)
        idle = percentile(crowd.together(IDLE, MEASURED), 0.95)
        capacity = len(served(crowd.together(FULL, MEASURED))) / MEASURED
        answers = crowd.rush(TIMES * capacity, seconds)
        busy = crowd.busy
        time.sleep(1)
        assert server.get("/healthz")[0] == 200
        after = percentile(crowd.together(IDLE, MEASURED), 0.95)
    good = served(answers)
    rate = len(good) / seconds
    report(f"capacity {capacity:.0f}/s; {len(answers)} calls in {seconds} s: {statuses(answers)}")
    waits = ", ".join(f"p{share} {percentile(good, share / 100):.2f} s" for share in (50, 95))
    report(f"served {rate:.0f}/s, {waits}; the callers used {busy / seconds:.2f} of a core")
    report(f"p95 of {IDLE} callers: before {idle * 1000:.0f} ms, after {after * 1000:.0f} ms")
    record(capacity, answers, seconds, busy)
    assert set(statuses(answers)) <= {200, 201, 409, 503}, statuses(answers)
    assert_refused_well(answers)
    assert percentile(good, 0.95) < LONGEST
    assert after < max(3 * idle, 1.0)
    assert rate > 0.3 * capacity, "collapsed"
    report(f"{assert_kept(load, crowd.answers)} bookings acknowledged, all in the database")


def test_control_gunicorns_own_worker_lets_all_of_them_wait(
    server: BareServer, load: Load, report: Callable[[str], None]
) -> None:
    server.command = (*server.command, "--worker-class", "gthread")  # the last test of the file
    with server.running():
        crowd = Crowd(server, calls(load))
        capacity = len(served(crowd.together(FULL, MEASURED))) / MEASURED
        answers = crowd.rush(TIMES * capacity, MEASURED)
    report(f"control: {statuses(answers)}, p95 {percentile(answers, 0.95):.1f} s")
    assert percentile(answers, 0.95) > LONGEST


def record(capacity: float, answers: list[Answer], seconds: float, busy: float) -> None:
    """Write the figures for benchmarks/capacity.py, which compares its model with them."""
    good = served(answers)
    figures = {
        "capacity": round(capacity, 1),
        "offered": round(len(answers) / seconds, 1),
        "seconds": seconds,
        "served": round(len(good) / seconds, 1),
        "refused_share": round(1 - len(good) / len(answers), 3),
        "p50": round(percentile(good, 0.5), 3),
        "p95": round(percentile(good, 0.95), 3),
        "callers_cores": round(busy / seconds, 2),
    }
    Path("var/rush.json").write_text(json.dumps(figures, indent=1) + "\n")
