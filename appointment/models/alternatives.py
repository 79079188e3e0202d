"""Other times for visits that cannot take place: up to three each, spread over the patients."""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber

from appointment.models.appointment import Appointment
from appointment.models.proposal import Proposal
from doctor.models import Doctor, Location, Slot, TimeOff
from doctor.models.booking_rules import places_left
from doctor.models.slot import SlotQuerySet

MAX_ALTERNATIVES = 3  # of a visit
OWN_OPTIONS = 500  # slots read of each doctor of the visits, from the first visit on
OTHER_OPTIONS = 60  # slots read of each colleague, and of each doctor before the first visit
OPTIONS_PER_VISIT = 12  # more slots read of each doctor, for each visit of the busiest doctor
PROPOSING_ATTEMPTS = 3
MAX_TERMS = 100  # in one OR: SQLite limits the depth of an expression to 1000


class AffectedVisit(NamedTuple):
    """What the alternatives of a visit depend on; an `Appointment` has the same attributes."""

    pk: int
    starts_at: datetime
    ends_at: datetime
    doctor_id: int
    patient_id: int | None


@dataclass(frozen=True)
class AffectedAppointment:
    """A visit, and the slots to which it could be moved: API rows of slots, the best first."""

    appointment: Appointment
    alternatives: list[dict[str, Any]]

    @property
    def id(self) -> int:
        """The primary key of the visit."""
        return self.appointment.pk


def affected_visits(leave: TimeOff, at: datetime, user: Any) -> list[AffectedAppointment]:
    """Find the visits that the leave affects at the instant, soonest first, with alternatives.

    The leave need not be saved. Visits that have ended are left out, and so are those at sites that
    the member of staff `user` does not see.
    """
    visits = Appointment.objects.affected_by(leave, at).at_sites_of(user).with_names()
    return with_alternatives(visits.order_by("starts_at", "pk"), at, user=user, planned_leave=leave)


def work_list_alternatives(
    visits: Iterable[Appointment], at: datetime, user: Any
) -> list[AffectedAppointment]:
    """Find the alternatives of some visits of the work list that the member of staff `user` sees.

    One computation over the whole list chooses them. So a visit has the same alternatives on each
    page and under each filter of the list, and on a page of its own, and no place is proposed for
    two visits. A visit that has left the list has none.
    """
    visits = list(visits)
    if not visits:
        return []
    listed = Appointment.objects.at_sites_of(user).to_rebook()
    every = [AffectedVisit(*row) for row in listed.values_list(*AffectedVisit._fields)]
    return with_alternatives(visits, at, user=user, among=every)


def propose_times(visits: Iterable[Appointment], at: datetime, user: Any) -> list[tuple[int, int]]:
    """Store the alternatives of these visits of the work list as proposals that run 15 minutes.

    Returns the keys of visit and slot of the stored proposals that cannot be booked any more, by
    anybody or by this patient; others take their place. The caller has no transaction open: where
    another desk proposes at the same moment, the times are chosen again from what that desk has
    stored.
    """
    visits = list(visits)
    own = Proposal.objects.live(at).filter(visit__in=[visit.pk for visit in visits])
    bookable = Slot.objects.bookable(at)
    lost = own.exclude(slot__in=bookable.values("pk")).pairs()
    if lost:
        own.filter(slot__in=[slot for _, slot in lost]).delete()
    for _ in range(PROPOSING_ATTEMPTS):
        stored = list(own.filter(slot__in=Slot.objects.at_sites_of(user).values("pk")))
        chosen = work_list_alternatives(visits, at, user)
        wanted = {each.id: each.alternatives for each in chosen}
        lost += _drop_unfit(stored, wanted)
        if Proposal.objects.store(wanted, at):
            break
    return lost


