"""Every part of the system gives the same answer about a slot at an instant (invariant I5).

The drill makes random clinics. It asks the plain list of a doctor's slots, the list with
`?explain=true` (as a patient, as anybody, and for moving a visit), the search,
`Slot.objects.bookable` (which the admin's filter calls), the waitlist, booking and rescheduling
about every slot, at instants at which something changes. Of every third slot it asks staff, too,
who book and move with a reason and squeeze the patient in. It compares the answers with the rule
written again in plain Python.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

import time_machine
from django.test import override_settings
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from appointment.models import Appointment, Status, WaitlistEntry
from doctor.exceptions import REFUSALS
from doctor.models import Slot
from extensions.exceptions import DomainError
from tests.drills.agreement_clinics import DAY, MINUTE, Ground, RandomClinic, overlap
from tests.sample_data import rolled_back

INSTANTS = 4  # tried in each clinic
OVER_HTTP = 10  # one slot in ten is booked over HTTP, the others by the verbs
REASON = {"override_reason": "For the drill"}
REASONS = {error.code: reason for reason, error in REFUSALS.items()}
Report = Callable[[str], None]


def agree(cases: int, first_seed: int = 0, report: Report = lambda line: None) -> Counter[str]:
    """Ask about this number of cases (rules, slot, instant), and count how often each answer came.

    Raises AssertionError with the seed of the clinic at the first disagreement. The caller needs a
    transaction; this function leaves nothing in it.
    """
    ground, given, seed = Ground(), Counter[str](), first_seed
    while given.total() < cases:
        with rolled_back():
            clinic = RandomClinic(ground, seed)
            for number, at in enumerate(clinic.instants(INSTANTS)):
                with time_machine.travel(at, tick=False), override_settings(**clinic.caps):
                    moment = Moment(clinic, timezone.now())
                    given.update(moment.answers())
                    (moment.move if number % 2 else moment.wait)()
        seed += 1
        if seed % 25 == 0:
            report(f"{given.total():,} of {cases:,} cases agree")
    return given


class Moment:
    """A clinic at an instant; its methods ask every part of the system and compare the answers."""

    def __init__(self, clinic: RandomClinic, at: datetime) -> None:
        self.clinic, self.at, self.patient = clinic, at, clinic.ground.patient
        self.staff = clinic.ground.staff
        self.anonymous, self.client, self.desk = APIClient(), APIClient(), APIClient()
        self.client.force_authenticate(self.patient.user)
        self.desk.force_authenticate(self.staff)

    def answers(self) -> Iterator[str]:
        """Return the answer about each slot, after asserting that every part gives the same one."""
        expected = {slot.pk: self.reason(slot, self.clinic.live()) for slot in self.clinic.slots}
        everybody = {slot.pk: self.reason(slot, None) for slot in self.clinic.slots}
        free = {pk for pk, reason in everybody.items() if reason is None}
        self.same("explain", self.explained(self.client), expected)
        self.same("explain to anybody", self.explained(self.anonymous), everybody)
        self.same("plain list", self.listed(), free)
        self.same("search", self.found(), free)
        bookable = Slot.objects.bookable(self.at).values_list("pk", flat=True)
        self.same("bookable", set(bookable), free)
        for slot in self.clinic.slots:
            self.same(f"booking {slot.pk}", self.booked(slot), expected[slot.pk])
            if slot.pk % 3 == 0:
                self.book_as_staff(slot)
        return (str(reason) for reason in expected.values())

    def same(self, who: str, answer: Any, expected: Any) -> None:
        """Assert that the part `who` of the system gave the expected answer."""
        where = f"{who}, clinic {self.clinic.seed} at {self.at.isoformat()}"
        assert answer == expected, f"{where}: {answer}, not {expected}"

    def answer(self, request: Any) -> Any:
        assert request.status_code == 200, request.content
        return request.json()["results"]

    # --- The rule, written again ---

    def reason(
        self,
        slot: Slot,
        visits: list[Appointment] | None,
        *,
        moving: bool = False,
        waived: bool = False,
    ) -> str | None:
        """Return the first reason against the slot, for a patient with these visits or for all.

        A patient who is `moving` another visit there adds none to those of the account. With
        `waived`, staff set aside what they may.
        """
        answer = {**self._of_visits(slot, visits or []), **self._of_slot(slot)}
        at_cap = not moving and self.clinic.at_cap(self.at)
        answer["too_many"] = visits is not None and (at_cap or self._at_limit(slot, visits))
        lapsed = slot.hold_lapses_at is not None and slot.hold_lapses_at <= self.at
        answer["full"] = slot.taken >= slot.capacity and not (lapsed and not slot.extra_places)
        if waived:
            answer["past"] = slot.ends_at <= self.at
            answer |= dict.fromkeys(("too_soon", "too_far", "too_many"), False)
        return next((reason for reason, is_so in answer.items() if is_so), None)

    def _of_visits(self, slot: Slot, visits: list[Appointment]) -> dict[str, bool]:
        return {
            "already_booked": any(visit.slot_id == slot.pk for visit in visits),
            "patient_overlap": any(overlap(slot, visit) for visit in visits),
        }

    def _of_slot(self, slot: Slot) -> dict[str, bool]:
        location = self.clinic.location(slot)
        today, horizon = self.at.astimezone(location.zone).date(), location.horizon_days
        day = slot.starts_at.astimezone(location.zone).date()
        return {
            "closed": not slot.is_open,
            "past": slot.starts_at <= self.at,
            "too_soon": slot.starts_at - self.clinic.notice(slot) < self.at,
            "too_far": horizon is not None and day > today + horizon * DAY,
        }

    def _at_limit(self, slot: Slot, visits: list[Appointment]) -> bool:
        limit = self.clinic.location(slot).max_live_per_patient
        there = [v for v in visits if v.location_id == slot.location_id and v.ends_at > self.at]
        return limit is not None and len(there) >= limit

    # --- Parts of the system ---

    def explained(self, client: APIClient, **query: str) -> dict[int, str | None]:
        answer = self._days(client, explain="true", **query)
        assert all((slot["available"] > 0) is (slot["reason"] is None) for slot in answer)
        return {slot["id"]: slot["reason"] for slot in answer}

    def listed(self) -> set[int]:
        return {slot["id"] for slot in self._days(self.client)}

    def _days(self, client: APIClient, **query: str) -> list[dict[str, Any]]:
        first, last = self.clinic.at.date() - 5 * DAY, self.clinic.at.date() + 12 * DAY
        query |= {"from": str(first), "to": str(last)}
        paths = (
            f"/api/doctor/doctors/{doctor.pk}/available-slots/"
            for doctor in self.clinic.ground.doctors
        )
        return [slot for path in paths for slot in self.answer(client.get(path, query))]

    def found(self) -> set[int]:
        return {slot["id"] for slot in self.answer(self.anonymous.get("/api/doctor/slots/"))}

    def wait(self) -> None:
        """Ask which free slots the patient, who waits for both doctors, can be offered."""
        free = [slot for slot in self.clinic.slots if self.reason(slot, None) is None]
        mine = WaitlistEntry.objects.filter(patient=self.patient)
        offered = {slot.pk for slot in free if mine.eligible_for(slot, self.at).exists()}
        for_them = {slot.pk for slot in free if self.reason(slot, self.clinic.live()) is None}
        for_them -= self.clinic.childs_offers.keys()  # an account has one open offer of a slot
        if self.clinic.at_cap(self.at, with_offers=True):
            for_them = set()
        self.same("waiting list", offered, for_them)

    def book_as_staff(self, slot: Slot) -> None:
        """Ask whether staff can book the slot for the patient, with a reason and squeezed in."""
        expected = self.reason(slot, self.clinic.live(), waived=True)
        self.same(f"booking by staff {slot.pk}", self.booked_by_staff(slot), expected)
        squeezed = self.booked_by_staff(slot, squeeze_in=True)
        self.same(f"squeezing in {slot.pk}", squeezed, None if expected == "full" else expected)

    def booked_by_staff(self, slot: Slot, **body: Any) -> str | None:
        body |= {"slot_id": slot.pk, "patient_id": self.patient.pk, **REASON}
        with rolled_back():
            if slot.pk % OVER_HTTP:
                book = partial(Appointment.objects.book_own, self.staff, slot.doctor_id)
                return self._refusal(lambda: book(**body))
            path = f"/api/appointment/book/{slot.doctor_id}/"
            return self._outcome(self.desk.post(path, body), 201)

    def booked(self, slot: Slot) -> str | None:
        with rolled_back():
            if slot.pk % OVER_HTTP:
                booking = partial(Appointment.objects.book_own, slot_id=slot.pk)
                return self._refusal(lambda: booking(self.patient.user, slot.doctor_id))
            path = f"/api/appointment/book/{slot.doctor_id}/"
            return self._outcome(self.client.post(path, {"slot_id": slot.pk}), 201)

    def move(self) -> None:
        """Ask why a visit cannot move to each slot, and move it. The visit itself is no obstacle.

        A visit that cannot be moved at all, and so none of the slots, is moved to one slot.
        """
        for visit in self.clinic.visits[:2]:
            code, others = self._unmovable(visit), [v for v in self.clinic.live() if v != visit]
            expected = {
                slot.pk: code or self.reason(slot, others, moving=True)
                for slot in self.clinic.slots
            }
            if code is None:
                expected[visit.slot.pk] = "already_booked"
            answer = self.explained(self.client, appointment=str(visit.pk))
            self.same("explain a move", answer, expected)
            for slot in self.clinic.slots[:1] if code else self.clinic.slots:
                self.same(f"moving to {slot.pk}", self._moved(visit, slot), expected[slot.pk])
                if slot.pk % 3 == 0 and slot.pk != visit.slot_id and code is None:
                    by_staff = self._moved(visit, slot, by=self.staff, **REASON)
                    waived = self.reason(slot, others, moving=True, waived=True)
                    self.same(f"moving by staff to {slot.pk}", by_staff, waived)

    def _unmovable(self, visit: Appointment) -> str | None:
        """Return the code for which the visit can be moved nowhere, or None."""
        if visit.status != Status.SCHEDULED:
            return "not_cancelable"
        if visit.checked_in_at is not None:
            return "checked_in"
        if visit.starts_at <= self.at:
            return "not_cancelable"
        deadline = self.clinic.location(visit.slot).cancel_deadline_minutes or 0
        in_time = visit.starts_at - deadline * MINUTE >= self.at
        return None if in_time else "cancel_deadline_passed"

    def _moved(
        self, visit: Appointment, slot: Slot, by: User | None = None, **reason: str
    ) -> str | None:
        with rolled_back():
            if slot.pk % OVER_HTTP:
                copy = Appointment.objects.get(pk=visit.pk)
                by = by or self.patient.user
                return self._refusal(lambda: copy.reschedule(to=slot.pk, by=by, **reason))
            path = f"/api/appointment/reschedule/{visit.pk}/"
            client = self.desk if by else self.client
            return self._outcome(client.post(path, {"slot_id": slot.pk, **reason}), 200)

    def _outcome(self, answer: Any, success: int) -> str | None:
        """Return the reason in the answer, or None for a success."""
        if answer.status_code == success:
            return None
        code = answer.json()["code"]
        return REASONS.get(code, code)

    def _refusal(self, verb: Callable[[], Any]) -> str | None:
        """Return the reason for which the verb refuses, or None. The view calls the same verb."""
        try:
            verb()
        except DomainError as error:
            return REASONS.get(error.code, error.code)
        return None
