"""Search for free slots across doctors, and for slots and visits by their time of day."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, Q, QuerySet, When
from django.utils import timezone

from doctor.models.booking_rules import BookingContext, places_left
from doctor.models.directory import Location
from doctor.models.doctor import Doctor
from doctor.models.slot import SHOWN, Slot
from doctor.wall_time import instant_of, starts_on_days
from extensions.db.compiled import compiled
from extensions.db.fields import MAX_KEY
from extensions.search import Term

A_YEAR = 366  # days back and ahead, in which a time of day alone finds a slot or a visit
NAME_OF_ZONE = re.compile("[A-Z]{2,5}|[+-][0-9]{2,4}")  # as pages show it: CET, +0545


def shown_start(
    term: Term, terms: Sequence[Term], path: str = "", around: int = A_YEAR
) -> Q | None:
    """Return the condition that a row starts at the time typed, or in the time zone typed.

    As pages show it: "09:00 CET". None if the term is neither. `path`: from a row to the slot or
    visit with `location` and `starts_at`, such as `slot__`. `around`: how many days back and ahead
    a time without a date means.
    """
    if term.clock is not None:
        if len({each.clock for each in terms if each.clock is not None}) > 1:
            return Q(pk__in=())  # nothing starts twice
        days = [day for each in terms for day in each.days]
        return starting_at(term.clock, days, Location.objects.all(), path, around)
    if not NAME_OF_ZONE.fullmatch(term.raw):
        return None
    keys = [row.pk for row in Location.objects.all() if term.raw in _names_of(row.zone)]
    return Q(**{f"{path}location__in": keys}) if keys else None


def _names_of(zone: ZoneInfo) -> set[str | None]:
    """Return the names of the zone's time in the seasons of this year."""
    this_year = timezone.now().year
    return {datetime(this_year, month, 1, tzinfo=zone).tzname() for month in (1, 4, 7, 10)}


def starting_at(
    clock: time,
    days: Sequence[date],
    locations: Iterable[Location],
    path: str = "",
    around: int = A_YEAR,
) -> Q:
    """Return the condition that a row starts at this time on the clock of its location.

    On one of these days, or, if there are none, at most `around` days from today. Python makes the
    instants, so that the database converts no wall time. The first and the last one bound them all,
    for the database would begin at the first row of the table. `path`: as of `shown_start`.
    """
    today = timezone.now().date()
    days = days or [today + timedelta(days=number) for number in range(-around, around)]
    by_zone: dict[str, list[int]] = defaultdict(list)
    for location in locations:
        by_zone[location.time_zone].append(location.pk)
    found, all_instants = Q(pk__in=()), list[datetime]()
    for name, keys in by_zone.items():
        instants = [instant_of(day, clock, ZoneInfo(name)) for day in days]
        found |= Q(**{f"{path}location__in": keys, f"{path}starts_at__in": instants})
        all_instants += instants
    if all_instants:
        found &= Q(**{f"{path}starts_at__range": (min(all_instants), max(all_instants))})
    return found


@dataclass(frozen=True)
class SlotSearch:
    """The criteria of a search; None matches anything.

    `specialty`, `language`, `doctor` and `location` are primary keys. `first` and `last` are dates
    at the location of a slot, both included.
    """

    specialty: int | None = None
    language: int | None = None
    doctor: int | None = None
    location: int | None = None
    first: date | None = None
    last: date | None = None

    def rows(
        self, at: datetime, starts_at: datetime, pk: int, *, forward: bool, most: int
    ) -> list[dict[str, Any]]:
        """Return slots that match and that anyone can book at the instant, with their doctor.

        `most` of them, the nearest first, after the position of this start and key, or before it.
        The rows are arguments of `serialize_slot_row`. Queries the locations.
        """
        criteria = (self.specialty, self.language, self.doctor)
        keys = [key for key in (*criteria, self.location) if key is not None]
        if not all(0 <= key <= MAX_KEY for key in keys):
            return []  # the database cannot compare such a key
        anywhere, at_key = self.location is None, {"pk": self.location}
        locations = _locations() if anywhere else list(Location.objects.filter(**at_key))
        days = starts_on_days(self.first, self.last, locations, anywhere=anywhere)
        if days is None:
            return []
        within = Q() if anywhere and not (self.first or self.last) else days
        guard = BookingContext(at, tuple(locations)).guard
        zones = {place.pk: place.time_zone for place in locations}
        rows = _found.first(most, *criteria, within, guard, starts_at, pk, at, forward)
        return [{**row, "zone": zones[row["location"]]} for row in rows]


@compiled
def _found(  # noqa: PLR0913, PLR0917  (a compiled query takes every value)
    specialty: int | None,
    language: int | None,
    doctor: int | None,
    within: Q,
    guard: Q,
    starts_at: datetime,
    pk: int,
    at: datetime,
    forward: bool,
) -> Any:
    """Return the slots found. It reads no doctor: an open slot has an active one.

    `doctor_slot_free_start` yields the slots in their order.
    """
    slots: Any = Slot.objects.filter(within, guard)
    if doctor is not None:
        slots = slots.filter(doctor=doctor)
    if specialty is not None or language is not None:
        match = When(doctor__in=_doctors(specialty, language), then=True)
        slots = slots.filter(Case(match, default=False))  # read once; a join reads it per slot
    slots = beyond(slots, starts_at, pk, forward=forward)
    return slots.values(*SHOWN, "doctor", available=places_left(at))


def beyond(slots: Any, starts_at: datetime, pk: int, *, forward: bool) -> Any:
    """Return the slots after the position of this start and key, or before it, the nearest first.

    The condition on `starts_at` is a range that the index serves; the other condition distinguishes
    slots with the same start.
    """
    if forward:
        later = Q(starts_at__gt=starts_at) | Q(pk__gt=pk)
        return slots.filter(later, starts_at__gte=starts_at).order_by("starts_at", "pk")
    earlier = Q(starts_at__lt=starts_at) | Q(pk__lte=pk)
    return slots.filter(earlier, starts_at__lte=starts_at).order_by("-starts_at", "-pk")


@compiled
def _locations() -> QuerySet[Location, Location]:
    return Location.objects.order_by()


def _doctors(specialty: int | None, language: int | None) -> QuerySet[Doctor, Any]:
    """Return a subquery of the keys of the matching doctors: a join could repeat a slot."""
    doctors: Any = Doctor.objects.order_by()
    for name, key in {"specialties": specialty, "languages": language}.items():
        doctors = doctors if key is None else doctors.filter(**{name: key})
    return doctors.values("pk")
