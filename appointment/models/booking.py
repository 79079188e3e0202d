"""How a place is found and taken: the one transaction behind every booking."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.constraints import violates
from accounts.exceptions import DomainError
from appointment.exceptions import AlreadyBooked, PatientOverlap
from doctor.exceptions import SlotClosed, SlotFull, SlotInPast
from doctor.models import Slot
from patient.models import Patient

if TYPE_CHECKING:
    from appointment.models.appointment import Appointment

BROKEN_RULES: dict[str, type[DomainError]] = {
    "appointment_one_live_per_patient_and_slot": AlreadyBooked,
    "appointment_no_overlap_of_one_patient": PatientOverlap,
}


@dataclass
class Booking:
    """One try to book `appointment` at an instant (UTC).

    The patient's lock makes the patient's bookings take turns, so that what is read of their other
    visits still holds when the appointment is written. The place itself needs no such lock: the
    conditional UPDATE in `Slot.take` has the last word on it.
    """

    appointment: "Appointment"
    at: datetime
    patient: Patient = field(init=False)
    tried: list[Slot] = field(default_factory=list)

    def of_slot(self) -> "Appointment":
        """Book the appointment's own slot for its own patient."""
        appointment = self.appointment
        slots = Slot.objects.of_key(appointment.slot_id)
        return self.of(lambda: Patient.objects.lock(appointment.patient_id), slots)

    def of(
        self, lock_patient: Callable[[], Patient], slots: QuerySet[Slot], *, any_of: bool = False
    ) -> "Appointment":
        """Book the slot, or with `any_of` the earliest that fits; raises as `Appointment.book`."""
        try:
            with transaction.atomic():
                self.patient = self.appointment.patient = lock_patient()
                self.tried = list(slots.select_related("doctor", "location").order_by("starts_at"))
                self._write(self._take_earliest() if any_of else self._take_only())
        except SlotFull as full:
            raise SlotFull(alternatives=self._alternatives()) from full
        except IntegrityError as error:
            for constraint, broken_rule in BROKEN_RULES.items():
                if violates(error, constraint):
                    raise broken_rule from error
            raise
        return self.appointment

    def _take_only(self) -> Slot:
        """Take the one slot asked for, or raise the first reason against it."""
        for slot in self.tried:
            for booked, starts_at, ends_at in self._visits():
                if booked == slot.pk:
                    raise AlreadyBooked
                if starts_at < slot.ends_at and slot.starts_at < ends_at:
                    raise PatientOverlap
            slot.take(self.at)
            return slot
        raise Slot.DoesNotExist

    def _take_earliest(self) -> Slot:
        """Take the earliest slot that is free and clear of the patient's visits."""
        if not self.tried:
            raise Slot.DoesNotExist
        visits, overlaps = self._visits(), False
        for slot in self.tried:
            if slot.refusal(self.at):
                continue
            if any(start < slot.ends_at and slot.starts_at < end for _, start, end in visits):
                overlaps = True
                continue
            try:
                slot.take(self.at)
            except (SlotClosed, SlotFull, Slot.DoesNotExist):
                continue  # somebody else was faster since it was read
            return slot
        if overlaps:
            raise PatientOverlap
        if {booked for booked, _, _ in visits} & {slot.pk for slot in self.tried}:
            raise AlreadyBooked
        raise self._refusal()

    def _refusal(self) -> DomainError:
        """Why no slot of the session can be taken, as each was when it was last looked at."""
        reasons = {type(slot.refusal(self.at)) for slot in self.tried}
        told = (reason() for reason in (SlotFull, SlotInPast, SlotClosed) if reason in reasons)
        return next(told, SlotFull())  # one that was given back since it was refused

    def _visits(self) -> list[tuple[int, datetime, datetime]]:
        """The patient's live visits around the slots tried: slot, start and end."""
        first, last = self.tried[0].starts_at, max(slot.ends_at for slot in self.tried)
        live = self.patient.appointments.active().overlapping(first, last)
        return list(live.values_list("slot", "starts_at", "ends_at"))

    def _alternatives(self) -> list[dict[str, object]]:
        visits = self.patient.appointments.active()
        return self.tried[0].alternatives(self.at, besides=visits)

    def _write(self, slot: Slot) -> None:
        self.appointment.enter(slot, self.at)
