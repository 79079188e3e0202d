"""What is known of a patient's health."""

from typing import Any

from django.db import models, transaction
from django.utils import timezone

from accounts.models import AuditEvent, User
from extensions.db.fields import free_text
from extensions.db.models import PartialUpdateModel
from patient.models.dates import validate_past_date
from patient.models.patient import Patient

Action = AuditEvent.Action


class MedicalHistoryQuerySet(models.QuerySet["MedicalHistory"]):
    """Scopes of medical history."""

    def visible_to(self, user: Any) -> "MedicalHistoryQuerySet":
        """Of all that the user cares for: themselves and their dependents."""
        return self.filter(patient__user=user)


class MedicalHistory(PartialUpdateModel):
    """One thing to know of a patient's health."""

    class Kind(models.TextChoices):
        """What it is."""

        CONDITION = "condition"
        ALLERGY = "allergy"
        MEDICATION = "medication"
        SURGERY = "surgery"
        IMMUNIZATION = "immunization"

    class Status(models.TextChoices):
        """Whether it still matters."""

        ACTIVE = "active"
        RESOLVED = "resolved"

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="history")
    kind = models.CharField(max_length=12, choices=Kind)
    description = free_text()
    status = models.CharField(max_length=8, choices=Status, default=Status.ACTIVE)
    diagnosed_on = models.DateField(null=True, blank=True, validators=[validate_past_date])
    notes = free_text(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = MedicalHistoryQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name_plural = "medical history"
        indexes = (
            models.Index(fields=["patient", "-created_at"], name="patient_history_of_patient"),
        )

    def __str__(self) -> str:
        return f"Entry {self.pk}"  # no word of it: the admin's log keeps this

    def enter(self) -> None:
        """Save a new entry; its patient is locked, so that none is left by an erasure under way."""
        with transaction.atomic():
            self.patient = Patient.objects.lock(self.patient_id)
            self.save(force_insert=True)
            self._note(Action.CREATE)

    def revise(self, **changes: Any) -> None:
        """As for any row, with the instant of it."""
        with transaction.atomic():
            super().revise(**changes, updated_at=timezone.now())
            self._note(Action.CHANGE)

    def remove(self) -> None:
        """Delete the entry."""
        with transaction.atomic():
            self._note(Action.DELETE)
            self.delete()

    def add(self, user: User, patient_id: int | None = None) -> None:
        """Save a new entry of the user's own, or of the dependent named.

        Makes the user's profile where none is yet; raises Patient.DoesNotExist for a stranger.
        """
        with transaction.atomic():
            self.patient = Patient.objects.lock_for(user, patient_id)
            self.save(force_insert=True)
            self._note(Action.CREATE)

    def _note(self, action: str) -> None:
        AuditEvent.objects.record(action, self, [self.patient])
