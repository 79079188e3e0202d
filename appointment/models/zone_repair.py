"""Move coming slots and their visits back to their wall times, after new time zone data.

The patient knows a wall time, so the visit keeps it and its instant changes. A visit that cannot
keep it, because the patient or the doctor has something else then, stays at its instant: its slot
is kept over, and the visit is in the work list.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from django.db import transaction
from django.db.models import Q

from accounts.models import AuditEvent, OutgoingMessage
from appointment.models.appointment import Appointment
from appointment.models.declined_slot import DeclinedSlot
from appointment.models.event import AppointmentEvent, Status
from doctor.models import Doctor, Location, Schedule, Slot, TimeOff
from doctor.models.displaced import (
    ROWS_PER_STATEMENT,
    displaced,
    keep_over,
    move_slots,
    new_spans_of,
    set_aside,
)
from doctor.models.session_plan import BusySpans, span_of
from doctor.models.slot import announce_closing
from doctor.wall_time import A_DAY, Span, offset_minutes
from extensions.db.batches import batches
from extensions.db.locks import lock_rows
from extensions.db.retry import StaleLock, retry_on_stale_lock
from extensions.formats import instant_text
from patient.models import Patient

NEAR = 2 * A_DAY  # a slot is shorter: one that overlaps a span begins no earlier than this before


@dataclass
class Repaired:
    """What a repair has changed: numbers, a line for each visit, and for which doctors."""

    doctors: set[int]
    locations: set[int] = field(default_factory=set)
    sessions: int = 0
    removed: int = 0
    made: int = 0
    moved_visits: list[str] = field(default_factory=list)
    kept_visits: list[str] = field(default_factory=list)


class NeedsDoctors(Exception):
    """Visits of these other doctors are in the way until they move too: repair them together."""

    def __init__(self, doctors: set[int]) -> None:
        super().__init__()
        self.doctors = doctors


def displaced_doctors(doctors: Iterable[int], at: datetime) -> Iterator[int]:
    """Yield the keys of those of these doctors who have a displaced slot that is not over."""
    for doctor in doctors:
        if any(True for _ in displaced(_not_over({doctor}, at))):
            yield doctor


def repair(
    doctor: int, at: datetime, dry_run: bool = False, tried: Sequence[set[int]] = ()
) -> Repaired:
    """Repair the coming slots of a doctor, in one transaction; a second call changes nothing.

    With `dry_run` the transaction is rolled back. If a patient's visit to another doctor is in the
    way only until it moves too, the other doctor is repaired in the same transaction. `tried`: the
    groups of doctors that this dry run has repaired and rolled back; one of them that is in the way
    is repaired first, as it would be stored in a real run. Locks the locations, the doctors, the
    patients, the slots, waitlist entries, then the appointments.
    """
    doctors: set[int] = {doctor}
    before: list[set[int]] = []
    while True:
        try:
            return _repair_together(doctors, before, at, dry_run)
        except NeedsDoctors as needed:
            before = [each for each in tried if each in before or each & needed.doctors]
            doctors |= needed.doctors.difference(*before)


@retry_on_stale_lock
def _repair_together(
    doctors: set[int], before: list[set[int]], at: datetime, dry_run: bool
) -> Repaired:
    """Repair each group of `before`, then the doctors; return what the last repair changed."""
    with transaction.atomic():
        if before:
            ZoneRepair(doctors.union(*before), at).lock()
        for group in before:
            ZoneRepair(group, at).run()
        done = ZoneRepair(doctors, at).run()
        transaction.set_rollback(dry_run)
    return done


def _not_over(doctors: set[int], at: datetime) -> Any:
    """Return the doctors' slots that are not over, or may not be once they have moved."""
    return Slot.objects.filter(doctor__in=doctors).coming(at - A_DAY)


