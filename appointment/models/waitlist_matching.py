"""The criteria of waitlist entries, and the slots that match them.

The database compares wall times, but never converts one: Python passes how far the clocks of a
location are ahead of UTC and when that changes, and the statement adds it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from functools import reduce
from itertools import pairwise
from operator import or_
from typing import Any, Self
from zoneinfo import ZoneInfo

from django.db.models import (
    Case,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import ExtractIsoWeekDay, TruncDate, TruncTime
from django.db.models.lookups import Exact, GreaterThanOrEqual, In, LessThanOrEqual
from django.utils import timezone

from doctor.models import Doctor, Location, Slot
from doctor.models.slot import SlotQuerySet
from doctor.wall_time import (
    A_DAY,
    A_SECOND,
    MIDNIGHT,
    YEARS_AHEAD,
    last_day,
    offsets_between,
    spans_of_days,
)

ANY_DAY = 0b1111111  # the bits of all weekdays
NO_SLOT_AFTER = timedelta(days=366 * YEARS_AHEAD)  # from now


@dataclass(frozen=True)
class WaitlistCriteria:
    """What an entry waits for: a doctor or a specialty, dates, weekdays and times of day.

    Dates and times are on the clock of the visit's location. Bit n of `weekday_bits` is weekday n,
    Monday being 0; no bit means any day. An end time of 00:00 is midnight at the end of the day.
    Only slots that start earlier than the instant `before` fit, which is the start of the visit
    that the entry replaces.
    """

    doctor_id: int | None
    specialty_id: int | None
    first_date: date
    last_date: date
    weekday_bits: int
    start_time: time | None
    end_time: time | None
    before: datetime | None = None

    @classmethod
    def of(cls, entry: Any) -> Self:
        """The criteria of this waitlist entry."""
        return cls(*(getattr(entry, name) for name in CRITERIA))

    def matches(self, start: datetime, end: datetime) -> bool:
        """Whether a visit between these local times of its location fits, whatever its doctor."""
        day = start.date()
        return (
            self.first_date <= day <= self.last_date
            and (self.before is None or start < self.before)
            and (not self.weekday_bits or bool(self.weekday_bits >> day.weekday() & 1))
            and (self.start_time is None or self.start_time <= start.time())
            and self._ends_in_time(day, end)
        )

    def _ends_in_time(self, day: date, end: datetime) -> bool:
        if self.end_time == MIDNIGHT:
            return last_day(end) == day
        return self.end_time is None or (end.date() == day and end.time() <= self.end_time)

    def meets(self, other: Self) -> bool:
        """Whether both wait for the same doctor or specialty and have a day in common.

        A day is in common if it lies between the dates of both and is one of the weekdays of both.
        The times of day do not count: mornings and afternoons of a day are one wish.
        """
        if (self.doctor_id, self.specialty_id) != (other.doctor_id, other.specialty_id):
            return False
        first = max(self.first_date, other.first_date)
        last = min(self.last_date, other.last_date)
        wanted = (self.weekday_bits or ANY_DAY) & (other.weekday_bits or ANY_DAY)
        return _has_weekday(first, last, wanted)

    def meets_any(self, entries: Iterable[Any]) -> bool:
        """Whether one of these waitlist entries waits for the same on a day in common."""
        return any(self.meets(WaitlistCriteria.of(entry)) for entry in entries)

    def has_day(self, today: date) -> bool:
        """Whether one of the weekdays lies between the dates, from today on."""
        first = max(self.first_date, today)
        return _has_weekday(first, self.last_date, self.weekday_bits or ANY_DAY)

    def slots(self, locations: Iterable[Location]) -> SlotQuerySet:
        """The slots at these locations that fit, free or not."""
        doctor = Q(doctor=self.doctor_id)
        if self.specialty_id:
            doctor = Q(doctor__specialties=self.specialty_id)
        slots = Slot.objects.filter(doctor).between(self.first_date, self.last_date, locations)
        if self.before:
            slots = slots.filter(starts_at__lt=self.before)
        if self.weekday_bits or self.start_time or self.end_time:
            slots = slots.filter(self._on_the_clocks(locations))
        return slots

    def _on_the_clocks(self, locations: Iterable[Location]) -> Q:
        """Return the condition that a slot fits the weekdays and times on its location's clocks."""
        zones: dict[str, list[int]] = defaultdict(list)
        for location in locations:
            zones[location.time_zone].append(location.pk)
        here = (Q(self._on_clock(ZoneInfo(name)), location__in=pks) for name, pks in zones.items())
        return reduce(or_, here, Q(pk__in=[]))

    def _on_clock(self, zone: ZoneInfo) -> Q:
        """Return the condition that a slot fits the weekdays and times on the clocks of a zone."""
        [(first, last)] = spans_of_days(self.first_date, self.last_date, {0: zone.key})
        last = min(last, timezone.now() + NO_SLOT_AFTER)
        offsets = offsets_between(first, last + 2 * A_DAY, zone)  # a slot is shorter than that
        start, end = _wall_clock("starts_at", offsets), _wall_clock("ends_at", offsets)
        condition = Q()
        if self.weekday_bits:
            wanted = [day + 1 for day in range(7) if self.weekday_bits >> day & 1]
            condition &= Q(In(ExtractIsoWeekDay(start, tzinfo=UTC), wanted))
        if self.start_time:
            condition &= Q(GreaterThanOrEqual(TruncTime(start, tzinfo=UTC), self.start_time))
        if self.end_time == MIDNIGHT:
            last_second = _wall_clock("ends_at", offsets, -A_SECOND)
            condition &= _same_day(last_second, start)
        elif self.end_time:
            condition &= Q(LessThanOrEqual(TruncTime(end, tzinfo=UTC), self.end_time))
            condition &= _same_day(end, start)
        return condition