def _drop_unfit(
    stored: Sequence[Proposal], wanted: Mapping[int, Sequence[Mapping[str, Any]]]
) -> list[tuple[int, int]]:
    """Delete those of the stored proposals that were not chosen again; return visits and slots.

    They do not fit the patient any more, unless the visit has as many other proposals as it may.
    """
    pairs = {(visit, row["id"]) for visit, rows in wanted.items() for row in rows}
    kept = Counter(row.visit for row in stored if (row.visit, row.slot) in pairs)
    left_out = [row for row in stored if (row.visit, row.slot) not in pairs]
    unfit = [row for row in left_out if kept[row.visit] < MAX_ALTERNATIVES]
    if unfit:
        Proposal.objects.filter(pk__in=[row.pk for row in unfit]).delete()
    return [(row.visit, row.slot) for row in unfit]


def with_alternatives(
    visits: Iterable[Appointment],
    at: datetime,
    *,
    user: Any,
    planned_leave: TimeOff | None = None,
    among: Sequence[AffectedVisit] | None = None,
) -> list[AffectedAppointment]:
    """Find, for each visit, other slots that any patient can book at the instant.

    First slots of the same doctor, from the visit's start on and then before it; then slots of
    doctors who share a specialty. All are at sites that the member of staff `user` sees; at any if
    `user` is None. None lies in `planned_leave`, overlaps another live visit of the patient or what
    is proposed for one, or is at a location where other visits of the patient reach the limit. No
    place of a slot is proposed twice: not among these visits or, if it is given, `among` those, nor
    where a stored `Proposal` for another visit has not run out. The stored proposals of a visit
    come first. The number of queries does not grow with the visits.
    """
    visits = list(visits)
    competing: Sequence[Any] = visits if among is None else among
    if not visits or not competing:
        return [AffectedAppointment(visit, []) for visit in visits]
    slots = Slot.objects.bookable(at)
    if user is not None:
        slots = slots.at_sites_of(user)
    if planned_leave is not None:
        slots = slots.exclude(pk__in=planned_leave.slots(at).values("pk"))
    live = Proposal.objects.live(at).pairs()
    chosen = AlternativeAssigner(competing, CandidateSlots(competing, at, slots), live).assign()
    pks = {option.pk for visit in visits for option in chosen.get(visit.pk, ())}
    rows = {row["id"]: row for row in Slot.objects.filter(pk__in=pks).to_list(at, "doctor")}
    return [
        AffectedAppointment(visit, [rows[o.pk] for o in chosen.get(visit.pk, ()) if o.pk in rows])
        for visit in visits
    ]


class SlotOption(NamedTuple):
    """A bookable slot, with the number of places that can be booked; options sort by start."""

    starts_at: datetime
    ends_at: datetime
    pk: int
    doctor: int
    location: int
    places: int


class SlotTimeline:
    """Slots that have a place left to propose, in the order of time."""

    def __init__(self, options: Iterable[SlotOption]) -> None:
        self.unused = sorted(options)

    def nearest_unused(self, start: datetime, uses: dict[int, int]) -> Iterator[SlotOption]:
        """Yield the slots from the instant on, then those before it, the latest first.

        Slots that have been proposed as often as they have places are left out, and removed for
        good. `uses` counts the proposals by slot key.
        """
        first = position = bisect_left(self.unused, (start,))
        while position < len(self.unused):
            if uses[self.unused[position].pk] < self.unused[position].places:
                yield self.unused[position]
                position += 1
            else:
                del self.unused[position]
        for position in range(first - 1, -1, -1):
            if uses[self.unused[position].pk] < self.unused[position].places:
                yield self.unused[position]
            else:
                del self.unused[position]


