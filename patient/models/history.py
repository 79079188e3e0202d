"""The medical history of patients."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEvent, User
from extensions.db.fields import free_text
from extensions.db.models import PartialUpdateModel
from patient.models.dates import validate_past_date
from patient.models.patient import Patient

Action = AuditEvent.Action
MAX_ENTRIES = 500  # of one patient: no page and no export of a history grows without end


class MedicalHistoryQuerySet(models.QuerySet["MedicalHistory"]):
    """Medical history by the account that it belongs to."""

    def visible_to(self, user: Any) -> "MedicalHistoryQuerySet":
        """Entries of the user and of the user's dependents."""
        return self.filter(patient__user=user)


class MedicalHistory(PartialUpdateModel):
    """An entry: a condition, allergy, medication, surgery or immunization of a patient."""

    class Kind(models.TextChoices):
        """The kind of an entry."""

        CONDITION = "condition", _("Condition")
        ALLERGY = "allergy", _("Allergy")
        MEDICATION = "medication", _("Medication")
        SURGERY = "surgery", _("Surgery")
        IMMUNIZATION = "immunization", _("Immunization")

    class Status(models.TextChoices):
        """Whether the entry still applies."""

        ACTIVE = "active", _("Active")
        RESOLVED = "resolved", _("Resolved")

    patient = models.ForeignKey(
        Patient,
        on_delete=models.PROTECT,
        related_name="history",
        db_index=False,
        verbose_name=_("patient"),
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    description = free_text(verbose_name=_("description"))
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.ACTIVE)
    diagnosed_on = models.DateField(
        _("diagnosed on"), null=True, blank=True, validators=[validate_past_date]
    )
    notes = free_text(limit=2000, verbose_name=_("notes"), blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("updated at"), default=timezone.now, editable=False)

    objects = MedicalHistoryQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("medical history")
        verbose_name_plural = _("medical history")
        indexes = (
            models.Index(fields=["patient", "-created_at"], name="patient_history_of_patient"),
            models.Index(fields=["-created_at", "-id"], name="patient_history_created"),
        )

    def __str__(self) -> str:
        # No health data: the admin logs it.
        return gettext("Entry %(number)s") % {"number": self.pk}

    def add(self) -> None:
        """Save a new entry of `self.patient`. Locks the patient's user, then the patient.

        The lock keeps an erasure that runs at the same time from missing the entry. Raises
        Patient.DoesNotExist for a person who was erased, and ValidationError if the patient has
        MAX_ENTRIES already.
        """
        with transaction.atomic():
            self.patient = Patient.objects.lock(self.patient_id)
            self._insert()

    def revise(self, **changes: Any) -> None:
        """Write the changed columns and `updated_at`, and record an audit event."""
        with transaction.atomic():
            super().revise(**changes, updated_at=timezone.now())
            self._record(Action.CHANGE)

    def remove(self) -> None:
        """Delete the entry, and record an audit event."""
        with transaction.atomic():
            self._record(Action.DELETE)
            self.delete()

    def add_own(self, user: User, patient_id: int | None = None) -> None:
        """Save a new entry of the user or, with a `patient_id`, of that dependent.

        Creates the user's own profile, with the account's names, if it is missing. Raises
        Patient.DoesNotExist for a patient of another user, and ValidationError if the patient has
        MAX_ENTRIES already. Locks the user, then the patient.
        """
        with transaction.atomic():
            self.patient = Patient.objects.lock_for(user, patient_id)
            self._insert()

    def _insert(self) -> None:
        """Insert the row. The patient's lock keeps other calls from adding one after the count."""
        if self.patient.history.count() >= MAX_ENTRIES:
            raise ValidationError(
                _("A medical history has at most %(limit)s entries."),
                "too_many_entries",
                {"limit": MAX_ENTRIES},
            )
        self.save(force_insert=True)
        self._record(Action.CREATE)

    def _record(self, action: str) -> None:
        AuditEvent.objects.record(action, self, [self.patient])
