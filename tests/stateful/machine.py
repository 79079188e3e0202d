"""The base of the machine that takes random steps: the clinic, the checks, and what rules share."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time
from io import StringIO
from typing import Any, ClassVar, TypeVar

from django.core.management import CommandError, call_command
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from doctor.models import Schedule
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory, day_ahead
from tests.stateful.clients import ApiClient, HttpAdminClient
from tests.stateful.model import Model
from tests.stateful.people import Person, enroll, register
from tests.stateful.rows import difference
from tests.stateful.state import Entry, Session, Slot, Visit

DAYS = 5  # days from today, so that no slot begins while the machine runs
Row = TypeVar("Row")
# Minutes of the day. Each session begins with the first of these: few places, so that people wait.
HOURS = ((540, 630), (540, 660), (570, 660), (540, 720))


def wall(minutes: int) -> time:
    """Return this minute of the day as a time."""
    return time(minutes // 60, minutes % 60)


def instant(minutes: int) -> str:
    """Return the instant of this minute on the day of all slots, in UTC, the location's zone."""
    return datetime.combine(day_ahead(DAYS), wall(minutes), UTC).isoformat()


def standing(visit: Visit) -> str | None:
    """Return the code of the reason why a visit can be neither canceled nor moved, or None."""
    return None if visit.status == "scheduled" else "not_cancelable"


class Machine(RuleBasedStateMachine):
    """Patients at the API and staff at the admin and the API; `base` is the server's address.

    Each run has doctors, patients and a location of its own. This process and the server share one
    database: the machine reads rows here, and changes them only as people do.
    """

    base: ClassVar[str]
    admin_client: ClassVar[HttpAdminClient]
    staff: ClassVar[str]  # the token of a superuser
    outcomes: ClassVar[Counter[str]]  # the results of the steps, by the code of the refusal
    failures: ClassVar[list[Exception]]  # of the checks after a step, the first one first

    @initialize()
    def begin(self) -> None:
        self.open_the_clinic()
        self.fill_the_day()

    def open_the_clinic(self) -> None:
        """Make two doctors with a session each, three patients with an account, one without."""
        self.api, self.model = ApiClient(self.base), Model()
        self.people: dict[int, Person] = {}
        self.location = LocationFactory(time_zone="UTC")
        for step in (30, 60):
            self.add_session(DoctorFactory().pk, step)
        for _ in range(3):
            self.add_person(register(self.api))
        self.add_person(enroll(self.admin_client))

    def fill_the_day(self) -> None:
        """Give each patient a visit, so that no place is left and the others have to wait."""
        slots = self.model.slots.values()
        for person, slot in zip(self.people.values(), slots, strict=True):
            body = {"slot_id": slot.pk, "patient_id": person.pk}
            path = f"appointment/book/{self.model.doctor_of(slot)}/"
            status, answer = self.staff_call("POST", path, **body)
            assert status == 201, answer
            self.model.book(answer["id"], person.pk, slot)

    def add_session(self, doctor: int, step: int) -> None:
        first, last = map(wall, HOURS[0])
        row = ScheduleFactory(
            doctor_id=doctor,
            location=self.location,
            date=day_ahead(DAYS),
            start_time=first,
            end_time=last,
            slot_minutes=step,
            capacity=1,
        )
        session = Session(row.pk, doctor, HOURS[0], step, 1)
        self.model.sessions[row.pk] = session
        for span, pk in self.keys_of(session).items():
            self.model.slots[pk] = Slot(pk, row.pk, span, 1)

    def add_person(self, person: Person) -> None:
        self.people[person.pk] = person
        if person.token:
            self.model.accounts.add(person.pk)

    # --- Invariants after every step ---

    @invariant()
    def all_rows_are_as_in_the_model(self) -> None:
        self.outcomes["steps"] += 1
        try:
            found = difference(self.model)
            assert not found, found
            call_command("check_invariants", stdout=StringIO())
        except (AssertionError, CommandError) as failure:
            self.failures.append(failure)
            raise

    # --- Calls ---

    def call(self, person: Person, method: str, path: str, **body: Any) -> tuple[int, Any]:
        """Call the API as this person, with a body if there is one."""
        return self.api(method, path, person.token, body or None)

    def staff_call(self, method: str, path: str, **body: Any) -> tuple[int, Any]:
        """Call the API as staff, with a body if there is one."""
        return self.api(method, path, self.staff, body or None)

    def refused(self, expected: str | None, status: int, answer: Any, good: int = 200) -> bool:
        """Assert that the answer is what the model expects, and return whether it is a refusal."""
        code = answer.get("code") if status >= 400 else None
        assert (status, code) == (409 if expected else good, expected), answer
        self.outcomes[expected or "gone through"] += 1
        return expected is not None

    def keys_of(self, session: Session) -> dict[tuple[int, int], int]:
        """Map the session's spans to its slots' keys; the database must have no other slots."""
        rows = Schedule.objects.get(pk=session.pk).slots.values_list("starts_at", "pk")
        keys = {start.hour * 60 + start.minute: pk for start, pk in rows}
        assert sorted(keys) == [start for start, _ in session.spans()]
        return {span: keys[span[0]] for span in session.spans()}

    # --- Choices ---

    def users(self) -> list[Person]:
        """Return the patients who have an account."""
        return [person for person in self.people.values() if person.token]

    def some(self, data: Any, rows: Iterable[Row], likely: Callable[[Row], object]) -> Row:
        """Choose one of the rows, mostly one of those that are `likely` to go through."""
        rows = list(rows)
        chosen: Row = data.draw(st.sampled_from([*rows, *3 * list(filter(likely, rows))]))
        return chosen

    def some_user(self, data: Any) -> Person:
        return self.some(data, self.users(), lambda person: False)

    def some_patient(self, data: Any) -> Person:
        return self.some(data, self.people.values(), lambda person: False)

    def some_slot(self, data: Any, patient: int | None, exclude: int | None = None) -> Slot:
        """Choose a slot, mostly one that the patient can book."""

        def likely(slot: Slot) -> bool:
            return self.model.reason(patient or 0, slot, exclude) is None

        return self.some(data, self.model.slots.values(), likely)

    def some_visit(self, data: Any, person: Person | None = None) -> Visit:
        """Choose a visit, mostly a scheduled one; of this person, if one is given."""

        def likely(visit: Visit) -> bool:
            theirs = person is None or visit.patient == person.pk
            return theirs and visit.status == "scheduled"

        return self.some(data, self.model.visits.values(), likely)

    def some_doctor(self, data: Any, patient: int, replaces: Visit | None = None) -> int:
        """Choose a doctor, mostly one for whom the patient can wait."""

        def likely(doctor: int) -> bool:
            return self.model.no_entry(patient, doctor, replaces) is None

        doctors = {session.doctor for session in self.model.sessions.values()}
        return self.some(data, sorted(doctors), likely)

    def some_session(self, data: Any) -> Session:
        return self.some(data, self.model.sessions.values(), lambda session: False)

    def some_entry(self, data: Any) -> Entry:
        """Choose an entry, mostly one with an offer."""
        return self.some(data, self.model.entries.values(), lambda entry: entry.offer)
