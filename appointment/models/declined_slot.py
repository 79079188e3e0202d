"""The times that a patient declined, or whose offer the patient let lapse."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from doctor.models import Doctor, Location
from patient.models import Patient


class DeclinedSlot(models.Model):
    """A doctor's time that is never offered to this patient again, whatever the waitlist entry.

    Kept apart from the offers, which go with their entry: a patient who leaves the waitlist and
    joins again does not get the same place over and over. It names the doctor and the start, and
    not the slot, which is a new row when staff change a session and change it back. It goes with
    the patient. The columns have no constraint in the database, since the previous release deletes
    these rows without knowing this table.
    """

    patient = models.ForeignKey(
        Patient,
        on_delete=models.CASCADE,
        related_name="declined_slots",
        db_constraint=False,
        db_index=False,  # the unique constraint's index serves it
    )
    doctor = models.ForeignKey(
        Doctor, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    location = models.ForeignKey(
        Location, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    starts_at = models.DateTimeField()

    class Meta:
        ordering = ("pk",)
        default_permissions = ()  # no page shows these rows
        constraints = (
            models.UniqueConstraint(
                fields=["patient", "doctor", "starts_at"],
                name="appointment_declined_once_per_patient_and_time",
                violation_error_code="already_declined",
                violation_error_message=_("The patient has declined this time already."),
            ),
        )

    def __str__(self) -> str:
        return f"Declined time {self.pk}"  # no name

    @classmethod
    def of(cls, patient: int, slot: Any) -> "DeclinedSlot":
        """Return a new row, not saved: the patient with this key declined the slot."""
        return cls(
            patient_id=patient,
            doctor_id=slot.doctor_id,
            location_id=slot.location_id,
            starts_at=slot.starts_at,
        )
