"""The free slots of a doctor as the API lists them, and whether the list has changed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from importlib.metadata import version
from typing import Any

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, When

from doctor.models.booking_rules import BookingContext, places_left
from doctor.models.directory import Location
from doctor.models.doctor import Doctor
from doctor.models.schedule import Schedule
from doctor.models.slot import SHOWN, Slot, serialize_slot_row, starts_on_days
from extensions.db.compiled import compiled
from extensions.db.json_rows import JsonRows

ORDER = ("starts_at", "id")
# A row as this release writes it: another release may write the same slot otherwise.
SAMPLE = serialize_slot_row("UTC", 1, 1, 1, "2000-01-01T00:00:00+00:00", "2000-01-01", 1, 1)
FORM = (SAMPLE, version("tzdata"))


@dataclass(frozen=True)
class FreeSlots:
    """The slots of a doctor that anyone can book at an instant, in a window of days.

    One statement reads them, as one JSON text: `rows`. The text is the list and its validator: two
    equal texts are the same list. `zones` maps each location's primary key to its IANA time zone.
    """

    rows: str
    zones: Mapping[int, str]

    @classmethod
    def read(
        cls, doctor: int, first: date, last: date, locations: Sequence[Location], at: datetime
    ) -> "FreeSlots":
        """Read the slots at these locations that start on one of these days and can be booked."""
        days = starts_on_days(first, last, locations)
        guard = BookingContext(at, tuple(locations)).guard
        texts = _rows_of(doctor, days, guard, at) if days else []
        return cls("".join(texts) or "[]", {place.pk: place.time_zone for place in locations})

    def to_list(self) -> list[dict[str, Any]]:
        """Return the slots as the API shows them, earliest first."""
        return [serialize_slot_row(self.zones[row[2]], *row) for row in json.loads(self.rows)]

    def state(self) -> tuple[Any, ...]:
        """Return all on which `to_list` depends: while it is the same, so is the list."""
        return (*FORM, *sorted(self.zones.items()), self.rows)


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
def _rows_of(doctor: int, days: Q, guard: Q, at: datetime) -> QuerySet[Slot, str]:
    slots: Any = Slot.objects.filter(days, guard, doctor=doctor).order_by()
    return slots.values_list(JsonRows(*SHOWN, places_left(at), order_by=ORDER), flat=True)


@compiled
def _locations_of(doctor: int, active: bool) -> QuerySet[Location, Location]:
    """Look each location up in the index of sessions by doctor and location.

    PostgreSQL makes a join of a plain Exists, and the join reads every session of the doctor.
    """
    doctors = Doctor.objects.active() if active else Doctor.objects.all()
    sessions = Schedule.objects.filter(doctor=doctor, location=OuterRef("pk"))
    here = Case(When(Exists(sessions), then=True), default=False)
    return Location.objects.filter(Exists(doctors.order_by().filter(pk=doctor)), here)
