"""Other times for visits that cannot take place: up to three each, spread over the patients."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from appointment.models.appointment import Appointment
from doctor.models import Doctor, Slot, TimeOff
from doctor.models.booking_rules import Span, places_left
from doctor.models.slot import SlotQuerySet

MAX_ALTERNATIVES = 3  # of a visit
BASE_OPTIONS = 1000  # slots read on either side of the first visit,
OPTIONS_PER_VISIT = 12  # and this many more for each visit
REPEATED_OPTIONS = 50  # nearest slots to choose from once every place has been proposed


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


def with_alternatives(
    visits: Iterable[Appointment], at: datetime, *, user: Any, planned_leave: TimeOff | None = None
) -> list[AffectedAppointment]:
    """Find, for each visit, other slots that any patient can book at the instant.

    First slots of the same doctor, from the visit's start on and then before it; then slots of
    doctors who share a specialty. All are at sites that the member of staff `user` sees. None lies
    in `planned_leave`, and none overlaps another live visit of the patient. No slot is proposed
    more often than it has places while another one is left. The number of queries does not grow
    with the visits.
    """
    visits = list(visits)
    if not visits:
        return []
    slots = Slot.objects.bookable(at).at_sites_of(user)
    if planned_leave is not None:
        slots = slots.exclude(pk__in=planned_leave.slots(at).values("pk"))
    chosen = AlternativeAssigner(visits, CandidateSlots(visits, at, slots)).assign()
    pks = {option.pk for options in chosen.values() for option in options}
    rows = {row["id"]: row for row in Slot.objects.filter(pk__in=pks).to_list(at, "doctor")}
    return [
        AffectedAppointment(visit, [rows[o.pk] for o in chosen[visit.pk] if o.pk in rows])
        for visit in visits
    ]


class SlotOption(NamedTuple):
    """A bookable slot, with the number of places that can be booked; options sort by start."""

    starts_at: datetime
    ends_at: datetime
    pk: int
    doctor: int
    places: int


class SlotTimeline:
    """Slots in the order of time, to be searched from an instant on and then before it.

    `unused`: the same slots, without those that `nearest_unused` has removed.
    """

    def __init__(self, options: Iterable[SlotOption]) -> None:
        self.options = sorted(options)
        self.unused = list(self.options)

    def nearest(self, start: datetime) -> Iterator[SlotOption]:
        """Yield all from the instant on, then those before it, the latest first."""
        position = bisect_left(self.options, (start,))
        yield from islice(self.options, position, None)
        yield from reversed(self.options[:position])

    def nearest_unused(self, start: datetime, uses: dict[int, int]) -> Iterator[SlotOption]:
        """Yield as `nearest`, without slots that have been proposed as often as they have places.

        `uses` counts the proposals by slot key. Removes such slots from `unused` for good.
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

    `timelines` maps the key of each doctor to these two, in this order.
    """

    def __init__(self, visits: Sequence[Appointment], at: datetime, slots: SlotQuerySet) -> None:
        """Read the candidates among these bookable slots."""
        self.visits, self.at, self.slots = visits, at, slots
        doctors = {visit.doctor_id for visit in visits}
        colleagues = self._colleagues_of(doctors)
        own = self._options_of(doctors)
        others = self._options_of({pk for pks in colleagues.values() for pk in pks} - doctors)
        self.timelines = {
            pk: self._timelines_of(pk, own, [*own, *others], colleagues[pk]) for pk in doctors
        }

    def _colleagues_of(self, doctors: set[int]) -> dict[int, set[int]]:
        """Map the key of each of these doctors to those of others who share a specialty."""
        through: Any = Doctor.specialties.through
        shared = through.objects.filter(specialty__doctors__in=doctors).distinct()
        doctors_by_specialty: dict[int, set[int]] = defaultdict(set)
        for doctor, specialty in shared.values_list("doctor", "specialty"):
            doctors_by_specialty[specialty].add(doctor)
        return {
            pk: {each for group in doctors_by_specialty.values() if pk in group for each in group}
            - {pk}
            for pk in doctors
        }

    def _options_of(self, doctors: set[int]) -> list[SlotOption]:
        """Read slots of these doctors: the nearest from the first visit on, and those before it."""
        first = min(visit.starts_at for visit in self.visits)
        slots = self.slots.filter(doctor__in=sorted(doctors)) if doctors else self.slots.none()
        later = slots.filter(starts_at__gte=first).order_by("starts_at", "pk")
        earlier = slots.filter(starts_at__lt=first).order_by("-starts_at", "-pk")
        return [*self._read(later), *self._read(earlier)]

    def _read(self, slots: SlotQuerySet) -> list[SlotOption]:
        columns = ("starts_at", "ends_at", "pk", "doctor", "places")
        rows = slots.annotate(places=places_left(self.at)).values_list(*columns)
        return [
            SlotOption(*row) for row in rows[: BASE_OPTIONS + OPTIONS_PER_VISIT * len(self.visits)]
        ]

    def _timelines_of(
        self, doctor: int, own: list[SlotOption], every: list[SlotOption], colleagues: set[int]
    ) -> tuple[SlotTimeline, SlotTimeline]:
        """Return the timeline of the doctor's own slots, and that of the colleagues' slots."""
        of_doctor = SlotTimeline(option for option in own if option.doctor == doctor)
        return of_doctor, SlotTimeline(each for each in every if each.doctor in colleagues)


class AlternativeAssigner:
    """Assigns every visit a first alternative, then every visit a second one, then a third.

    In such rounds the places that are left are spread over the visits.
    """

    def __init__(self, visits: Sequence[Appointment], candidates: CandidateSlots) -> None:
        self.visits = sorted(visits, key=lambda visit: (visit.starts_at, visit.pk))
        self.candidates = candidates
        self.uses: dict[int, int] = defaultdict(int)
        self.busy = self._busy_spans()

    def assign(self) -> dict[int, list[SlotOption]]:
        """Map the key of each visit to its alternatives, the best first."""
        assigned: dict[int, list[SlotOption]] = {visit.pk: [] for visit in self.visits}
        for _ in range(MAX_ALTERNATIVES):
            for visit in self.visits:
                option = self._next_for(visit, assigned[visit.pk])
                if option is not None:
                    self.uses[option.pk] += 1
                    assigned[visit.pk].append(option)
        return assigned

    def _next_for(self, visit: Appointment, assigned: list[SlotOption]) -> SlotOption | None:
        """Return the nearest fitting slot with a place that has not been proposed yet.

        Without one, the least proposed of the nearest fitting slots; None if no slot fits.
        """
        timelines, start = self.candidates.timelines[visit.doctor_id], visit.starts_at
        unused = (
            option for timeline in timelines for option in timeline.nearest_unused(start, self.uses)
        )
        for option in unused:
            if self._fits(visit, option, assigned):
                return option
        every = (option for timeline in timelines for option in timeline.nearest(start))
        fitting = (option for option in every if self._fits(visit, option, assigned))
        return min(
            islice(fitting, REPEATED_OPTIONS),
            key=lambda option: self.uses[option.pk] / option.places,
            default=None,
        )

    def _fits(self, visit: Appointment, option: SlotOption, assigned: list[SlotOption]) -> bool:
        """Whether the slot is new to the visit, and overlaps no other visit of its patient."""
        free = all(
            pk == visit.pk or end <= option.starts_at or option.ends_at <= start
            for pk, (start, end) in self.busy[visit.patient_id]
        )
        return free and option not in assigned

    def _busy_spans(self) -> dict[int | None, list[tuple[int, Span]]]:
        """Map the key of each patient to the live visits, each as (key, (start, end))."""
        busy: dict[int | None, list[tuple[int, Span]]] = defaultdict(list)
        patients = {visit.patient_id for visit in self.visits}
        visits = Appointment.objects.not_ended(self.candidates.at).filter(patient__in=patients)
        for patient, pk, *span in visits.values_list("patient", "pk", "starts_at", "ends_at"):
            busy[patient].append((pk, (span[0], span[1])))
        return busy
