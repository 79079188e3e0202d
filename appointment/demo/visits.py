"""The demo's appointments: booked in the past through the verbs, and ended in every way."""

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random

from accounts.models import User
from appointment.demo import people
from appointment.demo.logins import RECEPTION
from appointment.demo.posts import LICENSE, MADRID, NEW_YORK
from appointment.models import Appointment
from appointment.models.event import Status
from doctor.models import Schedule, Slot
from extensions.exceptions import DomainError
from patient.models import Patient

FREE_DAYS, FULL_DAYS, CANCELED, OPEN, KEPT = 0.42, 0.04, 0.12, 0.55, 0.9  # shares
RECENT = timedelta(days=4)  # so long the reception takes to close what is over
REASONS = ("Check-up", "Follow-up", "New complaint", "Test results", "Second opinion", "")
EXCUSES = ("Cannot come that day", "Feeling better", "Found an earlier time", "")


@dataclass
class Roster:
    """Who comes and who sits at the reception; found once, used for every day."""

    patients: dict[str, list[Patient]]  # by the name of the location they go to
    own: Patient | None  # the one with a login
    reception: User | None

    @classmethod
    def load(cls) -> "Roster":
        """Find those of the demo's people that there still are."""
        found = people.patients()
        own = found.pop(0, None)
        homes: dict[str, list[Patient]] = defaultdict(list)
        for number, patient in sorted(found.items()):
            homes[(NEW_YORK if number // 2 % 2 else MADRID).name].append(patient)
        return cls(homes, own, User.objects.filter(email=RECEPTION.email).first())


@dataclass
class Day:
    """The visits of one day as they stand at an instant; the same for the same day anywhere."""

    date: date
    roster: Roster
    at: datetime
    taken: dict[int, list[Slot]] = field(default_factory=lambda: defaultdict(list))

    def fill(self, sessions: list[Schedule]) -> None:
        """Leave some sessions free, fill some to the last place, and put visits in the others."""
        self._bring_own_patient(sessions)
        for session in sessions:
            chance = self._chance(session.doctor.license_number)
            share = chance.random()
            if share >= FREE_DAYS:
                self._fill_session(session, chance, full=share < FREE_DAYS + FULL_DAYS)

    def _bring_own_patient(self, sessions: list[Schedule]) -> None:
        """Once a week the patient with the login comes; every third time they cancel."""
        week, weekday = divmod(self.date.toordinal() - 1, 7)
        near = [session for session in sessions if session.location.name == MADRID.name]
        if self.roster.own is None or weekday != week * 2 % 5 or not near:
            return
        chance = self._chance("own")
        slot = chance.choice(_slots(chance.choice(near)))
        over = Status.COMPLETED if slot.ends_at <= self.at else Status.SCHEDULED
        self._visit(slot, self.roster.own, Status.CANCELED if week % 3 == 2 else over, chance)

    def _fill_session(self, session: Schedule, chance: Random, *, full: bool) -> None:
        slots = _slots(session)
        for slot in slots if full else chance.sample(slots, chance.randint(1, 2)):
            idle = [p for p in self.roster.patients[session.location.name] if self._idle(p, slot)]
            for patient in chance.sample(idle, min(len(idle), slot.available if full else 1)):
                self._visit(slot, patient, self._end_of(slot, chance, full=full), chance)

    def _end_of(self, slot: Slot, chance: Random, *, full: bool) -> str:
        """How a visit stands by now; in a full session none is canceled."""
        roll = chance.random()
        if roll < CANCELED and not full:
            return Status.CANCELED
        left_open = slot.ends_at > self.at - RECENT and roll < OPEN
        if slot.ends_at > self.at or left_open:
            return Status.SCHEDULED
        return Status.COMPLETED if roll < KEPT else Status.NO_SHOW

    def _visit(self, slot: Slot, patient: Patient, end: str, chance: Random) -> None:
        """Book some time before the slot and before now, then lead the visit to its end.

        A rule of the clinic may stand against it, since people change what a demo holds: then
        there is one visit less.
        """
        until = min(slot.starts_at, self.at)
        booked_at = until - timedelta(hours=chance.uniform(3, 480))
        changed_at = until - (until - booked_at) * chance.uniform(0.1, 0.9)
        by, reason = patient.user or self.roster.reception, chance.choice(REASONS)
        visit = Appointment(patient=patient, slot=slot, reason=reason, booked_by=by)
        with suppress(DomainError):
            visit.book(at=booked_at)
            self.taken[patient.pk].append(slot)
            if end == Status.CANCELED:
                visit.cancel(by=by, reason=chance.choice(EXCUSES), at=changed_at)
            elif end != Status.SCHEDULED:
                _conclude(visit, end, self.roster.reception)

    def _idle(self, patient: Patient, slot: Slot) -> bool:
        """Whether the patient is nowhere else at that time."""
        return all(
            other.ends_at <= slot.starts_at or slot.ends_at <= other.starts_at
            for other in self.taken[patient.pk]
        )

    def _chance(self, what: str) -> Random:
        return Random(f"{what} {self.date}")  # noqa: S311  # nosec B311  # the same everywhere


def close_old(at: datetime) -> int:
    """Close what came to be over since an earlier run; returns how many visits that were."""
    theirs = Appointment.objects.active().filter(doctor__license_number__startswith=LICENSE)
    over = list(theirs.filter(ends_at__lt=at - RECENT - timedelta(days=1)).order_by("pk"))
    reception = User.objects.filter(email=RECEPTION.email).first() if over else None
    for visit in over:
        came = Random(visit.pk).random() < KEPT  # noqa: S311  # nosec B311  # the same
        _conclude(visit, Status.COMPLETED if came else Status.NO_SHOW, reception)
    return len(over)


def _conclude(visit: Appointment, end: str, by: User | None) -> None:
    verb = visit.complete if end == Status.COMPLETED else visit.mark_no_show
    verb(by=by, at=visit.ends_at)


def _slots(session: Schedule) -> list[Slot]:
    return list(session.slots.select_related("doctor", "location").order_by("starts_at"))
