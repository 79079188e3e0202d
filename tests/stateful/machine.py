"""Random steps through the API and the admin. The model checks each answer and each row."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, time
from io import StringIO
from typing import Any, ClassVar

from django.core.management import call_command
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from appointment.models import Appointment
from doctor.models import Schedule
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory, day_ahead
from tests.stateful.clients import ApiClient, HttpAdminClient
from tests.stateful.model import Entry, Leave, Model, Session, Slot, Visit
from tests.stateful.people import Person, other_rows, register
from tests.stateful.rows import difference

DAYS = 5  # days from today, so that no slot begins while the machine runs
HOURS = ((540, 660), (540, 630), (570, 660), (540, 720), (600, 720))  # minutes of the day


def wall(minutes: int) -> time:
    """Return this minute of the day as a time."""
    return time(minutes // 60, minutes % 60)


def instant(minutes: int) -> str:
    """Return the instant of this minute on the day of all slots, in UTC, the location's zone."""
    return datetime.combine(day_ahead(DAYS), wall(minutes), UTC).isoformat()


class ClinicMachine(RuleBasedStateMachine):
    """Patients at the API and staff at the admin; `base` is the address of the server.

    Each run has doctors, patients and a location of its own. This process and the server share one
    database: the machine reads rows here, and changes them only through the API and the admin.
    """

    base: ClassVar[str]
    admin_client: ClassVar[HttpAdminClient]
    staff: ClassVar[str]  # the token of a superuser
    outcomes: ClassVar[Counter[str]]  # the results of the steps, by the code of the refusal

    @initialize()
    def open_the_clinic(self) -> None:
        self.api, self.model = ApiClient(self.base), Model()
        self.people: dict[int, Person] = {}
        self.location = LocationFactory(time_zone="UTC")
        for step, capacity in ((30, 1), (60, 2)):
            self.add_session(DoctorFactory().pk, step, capacity)
        for _ in range(3):
            self.register()

    def add_session(self, doctor: int, step: int, capacity: int) -> None:
        row = ScheduleFactory(
            doctor_id=doctor,
            location=self.location,
            date=day_ahead(DAYS),
            slot_minutes=step,
            capacity=capacity,
        )
        session = Session(row.pk, doctor, HOURS[0], step, capacity)
        self.model.sessions[row.pk] = session
        for span, pk in self.keys_of(session).items():
            self.model.slots[pk] = Slot(pk, row.pk, span, capacity)

    # --- Patients, at the API ---

    @rule()
    @precondition(lambda self: len(self.people) < 5)
    def register(self) -> None:
        person = register(self.api)
        self.people[person.pk] = person

    @rule(data=st.data())
    @precondition(lambda self: self.people)
    def book(self, data: Any) -> None:
        person, slot = self.somebody(data), self.some_slot(data)
        before = other_rows(person)
        expected = self.model.reason(person.pk, slot)
        path = f"appointment/book/{self.model.doctor_of(slot)}/"
        status, answer = self.call(person, "POST", path, slot_id=slot.pk, reason="Check-up")
        if not self.refused(expected, status, answer, good=201):
            self.model.visits[answer["id"]] = Visit(
                answer["id"], person.pk, slot.pk, reason="Check-up"
            )
            self.model.leave_line(person.pk, slot)
        assert other_rows(person) == before, "somebody else's rows have changed"

    @rule(data=st.data())
    @precondition(lambda self: self.people and self.model.visits)
    def cancel(self, data: Any) -> None:
        """Cancel a visit. The visit of another patient is 404."""
        person, visit = self.somebody(data), self.some_visit(data)
        before = other_rows(person)
        status, answer = self.call(person, "POST", f"appointment/cancel/{visit.pk}/")
        if visit.patient != person.pk:
            assert (status, answer["code"]) == (404, "not_found")
        elif not self.refused(_standing(visit), status, answer):
            self.model.cancel(visit)
        assert other_rows(person) == before, "somebody else's rows have changed"

    @rule(data=st.data())
    @precondition(lambda self: self.people and self.model.visits)
    def reschedule(self, data: Any) -> None:
        person, visit, slot = self.somebody(data), self.some_visit(data), self.some_slot(data)
        path = f"appointment/reschedule/{visit.pk}/"
        status, answer = self.call(person, "POST", path, slot_id=slot.pk)
        if visit.patient != person.pk:
            assert (status, answer["code"]) == (404, "not_found")
            return
        expected = _standing(visit) or self.model.reason(
            person.pk, slot, exclude_appointment=visit.pk
        )
        if not self.refused(expected, status, answer):
            self.model.move(visit, to=slot)

    @rule(data=st.data())
    @precondition(lambda self: self.people and len(self.model.entries) < 8)
    def wait(self, data: Any) -> None:
        """Join the waitlist of a doctor, unless in line for the doctor or able to book a place."""
        person = self.somebody(data)
        doctor = self.some_session(data).doctor
        day = str(day_ahead(DAYS))
        criteria = {"doctor": doctor, "from": day, "to": day}
        status, answer = self.call(person, "POST", "appointment/waitlist/", **criteria)
        if not self.refused(self.model.no_entry(person.pk, doctor), status, answer, good=201):
            self.model.entries[answer["id"]] = Entry(answer["id"], person.pk, doctor)

    @rule(data=st.data(), verb=st.sampled_from(("accept", "decline")))
    @precondition(lambda self: self.model.entries)
    def answer_offer(self, data: Any, verb: str) -> None:
        entry = data.draw(st.sampled_from(list(self.model.entries.values())))
        path = f"appointment/waitlist/{entry.pk}/{verb}/"
        slot, person = entry.offer, self.people[entry.patient]
        status, answer = self.call(person, "POST", path)
        if slot is None:
            assert (status, answer["code"]) == (409, "no_open_offer")
        elif verb == "decline":
            assert status == 204
            self.model.decline(entry)
        elif not self.refused(self.model.accept(entry), status, answer, good=201):
            self.model.visits[answer["id"]] = Visit(answer["id"], person.pk, slot)

    @rule(data=st.data())
    @precondition(lambda self: self.model.entries)
    def leave_waitlist(self, data: Any) -> None:
        entry = data.draw(st.sampled_from(list(self.model.entries.values())))
        path = f"appointment/waitlist/{entry.pk}/"
        status, _ = self.call(self.people[entry.patient], "DELETE", path)
        assert status == 204
        self.model.leave_waitlist(entry)

    @rule(data=st.data())
    @precondition(lambda self: len(self.people) > 2)
    def delete_profile(self, data: Any) -> None:
        person = self.somebody(data)
        before = other_rows(person)
        assert self.call(person, "DELETE", "patient/profile/")[0] == 204
        self.model.erase(person.pk)
        del self.people[person.pk]
        assert other_rows(person) == before, "somebody else's rows have changed"

    # --- Staff, at the admin and at the API ---

    @rule(data=st.data(), hours=st.sampled_from(HOURS), capacity=st.integers(1, 3))
    def edit_hours(self, data: Any, hours: tuple[int, int], capacity: int) -> None:
        """Edit a session at the API, which names the visits that would lose their slot."""
        old = self.some_session(data)
        new = replace(old, span=hours, capacity=capacity)
        stranded = self.model.in_the_way(new)
        body = {"start_time": str(wall(hours[0])), "end_time": str(wall(hours[1]))}
        path = f"doctor/schedules/{old.pk}/"
        status, answer = self.api("PATCH", path, self.staff, {**body, "capacity": capacity})
        if not self.refused("schedule_in_use" if stranded else None, status, answer):
            self.model.remake(new, self.keys_of(new))
        else:
            assert answer["appointments"] == stranded

    @rule(data=st.data())
    def open_or_close(self, data: Any) -> None:
        """Open or close a session at the admin. A closed session keeps its visits."""
        old = self.some_session(data)
        new = replace(old, is_active=not old.is_active)
        row = Schedule.objects.get(pk=old.pk)
        page = self.admin_client.change(row, is_active=["on"] if new.is_active else [])
        assert "was changed successfully" in page.messages(), page.messages()
        self.model.remake(new, self.keys_of(new))

    @rule(data=st.data(), action=st.sampled_from(("cancel", "delete_selected")))
    @precondition(lambda self: self.model.visits)
    def act_in_the_admin(self, data: Any, action: str) -> None:
        """Cancel or delete a visit of any patient, by an action of the admin."""
        visit = self.some_visit(data)
        row = Appointment.objects.get(pk=visit.pk)
        if action == "cancel":
            page = self.admin_client.act("cancel", row)
            refusal = "1 canceled" not in page.messages()
            assert refusal == (visit.status != "scheduled"), page.messages()
            if not refusal:
                self.model.cancel(visit)
        else:
            assert "Successfully deleted" in self.admin_client.delete_all(row).messages()
            self.model.discard(visit)

    @rule(data=st.data(), start=st.sampled_from((540, 600, 630)), minutes=st.sampled_from((30, 90)))
    @precondition(lambda self: len(self.model.leaves) < 3)
    def go_on_leave(self, data: Any, start: int, minutes: int) -> None:
        doctor = self.some_session(data).doctor
        span = (start, start + minutes)
        body = {"doctor": doctor, "starts_at": instant(span[0]), "ends_at": instant(span[1])}
        status, answer = self.api("POST", "doctor/time-off/", self.staff, body)
        assert status == 201, answer
        self.model.take_leave(Leave(answer["id"], doctor, span))

    @rule(data=st.data())
    @precondition(lambda self: self.model.leaves)
    def come_back(self, data: Any) -> None:
        leave = data.draw(st.sampled_from(list(self.model.leaves.values())))
        status, answer = self.api("DELETE", f"doctor/time-off/{leave.pk}/", self.staff)
        assert status == 204, answer
        self.model.end_leave(leave)

    # --- Invariants after every step ---

    @invariant()
    def all_rows_are_as_in_the_model(self) -> None:
        self.outcomes["steps"] += 1
        found = difference(self.model)
        assert not found, found
        call_command("check_invariants", stdout=StringIO())

    # --- Helpers ---

    def call(self, person: Person, method: str, path: str, **body: Any) -> tuple[int, Any]:
        """Call the API as this person, with a body if there is one."""
        return self.api(method, path, person.token, body or None)

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

    def somebody(self, data: Any) -> Person:
        person: Person = data.draw(st.sampled_from(list(self.people.values())))
        return person

    def some_slot(self, data: Any) -> Slot:
        slot: Slot = data.draw(st.sampled_from(list(self.model.slots.values())))
        return slot

    def some_visit(self, data: Any) -> Visit:
        visit: Visit = data.draw(st.sampled_from(list(self.model.visits.values())))
        return visit

    def some_session(self, data: Any) -> Session:
        session: Session = data.draw(st.sampled_from(list(self.model.sessions.values())))
        return session


def _standing(visit: Visit) -> str | None:
    """Return why a visit can be neither canceled nor moved."""
    return None if visit.status == "scheduled" else "not_cancelable"
