"""Other times for visits that cannot take place: up to three each, spread over the patients."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from doctor.models import Doctor, Slot, TimeOff
from doctor.models.booking_rules import Span, places_left
from doctor.models.slot import SlotQuerySet

if TYPE_CHECKING:
    from appointment.models.appointment import Appointment

MOST = 3
LOOKED_AT = 1000  # slots read on either side of the first visit,
FOR_EACH = 12  # and for each visit so many more
AGAIN = 50  # nearest ones among which the one that is proposed least is proposed again


@dataclass(frozen=True)
class AffectedAppointment:
    """A visit and where it could be moved, each as the API lists slots, the best first."""

    appointment: "Appointment"
    alternatives: list[dict[str, Any]]

    @property
    def id(self) -> int:
        return self.appointment.pk


def with_alternatives(
    visits: "Iterable[Appointment]", at: datetime, planned_leave: TimeOff | None = None
) -> list[AffectedAppointment]:
    """The visits with what anybody can book instead at the instant, outside `planned_leave`.

    Of the same doctor first, from the visit's start on and then before it, then of doctors who
    share a specialty; none that overlaps another live visit of the patient. No slot is proposed
    more often than it has places while there is another one. As many queries for all visits as for
    one.
    """
    visits = list(visits)
    if not visits:
        return []
    chosen = AlternativeAssigner(visits, CandidateSlots(visits, at, planned_leave)).chosen()
    pks = {time.pk for times in chosen.values() for time in times}
    shown = {row["id"]: row for row in Slot.objects.filter(pk__in=pks).to_list(at, "doctor")}
    return [
        AffectedAppointment(
            visit, [shown[time.pk] for time in chosen[visit.pk] if time.pk in shown]
        )
        for visit in visits
    ]


class Time(NamedTuple):
    """A slot that can be had, as read; in the order of time."""

    starts_at: datetime
    ends_at: datetime
    pk: int
    doctor: int
    places: int


class Row:
    """Slots in the order of time."""

    def __init__(self, times: Iterable[Time]) -> None:
        self.times = sorted(times)
        self.left = list(self.times)

    def nearest(self, start: datetime) -> Iterator[Time]:
        """All from the instant on, then those before it, the latest first."""
        here = bisect_left(self.times, (start,))
        yield from islice(self.times, here, None)
        yield from reversed(self.times[:here])

    def nearest_left(self, start: datetime, uses: dict[int, int]) -> Iterator[Time]:
        """As `nearest`, but those that have been proposed for all of their places, for good."""
        here = place = bisect_left(self.left, (start,))
        while place < len(self.left):
            if uses[self.left[place].pk] < self.left[place].places:
                yield self.left[place]
                place += 1
            else:
                del self.left[place]
        for place in range(here - 1, -1, -1):
            if uses[self.left[place].pk] < self.left[place].places:
                yield self.left[place]
            else:
                del self.left[place]


class CandidateSlots:
    """What is to be had instead of these visits: of each doctor, and of those of their kind."""

    def __init__(
        self, visits: "Sequence[Appointment]", at: datetime, planned_leave: TimeOff | None
    ) -> None:
        self.visits, self.at = visits, at
        self.slots = Slot.objects.bookable(at)
        if planned_leave is not None:
            self.slots = self.slots.exclude(pk__in=planned_leave.slots(at).values("pk"))
        doctors = {visit.doctor_id for visit in visits}
        peers = self._peers(doctors)
        own = self._times(doctors)
        others = self._times({pk for of in peers.values() for pk in of} - doctors)
        self.rows = {pk: self._rows(pk, own, [*own, *others], peers[pk]) for pk in doctors}

    def _peers(self, doctors: set[int]) -> dict[int, set[int]]:
        """The doctors who share a specialty with each of these."""
        through: Any = Doctor.specialties.through
        shared = through.objects.filter(specialty__doctors__in=doctors).distinct()
        practised: dict[int, set[int]] = defaultdict(set)
        for doctor, specialty in shared.values_list("doctor", "specialty"):
            practised[specialty].add(doctor)
        return {
            pk: {peer for of in practised.values() if pk in of for peer in of} - {pk}
            for pk in doctors
        }

    def _times(self, doctors: set[int]) -> list[Time]:
        """The nearest slots of these doctors from the first visit on, and before it."""
        first = min(visit.starts_at for visit in self.visits)
        slots = self.slots.filter(doctor__in=sorted(doctors)) if doctors else self.slots.none()
        later = slots.filter(starts_at__gte=first).order_by("starts_at", "pk")
        earlier = slots.filter(starts_at__lt=first).order_by("-starts_at", "-pk")
        return [*self._read(later), *self._read(earlier)]

    def _read(self, slots: SlotQuerySet) -> list[Time]:
        columns = ("starts_at", "ends_at", "pk", "doctor", "places")
        rows = slots.annotate(places=places_left(self.at)).values_list(*columns)
        return [Time(*row) for row in rows[: LOOKED_AT + FOR_EACH * len(self.visits)]]

    def _rows(
        self, doctor: int, own: list[Time], every: list[Time], peers: set[int]
    ) -> tuple[Row, Row]:
        theirs = Row(time for time in own if time.doctor == doctor)
        return theirs, Row(time for time in every if time.doctor in peers)


class AlternativeAssigner:
    """Gives every visit a first alternative, then every one a second, then a third."""

    def __init__(self, visits: "Sequence[Appointment]", market: CandidateSlots) -> None:
        self.visits = sorted(visits, key=lambda visit: (visit.starts_at, visit.pk))
        self.market = market
        self.uses: dict[int, int] = defaultdict(int)
        self.busy = self._busy()

    def chosen(self) -> dict[int, list[Time]]:
        """What each visit gets, by its key."""
        chosen: dict[int, list[Time]] = {visit.pk: [] for visit in self.visits}
        for _ in range(MOST):
            for visit in self.visits:
                time = self._next(visit, chosen[visit.pk])
                if time is not None:
                    self.uses[time.pk] += 1
                    chosen[visit.pk].append(time)
        return chosen

    def _next(self, visit: "Appointment", had: list[Time]) -> Time | None:
        """The nearest place left; where none is, the one nearby that is proposed least."""
        rows = self.market.rows[visit.doctor_id]
        left = (time for row in rows for time in row.nearest_left(visit.starts_at, self.uses))
        for time in left:
            if self._fits(visit, time, had):
                return time
        every = (time for row in rows for time in row.nearest(visit.starts_at))
        fitting = islice((time for time in every if self._fits(visit, time, had)), AGAIN)
        return min(fitting, key=lambda time: self.uses[time.pk] / time.places, default=None)

    def _fits(self, visit: "Appointment", time: Time, had: list[Time]) -> bool:
        """Whether it is not theirs yet and the patient is free then, this visit aside."""
        clear = all(
            pk == visit.pk or end <= time.starts_at or time.ends_at <= start
            for pk, (start, end) in self.busy[visit.patient_id]
        )
        return clear and time not in had

    def _busy(self) -> dict[int | None, list[tuple[int, Span]]]:
        """When these patients have live visits."""
        model, at = type(self.visits[0]), self.market.at
        busy: dict[int | None, list[tuple[int, Span]]] = defaultdict(list)
        theirs = model.objects.not_ended(at).filter(
            patient__in={visit.patient_id for visit in self.visits}
        )
        for patient, pk, *span in theirs.values_list("patient", "pk", "starts_at", "ends_at"):
            busy[patient].append((pk, (span[0], span[1])))
        return busy
