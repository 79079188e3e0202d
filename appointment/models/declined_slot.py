"""The slots that a patient declined, or whose offer the patient let lapse."""

from django.db import models

from doctor.models import Slot
from patient.models import Patient


class DeclinedSlot(models.Model):
    """A slot that is never offered to this patient again, whatever the waitlist entry.

    Kept apart from the offers, which go with their entry: a patient who leaves the waitlist and
    joins again does not get the same place over and over. It goes with the slot and the patient.
    The columns have no constraint in the database, since the previous release deletes slots and
    patients without knowing this table.
    """

    patient = models.ForeignKey(
        Patient,
        on_delete=models.CASCADE,
        related_name="declined_slots",
        db_constraint=False,
        db_index=False,  # the unique constraint's index serves it
    )
    slot = models.ForeignKey(
        Slot, on_delete=models.CASCADE, related_name="declined_by", db_constraint=False
    )

    class Meta:
        ordering = ("pk",)
        default_permissions = ()  # no page shows these rows
        constraints = (
            models.UniqueConstraint(
                fields=["patient", "slot"],
                name="appointment_declined_once_per_patient_and_slot",
                violation_error_code="already_declined",
                violation_error_message="The patient has declined this time already.",
            ),
        )

    def __str__(self) -> str:
        return f"Slot {self.slot_id}, declined"  # no name
