"""A clinic with many messages that are due, and workers that are killed while they send them."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.drills.mail_server import LATER, REFUSED
from tests.live import BareServer, printed_value
from tests.programs import tied_to_this_process
from tests.threads import becomes_true

MAKE = """
from datetime import time, timedelta
from django.utils import timezone
from accounts.models import OutgoingMessage, User
from appointment.models import Appointment, AppointmentEvent
from doctor.models import Doctor, Location, Schedule
from patient.models import Patient

now, day, N = timezone.now(), timedelta(days=1), {number}
site = Location.objects.create(
    name="Center", time_zone="UTC", quiet_from="00:00", quiet_until="00:00")
doctor = Doctor.objects.create(first_name="Elena", last_name="Ruiz", license_number="1")
session = Schedule(doctor=doctor, location=site, date=(now + 5 * day).date(), start_time=time(9),
                   end_time=time(19), slot_minutes=10, capacity=1000)
session.publish()
slots = list(session.slots.all())
domains = {{0: "{refused}", 1: "{later}"}}
users = User.objects.bulk_create(
    [User(email=f"p{{n}}@{{domains.get(n % 50, 'example.com')}}", password="!", last_name="Quispe",
          email_verified_at=now) for n in range(N)], batch_size=500)
people = Patient.objects.bulk_create(
    [Patient(user=user, first_name="Ana", last_name="Quispe") for user in users], batch_size=500)
visits = []
for n, (patient, user) in enumerate(zip(people, users)):
    slot = slots[n % len(slots)]
    slot.taken += 1
    visits.append(Appointment(patient=patient, slot=slot, doctor=doctor, location=site,
        starts_at=slot.starts_at, ends_at=slot.ends_at, date=session.date, booked_by=user))
Appointment.objects.bulk_create(visits, batch_size=500)
session.slots.bulk_update(slots, ["taken"])
events = AppointmentEvent.objects.bulk_create(
    [AppointmentEvent(appointment=visit, kind="booked", at=now, to_status="scheduled")
     for visit in visits], batch_size=500)
messages = [row for event in events for row in event.appointment.messages_of(event)]
OutgoingMessage.objects.bulk_create(messages, batch_size=500)
"""
CANCEL = """
import time
from appointment.models import Appointment
visits = list(Appointment.objects.order_by("pk"))
for visit in visits[2::{every}]:
    visit.cancel()
    print("canceled", visit.pk, time.time(), flush=True)
    time.sleep({pause})
"""
LEFT = """
from django.utils import timezone
from accounts.models import OutgoingMessage
rows = OutgoingMessage.objects.unsent().filter(kind__in=("booked", "canceled"))
if {ends_waits}:
    rows.update(due_at=timezone.now())
print("left", rows.filter(due_at__lte=timezone.now()).count(), rows.count())
"""
ROWS = """
import json
from accounts.models import OutgoingMessage
rows = OutgoingMessage.objects.filter(kind__in=("booked", "canceled"))
print("rows", json.dumps([
    [row.kind, row.object_id, row.receipt, row.tried_at.timestamp(), row.attempts, row.failure,
     bool(row.sent_at)] for row in rows]))
"""


@dataclass(frozen=True)
class Row:
    """A message as the database has it at the end; `claimed`: seconds of the wall's clock."""

    kind: str
    visit: int
    receipt: str
    claimed: float
    attempts: int
    failure: str
    is_sent: bool


@dataclass
class Workers:
    """Processes of `manage.py worker` on the server's database."""

    server: BareServer
    number: int
    kills: int = 0
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start them; at the end they finish what they have at hand, and exit with 0."""
        self.processes = [self._start() for _ in range(self.number)]
        try:
            yield
        finally:
            for process in self.processes:
                process.send_signal(signal.SIGTERM)
            codes = [process.wait(timeout=60) for process in self.processes]
        assert codes == [0] * self.number, self.server.log.read_text()

    def kill_one(self) -> None:
        """Send kill -9 to one at random; start another, as its supervisor does."""
        number = random.randrange(self.number)
        self.processes[number].kill()
        self.processes[number].wait()
        self.processes[number] = self._start()
        self.kills += 1

    def _start(self) -> "subprocess.Popen[bytes]":
        with self.server.log.open("a") as log:
            return subprocess.Popen(
                [sys.executable, "manage.py", "worker"],
                cwd=self.server.root,
                env=self.server.environ,
                stdout=log,
                stderr=log,
                preexec_fn=tied_to_this_process(),  # noqa: PLW1509  (it only makes system calls)
            )


@contextmanager
def cancelations(
    server: BareServer, every: int, seconds: float, number: int
) -> Iterator[dict[int, float]]:
    """Cancel one of `every` visits meanwhile; yield, by visit, when that was committed.

    The dictionary is filled at the end of the block.
    """
    code = CANCEL.format(every=every, pause=seconds / max(1, number // every))
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", code]
    process = subprocess.Popen(
        command, cwd=server.root, env=server.environ, stdout=subprocess.PIPE, text=True
    )
    committed: dict[int, float] = {}
    yield committed
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    for line in said.splitlines():
        _, visit, at = line.split()
        committed[int(visit)] = float(at)


def fill(server: BareServer, number: int) -> None:
    """Migrate, and book so many visits of as many patients: each has a message that is due."""
    server.migrate()
    code = MAKE.format(number=number, refused=REFUSED, later=LATER)
    made = server.manage("shell", "--no-imports", "-c", code)
    assert made.returncode == 0, made.stderr


def left(server: BareServer, ends_waits: bool = False) -> tuple[int, int]:
    """Return how many messages are due, and how many unsent ones wait for a lease or a retry.

    `ends_waits`: let these be over, as after minutes; no worker may run.
    """
    due, unsent = printed_value(server, "left", LEFT.format(ends_waits=ends_waits)).split()
    return int(due), int(unsent)


def rows_of(server: BareServer) -> list[Row]:
    """Return the messages that were due."""
    return [Row(*values) for values in json.loads(printed_value(server, "rows", ROWS))]


def send_the_rest(server: BareServer) -> None:
    """Let the leases of the killed and the waits after failures end, until nothing is left."""
    deadline = time.monotonic() + 300
    while left(server, ends_waits=True)[1]:
        assert time.monotonic() < deadline, left(server)
        with Workers(server, 1).running():
            assert becomes_true(lambda: not left(server)[0], 120)
