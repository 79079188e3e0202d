"""The demo's appointments, booked, canceled and concluded by the verbs as of past instants."""

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random

from accounts.models import User
from appointment.demo import people
from appointment.demo.directory import LICENSE_PREFIX, MADRID, NEW_YORK
from appointment.demo.logins import RECEPTION
from appointment.models import Appointment
from appointment.models.event import Status
from doctor.models import Schedule, Slot
from extensions.exceptions import DomainError
from patient.models import Patient

# Shares: of sessions without visits and without a free place; of visits that are canceled; of
# recent visits that are still scheduled; of the other past visits that took place (not no-shows).
FREE_SHARE, FULL_SHARE, CANCELED_SHARE, OPEN_SHARE, COMPLETED_SHARE = 0.42, 0.04, 0.12, 0.55, 0.9
RECENT = timedelta(days=4)  # older visits are completed or no-shows
REASONS = ("Check-up", "Follow-up", "New complaint", "Test results", "Second opinion", "")
CANCEL_REASONS = ("Cannot come that day", "Feeling better", "Found an earlier time", "")


@dataclass
class Participants:
    """The demo's patients and the user of the reception; loaded once for all days."""

    patients: dict[str, list[Patient]]  # by the name of their location
    own: Patient | None  # the patient with the login
    reception: User | None

    @classmethod
    def load(cls) -> "Participants":
        """Load those of the demo's people who still exist."""
        found = people.patients_by_number()
        own = found.pop(0, None)
        by_location: dict[str, list[Patient]] = defaultdict(list)
        for number, patient in sorted(found.items()):
            by_location[(NEW_YORK if number // 2 % 2 else MADRID).name].append(patient)
        return cls(by_location, own, User.objects.filter(email=RECEPTION.email).first())


@dataclass
class DayOfVisits:
    """Books the visits of one date, as they stand at an instant; each demo gets the same ones.

    `taken` maps the key of a patient to the slots booked so far.
    """

    date: date
    participants: Participants
    at: datetime
    taken: dict[int, list[Slot]] = field(default_factory=lambda: defaultdict(list))

    def book(self, sessions: list[Schedule]) -> None:
        """Leave some sessions empty, fill some, and book a few visits in the others."""
        self._book_own_patient(sessions)
        for session in sessions:
            rng = self._rng(session.doctor.license_number)
            share = rng.random()
            if share >= FREE_SHARE:
                self._fill_session(session, rng, full=share < FREE_SHARE + FULL_SHARE)

    def _book_own_patient(self, sessions: list[Schedule]) -> None:
        """Book one visit a week for the patient with the login, and cancel every third."""
        week, weekday = divmod(self.date.toordinal() - 1, 7)
        madrid = [session for session in sessions if session.location.name == MADRID.name]
        if self.participants.own is None or weekday != week * 2 % 5 or not madrid:
            return
        rng = self._rng("own")
        slot = rng.choice(_slots(rng.choice(madrid)))
        status = Status.COMPLETED if slot.ends_at <= self.at else Status.SCHEDULED
        self._add_visit(
            slot, self.participants.own, Status.CANCELED if week % 3 == 2 else status, rng
        )

    def _fill_session(self, session: Schedule, rng: Random, *, full: bool) -> None:
        slots = _slots(session)
        for slot in slots if full else rng.sample(slots, rng.randint(1, 2)):
            free = [
                p
                for p in self.participants.patients[session.location.name]
                if self._is_free(p, slot)
            ]
            for patient in rng.sample(free, min(len(free), slot.available if full else 1)):
                self._add_visit(slot, patient, self._choose_status(slot, rng, full=full), rng)

    def _choose_status(self, slot: Slot, rng: Random, *, full: bool) -> str:
        """Return the status of a visit at the instant; no visit in a full session is canceled."""
        roll = rng.random()
        if roll < CANCELED_SHARE and not full:
            return Status.CANCELED
        left_open = slot.ends_at > self.at - RECENT and roll < OPEN_SHARE
        if slot.ends_at > self.at or left_open:
            return Status.SCHEDULED
        return Status.COMPLETED if roll < COMPLETED_SHARE else Status.NO_SHOW

    def _add_visit(self, slot: Slot, patient: Patient, status: str, rng: Random) -> None:
        """Book at an instant before the slot and before now, then bring the visit to the status.

        Skips a visit that a booking rule refuses: users may have changed the demo's data.
        """
        until = min(slot.starts_at, self.at)
        booked_at = until - timedelta(hours=rng.uniform(3, 480))
        changed_at = until - (until - booked_at) * rng.uniform(0.1, 0.9)
        by, reason = patient.user or self.participants.reception, rng.choice(REASONS)
        visit = Appointment(patient=patient, slot=slot, reason=reason, booked_by=by)
        with suppress(DomainError):
            visit.book(at=booked_at)
            self.taken[patient.pk].append(slot)
            if status == Status.CANCELED:
                visit.cancel(by=by, reason=rng.choice(CANCEL_REASONS), at=changed_at)
            elif status != Status.SCHEDULED:
                _conclude(visit, status, self.participants.reception)

    def _is_free(self, patient: Patient, slot: Slot) -> bool:
        """Return whether the patient has no other visit at that time."""
        return all(
            other.ends_at <= slot.starts_at or slot.ends_at <= other.starts_at
            for other in self.taken[patient.pk]
        )

    def _rng(self, seed: str) -> Random:
        return Random(f"{seed} {self.date}")  # noqa: S311  # nosec B311  # the same in each demo


def conclude_past(at: datetime) -> int:
    """Complete the ended visits that an earlier run left scheduled, or mark them as no-shows.

    Returns how many.
    """
    visits = Appointment.objects.active().filter(doctor__license_number__startswith=LICENSE_PREFIX)
    ended = list(visits.filter(ends_at__lt=at - RECENT - timedelta(days=1)).order_by("pk"))
    reception = User.objects.filter(email=RECEPTION.email).first() if ended else None
    for visit in ended:
        share = Random(visit.pk).random()  # noqa: S311  # nosec B311
        came = share < COMPLETED_SHARE or visit.checked_in_at is not None
        _conclude(visit, Status.COMPLETED if came else Status.NO_SHOW, reception)
    return len(ended)


def _conclude(visit: Appointment, status: str, by: User | None) -> None:
    verb = visit.complete if status == Status.COMPLETED else visit.mark_no_show
    verb(by=by, at=visit.ends_at)


def _slots(session: Schedule) -> list[Slot]:
    return list(session.slots.select_related("doctor", "location").order_by("starts_at"))
