"""Emergency access: staff read one medical history for a limited time, and give a reason."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.fields import name_that_day
from accounts.models import AuditEvent, User
from extensions.db.fields import free_text
from patient.models.history import MedicalHistory
from patient.models.patient import Patient

Action = AuditEvent.Action


class EmergencyAccess(models.Model):
    """The access of one user to the history of one patient, for EMERGENCY_MINUTES.

    The reason may contain health data. It is stored only here, where an erasure of the patient
    blanks it. Audit events are never erased; they refer to this row by key.
    """

    patient = models.ForeignKey(
        Patient,
        on_delete=models.SET_NULL,
        null=True,
        related_name="emergency_accesses",
        verbose_name=_("patient"),
        help_text=_("Empty once the person has been erased."),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,  # the row keeps the key of a deleted account
        null=True,
        db_constraint=False,
        related_name="+",
        verbose_name=_("user"),
    )
    user_name = name_that_day()
    reason = free_text(
        verbose_name=_("reason"),
        help_text=_(
            "Why it cannot wait. The patient sees that there was an emergency access, and "
            "those who review it read this."
        ),
    )
    began_at = models.DateTimeField(_("began"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("ends by itself"), editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, editable=False)

    class Meta:
        ordering = ("-began_at", "-pk")
        verbose_name = _("emergency access")
        verbose_name_plural = _("emergency accesses")
        default_permissions = ("view",)
        permissions = (
            ("use_emergency_access", "Can read a medical history in an emergency, with a reason"),
        )

    def __str__(self) -> str:
        # No name: the admin logs it.
        return gettext("Emergency access %(number)s") % {"number": self.pk}

    def begin(self, at: datetime | None = None) -> None:
        """Open the patient's history to the user for EMERGENCY_MINUTES.

        Raises Patient.DoesNotExist for a person who was erased. Locks the patient's user, then the
        patient.
        """
        self.began_at = at or timezone.now()
        self.expires_at = self.began_at + timedelta(minutes=settings.EMERGENCY_MINUTES)
        self.user_name = self.user.full_name if self.user else None
        with transaction.atomic():
            self.patient = Patient.objects.lock(self.patient_id)
            self.save(force_insert=True)
            self._record(Action.CREATE, self)

    def end(self, at: datetime | None = None) -> None:
        """End the access early; changes nothing once it has ended."""
        at = at or timezone.now()
        with transaction.atomic():
            rows = EmergencyAccess.objects.filter(pk=self.pk, ended_at=None, expires_at__gt=at)
            if rows.update(ended_at=at):
                self._record(Action.CHANGE, self)
        self.refresh_from_db(fields=["ended_at"])

    def read(self) -> list[MedicalHistory]:
        """Return the entries of the history, latest first, and record the read."""
        self._record(Action.READ, MedicalHistory)
        return list(MedicalHistory.objects.filter(patient=self.patient))

    def is_under_way(self, at: datetime | None = None) -> bool:
        """Return whether the access has neither expired nor been ended."""
        return self.ended_at is None and self.expires_at > (at or timezone.now())

    def is_open_to(self, user: User | None, at: datetime) -> bool:
        """Return whether this user can read the history by this access at the instant."""
        return user is not None and user.pk == self.user_id and self.is_under_way(at)

    def _record(self, action: str, of: Any) -> None:
        emergency = {"emergency": True, "emergency_id": self.pk}
        AuditEvent.objects.record(action, of, [self.patient], otherwise="staff", **emergency)
