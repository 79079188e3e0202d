"""What somebody in line waits for, as a value."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, Self

from django.db.models import Q
from django.db.models.functions import TruncTime
from django.db.models.lookups import GreaterThanOrEqual, LessThanOrEqual

from doctor.models import Doctor, Location, Slot
from doctor.models.slot import SlotQuerySet

if TYPE_CHECKING:
    from appointment.models.line import WaitlistEntryQuerySet
    from appointment.models.waitlist import WaitlistEntry


@dataclass(frozen=True)
class WaitlistCriteria:
    """A doctor or a specialty, days, and hours on the clocks of the location of the visit."""

    doctor_id: int | None
    specialty_id: int | None
    first_date: date
    last_date: date
    weekday_bits: int
    start_time: time | None
    end_time: time | None

    @classmethod
    def of(cls, entry: "WaitlistEntry") -> Self:
        """What this entry is for."""
        return cls(*(getattr(entry, name) for name in WISH))

    def met_by(self, start: datetime, end: datetime) -> bool:
        """Whether a visit from and to these wall times is wished for."""
        day = start.date()
        return (
            self.first_date <= day <= self.last_date
            and (not self.weekday_bits or bool(self.weekday_bits >> day.weekday() & 1))
            and (self.start_time is None or self.start_time <= start.time())
            and (self.end_time is None or (end.date() == day and end.time() <= self.end_time))
        )

    def slots(self, locations: Iterable[Location]) -> SlotQuerySet:
        """The slots at these locations that meet it, whether or not they can be had."""
        doctor = Q(doctor=self.doctor_id)
        if self.specialty_id:
            doctor = Q(doctor__specialties=self.specialty_id)
        rows = Slot.objects.filter(doctor).between(self.first_date, self.last_date, locations)
        if self.weekday_bits:
            days = [day + 1 for day in range(7) if self.weekday_bits >> day & 1]
            rows = rows.filter(schedule__date__iso_week_day__in=days)
        return rows.filter(self._hours(locations)) if self.start_time or self.end_time else rows

    def _hours(self, locations: Iterable[Location]) -> Q:
        """The hours as each location's clocks show them."""
        hours = Q(pk__in=[])
        for place in locations:
            here = Q(location=place.pk)
            if self.start_time:
                start = TruncTime("starts_at", tzinfo=place.zone)
                here &= Q(GreaterThanOrEqual(start, self.start_time))
            if self.end_time:
                end = TruncTime("ends_at", tzinfo=place.zone)
                here &= Q(LessThanOrEqual(end, self.end_time))
            hours |= here
        return hours


WISH = tuple(column.name for column in fields(WaitlistCriteria))


class Wishes:
    """What those who wait wish of some doctors; all that is read to find which slots matter.

    Of hundreds of new slots most interest nobody: they cost no statement.
    """

    def __init__(self, waiting: "WaitlistEntryQuerySet", doctors: Iterable[int]) -> None:
        doctors = set(doctors)
        rows = waiting.after_doctors(doctors).order_by().values_list(*WISH)
        self.number = Counter(WaitlistCriteria(*row) for row in rows.iterator())
        self.specialties = (
            _specialties_of(doctors) if any(wish.specialty_id for wish in self.number) else {}
        )

    def __bool__(self) -> bool:
        return bool(self.number)

    def want(self, slot: Slot) -> bool:
        """Whether somebody's days and hours are met by the slot, whoever else's it overlaps."""
        zone = slot.location.zone
        start, end = slot.starts_at.astimezone(zone), slot.ends_at.astimezone(zone)
        fields_of_practice = self.specialties.get(slot.doctor_id, set())
        return any(
            (wish.doctor_id == slot.doctor_id or wish.specialty_id in fields_of_practice)
            and wish.met_by(start, end)
            for wish in self.number
        )

    def last_date(self) -> date:
        """The last day that anybody wishes for."""
        return max(wish.last_date for wish in self.number)

    def grant(self, entry: "WaitlistEntry") -> None:
        """One of them waits no longer."""
        self.number -= Counter([WaitlistCriteria.of(entry)])


def _specialties_of(doctors: set[int]) -> dict[int, set[int | None]]:
    found: dict[int, set[int | None]] = {}
    practice: Any = Doctor.specialties.through
    rows = practice.objects.filter(doctor__in=doctors).values_list("doctor", "specialty")
    for doctor, specialty in rows:
        found.setdefault(doctor, set()).add(specialty)
    return found