class CandidateSlots:
    """The bookable slots near some visits: of each doctor, and of doctors who share a specialty.

    `timelines` maps the key of each doctor to these two, in this order. Doctors who share all their
    specialties share the second, which has their own slots too.
    """

    def __init__(self, visits: Sequence[Any], at: datetime, slots: SlotQuerySet) -> None:
        """Read the candidates among these bookable slots."""
        self.at, self.slots = at, slots
        self.more = OPTIONS_PER_VISIT * max(Counter(each.doctor_id for each in visits).values())
        first: dict[int, datetime] = {}
        for visit in sorted(visits, key=lambda visit: visit.starts_at):
            first.setdefault(visit.doctor_id, visit.starts_at)
        groups = self._groups_of(set(first))
        options = self._options_of(first, groups)
        timelines: dict[frozenset[int], SlotTimeline] = {
            group: SlotTimeline(each for pk in group for each in options[pk])
            for group in groups.values()
        }
        self.timelines = {
            pk: (SlotTimeline(options[pk]), timelines[group]) for pk, group in groups.items()
        }

    def options(self, pks: Iterable[int]) -> dict[int, SlotOption]:
        """Return the bookable slots among these, by key."""
        rows: Any = self.slots.filter(pk__in=set(pks)).order_by()
        rows = rows.annotate(places=places_left(self.at))
        found = (SlotOption(*row) for row in rows.values_list(*SlotOption._fields))
        return {option.pk: option for option in found}

    def _groups_of(self, doctors: set[int]) -> dict[int, frozenset[int]]:
        """Map the key of each of these doctors to those of all who share a specialty."""
        through: Any = Doctor.specialties.through
        shared = through.objects.filter(specialty__doctors__in=doctors).distinct()
        by_specialty: dict[int, set[int]] = defaultdict(set)
        for doctor, specialty in shared.values_list("doctor", "specialty"):
            by_specialty[specialty].add(doctor)
        return {
            pk: frozenset(each for group in by_specialty.values() if pk in group for each in group)
            for pk in doctors
        }

    def _options_of(
        self, first: dict[int, datetime], groups: dict[int, frozenset[int]]
    ) -> dict[int, list[SlotOption]]:
        """Read the slots of each doctor from the first visit on, and those before it.

        For a colleague, it is the first visit of all doctors whose patients the colleague may see.
        """
        since = dict(first)
        for pk, group in groups.items():
            for other in group:
                since[other] = min(since.get(other, first[pk]), first[pk])
        later, earlier = [], []
        for start, pks in self._by_start(since).items():
            later.append(Q(doctor__in=pks, starts_at__gte=start))
            earlier.append(Q(doctor__in=pks, starts_at__lt=start))
        options: dict[int, list[SlotOption]] = defaultdict(list)
        of_own = Q(doctor__in=sorted(first), number__lte=OWN_OPTIONS + self.more)
        of_others = Q(number__lte=OTHER_OPTIONS + self.more)
        for option in (
            *self._read(reduce(or_, later), of_own | of_others, "starts_at"),
            *self._read(reduce(or_, earlier), of_others, "-starts_at"),
        ):
            options[option.doctor].append(option)
        return options

    def _by_start(self, since: dict[int, datetime]) -> dict[datetime, list[int]]:
        """Map at most MAX_TERMS instants to the doctors whose first visit is then or soon after."""
        starts = sorted(set(since.values()))
        step = -(-len(starts) // MAX_TERMS)
        starts = starts[::step]
        doctors: dict[datetime, list[int]] = defaultdict(list)
        for pk, start in sorted(since.items()):
            doctors[starts[bisect_right(starts, start) - 1]].append(pk)
        return doctors

    def _read(self, side: Q, few: Q, order: str) -> Iterator[SlotOption]:
        """Read slots on one side of the first visits, as many of each doctor as `few` allows."""
        number = Window(RowNumber(), partition_by=F("doctor"), order_by=order)
        rows: Any = self.slots.filter(side).order_by()
        rows = rows.annotate(places=places_left(self.at), number=number).filter(few)
        return (SlotOption(*row) for row in rows.values_list(*SlotOption._fields))


class AlternativeAssigner:
    """Assigns every visit a first alternative, then every visit a second one, then a third.

    In such rounds the places that are left are spread over the visits, the soonest visit first.
    Visits that are over come last, the latest first: one that was forgotten on the work list takes
    no place from a patient who is yet to come. `stored`: the keys of visit and slot of what has
    been proposed at a desk, whether for these visits or others.
    """

    def __init__(
        self,
        visits: Sequence[Any],
        candidates: CandidateSlots,
        stored: Sequence[tuple[int, int]] = (),
    ) -> None:
        soonest = sorted(visits, key=lambda visit: (visit.starts_at, visit.pk))
        coming = [visit for visit in soonest if visit.ends_at > candidates.at]
        self.visits = coming + [each for each in reversed(soonest) if each.ends_at <= candidates.at]
        self.candidates = candidates
        limited = Location.objects.filter(max_live_per_patient__isnull=False)
        self.limits = dict(limited.values_list("pk", "max_live_per_patient"))
        self.stored = stored
        self.uses: dict[int, int] = Counter(slot for _, slot in stored)
        # The keys of visits and their options, by the patient's key.
        self.proposed: dict[int | None, list[tuple[int, SlotOption]]] = defaultdict(list)
        self.live = self._live_visits(candidates.at)

    def assign(self) -> dict[int, list[SlotOption]]:
        """Map the key of each visit to its alternatives, the best first."""
        assigned = self._assign_stored()
        for number in range(MAX_ALTERNATIVES):
            for visit in self.visits:
                if len(assigned[visit.pk]) > number:
                    continue
                option = self._next_for(visit, assigned[visit.pk])
                if option is not None:
                    self.uses[option.pk] += 1
                    self.proposed[visit.patient_id].append((visit.pk, option))
                    assigned[visit.pk].append(option)
        return assigned

    def _assign_stored(self) -> dict[int, list[SlotOption]]:
        """Map the key of each visit to what is stored for it and still fits, the best first."""
        assigned: dict[int, list[SlotOption]] = {visit.pk: [] for visit in self.visits}
        own = [(visit, slot) for visit, slot in self.stored if visit in assigned]
        options = self.candidates.options(slot for _, slot in own) if own else {}
        by_key = {visit.pk: visit for visit in self.visits}
        for pk, slot in own:
            option = options.get(slot)
            room = len(assigned[pk]) < MAX_ALTERNATIVES
            if option is not None and room and self._fits(by_key[pk], option):
                self.proposed[by_key[pk].patient_id].append((pk, option))
                assigned[pk].append(option)
        return assigned

    def _next_for(self, visit: Any, assigned: list[SlotOption]) -> SlotOption | None:
        """Return the nearest fitting slot with a place that has not been proposed yet, or None."""
        if visit.patient_id is None:  # the person has been erased
            return None
        for timeline in self.candidates.timelines[visit.doctor_id]:
            for option in timeline.nearest_unused(visit.starts_at, self.uses):
                if option not in assigned and self._fits(visit, option):
                    return option
        return None

    def _fits(self, visit: Any, option: SlotOption) -> bool:
        """Whether the other visits of the patient, and what is proposed for them, leave room."""
        patient = visit.patient_id
        others = [each for each in self.live[patient] if each[0] != visit.pk]
        spans = [(start, end) for _, start, end, _ in others]
        if patient is not None:
            proposed = (slot for pk, slot in self.proposed[patient] if pk != visit.pk)
            spans += [(slot.starts_at, slot.ends_at) for slot in proposed]
        limit = self.limits.get(option.location)
        return all(end <= option.starts_at or option.ends_at <= start for start, end in spans) and (
            limit is None or sum(there == option.location for *_, there in others) < limit
        )

    def _live_visits(self, at: datetime) -> dict[int | None, list[tuple[Any, ...]]]:
        """Map the key of each patient to the live visits: keys, starts, ends and locations."""
        live: dict[int | None, list[tuple[Any, ...]]] = defaultdict(list)
        patients = {visit.patient_id for visit in self.visits}
        visits = Appointment.objects.not_ended(at).filter(patient__in=patients)
        columns = ("pk", "starts_at", "ends_at", "location")
        for patient, *visit in visits.values_list("patient", *columns):
            live[patient].append(tuple(visit))
        return live
