"""Many clients at once against the real server, on a database of its own."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.database import Database
from tests.live import Server

TRIES, PLACES = 144, 5

# Runs in the server's own database: a session of one slot, and as many patients as there are tries.
PREPARE = f"""
from accounts.tests.factories import UserFactory
from doctor.tests.factories import ScheduleFactory
slot = ScheduleFactory(slot_minutes=120, capacity={PLACES}).slots.get()
tokens = [UserFactory(password="").issue_token()[0] for _ in range({TRIES})]
import json
print("READY", json.dumps([slot.doctor_id, slot.pk, tokens]))
"""
COUNT = """
from doctor.models import Slot
slot = Slot.objects.get(pk={slot})
print("HELD", slot.taken, slot.appointments.holding_a_place().count())
"""
MISCOUNT = "from doctor.models import Slot; Slot.objects.filter(pk={slot}).update(taken=4)"


@pytest.fixture
def server(database: Database, tmp_path: Path) -> Server:
    """The real server without rate limits; not started yet."""
    url = database.create_database("http_race")
    return Server(url, tmp_path / "log", THROTTLE="off", CACHE_URL="locmemcache://")


def said(server: Server, word: str, code: str) -> str:
    """What the line that begins with the word says, of what the code prints."""
    done = server.manage("shell", "--no-imports", "-c", code)
    [line] = [line for line in done.stdout.splitlines() if line.startswith(word)]
    return line.removeprefix(word)


def book(server: Server, doctor: int, slot: int, token: str, together: Barrier) -> tuple[int, str]:
    """Try to book; the status and, of a refusal, its code."""
    request = Request(
        f"{server.base}/api/appointment/book/{doctor}/",
        json.dumps({"slot_id": slot}).encode(),
        {"Content-Type": "application/json", "Authorization": f"Token {token}"},
    )
    together.wait(timeout=30)
    try:
        with urlopen(request, timeout=60) as response:
            return response.status, ""
    except HTTPError as refusal:
        problem: dict[str, Any] = json.load(refusal)
        return refusal.code, problem["code"]


def test_144_tries_at_5_places_sell_5(server: Server) -> None:
    with server.running():
        doctor, slot, tokens = json.loads(said(server, "READY", PREPARE))
        together = Barrier(TRIES)  # all hold their fire until the last is there
        with ThreadPoolExecutor(TRIES) as pool:
            tries = [pool.submit(book, server, doctor, slot, token, together) for token in tokens]
        answers = [done.result() for done in tries]
    assert Counter(answers) == {(201, ""): PLACES, (409, "slot_full"): TRIES - PLACES}
    assert said(server, "HELD", COUNT.format(slot=slot)).split() == [str(PLACES)] * 2

    assert server.manage("check_invariants").returncode == 0
    server.manage("shell", "-c", MISCOUNT.format(slot=slot))
    broken = server.manage("check_invariants")
    assert broken.returncode == 1
    assert str(slot) in broken.stdout + broken.stderr
