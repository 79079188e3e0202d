"""How a visit is moved: the new place and the old one in one transaction, both or neither."""

from dataclasses import dataclass

from accounts.models import User
from appointment.exceptions import NotCancelable
from appointment.models.appointment import Appointment
from appointment.models.booking import Attempt
from appointment.models.offer import Offer
from doctor.models import Slot
from patient.models import Patient


@dataclass
class RescheduleAppointment(Attempt):
    """A try to move `appointment` to the slot of this key.

    The patient's lock holds the visit where it is: nothing else moves it. Both slots are then
    locked by primary key in one statement, so that opposite swaps take turns. The rule itself has
    the visit's own slot down as booked already.
    """

    to: int = 0
    by: User | None = None
    override_reason: str = ""

    def run(self) -> Appointment:
        """Move it; raises as `Appointment.reschedule`."""
        with self.transaction():
            self._lock_patient()
            old, new = self._lock_slots()
            self.load_candidates(Slot.objects.of_key(new.pk))
            old.release()
            self.take(new)
            Offer.objects.offer([old], self.at)
            self.appointment.move(old, new, self.by, self.at, self.override_reason)
        return self.appointment

    def _lock_patient(self) -> None:
        if self.appointment.patient_id is None:
            raise NotCancelable  # the person has been erased
        self.patient = Patient.objects.lock(self.appointment.patient_id)
        self._read_anew()

    def _read_anew(self) -> None:
        self.appointment.refresh_from_db(from_queryset=Appointment.objects.with_names())

    def _lock_slots(self) -> tuple[Slot, Slot]:
        """The slot it is in and the one it is to be in; raises DoesNotExist without the latter."""
        present = self.appointment.slot_id
        keys = {pk for pk in (present, self.to) if pk}
        locked = {slot.pk: slot for slot in Slot.objects.filter(pk__in=keys).lock()}
        self._read_anew()  # it may have been canceled while its slot was waited for
        self.appointment.refuse_change(self.at, self.override_reason)
        offered = Slot.objects.filter(pk=self.to, doctor__is_active=True)
        if self.to != present and not offered.exists():
            raise Slot.DoesNotExist
        if self.appointment.slot_id not in locked:
            raise NotCancelable
        return locked[self.appointment.slot_id], locked[self.to]
