"""Search for free slots across doctors, and for slots and visits by their time of day."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.utils import timezone

from doctor.models.booking_rules import BookingContext
from doctor.models.directory import Location
from doctor.models.doctor import Doctor
from doctor.models.slot import Slot, SlotQuerySet
from doctor.wall_time import instant_of
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
    instants, so that the database converts no wall time. `path`: as of `shown_start`.
    """
    today = timezone.now().date()
    days = days or [today + timedelta(days=number) for number in range(-around, around)]
    by_zone: dict[str, list[int]] = defaultdict(list)
    for location in locations:
        by_zone[location.time_zone].append(location.pk)
    found = Q(pk__in=())
    for name, keys in by_zone.items():
        instants = [instant_of(day, clock, ZoneInfo(name)) for day in days]
        found |= Q(**{f"{path}location__in": keys, f"{path}starts_at__in": instants})
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

    def slots(self, at: datetime) -> SlotQuerySet:
        """Return the matching slots that anyone can book at the instant; queries the locations."""
        keys = (self.specialty, self.language, self.doctor, self.location)
        if not all(0 <= key <= MAX_KEY for key in keys if key is not None):
            return Slot.objects.none()  # the database cannot compare such a key
        by_key = {} if self.location is None else {"pk": self.location}
        locations = tuple(Location.objects.filter(**by_key))
        context = BookingContext(at, locations)
        slots = Slot.objects.filter(doctor__in=self._doctors()).bookable_in(context)
        anywhere_any_day = not by_key and not (self.first or self.last)
        return slots if anywhere_any_day else slots.between(self.first, self.last, locations)

    def _doctors(self) -> QuerySet[Doctor, Any]:
        """Return a subquery of the matching doctors' keys: a join could repeat a slot."""
        criteria = {"pk": self.doctor, "specialties": self.specialty, "languages": self.language}
        doctors = Doctor.objects.active()
        for name, key in criteria.items():
            doctors = doctors if key is None else doctors.filter(**{name: key})
        return doctors.values("pk")
