"""What the model knows of the clinic: its rows, and the questions that they answer."""

from collections.abc import Iterator
from dataclasses import dataclass, field

Span = tuple[int, int]  # minutes of one day
CAP = 2  # visits ahead of an account whose address is not verified; the server is started with it
IN_LINE = frozenset({"waiting", "offered"})


def overlap(one: Span, other: Span) -> bool:
    """Return whether the two spans have some time in common."""
    return one[0] < other[1] and other[0] < one[1]


@dataclass
class Slot:
    """A slot of a session. `extra` of the places in `capacity` are those that staff have added."""

    pk: int
    session: int
    span: Span
    capacity: int
    extra: int = 0


@dataclass
class Visit:
    """An appointment. It has no patient once the patient is erased, and outlives its slot.

    `kept` is the number of closures that staff know of and keep the visit all the same. `gave_up`
    has the number of the step in which the visit left a slot by a move, for each such slot.
    """

    pk: int
    patient: int | None
    slot: int | None
    doctor: int
    span: Span
    status: str = "scheduled"
    reason: str = ""
    moved: bool = False
    kept: int = 0
    canceled_in: int | None = None  # number of the step
    gave_up: dict[int, int] = field(default_factory=dict)


@dataclass
class Entry:
    """An entry of a patient who waits for any time with a doctor.

    With `replaces`, the key of a visit, only times before that visit fit. `since` is the number of
    the step in which the patient joined.
    """

    pk: int
    patient: int
    doctor: int
    replaces: int | None = None
    since: int = 0
    status: str = "waiting"
    offer: int | None = None


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


class State:
    """The rows of the clinic, and what can be asked of them."""

    def __init__(self) -> None:
        self.sessions: dict[int, Session] = {}
        self.slots: dict[int, Slot] = {}
        self.visits: dict[int, Visit] = {}
        self.entries: dict[int, Entry] = {}
        self.leaves: dict[int, Leave] = {}
        self.accounts: set[int] = set()  # patients with an account; only these have a cap
        self.deceased: set[int] = set()
        self.declined: set[tuple[int, int, int]] = set()  # patient, doctor, start: offered no more
        self.step = 0

    # --- Slots ---

    def doctor_of(self, slot: Slot) -> int:
        """Return the doctor of the slot."""
        return self.sessions[slot.session].doctor

    def slots_of(self, session: int) -> list[Slot]:
        """Return the slots of a session."""
        return [slot for slot in self.slots.values() if slot.session == session]

    def slots_of_doctor(self, doctor: int) -> list[Slot]:
        """Return the slots of all sessions of a doctor."""
        return [slot for slot in self.slots.values() if self.doctor_of(slot) == doctor]

    def booked(self, slot: Slot) -> int:
        """Return the number of visits that hold a place."""
        return sum(there is slot for _, there in self.live())

    def taken(self, slot: Slot) -> int:
        """Return the number of places that visits and open offers hold."""
        return self.booked(slot) + sum(e.offer == slot.pk for e in self.entries.values())

    def closures(self, slot: Slot) -> int:
        """Return how many leaves of the doctor the time overlaps."""
        leaves = self.leaves.values()
        away = [leave for leave in leaves if leave.doctor == self.doctor_of(slot)]
        return sum(overlap(leave.span, slot.span) for leave in away)

    def is_open(self, slot: Slot) -> bool:
        """Return whether the slot can be booked at all."""
        return self.sessions[slot.session].is_active and not self.closures(slot)

    # --- Visits ---

    def live(self) -> Iterator[tuple[Visit, Slot]]:
        """Yield every scheduled visit, with its slot."""
        for visit in self.visits.values():
            if visit.status == "scheduled" and visit.slot is not None:
                yield visit, self.slots[visit.slot]

    def live_of(self, patient: int) -> list[Visit]:
        """Return the scheduled visits of a patient."""
        return [visit for visit, _ in self.live() if visit.patient == patient]

    def is_flagged(self, visit: Visit) -> bool:
        """Return whether the visit is on the work list."""
        slot = self.slots.get(visit.slot or 0)
        return visit.status == "scheduled" and slot is not None and self.closures(slot) > visit.kept

    def reason(
        self, patient: int, slot: Slot, exclude: int | None = None, waive: bool = False
    ) -> str | None:
        """Return the code of the first reason against a booking or a move there, or None.

        `exclude`: key of the visit that is moved. With `waive`, staff set the cap aside.
        """
        mine = self.live_of(patient)
        if patient in self.deceased:
            return "patient_deceased"
        if any(visit.slot == slot.pk for visit in mine):
            return "already_booked"
        if any(overlap(visit.span, slot.span) for visit in mine if visit.pk != exclude):
            return "patient_overlap"
        if not self.is_open(slot):
            return "slot_closed"
        capped = patient in self.accounts and exclude is None and not waive
        if capped and len(mine) >= CAP:
            return "too_many_appointments"
        return "slot_full" if self.taken(slot) >= slot.capacity else None

    def no_undo(self, visit: Visit) -> str | None:
        """Return the code of the reason why the latest change cannot be taken back, or None."""
        if visit.status != "canceled":
            return "nothing_to_undo"
        if visit.patient is None:
            return "invalid_transition"
        in_the_way = [v for v in self.live_of(visit.patient) if overlap(v.span, visit.span)]
        if in_the_way:
            same = any(other.slot == visit.slot for other in in_the_way)
            return "already_booked" if same else "patient_overlap"
        if visit.slot is None:
            return "slot_closed"
        return self.reason(visit.patient, self.slots[visit.slot], exclude=visit.pk)
