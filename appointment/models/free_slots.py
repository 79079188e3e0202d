"""The slots of a doctor as the API shows them: those that are free, or all with the reasons."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from appointment.models.terms import booking_context
from doctor.models import Location, Slot
from doctor.models.booking_rules import BookingContext
from doctor.models.slot import SlotQuerySet
from doctor.wall_time import enclosing_span, spans_of_days
from patient.models import Patient


@dataclass(frozen=True)
class DoctorsDays:
    """One doctor's slots at these locations from one date there to another, at an instant."""

    doctor: int
    locations: tuple[Location, ...]
    first: date
    last: date
    at: datetime

    def free(self) -> list[dict[str, Any]]:
        """What anybody can book, earliest first."""
        return self._slots().bookable_in(BookingContext(self.at, self.locations)).to_list(self.at)

    def explained(self, patient: Patient | None) -> list[dict[str, Any]]:
        """Every slot with the first reason against it for this patient, or for anybody."""
        terms = self._terms(patient) if patient else BookingContext(self.at, self.locations)
        return self._slots().explained(terms).to_list(self.at, "reason")

    def _slots(self) -> SlotQuerySet:
        slots = Slot.objects.filter(doctor=self.doctor)
        return slots.between(self.first, self.last, self.locations).order_by("starts_at", "pk")

    def _terms(self, patient: Patient) -> BookingContext:
        time_zones = {place.pk: place.time_zone for place in self.locations}
        spans = spans_of_days(self.first, self.last, time_zones)
        window = enclosing_span(spans) if spans else (self.at, self.at)
        return booking_context(patient, self.at, self.locations, window)
