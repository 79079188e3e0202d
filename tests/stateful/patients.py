"""What patients do at the API."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from doctor.tests.factories import day_ahead
from tests.stateful.machine import DAYS, Machine, standing
from tests.stateful.people import Person, other_rows, register
from tests.stateful.state import Entry, Visit


class PatientRules(Machine):
    """Patients register, book, cancel, move, wait and leave."""

    @rule()
    @precondition(lambda self: len(self.users()) < 4)
    def register(self) -> None:
        self.add_person(register(self.api))

    @rule(data=st.data())
    @precondition(lambda self: self.users())
    def book(self, data: Any) -> None:
        person = self.some_user(data)
        slot = self.some_slot(data, person.pk)
        before = other_rows(person)
        expected = self.model.reason(person.pk, slot)
        path = f"appointment/book/{self.model.doctor_of(slot)}/"
        status, answer = self.call(person, "POST", path, slot_id=slot.pk, reason="Check-up")
        if not self.refused(expected, status, answer, good=201):
            self.model.book(answer["id"], person.pk, slot, reason="Check-up")
        assert other_rows(person) == before, "another person's rows have changed"

    @rule(data=st.data())
    @precondition(lambda self: self.users() and self.model.visits)
    def cancel(self, data: Any) -> None:
        """Cancel a visit. The visit of another patient is 404."""
        person = self.some_user(data)
        visit = self.some_visit(data, person)
        before = other_rows(person)
        status, answer = self.call(person, "POST", f"appointment/cancel/{visit.pk}/")
        if visit.patient != person.pk:
            assert (status, answer["code"]) == (404, "not_found")
        elif not self.refused(standing(visit), status, answer):
            self.model.cancel(visit)
        assert other_rows(person) == before, "another person's rows have changed"

    @rule(data=st.data())
    @precondition(lambda self: self.users() and self.model.visits)
    def reschedule(self, data: Any) -> None:
        person = self.some_user(data)
        visit = self.some_visit(data, person)
        slot = self.some_slot(data, person.pk, exclude=visit.pk)
        path = f"appointment/reschedule/{visit.pk}/"
        status, answer = self.call(person, "POST", path, slot_id=slot.pk)
        if visit.patient != person.pk:
            assert (status, answer["code"]) == (404, "not_found")
            return
        expected = standing(visit) or self.model.reason(person.pk, slot, exclude=visit.pk)
        if not self.refused(expected, status, answer):
            self.model.move(visit, to=slot)

    @rule(data=st.data())
    @precondition(lambda self: self.users() and len(self.model.entries) < 12)
    def wait(self, data: Any) -> None:
        """Join the waitlist of a doctor, unless in line for the doctor or able to book a place."""
        person = self.some_user(data)
        self.join(person, self.some_doctor(data, person.pk))

    @rule(data=st.data())
    @precondition(lambda self: self.users() and self.model.visits and len(self.model.entries) < 12)
    def wait_for_something_earlier(self, data: Any) -> None:
        """Join with a visit to replace. The visit of another patient is 404."""
        person = self.some_user(data)
        visit = self.some_visit(data, person)
        self.join(person, self.some_doctor(data, person.pk, visit), replaces=visit)

    def join(
        self, person: Person, doctor: int, by_staff: bool = False, replaces: Visit | None = None
    ) -> None:
        """Join the waitlist as this person, or as staff for this person."""
        day = str(day_ahead(DAYS))
        body: dict[str, Any] = {"doctor": doctor, "from": day, "to": day}
        if replaces:
            body["replaces"] = replaces.pk
        if by_staff:
            body["patient_id"] = person.pk
        token = self.staff if by_staff else person.token
        status, answer = self.api("POST", "appointment/waitlist/", token, body)
        refusal = self.model.no_entry(person.pk, doctor, replaces)
        if person.pk in self.model.deceased:
            assert self.refused(refusal, status, answer)
        elif replaces and replaces.patient != person.pk:
            assert (status, answer["code"]) == (404, "not_found"), answer
        elif replaces and replaces.status != "scheduled":
            assert (status, answer["errors"][0]["code"]) == (400, "not_ahead"), answer
        elif not self.refused(refusal, status, answer, good=201):
            self.outcomes["replaces"] += bool(replaces)
            key = replaces and replaces.pk
            self.model.join(Entry(answer["id"], person.pk, doctor, key))

    @rule(data=st.data(), verb=st.sampled_from(("accept", "decline")))
    @precondition(lambda self: self.model.entries)
    def answer_offer(self, data: Any, verb: str) -> None:
        """Accept or decline an offer, as the patient or, without an account, as staff."""
        entry = self.some_entry(data)
        self.answer_as(self.people[entry.patient].token or self.staff, entry, verb)

    def answer_as(self, token: str, entry: Entry, verb: str, override_reason: str = "") -> None:
        """Accept or decline what the entry is offered, with this token."""
        expected = self.model.no_accept(entry, waive=bool(override_reason))
        body = {"override_reason": override_reason} if override_reason else None
        path = f"appointment/waitlist/{entry.pk}/{verb}/"
        status, answer = self.api("POST", path, token, body)
        if verb == "accept" or entry.offer is None:
            if not self.refused(expected, status, answer, good=201):
                self.model.accept(entry, answer["id"])
                self.outcomes["replaced"] += bool(entry.replaces)
                assert answer["id"] == (entry.replaces or answer["id"])
        else:
            assert status == 204
            self.model.decline(entry)

    @rule(data=st.data())
    @precondition(lambda self: self.model.entries)
    def leave_waitlist(self, data: Any) -> None:
        """Delete an entry, as the patient or, without an account, as staff."""
        entry = self.some_entry(data)
        token = self.people[entry.patient].token or self.staff
        assert self.api("DELETE", f"appointment/waitlist/{entry.pk}/", token)[0] == 204
        self.model.leave_waitlist(entry)

    @rule(data=st.data())
    @precondition(lambda self: len(self.users()) > 2)
    def delete_profile(self, data: Any) -> None:
        person = self.some_user(data)
        before = other_rows(person)
        assert self.call(person, "DELETE", "patient/profile/")[0] == 204
        self.model.erase(person.pk)
        del self.people[person.pk]
        assert other_rows(person) == before, "another person's rows have changed"
