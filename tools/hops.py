"""`make hops`: trace one API call and count the files a reader opens to follow it.

The tracer follows Python's call events in the current thread, while Django's test client sends one
call through the whole middleware stack. It counts a function once, where the call first enters it,
since a reader reads it once. A comprehension or a generator expression belongs to the function
around it. An import of a module does not count: an untraced call of the same kind comes first.

Files of ours: all below the repository root, without tests, migrations, tools and .venv.
Domain files: those below a path of DOMAIN. Authentication, throttles and middleware are not domain.
Move: the next function stands in another domain file. Return: a move to a file entered before.
"""

import argparse
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time
from functools import cache
from itertools import groupby
from pathlib import Path
from types import FrameType

import django

# The models can be imported only after this. Under pytest the settings are there already.
if __name__ == "__main__":
    os.environ.update(
        DJANGO_SETTINGS_MODULE="config.settings",
        ENVIRONMENT="demo",
        DEBUG="",
        DATABASE_URL="sqlite://:memory:",
        CACHE_URL="locmemcache://",
        THROTTLE="off",
        NUM_PROXIES="",
        SECRET_KEY=secrets.token_urlsafe(64),
        ALLOWED_HOSTS="testserver",
    )
    django.setup()

from django.core.management import call_command
from django.db import transaction
from rest_framework import status
from rest_framework.test import APIClient

from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Schedule
from doctor.tests.factories import ScheduleFactory
from patient.models import Patient
from patient.tests.factories import PatientFactory

ROOT = Path(__file__).resolve().parent.parent
OMITTED = frozenset({".venv", "tests", "migrations", "tools"})
DOMAIN = (
    "doctor/",
    "patient/",
    "appointment/",
    "accounts/models/",
    "accounts/serializers.py",
    "accounts/audit/models.py",
)
COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
RULES = {
    "min_notice_minutes": 30,
    "horizon_days": 30,
    "cancel_deadline_minutes": 30,
    "max_live_per_patient": 9,
}


# --- The measuring --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """A function of ours, and its file as a path from the repository root."""

    file: str
    function: str


@dataclass(frozen=True)
class Trace:
    """The functions of ours that one call enters, each once, in the order of their first entry."""

    entries: tuple[Entry, ...]

    @property
    def files(self) -> set[str]:
        """The files of ours that the call enters."""
        return {entry.file for entry in self.entries}

    @property
    def domain_files(self) -> set[str]:
        """The domain files that the call enters."""
        return {entry.file for entry in self.path}

    @property
    def path(self) -> list[Entry]:
        """The first function of each stay in a domain file; a file may be entered again later."""
        domain = [entry for entry in self.entries if is_domain(entry.file)]
        return [next(stay) for _, stay in groupby(domain, key=lambda entry: entry.file)]

    @property
    def moves(self) -> int:
        """How often the call goes from one domain file to another."""
        return max(len(self.path) - 1, 0)

    @property
    def returns(self) -> int:
        """How many of these moves lead to a file that the call entered before."""
        return len(self.path) - len(self.domain_files)


