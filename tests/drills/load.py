"""Clients of the real server that book and cancel without pause, and keep every answer.

    load = Load.prepared(server, people=8)  # makes people and a calendar in the server's database
    with load.running():                    # the clients repeat each request until the server
        ...                                 # answers, with one Idempotency-Key; cause faults here
    load.assert_kept()                      # every acknowledged visit is in the database, once
    load.answers                            # the answer to every try, with its times

A slot has room for half of the people, so they compete for it. The clients use the standard library
alone, so that no other library sets their timeouts.
"""

import http.client
import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from tests.live import Server, printed_value

NUMBERS = count(1_000_000_000, 1_000_000)
IDLE = 2  # seconds after which a server may have closed an idle connection
PAUSE = 0.1  # seconds between a failed try and the next
NO_ANSWER = (OSError, http.client.HTTPException)

PREPARE = """
import json
from datetime import timedelta
from accounts.tests.factories import UserFactory
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory
from django.utils import timezone
for factory in (UserFactory, DoctorFactory, LocationFactory):
    factory.reset_sequence({after})  # a new process would count from 0
first = timezone.now().date() + timedelta(days=2)
days = [
    ScheduleFactory(
        doctor=doctor, location=location, date=first + timedelta(days=day), start_time="06:00",
        end_time="20:00", slot_minutes=5, capacity={capacity},
    )
    for doctor, location in [(DoctorFactory(), LocationFactory())]
    for day in range({days})
]
slots = [slot.pk for day in days for slot in day.slots.order_by("starts_at")]
tokens = [UserFactory(password="").issue_token()[0] for _ in range({people})]
print("READY", json.dumps([days[0].doctor_id, slots, tokens]))
"""
HELD = """
import json
from appointment.models import Appointment
rows = Appointment.objects.filter(doctor={doctor}).values_list("pk", "slot", "status")
print("HELD", json.dumps(list(rows)))
"""


@dataclass(frozen=True)
class Answer:
    """The answer to one try. Status 0 means no answer. Instants are time.monotonic()."""

    status: int
    began: float
    ended: float
    body: bytes = b""
    retry_after: str | None = None
    fault: str = ""

    @property
    def seconds(self) -> float:
        """Return how long the client waited."""
        return self.ended - self.began

    @property
    def code(self) -> str | None:
        """Return the code of a problem."""
        return json.loads(self.body).get("code") if self.status >= 400 and self.body else None


@dataclass
class Booking:
    """An acknowledged visit, and whether the server acknowledged its cancelation."""

    appointment: int
    slot: int
    at: float
    canceled: bool = False


