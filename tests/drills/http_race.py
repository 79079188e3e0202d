"""Many clients book one slot of the real server at the same moment."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.live import Server, printed_value

TRIES, PLACES = 144, 5
BUSY, PAUSE = 60, 1.0  # times that a client asks a busy server, and seconds between them
NUMBERS = count(500_000, 1_000)

# The server's own shell makes a session of one slot, and one patient for each try.
PREPARE = f"""
from accounts.tests.factories import UserFactory
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory
for factory in (UserFactory, DoctorFactory, LocationFactory):
    factory.reset_sequence(%d)  # another test may have counted from 0 in this database
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
MISCOUNT = "from doctor.models import Slot; Slot.objects.filter(pk={slot}).update(taken={taken})"


def book(server: Server, doctor: int, slot: int, token: str, together: Barrier) -> tuple[int, str]:
    """Try to book. Return the status, and the code of a refusal or an empty string.

    A slow machine cannot answer so many within the seconds after which the server refuses them as
    busy (`config.backlog`): the client then asks again.
    """
    request = Request(
        f"{server.base}/api/appointment/book/{doctor}/",
        json.dumps({"slot_id": slot}).encode(),
        {"Content-Type": "application/json", "Authorization": f"Token {token}"},
    )
    together.wait(timeout=120)
    for _ in range(BUSY):
        answer = answer_to(request)
        if answer != (503, "unavailable"):
            break
        time.sleep(PAUSE)
    return answer


def answer_to(request: Request) -> tuple[int, str]:
    """Send the request; return the status, and the code of a refusal or an empty string."""
    try:
        with urlopen(request, timeout=120) as response:
            return response.status, ""
    except HTTPError as refusal:
        problem: dict[str, Any] = json.load(refusal)
        return refusal.code, problem["code"]


def prepared_in(server: Server) -> tuple[int, int, list[str]]:
    """Make a doctor, their slot of five places, and a token of a new patient for each try."""
    doctor, slot, tokens = json.loads(printed_value(server, "READY", PREPARE % next(NUMBERS)))
    return doctor, slot, tokens


def held(clinic: Server, slot: int) -> list[int]:
    """Return `taken` of the slot, and the number of appointments that hold a place."""
    return [int(count) for count in printed_value(clinic, "HELD", COUNT.format(slot=slot)).split()]


def assert_144_tries_sell_5(server: Server, doctor: int, slot: int, tokens: list[str]) -> None:
    """Let all patients book the slot at once, and assert that it sells its five places."""
    together = Barrier(TRIES)  # each waits until the last one is ready
    with ThreadPoolExecutor(TRIES) as pool:
        tries = [pool.submit(book, server, doctor, slot, token, together) for token in tokens]
    answers = Counter(done.result() for done in tries)
    assert answers == {(201, ""): PLACES, (409, "slot_full"): TRIES - PLACES}
    assert held(server, slot) == [PLACES, PLACES]
