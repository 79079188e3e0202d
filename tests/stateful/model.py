"""A model of the clinic without a database, which predicts the answer to every call.

The model takes nothing from the product. If the two differ, one of them is wrong. The model has no
time: all slots lie days ahead, and the location sets no rule.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

Span = tuple[int, int]  # minutes of one day


def overlap(one: Span, other: Span) -> bool:
    """Return whether the two spans have some time in common."""
    return one[0] < other[1] and other[0] < one[1]


@dataclass
class Place:
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

    `passed` are the slots that the patient gave up while waiting, each with the key of their visit,
    or 0 for a place that was offered.
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
        self.places: dict[int, Place] = {}
        self.visits: dict[int, Visit] = {}
        self.entries: dict[int, Entry] = {}
        self.leaves: dict[int, Leave] = {}

    # --- State ---

    def doctor_of(self, place: Place) -> int:
        """Return the doctor of the slot."""
        return self.sessions[place.session].doctor

    def live(self) -> Iterator[tuple[Visit, Place]]:
        """Yield every scheduled visit, with its slot."""
        for visit in self.visits.values():
            if visit.status == "scheduled" and visit.slot is not None:
                yield visit, self.places[visit.slot]

    def booked(self, place: Place) -> int:
        """Return the number of visits that hold a place."""
        return sum(there is place for _, there in self.live())

    def taken(self, place: Place) -> int:
        """Return the number of places that visits and open offers hold."""
        return self.booked(place) + sum(e.offer == place.pk for e in self.entries.values())

    def is_on_leave(self, place: Place) -> bool:
        """Return whether the doctor is away at the time."""
        leaves = self.leaves.values()
        away = [leave for leave in leaves if leave.doctor == self.doctor_of(place)]
        return any(overlap(leave.span, place.span) for leave in away)

    def is_open(self, place: Place) -> bool:
        """Return whether the slot can be booked at all."""
        return self.sessions[place.session].is_active and not self.is_on_leave(place)

    def reason(
        self, patient: int, place: Place, exclude_appointment: int | None = None
    ) -> str | None:
        """Return the code of the first reason against a booking or a move there, or None."""
        mine = [(visit, there) for visit, there in self.live() if visit.patient == patient]
        others = [there for visit, there in mine if visit.pk != exclude_appointment]
        if any(there is place for _, there in mine):
            return "already_booked"
        if any(overlap(there.span, place.span) for there in others):
            return "patient_overlap"
        if not self.is_open(place):
            return "slot_closed"
        return "slot_full" if self.taken(place) >= place.capacity else None

    # --- Patients' verbs ---

    def cancel(self, visit: Visit) -> None:
        """Give the place back, and offer it to the first patient in line."""
        place = self.places[visit.slot or 0]
        visit.status = "canceled"
        self._passed(visit, place)
        self.offer([place])

    def discard(self, visit: Visit) -> None:
        """Delete a visit. Its patient can be offered again the slots that they gave up by it."""
        if visit.status == "scheduled":
            self.cancel(visit)
        for entry in self.entries.values():
            entry.passed = {(slot, by) for slot, by in entry.passed if by != visit.pk}
        del self.visits[visit.pk]

    def move(self, visit: Visit, to: Place) -> None:
        """Move the visit to another slot, and offer the old place."""
        old = self.places[visit.slot or 0]
        visit.slot = to.pk
        self._passed(visit, old)
        self.offer([old])

    def free_for(self, patient: int, doctor: int) -> list[Place]:
        """Return the slots that the patient could book with the doctor instead of waiting."""
        of_doctor = [place for place in self.places.values() if self.doctor_of(place) == doctor]
        return [place for place in of_doctor if self.reason(patient, place) is None]

    def accept(self, entry: Entry) -> str | None:
        """Accept the offer, or return the reason against it. The caller adds the visit."""
        place = self.places[entry.offer or 0]
        entry.offer = None
        reason = self.reason(entry.patient, place)
        if reason:
            entry.offer = place.pk
        else:
            entry.status = "accepted"
        return reason

    def decline(self, entry: Entry) -> None:
        """Give the offered place to the next patient. The entry goes on waiting."""
        place = self._take_back(entry)
        entry.passed.add((place.pk, 0))
        self.offer([place])

    def leave_waitlist(self, *entries: Entry) -> None:
        """Remove the entries from the waitlist."""
        freed = {self._take_back(entry).pk for entry in entries if entry.offer}
        for entry in entries:
            del self.entries[entry.pk]
        self.offer(self.places[pk] for pk in freed)

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
            place
            for place in self.places_of(session.pk)
            if self.booked(place)
            and (place.span not in spans or self.booked(place) > session.capacity)
        ]
        return sorted(visit.pk for visit, place in self.live() if place in stranded)

    def remake(self, session: Session, keys: dict[Span, int]) -> None:
        """Replace the session by one that strands no visit; `keys` maps slots' spans to keys."""
        were_open, before = self._open(), self.places_of(session.pk)
        self.sessions[session.pk] = session
        reported = set()  # slots that got a free place, which is then offered
        for place in before:
            gone = place.span not in keys
            if gone or self.taken(place) > session.capacity:
                reported |= self._withdraw([place])
            if gone:
                self._drop(place)
            elif place.capacity < session.capacity:
                reported.add(place.pk)
        for place in self.places_of(session.pk):
            place.capacity = session.capacity
        for span, pk in keys.items():
            if pk not in self.places:
                self.places[pk] = Place(pk, session.pk, span, session.capacity)
                reported.add(pk)
        self._open_or_close(self.places_of(session.pk), were_open, reported)

    def take_leave(self, leave: Leave) -> None:
        """Close the slots that the leave overlaps."""
        were_open = self._open()
        self.leaves[leave.pk] = leave
        self._open_or_close(self._places_of_doctor(leave.doctor), were_open, set())

    def end_leave(self, leave: Leave) -> None:
        """Open the slots that no other leave covers."""
        were_open = self._open()
        del self.leaves[leave.pk]
        self._open_or_close(self._places_of_doctor(leave.doctor), were_open, set())

    def places_of(self, session: int) -> list[Place]:
        """Return the slots of a session."""
        return [place for place in self.places.values() if place.session == session]

    # --- The waitlist ---

    def offer(self, places: Iterable[Place]) -> None:
        """Offer the free places, earliest first, each to the first entry that can have it."""
        for place in sorted(places, key=lambda place: (place.span, place.pk)):
            while self.is_open(place) and self.taken(place) < place.capacity:
                able = [e for e in self.entries.values() if self._can_be_offered(e, place)]
                if not able:
                    break
                first = min(able, key=lambda entry: entry.pk)
                first.status, first.offer = "offered", place.pk

    def _can_be_offered(self, entry: Entry, place: Place) -> bool:
        theirs = [e.offer for e in self.entries.values() if e.patient == entry.patient and e.offer]
        visits = [there for visit, there in self.live() if visit.patient == entry.patient]
        busy = [*visits, *(self.places[pk] for pk in theirs)]
        return (
            entry.status == "waiting"
            and entry.doctor == self.doctor_of(place)
            and place.pk not in {slot for slot, _ in entry.passed}
            and not any(overlap(there.span, place.span) for there in busy)
        )

    def _take_back(self, entry: Entry) -> Place:
        """End the offer of an entry, which waits again, and return its slot."""
        place = self.places[entry.offer or 0]
        entry.status, entry.offer = "waiting", None
        return place

    def _passed(self, visit: Visit, place: Place) -> None:
        """Note that the visit's patient gave the slot up, so that it is not offered to them."""
        for entry in self.entries.values():
            if entry.patient == visit.patient:
                entry.passed.add((place.pk, visit.pk))

    def _withdraw(self, places: Iterable[Place]) -> set[int]:
        """Take the offers of these slots back, and return the keys of the slots that lost one."""
        keys = {place.pk for place in places}
        held = [entry for entry in self.entries.values() if entry.offer in keys]
        return {self._take_back(entry).pk for entry in held}

    def _drop(self, place: Place) -> None:
        del self.places[place.pk]
        for visit in self.visits.values():
            if visit.slot == place.pk:
                visit.slot = None

    def _open(self) -> set[int]:
        return {place.pk for place in self.places.values() if self.is_open(place)}

    def _open_or_close(self, places: list[Place], were_open: set[int], reported: set[int]) -> None:
        """Withdraw the offers of closed slots; offer places of `reported` and reopened ones."""
        self._withdraw(place for place in places if not self.is_open(place))
        flipped = {p.pk for p in places if self.is_open(p) and p.pk not in were_open}
        self.offer(self.places[pk] for pk in (reported | flipped) & self.places.keys())

    def _places_of_doctor(self, doctor: int) -> list[Place]:
        return [place for place in self.places.values() if self.doctor_of(place) == doctor]
