"""The free slots of a doctor as the API lists them, and whether the list has changed."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Subquery, When

from doctor.models.booking_rules import BookingContext, places_left
from doctor.models.directory import Location, earliest_today
from doctor.models.doctor import Doctor
from doctor.models.schedule import Schedule
from doctor.models.slot import SHOWN, Slot, serialize_slot_row
from doctor.wall_time import starts_on_days
from extensions.db.compiled import compiled
from extensions.db.json_rows import JsonRows

ORDER = ("starts_at", "id")
# A row as this release writes it: another release may write the same slot otherwise.
SAMPLE = serialize_slot_row("UTC", 1, 1, 1, "2000-01-01T00:00:00+00:00", "2000-01-01", 1, 1)
FORM = (SAMPLE, version("tzdata"))


# Of a location: on what the booking rules and the local times of its slots depend.
RULES = ("id", "min_notice_minutes", "horizon_days", "time_zone")


class _LastRead:
    """The RULES of all locations, as the last statement of this process found them."""

    rules = ""


@dataclass(frozen=True)
class FreeSlots:
    """The slots of a doctor that anyone can book at an instant, from `first` to `last`.

    One statement reads them, as one JSON text: `rows`. `rules`: the RULES of all locations, also
    as JSON. Both texts are the list and its validator: equal texts are the same list.
    """

    first: date
    last: date
    rows: str
    rules: str

    @classmethod
    def read(
        cls,
        doctor: int,
        dates: Callable[[date], tuple[date, date]],
        at: datetime,
        location: int | None = None,
        *,
        known: bool = True,
    ) -> "FreeSlots":
        """Read the slots that start on one of these days and can be booked, at one location or all.

        `dates` returns the first and last day for the earliest date at the doctor's locations.
        Raises Doctor.DoesNotExist without an active doctor. One statement, which is made from the
        rules of the locations as this process knows them, and which reads the rules too: if they
        are others, it is made again. `known` is false where `dates` may raise: rules that this
        process knows may be older.
        """
        rules = (known and _LastRead.rules) or _rules()[0]
        while True:
            places = _locations_with(rules)
            first, last = dates(_today(doctor, at, places, location))
            days = starts_on_days(first, last, places, anywhere=True)
            if days is None or location not in {None, *(place.pk for place in places)}:
                days, there = Q(pk__lt=0), None  # no slot, if the rules are the same
            else:
                there = location
            guard = BookingContext(at, places).guard
            [(rows, found, is_active)] = _read(doctor, there, days, guard, at)
            if found == rules:
                break
            rules = found
        _LastRead.rules = rules
        if not is_active:
            raise Doctor.DoesNotExist
        return cls(first, last, rows, rules)

    def to_list(self) -> list[dict[str, Any]]:
        """Return the slots as the API shows them, earliest first."""
        zones = {place.pk: place.time_zone for place in _locations_with(self.rules)}
        return [serialize_slot_row(zones[row[2]], *row) for row in json.loads(self.rows)]

    def state(self) -> tuple[Any, ...]:
        """Return all on which `to_list` depends: while it is the same, so is the list."""
        return (*FORM, self.rules, self.rows)


def _today(doctor: int, at: datetime, places: Sequence[Location], location: int | None) -> date:
    """Return the `earliest_today` of the doctor's locations, of all these `places`.

    Reads the doctor's locations only where it is not the same day at all places and in UTC.
    """
    days = {at.astimezone(UTC).date(), *(place.today(at) for place in places)}
    if len(days) == 1:
        return days.pop()
    return earliest_today(locations_of(doctor, active=True), at, location)


@lru_cache(maxsize=4)
def _locations_with(rules: str) -> tuple[Location, ...]:
    """Return locations with these RULES, and with no other column."""
    return tuple(Location(**dict(zip(RULES, row, strict=True))) for row in json.loads(rules))


def locations_of(doctor: int, *, active: bool = False) -> list[Location]:
    """Return the locations where the doctor has sessions; raises Doctor.DoesNotExist without one.

    `active`: only an active doctor counts.
    """
    locations = _locations_of(doctor, active)
    if not locations:
        doctors = Doctor.objects.active() if active else Doctor.objects.all()
        doctors.get(pk=doctor)
    return locations


@compiled
def _rules() -> QuerySet[Location, str]:
    places: Any = Location.objects.order_by()
    return places.values_list(JsonRows(*RULES, order_by=("id",)), flat=True)


@compiled
def _read(doctor: int, location: int | None, days: Q, guard: Q, at: datetime) -> Any:
    """Return the rows, the rules of all locations, and whether the doctor is active."""
    there = Q() if location is None else Q(location=location)
    slots: Any = Slot.objects.filter(days, guard, there, doctor=doctor).order_by()
    rows = JsonRows(*SHOWN, places_left(at), order_by=ORDER)
    places = Location.objects.order_by().annotate(rules=JsonRows(*RULES, order_by=("id",)))
    active = Exists(Doctor.objects.active().order_by().filter(pk=doctor))
    return slots.values_list(rows, Subquery(places.values("rules")), active)


@compiled
def _locations_of(doctor: int, active: bool) -> QuerySet[Location, Location]:
    """Look each location up in the index of sessions by doctor and location.

    PostgreSQL makes a join of a plain Exists, and the join reads every session of the doctor.
    """
    doctors = Doctor.objects.active() if active else Doctor.objects.all()
    sessions = Schedule.objects.filter(doctor=doctor, location=OuterRef("pk"))
    here = Case(When(Exists(sessions), then=True), default=False)
    return Location.objects.filter(Exists(doctors.order_by().filter(pk=doctor)), here)