def ends_in_time(start: datetime, end: datetime) -> Q:
    """Return the condition that the end time of an entry allows a visit between these local times.

    As `WaitlistCriteria.matches`, for entries instead of slots.
    """
    condition = Q(end_time__isnull=True)
    if end.date() == start.date():
        condition |= Q(end_time__gte=end.time())
    if last_day(end) == start.date():
        condition |= Q(end_time=MIDNIGHT)
    return condition


def _wall_clock(
    column: str, offsets: list[tuple[datetime, timedelta]], shift: timedelta = timedelta()
) -> Combinable:
    """Return an expression: what the clocks show at the instant in this column, plus the shift.

    `offsets`: of `offsets_between`. The result is a time in UTC that reads as the clocks do.
    """
    changes = [
        When(**{f"{column}__lt": until - shift}, then=_duration(offset + shift))
        for (_, offset), (until, _) in pairwise(offsets)
    ]
    ahead = Case(*changes, default=_duration(offsets[-1][1] + shift), output_field=DurationField())
    return ExpressionWrapper(F(column) + ahead, output_field=DateTimeField())


def _duration(value: timedelta) -> Value:
    return Value(value, output_field=DurationField())


def _same_day(one: Combinable, other: Combinable) -> Q:
    return Q(Exact(TruncDate(one, tzinfo=UTC), TruncDate(other, tzinfo=UTC)))


def _has_weekday(first: date, last: date, bits: int) -> bool:
    """Whether a day from the first to the last is one of these weekdays."""
    weekdays = ((first.weekday() + n) % 7 for n in range(min((last - first).days + 1, 7)))
    return any(bits >> weekday & 1 for weekday in weekdays)


CRITERIA = tuple(column.name for column in fields(WaitlistCriteria))
COLUMNS = tuple("replaces__starts_at" if name == "before" else name for name in CRITERIA)


class WaitingCriteria:
    """The criteria of the entries that wait for some doctors, and how many entries have each.

    Read once: most of hundreds of new slots match no entry, and those cost no further query.
    """

    def __init__(self, entries: QuerySet[Any], doctors: Iterable[int]) -> None:
        """Read the criteria and, if an entry names a specialty, what the doctors practise."""
        rows = entries.order_by().values_list(*COLUMNS)
        self.count = Counter(WaitlistCriteria(*row) for row in rows.iterator())
        by_specialty = any(criteria.specialty_id for criteria in self.count)
        self.specialties = _specialties_of(doctors) if by_specialty else {}

    def __bool__(self) -> bool:
        return bool(self.count)

    def matches(self, slot: Slot) -> bool:
        """Whether the slot matches the criteria of an entry. Reads the slot's location."""
        zone = slot.location.zone
        start, end = slot.starts_at.astimezone(zone), slot.ends_at.astimezone(zone)
        practised = self.specialties.get(slot.doctor_id, set())
        return any(
            (criteria.doctor_id == slot.doctor_id or criteria.specialty_id in practised)
            and criteria.matches(start, end)
            for criteria in self.count
        )

    def last_date(self) -> date:
        """The last date of all criteria."""
        return max(criteria.last_date for criteria in self.count)

    def remove(self, entry: Any) -> None:
        """Remove the criteria of an entry that has got an offer."""
        self.count -= Counter([WaitlistCriteria.of(entry)])


def _specialties_of(doctors: Iterable[int]) -> dict[int, set[int | None]]:
    """Map the key of each doctor to the keys of the specialties that the doctor practises."""
    practised: dict[int, set[int | None]] = {}
    through: Any = Doctor.specialties.through
    rows = through.objects.filter(doctor__in=doctors).values_list("doctor", "specialty")
    for doctor, specialty in rows:
        practised.setdefault(doctor, set()).add(specialty)
    return practised
