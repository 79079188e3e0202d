"""A model of the clinic without a database, which predicts the answer to every call.

The model takes nothing from the product. If the two differ, one of them is wrong. The model has no
time: all slots lie days ahead, and the location sets no rule.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

Span = tuple[int, int]  # minutes of one day
CAP = 2  # visits ahead of an account whose address is not verified; the server is started with it


def overlap(one: Span, other: Span) -> bool:
    """Return whether the two spans have some time in common."""
    return one[0] < other[1] and other[0] < one[1]


@dataclass
class Slot:
    """A slot of a session."""

    pk: int
    session: int
    span: Span
    capacity: int


@dataclass
class Visit:
    """An appointment. It has no patient once the patient is erased."""

    pk: int
    patient: int | None
    slot: int | None
    status: str = "scheduled"
    reason: str = ""


@dataclass
class Entry:
    """An entry of a patient who waits for any time with a doctor.

    `passed` are the slots where the patient gave a visit up while waiting, each with its key.
    """

    pk: int
    patient: int
    doctor: int
    status: str = "waiting"
    offer: int | None = None
    passed: set[tuple[int, int]] = field(default_factory=set)


@dataclass
class Session:
    """Hours of a doctor on the one day of the model, in slots of `step` minutes."""

    pk: int
    doctor: int
    span: Span
    step: int
    capacity: int
    is_active: bool = True

    def spans(self) -> list[Span]:
        """Return start and end of each slot."""
        starts = range(self.span[0], self.span[1] - self.step + 1, self.step)
        return [(start, start + self.step) for start in starts]


@dataclass
class Leave:
    """Time off of a doctor."""

    pk: int
    doctor: int
    span: Span


class Model:
    """The clinic. Each verb does what the product promises, or returns the code of the refusal."""

    def __init__(self) -> None:
        self.sessions: dict[int, Session] = {}
        self.slots: dict[int, Slot] = {}
        self.visits: dict[int, Visit] = {}
        self.entries: dict[int, Entry] = {}
        self.leaves: dict[int, Leave] = {}
        self.declined: set[tuple[int, int]] = set()  # patient, and slot never offered to them again

    # --- State ---

    def doctor_of(self, slot: Slot) -> int:
        """Return the doctor of the slot."""
        return self.sessions[slot.session].doctor

    def live(self) -> Iterator[tuple[Visit, Slot]]:
        """Yield every scheduled visit, with its slot."""
        for visit in self.visits.values():
            if visit.status == "scheduled" and visit.slot is not None:
                yield visit, self.slots[visit.slot]

    def booked(self, slot: Slot) -> int:
        """Return the number of visits that hold a place."""
        return sum(there is slot for _, there in self.live())

    def taken(self, slot: Slot) -> int:
        """Return the number of places that visits and open offers hold."""
        return self.booked(slot) + sum(e.offer == slot.pk for e in self.entries.values())

    def is_on_leave(self, slot: Slot) -> bool:
        """Return whether the doctor is away at the time."""
        leaves = self.leaves.values()
        away = [leave for leave in leaves if leave.doctor == self.doctor_of(slot)]
        return any(overlap(leave.span, slot.span) for leave in away)

    def is_open(self, slot: Slot) -> bool:
        """Return whether the slot can be booked at all."""
        return self.sessions[slot.session].is_active and not self.is_on_leave(slot)

    def reason(
        self, patient: int, slot: Slot, exclude_appointment: int | None = None
    ) -> str | None:
        """Return the code of the first reason against a booking or a move there, or None."""
        mine = [(visit, there) for visit, there in self.live() if visit.patient == patient]
        others = [there for visit, there in mine if visit.pk != exclude_appointment]
        if any(there is slot for _, there in mine):
            return "already_booked"
        if any(overlap(there.span, slot.span) for there in others):
            return "patient_overlap"
        if not self.is_open(slot):
            return "slot_closed"
        if exclude_appointment is None and len(mine) >= CAP:
            return "too_many_appointments"
        return "slot_full" if self.taken(slot) >= slot.capacity else None

    # --- Patients' verbs ---

    def cancel(self, visit: Visit) -> None:
        """Give the place back, and offer it to the first patient in line."""
        slot = self.slots[visit.slot or 0]
        visit.status = "canceled"
        self._passed(visit, slot)
        self.offer([slot])

    def discard(self, visit: Visit) -> None:
        """Delete a visit. Its patient can be offered again the slots that they gave up by it."""
        if visit.status == "scheduled":
            self.cancel(visit)
        for entry in self.entries.values():
            entry.passed = {(pk, by) for pk, by in entry.passed if by != visit.pk}
        del self.visits[visit.pk]

    def move(self, visit: Visit, to: Slot) -> None:
        """Move the visit to another slot, and offer the old place."""
        old = self.slots[visit.slot or 0]
        visit.slot = to.pk
        self._passed(visit, old)
        self.offer([old])
        self.leave_line(visit.patient, to)

    def leave_line(self, patient: int | None, slot: Slot) -> None:
        """End the patient's entries for the doctor of a slot that they have booked or moved to."""
        freed = []
        for entry in self.entries.values():
            fits = (entry.patient, entry.doctor) == (patient, self.doctor_of(slot))
            if fits and entry.status in {"waiting", "offered"}:
                freed += [self._take_back(entry)] if entry.offer else []
                entry.status = "accepted"
        self.offer(freed)

    def free_for(self, patient: int, doctor: int) -> list[Slot]:
        """Return the slots that the patient could book with the doctor instead of waiting."""
        of_doctor = [slot for slot in self.slots.values() if self.doctor_of(slot) == doctor]
        return [slot for slot in of_doctor if self.reason(patient, slot) is None]

    def no_entry(self, patient: int, doctor: int) -> str | None:
        """Return the code of the reason against an entry of the patient for the doctor, or None."""
        in_line = [e for e in self.entries.values() if e.status in {"waiting", "offered"}]
        if any((entry.patient, entry.doctor) == (patient, doctor) for entry in in_line):
            return "already_waiting"
        return "place_available" if self.free_for(patient, doctor) else None

    def accept(self, entry: Entry) -> str | None:
        """Accept the offer, or return the reason against it. The caller adds the visit."""
        slot = self.slots[entry.offer or 0]
        entry.offer = None
        reason = self.reason(entry.patient, slot)
        if reason:
            entry.offer = slot.pk
        else:
            entry.status = "accepted"
        return reason

    def decline(self, entry: Entry) -> None:
        """Give the offered place to the next patient. The entry goes on waiting."""
        slot = self._take_back(entry)
        self.declined.add((entry.patient, slot.pk))
        self.offer([slot])

    def leave_waitlist(self, *entries: Entry) -> None:
        """Remove the entries from the waitlist; their patients decline what they are offered."""
        freed = set()
        for entry in entries:
            if entry.offer:
                freed.add(self._take_back(entry).pk)
                self.declined |= {(entry.patient, pk) for pk in freed}
            del self.entries[entry.pk]
        self.offer(self.slots[pk] for pk in freed)

    def erase(self, patient: int) -> None:
        """Remove the patient's entries, cancel their coming visits, and detach all visits."""
        self.leave_waitlist(*(e for e in list(self.entries.values()) if e.patient == patient))
        theirs = [visit for visit in self.visits.values() if visit.patient == patient]
        for visit in sorted(theirs, key=lambda visit: visit.pk):
            if visit.status == "scheduled":
                self.cancel(visit)
        for visit in theirs:
            visit.patient, visit.reason = None, ""

    # --- Staff's verbs ---

    def in_the_way(self, session: Session) -> list[int]:
        """Return the keys of the visits that would lose their slot if this replaced the session."""
        spans = session.spans()
        stranded = [
            slot
            for slot in self.slots_of(session.pk)
            if self.booked(slot)
            and (slot.span not in spans or self.booked(slot) > session.capacity)
        ]
        return sorted(visit.pk for visit, slot in self.live() if slot in stranded)

    def remake(self, session: Session, keys: dict[Span, int]) -> None:
        """Replace the session by one that strands no visit; `keys` maps slots' spans to keys."""
        were_open, before = self._open(), self.slots_of(session.pk)
        self.sessions[session.pk] = session
        reported = set()  # slots that got a free place, which is then offered
        for slot in before:
            gone = slot.span not in keys
            if gone or self.taken(slot) > session.capacity:
                reported |= self._withdraw([slot])
            if gone:
                self._drop(slot)
            elif slot.capacity < session.capacity:
                reported.add(slot.pk)
        for slot in self.slots_of(session.pk):
            slot.capacity = session.capacity
        for span, pk in keys.items():
            if pk not in self.slots:
                self.slots[pk] = Slot(pk, session.pk, span, session.capacity)
                reported.add(pk)
        self._open_or_close(self.slots_of(session.pk), were_open, reported)

    def take_leave(self, leave: Leave) -> None:
        """Close the slots that the leave overlaps."""
        were_open = self._open()
        self.leaves[leave.pk] = leave
        self._open_or_close(self._slots_of_doctor(leave.doctor), were_open, set())

    def end_leave(self, leave: Leave) -> None:
        """Open the slots that no other leave covers."""
        were_open = self._open()
        del self.leaves[leave.pk]
        self._open_or_close(self._slots_of_doctor(leave.doctor), were_open, set())

    def slots_of(self, session: int) -> list[Slot]:
        """Return the slots of a session."""
        return [slot for slot in self.slots.values() if slot.session == session]

    # --- The waitlist ---

    def offer(self, slots: Iterable[Slot]) -> None:
        """Offer the free places, earliest first, each to the first entry that can have it."""
        for slot in sorted(slots, key=lambda slot: (slot.span, slot.pk)):
            while self.is_open(slot) and self.taken(slot) < slot.capacity:
                able = [e for e in self.entries.values() if self._can_be_offered(e, slot)]
                if not able:
                    break
                first = min(able, key=lambda entry: entry.pk)
                first.status, first.offer = "offered", slot.pk

    def _can_be_offered(self, entry: Entry, slot: Slot) -> bool:
        theirs = [e.offer for e in self.entries.values() if e.patient == entry.patient and e.offer]
        visits = [there for visit, there in self.live() if visit.patient == entry.patient]
        busy = [*visits, *(self.slots[pk] for pk in theirs)]
        return (
            entry.status == "waiting"
            and entry.doctor == self.doctor_of(slot)
            and (entry.patient, slot.pk) not in self.declined
            and slot.pk not in {pk for pk, _ in entry.passed}
            and not any(overlap(there.span, slot.span) for there in busy)
            and len(visits) < CAP
        )

    def _take_back(self, entry: Entry) -> Slot:
        """End the offer of an entry, which waits again, and return its slot."""
        slot = self.slots[entry.offer or 0]
        entry.status, entry.offer = "waiting", None
        return slot

    def _passed(self, visit: Visit, slot: Slot) -> None:
        """Note that the visit's patient gave the slot up, so that it is not offered to them."""
        for entry in self.entries.values():
            if entry.patient == visit.patient:
                entry.passed.add((slot.pk, visit.pk))

    def _withdraw(self, slots: Iterable[Slot]) -> set[int]:
        """Take the offers of these slots back, and return the keys of the slots that lost one."""
        keys = {slot.pk for slot in slots}
        held = [entry for entry in self.entries.values() if entry.offer in keys]
        return {self._take_back(entry).pk for entry in held}

    def _drop(self, slot: Slot) -> None:
        del self.slots[slot.pk]
        for visit in self.visits.values():
            if visit.slot == slot.pk:
                visit.slot = None

    def _open(self) -> set[int]:
        return {slot.pk for slot in self.slots.values() if self.is_open(slot)}

    def _open_or_close(self, slots: list[Slot], were_open: set[int], reported: set[int]) -> None:
        """Withdraw the offers of closed slots; offer places of `reported` and reopened ones."""
        self._withdraw(slot for slot in slots if not self.is_open(slot))
        flipped = {slot.pk for slot in slots if self.is_open(slot) and slot.pk not in were_open}
        self.offer(self.slots[pk] for pk in (reported | flipped) & self.slots.keys())

    def _slots_of_doctor(self, doctor: int) -> list[Slot]:
        return [slot for slot in self.slots.values() if self.doctor_of(slot) == doctor]
