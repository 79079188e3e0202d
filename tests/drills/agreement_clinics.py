"""Random clinics for the drill of agreement: rules, slots, visits, offers and instants."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from random import Random

from accounts.models import User
from accounts.tests.factories import SuperuserFactory, UserFactory
from appointment.models import Appointment, Offer, Status, WaitlistEntry
from doctor.models import Doctor, Location, Schedule, Slot
from doctor.tests.factories import DoctorFactory, LocationFactory
from patient.models import Patient
from patient.tests.factories import DependentFactory, PatientFactory

ZONES = ("Europe/Madrid", "America/New_York", "Australia/Lord_Howe")
TICK, MINUTE, DAY = timedelta(microseconds=1), timedelta(minutes=1), timedelta(days=1)
NEAR = (timedelta(0), TICK, -TICK, MINUTE, -MINUTE)
SLOTS = 14
LENGTHS = (5, 15, 30, 60, 120)
# On the evenings of six dates the clocks are about to change in a zone; on two they are not.
DATES = (
    date(2027, 3, 27), date(2027, 10, 30), date(2027, 3, 13), date(2027, 11, 6),
    date(2027, 4, 3), date(2027, 10, 2), date(2027, 1, 15), date(2027, 7, 1),
)  # fmt: skip


class Ground:
    """The rows that all clinics of a run share: locations, doctors, an account and its people."""

    def __init__(self) -> None:
        self.locations: list[Location] = [LocationFactory(time_zone=zone) for zone in ZONES]
        self.doctors: list[Doctor] = DoctorFactory.create_batch(2)
        self.patient: Patient = PatientFactory(user=UserFactory())
        self.child: Patient = DependentFactory(user=self.patient.user)
        self.other: Patient = PatientFactory()
        self.staff: User = SuperuserFactory()
        self.waiting = [self._entry(self.patient, doctor) for doctor in self.doctors]
        pairs = ((doctor, location) for doctor in self.doctors for location in self.locations)
        hours = {"date": date(2027, 1, 1), "start_time": time(9), "end_time": time(17)}
        made = Schedule.objects.bulk_create(
            Schedule(doctor=doctor, location=location, **hours) for doctor, location in pairs
        )
        self.sessions = {(session.doctor_id, session.location_id): session for session in made}

    def _entry(self, patient: Patient, doctor: Doctor) -> WaitlistEntry:
        ever = {"first_date": date(2026, 1, 1), "last_date": date(2028, 1, 1)}
        return WaitlistEntry.objects.create(patient=patient, doctor=doctor, **ever)


@dataclass
class RandomClinic:
    """One clinic: locations with random rules, its slots, the patient's visits, instants to try.

    `caps`: the settings with the caps of an account, whose address is `verified` or not. `visits`
    are the patient's, `childs_visits` those of the other person of the account, to whom places of
    the slots in `childs_offers` are offered, until the instants there.
    """

    ground: Ground
    seed: int
    random: Random = field(init=False)
    at: datetime = field(init=False)
    slots: list[Slot] = field(default_factory=list)
    visits: list[Appointment] = field(default_factory=list)
    childs_visits: list[Appointment] = field(default_factory=list)
    childs_offers: dict[int, datetime] = field(default_factory=dict)
    caps: dict[str, int] = field(init=False)
    verified: bool = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        evening = datetime.combine(self.random.choice(DATES), time(18), tzinfo=UTC)
        self.at = evening + self.random.randrange(24 * 60) * MINUTE + self.random.choice(NEAR)
        for location in self.ground.locations:
            self._set_rules(location)
        self._set_caps()
        self._make_slots()
        self._book_visits()
        self._hold_places()
        self._add_places()
        Slot.objects.bulk_update(self.slots, ["taken", "hold_lapses_at", "extra_places"])

    def instants(self, how_many: int) -> list[datetime]:
        """Return the clinic's own instant, and other instants at which something changes."""
        turning = [slot.starts_at for slot in self.slots]
        turning += [slot.starts_at - self.notice(slot) for slot in self.slots]
        turning += [slot.hold_lapses_at for slot in self.slots if slot.hold_lapses_at]
        others = (self.random.choice(turning) + self.random.choice(NEAR) for _ in count())
        return [self.at, *(next(others) for _ in range(how_many - 1))]

    def location(self, slot: Slot) -> Location:
        return next(
            location for location in self.ground.locations if location.pk == slot.location_id
        )

    def notice(self, slot: Slot) -> timedelta:
        return (self.location(slot).min_notice_minutes or 0) * MINUTE

    # --- Rows ---

    def _set_rules(self, location: Location) -> None:
        some = self.random.choice
        location.min_notice_minutes = some((None, None, 0, 1, 30, 720, 1440))
        location.horizon_days = some((None, None, 0, 1, 2, 7))
        location.cancel_deadline_minutes = some((None, None, 0, 60, 1440))
        location.max_live_per_patient = some((None, None, None, 0, 1, 2))
        location.save()

    def _set_caps(self) -> None:
        some = self.random.choice
        names = ("MAX_AHEAD_PER_ACCOUNT", "MAX_AHEAD_UNVERIFIED")
        self.caps = {name: some((0, 0, 2, 3, 4)) for name in names}
        self.verified = some((True, False))
        user = self.ground.patient.user
        user.email_verified_at = self.at if self.verified else None
        user.save()

    def _make_slots(self) -> None:
        free: list[Slot] = []
        while len(free) < SLOTS:
            slot = self._slot()
            if not any(
                slot.doctor_id == other.doctor_id and overlap(slot, other) for other in free
            ):
                free.append(slot)
        self.slots = Slot.objects.bulk_create(free)

    def _slot(self) -> Slot:
        some = self.random.choice
        location, doctor = some(self.ground.locations), some(self.ground.doctors)
        start, capacity = self._start(location), some((1, 1, 2, 3))
        return Slot(
            schedule=self.ground.sessions[doctor.pk, location.pk],
            doctor=doctor,
            location=location,
            starts_at=start,
            ends_at=start + some(LENGTHS) * MINUTE,
            capacity=capacity,
            taken=some((0, 0, capacity, self.random.randint(0, capacity))),
            is_open=self.random.random() < 0.85,
        )

    def _start(self, location: Location) -> datetime:
        """Return a time at which the answer changes, or a time within some days of the instant."""
        some, notice = self.random.choice, (location.min_notice_minutes or 0) * MINUTE
        local = self.at.astimezone(location.zone).date() + (location.horizon_days or 0) * DAY + DAY
        midnight = datetime.combine(local, time(), tzinfo=location.zone).astimezone(UTC)
        anywhere = self.at + self.random.randint(-2 * 1440, 4 * 1440) * MINUTE
        return some((self.at, self.at + notice, midnight, anywhere, anywhere)) + some(NEAR)

    def _book_visits(self) -> None:
        """Book some slots for the patient and some for the child. A person's do not overlap."""
        for person, visits in (
            (self.ground.patient, self.visits),
            (self.ground.child, self.childs_visits),
        ):
            for slot in self.random.sample(self.slots, self.random.choice((0, 1, 2, 3, 4))):
                status = self.random.choice((Status.SCHEDULED, Status.SCHEDULED, Status.COMPLETED))
                clear = not any(overlap(slot, visit) for visit in scheduled(visits))
                if slot.taken < slot.capacity and clear:
                    slot.taken += 1
                    visits.append(self._visit(person, slot, status))
            Appointment.objects.bulk_create(visits)

    def live(self) -> list[Appointment]:
        return scheduled(self.visits)

    def at_cap(self, at: datetime, *, with_offers: bool = False) -> bool:
        """Whether the account has as many visits ahead, and open offers, as it may have."""
        visits = self.live() + scheduled(self.childs_visits)
        ahead = sum(visit.ends_at > at for visit in visits)
        ahead += with_offers and sum(until > at for until in self.childs_offers.values())
        caps = [self.caps["MAX_AHEAD_PER_ACCOUNT"]]
        caps += [] if self.verified else [self.caps["MAX_AHEAD_UNVERIFIED"]]
        return any(0 < cap <= ahead for cap in caps)

    def _visit(self, person: Patient, slot: Slot, status: str) -> Appointment:
        return Appointment(
            patient=person,
            slot=slot,
            doctor_id=slot.doctor_id,
            location_id=slot.location_id,
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            date=slot.starts_at.astimezone(self.location(slot).zone).date(),
            status=status,
            checked_in_at=self.at if self.random.random() < 0.1 else None,
        )

    def _hold_places(self) -> None:
        """Make open offers on some slots. Some of the offers have lapsed at the instant."""
        offers = []
        for slot in self.slots:
            for _ in range(slot.capacity - slot.taken):
                if self.random.random() < 0.3:
                    slot.taken += 1
                    offers.append(self._offer(slot))
        entries = [offer.entry for offer in offers]
        WaitlistEntry.objects.bulk_create(entries)
        Offer.objects.bulk_create(offers)

    def _add_places(self) -> None:
        """Count one of the places of some slots as added by staff. An added place is taken."""
        chance = Random(self.seed)  # of its own: the rows that `random` chose stay the same
        for slot in self.slots:
            likely = 0.5 if slot.hold_lapses_at else 0.2
            slot.extra_places = int(slot.taken > 0 and chance.random() < likely)

    def _offer(self, slot: Slot) -> Offer:
        until = self.at + self.random.choice((-60, -1, 0, 1, 60)) * MINUTE
        until += self.random.choice(NEAR)
        slot.hold_lapses_at = min(until, slot.hold_lapses_at or until)
        to_child = slot.pk not in self.childs_offers and self.random.random() < 0.3
        if to_child:
            self.childs_offers[slot.pk] = until - 5 * MINUTE
        entry = WaitlistEntry(
            patient=self.ground.child if to_child else self.ground.other,
            doctor_id=slot.doctor_id,
            first_date=slot.starts_at.date(),
            last_date=slot.starts_at.date(),
            status="offered",
        )
        return Offer(entry=entry, slot=slot, expires_at=until - 5 * MINUTE, hold_until=until)


def scheduled(visits: list[Appointment]) -> list[Appointment]:
    """Return the live ones of these visits."""
    return [visit for visit in visits if visit.status == Status.SCHEDULED]


def overlap(one: Slot | Appointment, other: Slot | Appointment) -> bool:
    """Return whether the two have some time in common."""
    return one.starts_at < other.ends_at and one.ends_at > other.starts_at