class ZoneRepair:
    """The repair of some doctors' slots, inside a transaction. `at`: the instant of it (UTC)."""

    def __init__(self, doctors: set[int], at: datetime) -> None:
        self.doctors, self.at = doctors, at
        self.done = Repaired(doctors)
        self.new_spans: dict[int, Span] = {}  # of the slots that move, by key
        self.staying: list[Slot] = []  # with visits, and without a new span: they are kept over
        self.dropped: list[Slot] = []  # free, and without a new span
        # Keys of visits that stay when the others of their slot move, by the slot's key.
        self.left: dict[int, set[int]] = defaultdict(set)

    def run(self) -> Repaired:
        """Lock, find a new span for each displaced slot, and write; returns what was done."""
        self.lock()
        self._plan()
        if self.changing:
            self.old_spans = {pk: span_of(self.slots[pk]) for pk in self.new_spans}
            announce_closing(
                [self.slots[pk] for pk in self.new_spans] + self._without_new_span(), self.at
            )
            self._settle()
            self._write()
        return self.done

    # --- Lock ---

    def lock(self) -> None:
        """Lock the locations, doctors and patients, then read and lock the slots.

        Raises StaleLock if another transaction has changed which rows those are.
        """
        locations = set(self._sessions().values_list("location", flat=True))
        Location.objects.lock(locations)
        Doctor.objects.lock(self.doctors)
        sessions = self._sessions().select_related("location", "doctor")
        self.sessions = {session.pk: session for session in sessions}
        visits = Appointment.objects.filter(slot__schedule__in=self.sessions)
        patients = set(visits.values_list("patient", flat=True)) - {None}
        lock_rows(Patient.objects.filter(pk__in=patients).only("pk"))
        rows = Slot.objects.filter(schedule__in=self.sessions).lock()
        self.slots = {slot.pk: slot for slot in rows}
        for slot in rows:
            slot.schedule = self.sessions[slot.schedule_id]
        self.visits: dict[int, list[Appointment]] = defaultdict(list)
        for visit in visits.select_related("location"):
            self.visits[visit.slot_id or 0].append(visit)
        found = {visit.patient_id for each in self.visits.values() for visit in each} - {None}
        if not found <= patients or {s.location_id for s in self.sessions.values()} - locations:
            raise StaleLock
        self.patients = patients

    def _sessions(self) -> Any:
        rows = displaced(_not_over(self.doctors, self.at))
        return Schedule.objects.filter(pk__in={row["schedule"] for row in rows})

    # --- Plan ---

    def _plan(self) -> None:
        """Set `wanted`: the new span of each slot that has to move, or None if it has none."""
        self.wanted: dict[int, Span | None] = {}
        self.noted: list[Slot] = []  # they stay: only their UTC offset is not that of today
        for session in self.sessions.values():
            own = [s for s in self.slots.values() if s.schedule_id == session.pk]
            own = [slot for slot in own if not slot.kept_over]
            for pk, new_span in new_spans_of(session, own).items():
                self._plan_slot(self.slots[pk], new_span)
        self.new_spans = {pk: span for pk, span in self.wanted.items() if span}

    def _plan_slot(self, slot: Slot, new_span: Span | None) -> None:
        ends = max(slot.ends_at, new_span[1] if new_span else slot.ends_at)
        if ends <= self.at:
            return  # the slot is over, before and after a move
        if new_span != span_of(slot):
            self.wanted[slot.pk] = new_span
        elif slot.utc_offset != offset_minutes(slot.starts_at, slot.schedule.location.zone):
            self.noted.append(slot)

    @property
    def changing(self) -> bool:
        """Whether anything has to be written."""
        return bool(self.wanted or self.noted)

    def _without_new_span(self) -> list[Slot]:
        return [self.slots[pk] for pk, span in self.wanted.items() if span is None]

    # --- Settle: which slots and visits stay where they are ---

    def _settle(self) -> None:
        """Leave in `new_spans` the slots that can move at once without an overlap.

        No two slots of a doctor, nor two visits of a patient, may overlap. A slot that stays may be
        in the way of another one, so this repeats until no further slot stays.
        """
        self._give_up(slot.pk for slot in self._without_new_span())
        for visit in self._concluded():
            self._leave_behind(visit)
        self._read_surroundings()
        while True:
            slots, visits = self._blocked_by_doctor(), self._blocked_by_patient()
            if not slots and not visits:
                return
            self._give_up(slots)
            for visit in visits:
                self._leave_behind(visit)

    def _concluded(self) -> list[Appointment]:
        """Return the completed and missed visits of slots that are over: they took place then."""
        over = [pk for pk in self.new_spans if self.slots[pk].ends_at <= self.at]
        visits = (visit for pk in over for visit in self.visits[pk] if visit.holds_a_place)
        return [visit for visit in visits if visit.status != Status.SCHEDULED]

    def _leave_behind(self, visit: Appointment) -> None:
        """Let a visit stay when the others of its slot move; all stay where it has no room."""
        pk = visit.slot_id or 0
        if pk not in self.new_spans:
            return
        self.left[pk].add(visit.pk)
        (start, end), old = self.new_spans[pk], span_of(self.slots[pk])
        others = [v for v in self.visits[pk] if v.holds_a_place and v.pk not in self.left[pk]]
        if not others or (start < old[1] and old[0] < end):
            self._give_up([pk])

    def _give_up(self, pks: Iterable[int]) -> None:
        for pk in pks:
            self.new_spans.pop(pk, None)
            self.left.pop(pk, None)
            (self.staying if self.slots[pk].taken else self.dropped).append(self.slots[pk])

    def _read_surroundings(self) -> None:
        """Read the doctors' slots and the patients' live visits near the new spans."""
        self.near_slots: list[Any] = []
        self.near_visits: dict[int | None, list[Appointment]] = defaultdict(list)
        if not self.new_spans:
            return
        start = min(start for start, _ in self.new_spans.values()) - NEAR
        end = max(end for _, end in self.new_spans.values())
        slots = Slot.objects.filter(doctor__in=self.doctors, starts_at__range=(start, end))
        self.near_slots = list(slots.values_list("pk", "doctor", "starts_at", "ends_at"))
        live = Appointment.objects.active().filter(starts_at__range=(start, end))
        for pks in batches(self.patients):
            for visit in live.filter(patient__in=pks):
                self.near_visits[visit.patient_id].append(visit)

    def _blocked_by_doctor(self) -> set[int]:
        """Return the keys of slots whose new span overlaps another slot of their doctor."""
        gone = {slot.pk for slot in self.dropped}
        busy: dict[int, list[Span]] = defaultdict(list)
        for pk, doctor, start, end in self.near_slots:
            if (pk not in self.new_spans and pk not in gone) or pk in self.left:
                busy[doctor].append((start, end))
        moving: dict[int, list[int]] = defaultdict(list)
        for pk in sorted(self.new_spans, key=lambda pk: self.new_spans[pk]):
            moving[self.slots[pk].doctor_id].append(pk)
        blocked = set()
        for doctor, pks in moving.items():
            spans = BusySpans(busy[doctor])
            blocked |= {pk for pk in pks if spans.overlaps(self.new_spans[pk])}
            for one, next_one in pairwise(pk for pk in pks if pk not in blocked):
                if self.new_spans[next_one][0] < self.new_spans[one][1]:
                    blocked.add(one if self.slots[next_one].taken else next_one)
        return blocked

    def _blocked_by_patient(self) -> list[Appointment]:
        """Return the visits whose new span overlaps another live visit of their patient.

        Of two that move to the same time the one with the higher key of its slot stays. Raises
        NeedsDoctors for a visit that will not be in the way once it has moved too.
        """
        blocked, needed = [], set()
        for pk in self.new_spans:
            for visit in filter(self._moves, self.visits[pk]):
                for other in self._overlapping(visit):
                    if self._moves(other):
                        blocked.append(max(visit, other, key=lambda v: (v.slot_id, v.pk)))
                    elif self._may_yet_move(other):
                        needed.add(other.doctor_id)
                    else:
                        blocked.append(visit)
        if needed:
            raise NeedsDoctors(needed)
        return blocked

    def _moves(self, visit: Appointment) -> bool:
        pk = visit.slot_id or 0
        return pk in self.new_spans and visit.pk not in self.left.get(pk, ())

    def _overlapping(self, visit: Appointment) -> list[Appointment]:
        """Return the live visits of the patient that a live visit will overlap in its new span."""
        if visit.status != Status.SCHEDULED or visit.patient_id is None:
            return []
        new_span = self._span_of(visit)
        others = (v for v in self.near_visits[visit.patient_id] if v.pk != visit.pk)
        spans = ((v, self._span_of(v)) for v in others)
        return [v for v, (start, end) in spans if start < new_span[1] and new_span[0] < end]

    def _span_of(self, visit: Appointment) -> Span:
        """Return the start and end that the visit will have."""
        if self._moves(visit):
            return self.new_spans[visit.slot_id or 0]
        return visit.starts_at, visit.ends_at

    def _may_yet_move(self, visit: Appointment) -> bool:
        """Whether the visit is to another doctor, and in a slot that is displaced too."""
        if visit.doctor_id in self.doctors:
            return False
        return any(True for _ in displaced(Slot.objects.of_key(visit.slot_id)))

    # --- Write ---

    def _write(self) -> None:
        self._move_declined()
        self._drop_free()
        left = {pk for visits in self.left.values() for pk in visits}
        for pks in batches(self.new_spans):
            set_aside(Appointment.objects.filter(slot__in=pks).exclude(pk__in=left))
        move_slots(
            self.slots, {**self.new_spans, **{slot.pk: span_of(slot) for slot in self.noted}}
        )
        self._move_visits()
        self._split()
        copies = self._keep_over()
        new = self._make_missing()
        self._count(new)
        slots = Slot.objects.filter(schedule__in=[*self.sessions, *copies])
        changed = [*self.new_spans, *(slot.pk for slot in self.staying)]
        slots.recompute_open(self.at, changed, new=[slot.pk for slot in new])

    def _drop_free(self) -> None:
        """Delete the free slots that are displaced; those that have a new time are created there.

        A slot that a client read with a wrong wall time is then gone, and is not booked at another.
        One that has canceled visits moves instead: staff may undo a cancelation.
        """
        empty = (pk for pk, slot in self.slots.items() if not slot.taken and not self.visits[pk])
        for pk in self.new_spans.keys() & set(empty):
            del self.new_spans[pk]
            self.dropped.append(self.slots[pk])
        Slot.objects.filter(pk__in=[slot.pk for slot in self.dropped]).drop()

    def _split(self) -> None:
        """Make a slot at the old time for the visits that stay when the others have moved."""
        for pk, visits in self.left.items():
            session = self.sessions[self.slots[pk].schedule_id]
            staying = session.new_slot(self.old_spans[pk])
            staying.capacity = staying.taken = len(visits)
            staying.is_open = False
            staying.save(force_insert=True)
            Slot.objects.filter(pk=pk).release_places(len(visits))
            Appointment.objects.filter(pk__in=visits).update(slot=staying)
            self.visits[staying.pk] = [v for v in self.visits[pk] if v.pk in visits]
            self.staying.append(staying)

    def _keep_over(self) -> list[int]:
        """Keep the slots over that stay; returns the keys of the sessions that hold them."""
        by_session: dict[int, list[Slot]] = defaultdict(list)
        for slot in self.staying:
            by_session[slot.schedule_id].append(slot)
        staying = [visit for slot in self.staying for visit in self.visits[slot.pk]]
        for visit in staying:
            visit.date = self._local_date(visit)
            if visit.status == Status.SCHEDULED:
                text = self._text(visit, visit.starts_at)
                self.done.kept_visits.append(f"Visit {visit.pk} stays at {text}")
        Appointment.objects.bulk_update(staying, ["date"], batch_size=ROWS_PER_STATEMENT)
        return [keep_over(self.sessions[pk], slots).pk for pk, slots in by_session.items()]

    def _move_visits(self) -> None:
        """Give the visits the times of their slots; those that hold a place get an event.

        Canceled ones move too, so that one that is taken back fits its slot.
        """
        moved = [visit for pk in self.new_spans for visit in self.visits[pk] if self._moves(visit)]
        events = []
        for visit in moved:
            old, new_span = visit.starts_at, self.new_spans[visit.slot_id or 0]
            visit.closures_kept = self._still_kept(visit, new_span)
            visit.starts_at, visit.ends_at = new_span
            visit.date = self._local_date(visit)
            if visit.holds_a_place:
                text = f"{self._text(visit, old)} to {self._text(visit, new_span[0])}"
                self.done.moved_visits.append(f"Visit {visit.pk} from {text}")
                events.append(self._event(visit, text))
        Appointment.objects.bulk_update(
            moved, ["starts_at", "ends_at", "date", "closures_kept"], batch_size=ROWS_PER_STATEMENT
        )
        AppointmentEvent.objects.bulk_create(events, batch_size=ROWS_PER_STATEMENT)
        messages: list[Any] = [
            row for event in events for row in event.appointment.messages_of(event)
        ]
        OutgoingMessage.objects.bulk_create(messages, batch_size=ROWS_PER_STATEMENT)
        patients = {event.appointment.patient_id for event in events}
        change = AuditEvent.Action.CHANGE
        AuditEvent.objects.record(change, Appointment, patients, **AuditEvent.by_system())

    def _still_kept(self, visit: Appointment, new_span: Span) -> int:
        """Return how many closures, despite which staff keep the visit, also hit its new span."""
        if not visit.closures_kept:
            return 0
        hit = TimeOff.objects.filter(Q(doctor=visit.doctor_id) | Q(location=visit.location_id))
        for start, end in ((visit.starts_at, visit.ends_at), new_span):
            hit = hit.filter(starts_at__lt=end, ends_at__gt=start)
        is_active = self.slots[visit.slot_id or 0].schedule.doctor.is_active
        return min(visit.closures_kept, hit.count() + (not is_active))

    def _event(self, visit: Appointment, detail: str) -> AppointmentEvent:
        """Return an unsaved event of this move by the system."""
        return AppointmentEvent(
            appointment=visit,
            kind=AppointmentEvent.Kind.ZONE_CHANGED,
            at=self.at,
            from_status=visit.status,
            to_status=visit.status,
            detail=detail,
        )

    def _move_declined(self) -> None:
        """Let patients' refusals of a time follow its slot, so that it is not offered again."""
        new = {
            (self.slots[pk].doctor_id, old[0]): self.new_spans[pk][0]
            for pk, old in self.old_spans.items()
            if pk in self.new_spans
        }
        starts = {start for _, start in new}
        for batch in batches(starts):
            rows = DeclinedSlot.objects.filter(doctor__in=self.doctors, starts_at__in=batch)
            moved = [row for row in rows if (row.doctor_id, row.starts_at) in new]
            DeclinedSlot.objects.filter(pk__in=[row.pk for row in moved]).delete()
            for row in moved:
                row.pk, row.starts_at = None, new[row.doctor_id, row.starts_at]
            DeclinedSlot.objects.bulk_create(moved, ignore_conflicts=True)

    def _make_missing(self) -> list[Slot]:
        """Create the coming slots that the changed sessions should have and do not, where free."""
        changed = {self.slots[pk].schedule_id for pk in self.wanted}
        new = []
        for session in (self.sessions[pk] for pk in sorted(changed)):
            wanted = [span for span in session.spans() if span[1] > self.at]
            if wanted:
                doctor = Slot.objects.filter(doctor=session.doctor_id)
                near = doctor.overlapping(wanted[0][0], wanted[-1][1])
                busy = BusySpans(near.values_list("starts_at", "ends_at"))
                new += [session.new_slot(span) for span in wanted if not busy.overlaps(span)]
        return Slot.objects.bulk_create(new, batch_size=ROWS_PER_STATEMENT)

    def _count(self, new: list[Slot]) -> None:
        changed = [self.sessions[pk] for pk in {self.slots[pk].schedule_id for pk in self.wanted}]
        self.done.sessions = len(changed)
        self.done.locations = {session.location_id for session in changed}
        self.done.removed, self.done.made = len(self.dropped), len(new)

    def _local_date(self, visit: Appointment) -> date:
        return visit.starts_at.astimezone(visit.location.zone).date()

    def _text(self, visit: Appointment, at: datetime) -> str:
        return instant_text(at, visit.location.zone)
