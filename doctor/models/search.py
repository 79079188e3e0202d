"""Free slots across doctors."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet

from doctor.models.booking_rules import BookingContext
from doctor.models.directory import Location
from doctor.models.doctor import Doctor
from extensions.db.fields import MAX_KEY

if TYPE_CHECKING:
    from doctor.models.slot import SlotQuerySet


@dataclass(frozen=True)
class Search:
    """What somebody looks for; what is None may be any. The others are keys and local dates."""

    specialty: int | None = None
    language: int | None = None
    doctor: int | None = None
    location: int | None = None
    first: date | None = None
    last: date | None = None

    def slots(self, at: datetime) -> "SlotQuerySet":
        """What anybody can book at the instant, each slot once; reads the locations at once."""
        from doctor.models.slot import Slot

        keys = (self.specialty, self.language, self.doctor, self.location)
        if not all(0 <= key <= MAX_KEY for key in keys if key is not None):
            return Slot.objects.none()  # no table can hold such a key
        here = {} if self.location is None else {"pk": self.location}
        locations = tuple(Location.objects.filter(**here))
        slots = Slot.objects.filter(doctor__in=self._doctors()).bookable_in(
            BookingContext(at, locations)
        )
        anywhere_any_day = not here and not (self.first or self.last)
        return slots if anywhere_any_day else slots.between(self.first, self.last, locations)

    def _doctors(self) -> "QuerySet[Doctor, Any]":
        """The doctors that fit; a subquery, which no slot leaves twice."""
        wanted = {"pk": self.doctor, "specialties": self.specialty, "languages": self.language}
        doctors = Doctor.objects.active()
        for name, key in wanted.items():
            doctors = doctors if key is None else doctors.filter(**{name: key})
        return doctors.values("pk")