def trace(call: Callable[[], object]) -> Trace:
    """Run the call and return the functions of ours that it enters in this thread."""
    entries: dict[Entry, None] = {}  # a set that keeps its order

    def profile(frame: FrameType, event: str, arg: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_name not in COMPREHENSIONS:
            file = path_from_root(code.co_filename)
            if file:
                entries.setdefault(Entry(file, code.co_qualname))

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(before)
    return Trace(tuple(entries))


def is_domain(file: str) -> bool:
    """Return whether the file is a domain file; the throttles of an app are not."""
    return file.startswith(DOMAIN) and not file.endswith("/throttles.py")


@cache
def path_from_root(filename: str) -> str | None:
    """Return the path of a file of ours from the repository root; None for any other file."""
    path = Path(filename)
    if not path.is_absolute():  # a name such as <string>, of code that no file holds
        return None
    path = path.resolve()
    if not path.is_relative_to(ROOT):
        return None
    path = path.relative_to(ROOT)
    return None if OMITTED.intersection(path.parts) else path.as_posix()


# --- The calls ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """A request of the API; `method`: name of the test client's method, get or post."""

    method: str
    path: str
    body: dict[str, object] | None = None


class Clinic:
    """A patient with an API client, and a doctor's day of sixteen slots at one location.

    With `rules` the location limits notice, horizon, cancelation and visits per patient.
    """

    def __init__(self, rules: bool) -> None:
        limits = {f"location__{name}": value for name, value in RULES.items()} if rules else {}
        schedule: Schedule = ScheduleFactory(end_time=time(17), **limits)
        self.patient: Patient = PatientFactory()
        self.doctor_id = schedule.doctor_id
        self.free_slots = iter(list(schedule.slots.order_by("starts_at")))
        self.client = APIClient()
        token, _ = self.patient.user.issue_token()
        self.client.credentials(HTTP_AUTHORIZATION=f"Token {token}")

    def next_slot_id(self) -> int:
        """Return the id of the earliest slot that this method has not returned yet."""
        return next(self.free_slots).pk

    def add_visit(self) -> Appointment:
        """Book the next free slot for the patient."""
        visit: Appointment = AppointmentFactory(patient=self.patient, slot=next(self.free_slots))
        return visit

    def send(self, request: Request) -> None:
        """Send the request as the patient. Raises RuntimeError if it does not succeed."""
        response = getattr(self.client, request.method)(request.path, request.body)
        if not status.is_success(response.status_code):
            raise RuntimeError(f"{request.path}: {response.status_code} {response.content}")


def book(clinic: Clinic) -> Request:
    """Make a request that books a free slot."""
    body = {"slot_id": clinic.next_slot_id(), "reason": "Check-up"}
    return Request("post", f"/api/appointment/book/{clinic.doctor_id}/", body)


def cancel(clinic: Clinic) -> Request:
    """Make a request that cancels a visit of the patient."""
    path = f"/api/appointment/cancel/{clinic.add_visit().pk}/"
    return Request("post", path, {"reason": "Feeling better"})


def reschedule(clinic: Clinic) -> Request:
    """Make a request that moves a visit of the patient to a free slot."""
    path = f"/api/appointment/reschedule/{clinic.add_visit().pk}/"
    return Request("post", path, {"slot_id": clinic.next_slot_id()})


def available_slots(clinic: Clinic) -> Request:
    """Make a request that lists the doctor's free slots."""
    return Request("get", f"/api/doctor/doctors/{clinic.doctor_id}/available-slots/")


CALLS: dict[str, Callable[[Clinic], Request]] = {
    "book": book,
    "cancel": cancel,
    "reschedule": reschedule,
    "available-slots": available_slots,
}


def trace_request(name: str, clinic: Clinic) -> Trace:
    """Send two requests of that name and trace the second: the first one fills all caches."""
    clinic.send(CALLS[name](clinic))
    request = CALLS[name](clinic)
    return trace(lambda: clinic.send(request))


# --- The command ----------------------------------------------------------------------------------


def main() -> None:
    """Print the table, or with `--files` the path of one call. The database is SQLite in memory."""
    parser = argparse.ArgumentParser(prog="tools.hops", description="Count the hops of API calls.")
    parser.add_argument("--files", choices=CALLS, help="print the domain files of one call")
    parser.add_argument("--rules", action="store_true", help="with --files: a location with rules")
    options = parser.parse_args()
    call_command("migrate", verbosity=0, interactive=False)
    with transaction.atomic():  # a test has this transaction too, so both enter the same files
        if options.files:
            print_path(trace_request(options.files, Clinic(options.rules)))
        else:
            print_table()


def print_table() -> None:
    """Print one line for each call, first at a location without rules, then at one with them."""
    columns = "{:<16} {:>13} {:>13} {:>6} {:>8}"
    for rules, title in ((False, "A location without rules"), (True, "A location with rules")):
        print(title)
        print(columns.format("call", "files of ours", "domain files", "moves", "returns"))
        clinic = Clinic(rules)
        for name in CALLS:
            traced = trace_request(name, clinic)
            counts = (len(traced.files), len(traced.domain_files), traced.moves, traced.returns)
            print(columns.format(name, *counts))
        print()


def print_path(traced: Trace) -> None:
    """Print each stay in a domain file: its file, the first function, whether it is a return."""
    entered: set[str] = set()
    for number, stay in enumerate(traced.path):
        mark = "(return)" if stay.file in entered else ""
        print(f"{number:>3}  {stay.file:<40} {stay.function} {mark}".rstrip())
        entered.add(stay.file)


if __name__ == "__main__":
    main()
