"""The sessions, slots, visits and events of the load data, as the verbs would have left them."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from random import Random
from zoneinfo import ZoneInfo

from appointment.load.directory import Directory, Hours
from appointment.load.people import People
from appointment.load.plan import Day
from appointment.models import Appointment, AppointmentEvent
from appointment.models.event import Status
from doctor.models import Schedule, Slot
from doctor.wall_time import offset_minutes, spans_of
from extensions.db.bulk_load import Row, Table

Kind = AppointmentEvent.Kind
BOOKED, CANCELATION = Kind.BOOKED.value, Kind.CANCELED.value
CONCLUDED = {
    Status.COMPLETED.value: Kind.COMPLETED.value,
    Status.NO_SHOW.value: Kind.NO_SHOW.value,
}
SCHEDULED, CANCELED = Status.SCHEDULED.value, Status.CANCELED.value
COMPLETED, NO_SHOW = CONCLUDED
BY_PATIENT, BY_STAFF = AppointmentEvent.Role.PATIENT.value, AppointmentEvent.Role.STAFF.value

SCHEDULES = Table(
    Schedule, "id", "doctor_id", "location_id", "date", "start_time", "end_time", "slot_minutes",
    "capacity", "is_active", "weekly_hours_id", "is_exception",
)  # fmt: skip
SLOTS = Table(
    Slot, "id", "schedule_id", "doctor_id", "location_id", "starts_at", "ends_at", "capacity",
    "taken", "extra_places", "is_open", "kept_over", "hold_lapses_at", "utc_offset",
)  # fmt: skip
VISITS = Table(
    Appointment, "id", "patient_id", "slot_id", "doctor_id", "location_id", "starts_at", "ends_at",
    "date", "status", "reason", "booked_by_id", "created_at", "canceled_at", "cancel_reason",
    "checked_in_at", "needs_rebooking", "moved", "closures_kept",
)  # fmt: skip
EVENTS = Table(
    AppointmentEvent, "id", "appointment_id", "kind", "at", "actor_id", "actor_name", "by",
    "from_status", "to_status", "undoes", "from_slot", "to_slot", "detail", "override_reason",
    "after_deadline",
)  # fmt: skip

REASONS = ("Check-up", "Follow-up", "New complaint", "Test results", "Second opinion", "", "")
CANCEL_REASONS = ("Cannot come that day", "Feeling better", "Found an earlier time", "", "")
COMPLETED_SHARE = 0.93  # of past visits that were not canceled; the others are no-shows
BY_DESK_SHARE = 0.15  # of the visits of patients with an account
LONGEST_LEAD = 60  # days from a booking to its visit
REGULARS = 1.5  # an exponent: the larger, the more of the visits some patients have
Actor = tuple[int, str | None, str]  # key, name that is kept, and role
MINUTES = tuple(f" {n // 60:02}:{n % 60:02}:00" for n in range(24 * 60))


@dataclass
class Batch:
    """The rows of some days."""

    schedules: list[Row] = field(default_factory=list)
    slots: list[Row] = field(default_factory=list)
    visits: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)

    def tables(self) -> list[tuple[Table, list[Row]]]:
        """Return the rows with their tables, in the order of their foreign keys."""
        rows = (self.schedules, self.slots, self.visits, self.events)
        return list(zip((SCHEDULES, SLOTS, VISITS, EVENTS), rows, strict=True))


@dataclass
class SlotOfDay:
    """A slot whose visits are being chosen. `columns`: all of its row but `taken`."""

    key: int
    schedule: int
    doctor: int
    site: int
    starts_at: str
    ends_at: str
    offset: int
    capacity: int
    taken: int = 0


class VisitRows:
    """Makes the rows of visits, day by day, in the sessions that `Directory.workday` names."""

    def __init__(self, directory: Directory, people: People, at: datetime, seed: int) -> None:
        self.directory = directory
        self.people = people
        self.now = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        self.today = at.astimezone(UTC).date()
        self.actors = [(desk.pk, desk.name, BY_STAFF) for desk in directory.desks]
        self.rng = Random(f"visits {seed}")  # noqa: S311  # nosec B311  # the same in each load
        self.schedule = self.slot = self.visit = self.event = 0  # the last keys
        self.batch, self.day = Batch(), self.today
        self.last_live = array("i", [0]) * people.count  # ordinal day of the last live visit

    def batches(self, days: Iterator[Day], size: int) -> Iterator[list[tuple[Table, list[Row]]]]:
        """Yield the rows of whole days, of about this many slots at a time."""
        for day in days:
            self._add_day(day)
            if len(self.batch.slots) >= size:
                yield self.batch.tables()
                self.batch = Batch()
        yield self.batch.tables()

    def _add_day(self, day: Day) -> None:
        """Add the sessions of a day, and its visits in slots drawn by lot."""
        self.day = day.date
        slots = list(self._slots())
        places = [slot for slot in slots for _ in range(slot.capacity)]
        for slot in self.rng.sample(places, day.kept):
            slot.taken += 1
            self._add_kept(slot)
        for slot in self.rng.choices(slots, k=day.canceled) if slots else ():
            self._add_canceled(slot)
        locations = self.directory.locations
        self.batch.slots += [
            (
                slot.key, slot.schedule, slot.doctor, locations[slot.site].pk, slot.starts_at,
                slot.ends_at, slot.capacity, slot.taken, 0, True, False, None, slot.offset,
            )
            for slot in slots
        ]  # fmt: skip

    def _slots(self) -> Iterator[SlotOfDay]:
        """Add the sessions of the day; yield their slots."""
        date_text = self.day.isoformat()
        for doctor, site, hours in self.directory.workday(self.day.weekday()):
            location = self.directory.locations[site]
            self.schedule += 1
            self.batch.schedules.append((
                self.schedule, doctor.pk, location.pk, date_text, str(hours.start_time),
                str(hours.end_time), hours.slot_minutes, hours.capacity, True, None, False,
            ))  # fmt: skip
            for starts_at, ends_at, offset in _spans(self.day, hours, location.time_zone):
                self.slot += 1
                yield SlotOfDay(
                    self.slot, self.schedule, doctor.pk, site, starts_at, ends_at, offset,
                    hours.capacity,
                )  # fmt: skip

    def _add_kept(self, slot: SlotOfDay) -> None:
        """Add a visit that holds a place, with its events."""
        random = self.rng.random
        ended = slot.ends_at <= self.now
        number = self._patient(slot.site) if ended else self._free_patient(slot.site)
        lead = timedelta(days=1 + int(random() * LONGEST_LEAD))
        status = SCHEDULED
        if ended:
            status = COMPLETED if random() < COMPLETED_SHARE else NO_SHOW
        self._add_visit(slot, number, status, self._minute_of(min(self.day, self.today) - lead))
        if ended:
            self._add_event(CONCLUDED[status], slot.ends_at, self.actors[slot.site], status)

    def _add_canceled(self, slot: SlotOfDay) -> None:
        """Add a canceled visit, with its events: canceled between the booking and the day."""
        random = self.rng.random
        lead = 2 + int(random() * (LONGEST_LEAD - 1))
        created = min(self.day, self.today) - timedelta(days=lead)
        canceled_at = self._minute_of(created + timedelta(days=1 + int(random() * (lead - 1))))
        reason = CANCEL_REASONS[int(random() * len(CANCEL_REASONS))]
        number, created_at = self._patient(slot.site), self._minute_of(created)
        actor = self._add_visit(slot, number, CANCELED, created_at, canceled_at, reason)
        self._add_event(CANCELATION, canceled_at, actor, CANCELED, reason)

    def _add_visit(
        self,
        slot: SlotOfDay,
        number: int,
        status: str,
        created_at: str,
        canceled_at: str | None = None,
        cancel_reason: str = "",
    ) -> Actor:
        """Add a visit of a patient and the event of its booking; return who booked it."""
        account = self.people.account_of(number)
        actor: Actor = self.actors[slot.site]
        if account is not None and self.rng.random() >= BY_DESK_SHARE:
            actor = (account, None, BY_PATIENT)
        self.visit += 1
        self.event += 1
        self.batch.visits.append((
            self.visit, self.people.key(number), slot.key, slot.doctor,
            self.directory.locations[slot.site].pk, slot.starts_at, slot.ends_at, _text(self.day),
            status, REASONS[int(self.rng.random() * len(REASONS))], actor[0], created_at,
            canceled_at, cancel_reason, None, False, False, 0,
        ))  # fmt: skip
        self.batch.events.append((
            self.event, self.visit, BOOKED, created_at, *actor, "", SCHEDULED, "", None, slot.key,
            "", "", False,
        ))  # fmt: skip
        return actor

    def _add_event(self, kind: str, at: str, actor: Actor, status: str, detail: str = "") -> None:
        """Add an event of the last visit: it was scheduled, and has this status from then on."""
        self.event += 1
        self.batch.events.append((
            self.event, self.visit, kind, at, *actor, SCHEDULED, status, "", None, None, detail,
            "", False,
        ))  # fmt: skip

    def _patient(self, site: int) -> int:
        """Return the number of a patient who lives near the site; some have many visits."""
        rank = int(self.people.at_each_site * self.rng.random() ** REGULARS)
        return rank * self.people.sites + site

    def _free_patient(self, site: int) -> int:
        """Return a patient without another live visit on the day, and note the new one.

        A patient visits one site: two of the days there have no instant in common.
        """
        today, step, last = self.day.toordinal(), self.people.sites, self.last_live
        number = self._patient(site)
        while last[number] == today:
            number += step
            if number >= self.people.at_each_site * step:
                number = site
        last[number] = today
        return number

    def _minute_of(self, day: date) -> str:
        """Return a random minute of a day."""
        return _text(day) + MINUTES[int(self.rng.random() * len(MINUTES))]


@lru_cache(maxsize=1000)
def _text(day: date) -> str:
    return day.isoformat()


@lru_cache(maxsize=1000)
def _spans(day: date, hours: Hours, time_zone: str) -> list[tuple[str, str, int]]:
    """Return start, end and offset of each slot of a session, as the databases store them."""
    zone = ZoneInfo(time_zone)
    times = (hours.start_time, hours.end_time, hours.slot_minutes)
    return [
        (f"{start:%Y-%m-%d %H:%M:%S}", f"{end:%Y-%m-%d %H:%M:%S}", offset_minutes(start, zone))
        for start, end in spans_of(day, *times, zone)
    ]
