"""What staff do for patients, at the API and at the admin."""

from io import StringIO
from typing import Any

from django.core.management import call_command
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from appointment.models import Appointment
from patient.models import Patient
from tests.admin_client import page
from tests.stateful.machine import standing
from tests.stateful.patients import PatientRules
from tests.stateful.people import Person, enroll
from tests.stateful.state import Slot

REASONS = st.sampled_from(("", "The doctor agrees"))  # to set a rule aside


def overriding(reason: str) -> dict[str, str]:
    """Return the part of a body that sets rules aside, if there is a reason."""
    return {"override_reason": reason} if reason else {}


class ReceptionRules(PatientRules):
    """Staff book, cancel, move and undo, answer offers, and keep the records of patients."""

    @rule()
    @precondition(lambda self: len(self.people) - len(self.users()) < 2)
    def enroll(self) -> None:
        """Add a patient who has no account."""
        self.add_person(enroll(self.admin_client))

    # --- Visits ---

    @rule(data=st.data(), reason=REASONS)
    @precondition(lambda self: self.people)
    def book_for(self, data: Any, reason: str) -> None:
        """Book for any patient; with a reason beyond the cap of the account."""
        person = self.some_patient(data)
        slot = self.some_slot(data, person.pk)
        expected = self.model.reason(person.pk, slot, waive=bool(reason))
        status, answer = self._book(person, slot, **overriding(reason))
        if not self.refused(expected, status, answer, good=201):
            self.model.book(answer["id"], person.pk, slot)

    @rule(data=st.data())
    @precondition(lambda self: self.people)
    def squeeze_in(self, data: Any) -> None:
        """Give a patient a place in a slot, mostly in one that is full."""
        person = self.some_patient(data)

        def reason(slot: Slot) -> str | None:
            return self.model.reason(person.pk, slot, waive=True)

        slot = self.some(data, self.model.slots.values(), lambda s: reason(s) == "slot_full")
        expected = reason(slot)
        body = {**overriding("In pain"), "squeeze_in": True}
        status, answer = self._book(person, slot, **body)
        if not self.refused(expected if expected != "slot_full" else None, status, answer, 201):
            self.outcomes["squeezed in"] += expected == "slot_full"
            self.model.squeeze_in(answer["id"], person.pk, slot)

    def _book(self, person: Person, slot: Slot, **body: Any) -> tuple[int, Any]:
        path = f"appointment/book/{self.model.doctor_of(slot)}/"
        return self.staff_call("POST", path, slot_id=slot.pk, patient_id=person.pk, **body)

    @rule(data=st.data(), reason=REASONS)
    @precondition(lambda self: self.model.visits)
    def cancel_for(self, data: Any, reason: str) -> None:
        visit = self.some_visit(data)
        path = f"appointment/cancel/{visit.pk}/"
        status, answer = self.staff_call("POST", path, **overriding(reason))
        if not self.refused(standing(visit), status, answer):
            self.model.cancel(visit)

    @rule(data=st.data(), reason=REASONS)
    @precondition(lambda self: self.model.visits)
    def move_for(self, data: Any, reason: str) -> None:
        visit = self.some_visit(data)
        slot = self.some_slot(data, visit.patient, exclude=visit.pk)
        path = f"appointment/reschedule/{visit.pk}/"
        status, answer = self.staff_call("POST", path, slot_id=slot.pk, **overriding(reason))
        expected = standing(visit)
        if not expected:
            expected = self.model.reason(visit.patient or 0, slot, exclude=visit.pk)
        if not self.refused(expected, status, answer):
            self.model.move(visit, to=slot)

    @rule(data=st.data(), reason=REASONS)
    @precondition(lambda self: self.model.visits)
    def undo(self, data: Any, reason: str) -> None:
        """Take back the latest change of a visit, which only a cancelation can be here."""
        visits = self.model.visits.values()
        visit = self.some(data, visits, lambda visit: self.model.no_undo(visit) is None)
        path = f"appointment/undo/{visit.pk}/"
        status, answer = self.staff_call("POST", path, **overriding(reason))
        if not self.refused(self.model.no_undo(visit), status, answer):
            self.outcomes["undone"] += 1
            self.model.undo(visit)

    @rule(data=st.data())
    @precondition(lambda self: any(map(self.model.is_flagged, self.model.visits.values())))
    def keep(self, data: Any) -> None:
        """Keep a visit of the work list as booked."""
        flagged = list(filter(self.model.is_flagged, self.model.visits.values()))
        visit = self.some(data, flagged, bool)
        body, path = {"reason": "They agree"}, f"appointment/rebooking/{visit.pk}/keep/"
        status, answer = self.staff_call("POST", path, **body)
        assert status == 200, answer
        self.model.keep(visit)
        assert self.staff_call("POST", path, **body)[0] == 404
        self.outcomes["kept"] += 1

    @rule(data=st.data(), action=st.sampled_from(("cancel", "undo", "delete_selected")))
    @precondition(lambda self: self.model.visits)
    def act_in_the_admin(self, data: Any, action: str) -> None:
        """Cancel a visit of any patient, undo that, or delete it, by an action of the admin."""
        visit = self.some_visit(data)
        row = Appointment.objects.get(pk=visit.pk)
        if action == "delete_selected":
            assert "Successfully deleted" in self.admin_client.delete_all(row).messages()
            self.model.discard(visit)
            return
        verb, done, expected = {
            "cancel": (self.model.cancel, "1 canceled", standing(visit)),
            "undo": (self.model.undo, "1 undone", self.model.no_undo(visit)),
        }[action]
        messages = self.admin_client.act(action, row).messages()
        assert (done in messages) == (expected is None), messages
        if not expected:
            verb(visit)

    # --- The line ---

    @rule(data=st.data())
    @precondition(lambda self: self.people and len(self.model.entries) < 12)
    def wait_for_a_patient(self, data: Any) -> None:
        """Enter a patient in the waitlist, at times for something earlier than a visit."""
        person = self.some_patient(data)
        own = [visit for visit in self.model.visits.values() if visit.patient == person.pk]
        visit = self.some(data, [None, *own], lambda visit: False)
        self.join(person, self.some_doctor(data, person.pk, visit), by_staff=True, replaces=visit)

    @rule(data=st.data(), verb=st.sampled_from(("accept", "decline")), reason=REASONS)
    @precondition(lambda self: self.model.entries)
    def answer_for(self, data: Any, verb: str, reason: str) -> None:
        """Accept or decline an offer for a patient; with a reason beyond the cap."""
        self.answer_as(self.staff, self.some_entry(data), verb, reason if verb == "accept" else "")

    @rule()
    def run_due(self) -> None:
        """Run the background jobs, which offer what is free to those who came later."""
        call_command("run_due", stdout=StringIO())
        self.model.offer_all()

    # --- People ---

    @rule(data=st.data())
    @precondition(lambda self: len(self.people) > 1)
    def merge(self, data: Any) -> None:
        """Merge two records of one person at the admin; one of them has no account."""
        kept = self.some_patient(data)
        others = [person for person in self.people.values() if person is not kept]
        gone = self.some(data, others, lambda person: not (kept.token and person.token))
        path = f"/admin/patient/patient/{kept.pk}/merge/"
        messages = self.admin_client.send(path, other=gone.pk, _merge="Merge them").messages()
        if refusal := self.model.no_merge(kept.pk, gone.pk):
            assert refusal in messages, messages
            return
        assert f"Record {gone.pk} was merged into this one." in messages, messages
        self.model.merge(kept.pk, gone.pk)
        owner = kept if kept.token else gone
        self.people[kept.pk] = Person(kept.pk, owner.user, owner.token)
        del self.people[gone.pk]
        self.outcomes["merged"] += 1

    @rule(data=st.data())
    @precondition(lambda self: self.people and not self.model.deceased)
    def mark_deceased(self, data: Any) -> None:
        """Mark a person deceased at the admin."""
        pk = self.some_patient(data).pk
        self.admin_client.send(f"/admin/patient/patient/{pk}/deceased/", _mark="Mark")
        self.model.mark_deceased(pk)
        assert Patient.objects.get(pk=pk).is_deceased

    @rule()
    @precondition(lambda self: self.model.deceased)
    def unmark_deceased(self) -> None:
        """Take the mark back, which was a mistake."""
        pk = next(iter(self.model.deceased))
        self.admin_client.send(f"/admin/patient/patient/{pk}/deceased/", _unmark="Take back")
        self.model.deceased.remove(pk)
        assert not Patient.objects.get(pk=pk).is_deceased

    @rule(data=st.data())
    @precondition(lambda self: len(self.people) - len(self.users()) > 1)
    def erase(self, data: Any) -> None:
        """Erase a person without an account at the admin."""
        without = [person for person in self.people.values() if not person.token]
        person = self.some(data, without, bool)
        path = page(Patient.objects.get(pk=person.pk), "delete")
        done = self.admin_client.send(path, post="yes")
        assert "was deleted successfully" in done.messages(), done.messages()
        self.model.erase(person.pk)
        del self.people[person.pk]
