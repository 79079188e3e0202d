"""Search for free slots across doctors."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet

from doctor.models.booking_rules import BookingContext
from doctor.models.directory import Location
from doctor.models.doctor import Doctor
from doctor.models.slot import Slot, SlotQuerySet
from extensions.db.fields import MAX_KEY


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
