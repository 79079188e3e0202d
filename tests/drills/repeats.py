"""Repeated requests at the real server, sent at once or after a process was killed."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from threading import Barrier
from typing import Any
from urllib.request import Request, urlopen

from tests.live import ROOT, Server, printed_value
from tests.programs import tied_to_this_process

AT_ONCE = 128  # requests under way
SECONDS = 60
NUMBERS = count(1_000_000, 1_000_000)

# The server's own shell makes a slot for all, and people without a profile who book it.
# The factories of a new process would count from 0 again.
PREPARE = """
import json
from accounts.tests.factories import UserFactory
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory
for factory in (UserFactory, DoctorFactory, LocationFactory):
    factory.reset_sequence({after})
slot = ScheduleFactory(slot_minutes=120, capacity={people}).slots.get()
tokens = [UserFactory(password="").issue_token()[0] for _ in range({people})]
print("READY", json.dumps([slot.doctor_id, slot.pk, tokens]))
"""
COUNT = """
from appointment.models import Appointment, IdempotencyKey
from doctor.models import Slot
slot = Slot.objects.get(pk={slot})
visits = Appointment.objects.filter(slot=slot)
keys = IdempotencyKey.objects.filter(patient__appointments__in=visits)
print("COUNT", slot.taken, visits.count(), keys.count())
"""
# This code books with an Idempotency-Key, and stops at a step, inside its transaction. There the
# drill kills its process.
BOOK_AND_STOP = """
import time
from rest_framework.test import APIClient
from appointment.models import Appointment, booking
from appointment.views import idempotent
def stop(*args, **kwargs):
    print("STOPPED", flush=True)
    time.sleep(600)
{step} = stop
client = APIClient(HTTP_AUTHORIZATION="Token {token}", SERVER_NAME="127.0.0.1")
client.post("{path}", {{"slot_id": {slot}}}, headers={{"Idempotency-Key": "{key}"}})
"""
# What is done when the code stops, and the function that it replaces to stop there.
STEPS = {
    "the key is claimed": "booking.booking_context",
    "the patient is locked": "Appointment.save_booked",
    "the place is taken and the visit written": "idempotent._to_answer",
}


@dataclass(frozen=True)
class Answer:
    """An answer: the parts that must be the same for one key, and whether it is a replay."""

    status: int
    body: bytes
    location: str | None
    replayed: str | None


@dataclass(frozen=True)
class Clinic:
    """A slot of the server, with a place for each of these people."""

    server: Server
    doctor: int
    slot: int
    tokens: list[str]

    @classmethod
    def prepared(cls, server: Server, people: int) -> "Clinic":
        """Make the slot and the people."""
        code = PREPARE.format(people=people, after=next(NUMBERS))
        made: list[Any] = json.loads(printed_value(server, "READY", code))
        return cls(server, *made)

    @property
    def path(self) -> str:
        """Return the path that books the slot."""
        return f"/api/appointment/book/{self.doctor}/"

    def book(self, token: str, key: str) -> Answer:
        """Book the slot with this Idempotency-Key. Raises HTTPError for anything but a 2xx."""
        request = Request(
            self.server.base + self.path,
            json.dumps({"slot_id": self.slot}).encode(),
            {
                "Content-Type": "application/json",
                "Authorization": f"Token {token}",
                "Idempotency-Key": key,
            },
        )
        with urlopen(request, timeout=SECONDS) as answer:
            header = answer.headers.get
            replayed = header("Idempotency-Replayed")
            return Answer(answer.status, answer.read(), header("Location"), replayed)

    def counts(self) -> list[int]:
        """Return the number of places taken, of appointments, and of keys that keep an answer."""
        return [
            int(each)
            for each in printed_value(self.server, "COUNT", COUNT.format(slot=self.slot)).split()
        ]


# --- Sent at once ---------------------------------------------------------------------------------


def assert_each_key_books_once(server: Server, keys: int, sends: int) -> float:
    """Send each key's request `sends` times at once; one books. Return the seconds it took."""
    clinic = Clinic.prepared(server, keys)
    began = time.monotonic()
    for first in range(0, keys, AT_ONCE // sends):
        tokens = clinic.tokens[first : first + AT_ONCE // sends]
        for answer in _sent_together(clinic, tokens, sends):
            assert len({(each.status, each.body, each.location) for each in answer}) == 1
            assert answer[0].status == 201
            assert Counter(each.replayed for each in answer) == {None: 1, "true": sends - 1}
    assert clinic.counts() == [keys, keys, keys]
    return time.monotonic() - began


def _sent_together(clinic: Clinic, tokens: list[str], sends: int) -> list[list[Answer]]:
    """Return the answers by token. All requests start when the last one is ready."""
    together = Barrier(len(tokens) * sends)

    def send(token: str) -> Answer:
        together.wait(timeout=SECONDS)
        return clinic.book(token, f"key of {token[:8]}".replace(" ", "-"))

    with ThreadPoolExecutor(len(tokens) * sends) as pool:
        sent = [[pool.submit(send, token) for _ in range(sends)] for token in tokens]
        return [[each.result() for each in of_one] for of_one in sent]


# --- Killed ---------------------------------------------------------------------------------------


def assert_key_usable_once_killed(
    server: Server, kills: int, step: str, report: Callable[[str], object] = str
) -> None:
    """Kill processes at this step of a booking, and then send the request with the same key."""
    clinic = Clinic.prepared(server, kills)
    waits = []
    for number, token in enumerate(clinic.tokens):
        _kill_at(clinic, STEPS[step], token)
        began = time.monotonic()
        first, second = clinic.book(token, "the-key"), clinic.book(token, "the-key")
        waits.append(time.monotonic() - began)
        assert (first.status, first.replayed, second.replayed) == (201, None, "true")
        assert second.body == first.body
        assert clinic.counts() == [number + 1] * 3
    report(f"once {step}: {kills} killed, the longest wait {max(waits):.2f} s")
    assert max(waits) < 5


def _kill_at(clinic: Clinic, step: str, token: str) -> None:
    code = BOOK_AND_STOP.format(
        step=step, token=token, path=clinic.path, slot=clinic.slot, key="the-key"
    )
    process = subprocess.Popen(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
        cwd=ROOT,
        env=clinic.server.environ,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=tied_to_this_process(),  # noqa: PLW1509  (no other thread runs yet)
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == "STOPPED\n"
        process.kill()
