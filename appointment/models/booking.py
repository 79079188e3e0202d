"""How a place is found and taken: the one transaction behind every booking and every move."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from appointment.models.offer import Offer
from appointment.models.terms import booking_context
from doctor.exceptions import REFUSALS, AlreadyBooked, PatientOverlap, SlotFull
from doctor.models import Location, Slot
from doctor.models.booking_rules import REASONS, BookingContext
from extensions.db.constraints import violates
from extensions.exceptions import DomainError
from patient.models import Patient

if TYPE_CHECKING:
    from appointment.models.appointment import Appointment

BROKEN_RULES: dict[str, type[DomainError]] = {
    "appointment_one_live_per_patient_and_slot": AlreadyBooked,
    "appointment_no_overlap_of_one_patient": PatientOverlap,
}
OF_OTHER_VISITS = ("already_booked", "patient_overlap")


@dataclass
class Attempt:
    """One try to have a place for the patient of `appointment` at an instant (UTC).

    The patient's lock makes the patient's bookings take turns, so that what is read of their other
    visits still holds when the appointment is written. The place itself needs no such lock: the
    conditional UPDATE in `Slot.take` has the last word on it. With `waive` staff set aside what
    they may of the location's rules.
    """

    appointment: "Appointment"
    at: datetime
    waive: bool = False
    patient: Patient = field(init=False)
    terms: BookingContext = field(init=False)
    tried: list[Slot] = field(default_factory=list)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction, whose refusals are told as domain errors once it is undone."""
        try:
            with transaction.atomic():
                yield
        except SlotFull as full:
            raise SlotFull(alternatives=self._alternatives()) from full
        except IntegrityError as error:
            for constraint, broken_rule in BROKEN_RULES.items():
                if violates(error, constraint):
                    raise broken_rule from error
            raise

    def load_candidates(self, slots: QuerySet[Slot]) -> None:
        """Read the slots in question and the terms on which the patient can have them."""
        self.tried = list(slots.select_related("doctor", "location").order_by("starts_at", "pk"))
        if not self.tried:
            raise Slot.DoesNotExist
        around = (self.tried[0].starts_at, max(slot.ends_at for slot in self.tried))
        locations = {slot.location for slot in self.tried}
        exclude_appointment = self.appointment.pk
        self.terms = booking_context(
            self.patient, self.at, locations, around, exclude_appointment, self.waive
        )

    def _alternatives(self) -> list[dict[str, Any]]:
        """What the patient could have with the doctor instead, by the rules of each location."""
        wanted, exclude_appointment = self.tried[0], self.appointment.pk
        around = (wanted.starts_at, wanted.ends_at)
        everywhere = Location.objects.all()
        return wanted.alternatives(
            booking_context(
                self.patient, self.at, everywhere, around, exclude_appointment, self.waive
            )
        )

    def take(self, slot: Slot) -> Slot:
        """Take a place in the slot, or raise the first reason against it."""
        if slot.holds_lapsed_place(self.at):
            Offer.objects.settle(slot.lock(), self.at)
        slot.take(context=self.terms)
        return slot


class BookAppointment(Attempt):
    """A try to book."""

    def of_slot(self) -> "Appointment":
        """Book the appointment's own slot for its own patient."""
        appointment = self.appointment
        slots = Slot.objects.of_key(appointment.slot_id)
        return self.of(lambda: Patient.objects.lock(appointment.patient_id), slots)

    def of(
        self, lock_patient: Callable[[], Patient], slots: QuerySet[Slot], *, any_of: bool = False
    ) -> "Appointment":
        """Book the slot, or with `any_of` the earliest that fits; raises as `Appointment.book`."""
        with self.transaction():
            self.patient = self.appointment.patient = lock_patient()
            self.load_candidates(slots)
            slot = self._take_earliest() if any_of else self.take(self.tried[0])
            self.appointment.enter(slot, self.at)
        return self.appointment

    def _take_earliest(self) -> Slot:
        """Take the earliest slot that can be had."""
        slots = Slot.objects.filter(pk__in=[slot.pk for slot in self.tried])
        reasons = slots.reasons(self.terms)
        for slot in self.tried:
            if reasons.get(slot.pk, "closed") is None:
                try:
                    with transaction.atomic():  # a try in vain gives its locks back
                        return self.take(slot)
                except (DomainError, Slot.DoesNotExist):
                    reasons[slot.pk] = "full"  # somebody else was faster since it was read
        raise self._refusal(reasons)

    def _refusal(self, reasons: dict[int, str | None]) -> DomainError:
        """Why no slot of a session can be had: of all reasons the one that came furthest."""
        overlapped = [pk for pk, reason in reasons.items() if reason in OF_OTHER_VISITS]
        everybodys = BookingContext(self.at, self.terms.locations, waived=self.terms.waived)
        if Slot.objects.filter(pk__in=overlapped).bookable_in(everybodys).exists():
            return PatientOverlap()
        if not reasons:
            raise Slot.DoesNotExist  # the session went since it was read
        told = {reason for reason in reasons.values() if reason}
        furthest = "already_booked" if "already_booked" in told else max(told, key=REASONS.index)
        return REFUSALS[furthest]()
