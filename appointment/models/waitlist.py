"""Those who wait for a place, in the order in which they came."""

from datetime import datetime

from django.db import models
from django.db.models import Exists, F, Q
from django.utils import timezone

from appointment.models.line import WaitlistEntryQuerySet
from doctor.models import Doctor, Slot, Specialty
from patient.models import Patient


class WaitlistStatus(models.TextChoices):
    """Where an entry stands; waiting and offered ones are in the line."""

    WAITING = "waiting"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"


IN_LINE = (WaitlistStatus.WAITING, WaitlistStatus.OFFERED)


class WaitlistEntry(models.Model):
    """A patient waits for a doctor or a specialty, from one date to another."""

    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, related_name="waitlist_entries", db_index=False
    )
    doctor = models.ForeignKey(
        Doctor,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="waitlist_entries",
        db_index=False,
    )
    specialty = models.ForeignKey(
        Specialty,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="waitlist_entries",
        db_index=False,
    )
    first_date = models.DateField(help_text="At the location of the visit.")
    last_date = models.DateField(help_text="At the location of the visit.")
    weekday_bits = models.PositiveSmallIntegerField(
        default=0, help_text="Bit n is weekday n, 0 is Monday; no bit is any day."
    )
    start_time = models.TimeField(
        null=True, blank=True, help_text="Not earlier, on the clocks of the location."
    )
    end_time = models.TimeField(
        null=True, blank=True, help_text="Over by then, on the clocks of the location."
    )
    status = models.CharField(
        max_length=8, choices=WaitlistStatus, default=WaitlistStatus.WAITING, editable=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = WaitlistEntryQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        verbose_name_plural = "waitlist entries"
        indexes = (
            models.Index(
                fields=["doctor", "id"],
                condition=Q(status__in=("waiting", "offered")),
                name="appointment_line_of_doctor",
            ),
            models.Index(
                fields=["specialty", "id"],
                condition=Q(status__in=("waiting", "offered")),
                name="appointment_line_of_specialty",
            ),
            models.Index(fields=["patient", "id"], name="appointment_waits_of_patient"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(doctor__isnull=False, specialty__isnull=True)
                | Q(doctor__isnull=True, specialty__isnull=False),
                name="appointment_waitlist_doctor_or_specialty",
                violation_error_code="doctor_or_specialty",
                violation_error_message="Give either a doctor or a specialty.",
            ),
            models.CheckConstraint(
                condition=Q(last_date__gte=F("first_date")),
                name="appointment_waitlist_dates",
                violation_error_code="date_range",
                violation_error_message="The last date is before the first.",
            ),
            models.CheckConstraint(
                condition=Q(start_time__isnull=True)
                | Q(end_time__isnull=True)
                | Q(end_time__gt=F("start_time")),
                name="appointment_waitlist_times",
                violation_error_code="end_before_start",
                violation_error_message="The hours end after they start.",
            ),
            models.CheckConstraint(
                condition=Q(weekday_bits__gte=0, weekday_bits__lte=127),
                name="appointment_waitlist_weekdays",
                violation_error_code="weekday_range",
                violation_error_message="A weekday is 0 (Monday) to 6 (Sunday).",
            ),
            models.CheckConstraint(
                condition=Q(status__in=WaitlistStatus.values),
                name="appointment_waitlist_status_known",
                violation_error_code="status",
                violation_error_message="The status is none of those there are.",
            ),
        )

    def __str__(self) -> str:
        return f"Entry {self.pk}"  # names nobody: the admin logs it

    def is_held_alone(self, slot: Slot, at: datetime) -> bool:
        """Whether nobody is giving the patient an overlapping place through another entry.

        Runs once this entry is locked. An offer is made under the lock of its entry, and whoever
        makes one comes here between that lock and the offer. So of two who hold two entries of one
        patient at least one finds the other's entry locked, and leaves the patient alone; and one
        who comes when the other has committed sees that offer in the last statement, which reads
        anew. Entries that are offered need no lock: they get nothing more before they wait again,
        and to give them something their giver must lock this one. Patients need none either, so
        that no booking waits for an offer; accepting asks the rule once more.
        """
        others = WaitlistEntry.objects.waiting().filter(patient=self.patient_id)
        held = [entry.pk for entry in others.locking(skip_locked=True).order_by("pk")]
        elsewhere = others.exclude(pk__in=held)
        mine = WaitlistEntry.objects.filter(pk=self.pk).who_can_have(slot, at)
        return mine.filter(~Exists(elsewhere)).exists()