@dataclass
class Load:
    """The people, the answers that they got, and the visits that the server acknowledged."""

    server: Server
    doctor: int
    slots: list[int]
    tokens: list[str]
    patience: float = 60  # seconds that a client waits for an answer
    answers: list[Answer] = field(default_factory=list)
    ledger: list[Booking] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)  # paths of requests without a final answer
    surprises: list[str] = field(default_factory=list)  # answers but a success and a full slot
    people: "list[Person]" = field(default_factory=list)
    enough: threading.Event = field(default_factory=threading.Event)  # set: book no more
    too_late: threading.Event = field(default_factory=threading.Event)  # set: try no more

    @classmethod
    def prepared(cls, server: Server, people: int = 8, days: int = 7, **options: Any) -> "Load":
        """Make the people and a calendar in the server's database. The server need not run."""
        size = {"people": people, "days": days, "capacity": max(1, people // 2)}
        code = PREPARE.format(after=next(NUMBERS), **size)
        return cls(server, *json.loads(printed_value(server, "READY", code)), **options)

    @contextmanager
    def running(self, settle: float = 60) -> Iterator["Load"]:
        """Run all clients during the block. Then wait `settle` seconds for the last answers."""
        self.enough.clear()
        self.too_late.clear()
        self.people = self.people or [Person(self, token) for token in self.tokens]
        people = [threading.Thread(target=person.live, daemon=True) for person in self.people]
        for person in people:
            person.start()
        try:
            yield self
        finally:
            self.enough.set()
            deadline = time.monotonic() + settle
            for person in people:
                person.join(max(0, deadline - time.monotonic()))
            self.too_late.set()
            for person in people:
                person.join(self.patience)

    # --- Results ----------------------------------------------------------------------------------

    def held(self) -> dict[int, tuple[int, str]]:
        """Return slot and status of each visit in the database, by primary key."""
        rows = json.loads(printed_value(self.server, "HELD", HELD.format(doctor=self.doctor)))
        return {pk: (slot, status) for pk, slot, status in rows}

    def lost(self) -> list[Booking]:
        """Return the acknowledged visits that are not in the database with this slot and status."""
        held = self.held()
        return [kept for kept in self.ledger if held.get(kept.appointment) != _row(kept)]

    def assert_kept(self) -> None:
        """Assert that the database holds exactly the acknowledged visits, each once."""
        assert self.surprises == []
        assert self.unsettled == []
        assert self.ledger, self.summary()
        assert self.held() == {kept.appointment: _row(kept) for kept in self.ledger}
        done = self.server.manage("check_invariants")
        assert done.returncode == 0, done.stdout + done.stderr

    def assert_answers_are_usual(self) -> None:
        """Assert that every try got 200, 201, 409, or a 503 with Retry-After."""
        assert {answer.status for answer in self.answers} <= {200, 201, 409, 503}, self.summary()
        assert all(answer.retry_after for answer in self.answers if answer.status == 503)

    def statuses(self) -> Counter[str]:
        """Count how often each answer came. A network fault counts by its name."""
        return Counter(answer.fault or str(answer.status) for answer in self.answers)

    def longest(self) -> float:
        """Return the longest wait for any answer or fault, in seconds."""
        return max((answer.seconds for answer in self.answers), default=0.0)

    def first_acknowledged(self, since: float) -> float:
        """Return the seconds from that instant until a later request was acknowledged."""
        good = [
            answer.ended
            for answer in self.answers
            if 0 < answer.status < 300 and answer.began >= since
        ]
        return min(good, default=float("inf")) - since

    def summary(self) -> str:
        """Return the result as one line for people."""
        canceled = sum(kept.canceled for kept in self.ledger)
        answers = ", ".join(f"{times} x {what}" for what, times in sorted(self.statuses().items()))
        return f"{len(self.ledger)} booked, {canceled} of them canceled ({answers})"


def _row(kept: Booking) -> tuple[int, str]:
    """Return the slot and status that the database must hold."""
    return kept.slot, "canceled" if kept.canceled else "scheduled"


class Person:
    """One client: tries slot after slot, cancels every third visit, and repeats what had no answer.

    Every second client opens a connection for each request; the others keep theirs open.
    """

    def __init__(self, load: Load, token: str) -> None:
        self.load, self.token = load, token
        place = urlsplit(load.server.base).netloc
        self.connection = http.client.HTTPConnection(place, timeout=load.patience)
        self.answered_at = 0.0
        self.is_new_each_time = bool(load.tokens.index(token) % 2)
        self.ahead = iter(enumerate(load.slots))

    def live(self) -> None:
        """Continue with the next slots until the load ends or no slot is left."""
        while not self.load.enough.is_set():
            number, slot = next(self.ahead, (0, 0))
            if not slot:
                break
            kept = self.book(slot)
            if kept and number % 3 == 2:
                self.cancel(kept)
        self.connection.close()

    def book(self, slot: int) -> Booking | None:
        """Book the slot. Return None if it is full, or if no answer came in time."""
        answer = self.settle(f"/api/appointment/book/{self.load.doctor}/", {"slot_id": slot})
        if answer is None or not self.is_done(answer, 201):
            return None
        kept = Booking(json.loads(answer.body)["id"], slot, answer.ended)
        self.load.ledger.append(kept)
        return kept

    def cancel(self, kept: Booking) -> None:
        """Cancel the visit."""
        answer = self.settle(f"/api/appointment/cancel/{kept.appointment}/", {})
        kept.canceled = answer is not None and self.is_done(answer, 200)

    def is_done(self, answer: Answer, expected: int) -> bool:
        """Return whether the status is the expected one. Note any other answer but a full slot."""
        if answer.status != expected and (answer.status, answer.code) != (409, "slot_full"):
            self.load.surprises.append(f"{answer.status} {answer.body.decode()}")
        return answer.status == expected

    def settle(self, path: str, body: dict[str, Any]) -> Answer | None:
        """Repeat the request with one Idempotency-Key until its status is below 500.

        Return None if the time runs out before.
        """
        key = uuid.uuid4().hex
        while not self.load.too_late.is_set():
            answer = self.send(path, body, key)
            self.load.answers.append(answer)
            if 0 < answer.status < 500:
                return answer
            time.sleep(PAUSE)
        self.load.unsettled.append(path)
        return None

    def send(self, path: str, body: dict[str, Any], key: str) -> Answer:
        """Send it once, on the connection of the last try if that is still open."""
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Token {self.token}",
            "Idempotency-Key": key,
        }
        began = time.monotonic()
        if self.is_new_each_time or began - self.answered_at > IDLE:
            self.connection.close()
        try:
            self.connection.request("POST", path, json.dumps(body), headers)
            answer = self.connection.getresponse()
            text, again = answer.read(), answer.headers.get("Retry-After")
            self.answered_at = time.monotonic()
            return Answer(answer.status, began, self.answered_at, text, again)
        except NO_ANSWER as fault:
            self.connection.close()
            return Answer(0, began, time.monotonic(), fault=type(fault).__name__)
