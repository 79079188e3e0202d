"""A patient's place in a slot, and the verbs that are the only way to it and out of it."""

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import RangeOperators
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.constraints import KeyRange, PostgresExclusionConstraint, TimeRange
from accounts.models import User
from appointment.exceptions import InvalidTransition, NotCancelable
from appointment.models.event import AppointmentEvent
from appointment.models.querysets import AppointmentQuerySet
from appointment.models.status import LIVE, Status, sources_of
from doctor.models import Doctor, Location, Slot
from patient.models import Patient

Kind = AppointmentEvent.Kind


class Appointment(models.Model):
    """A visit. Its times, doctor and location are those of its slot, kept when the slot goes."""

    patient = models.ForeignKey(
        Patient,
        on_delete=models.PROTECT,
        null=True,
        related_name="appointments",
        db_index=False,
        help_text="Empty once the person has been erased.",
    )
    slot = models.ForeignKey(
        Slot, on_delete=models.SET_NULL, null=True, related_name="appointments"
    )
    doctor = models.ForeignKey(
        Doctor, on_delete=models.PROTECT, related_name="appointments", db_index=False
    )
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="appointments")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    date = models.DateField(help_text="At the location.")
    status = models.CharField(max_length=9, choices=Status, default=Status.SCHEDULED)
    reason = models.CharField(max_length=500, blank=True)
    booked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    canceled_at = models.DateTimeField(null=True)
    cancel_reason = models.CharField(max_length=500, blank=True)
    checked_in_at = models.DateTimeField(null=True, editable=False)
    needs_rebooking = models.BooleanField(
        default=False,
        editable=False,
        help_text="Leave, changed hours or a doctor who left have hit it: staff find another time.",
    )

    objects = AppointmentQuerySet.as_manager()

    class Meta:
        ordering = ("-starts_at", "-pk")
        indexes = (
            models.Index(fields=["patient", "-starts_at"], name="appointment_of_patient"),
            models.Index(fields=["doctor", "starts_at"], name="appointment_of_doctor"),
            models.Index(fields=["date"], name="appointment_date"),
            models.Index(
                fields=["starts_at"],
                condition=Q(needs_rebooking=True),
                name="appointment_to_rebook",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["patient", "slot"],
                condition=Q(status=LIVE),
                name="appointment_one_live_per_patient_and_slot",
                violation_error_code="already_booked",
                violation_error_message="The patient has this time booked already.",
            ),
            models.CheckConstraint(
                condition=Q(status=Status.CANCELED) | Q(slot__isnull=False),
                name="appointment_only_canceled_outlive_their_slot",
                violation_error_code="slot_missing",
                violation_error_message="Only a canceled appointment may outlive its slot.",
            ),
            models.CheckConstraint(
                condition=Q(status=Status.CANCELED, canceled_at__isnull=False)
                | (~Q(status=Status.CANCELED) & Q(canceled_at__isnull=True)),
                name="appointment_canceled_at_if_canceled",
                violation_error_code="canceled_at",
                violation_error_message="A canceled appointment, and no other, says since when.",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=models.F("starts_at")),
                name="appointment_ends_after_it_starts",
                violation_error_code="appointment_times",
                violation_error_message="An appointment ends after it starts.",
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values),
                name="appointment_status_known",
                violation_error_code="status",
                violation_error_message="The status is none of those there are.",
            ),
            PostgresExclusionConstraint(
                expressions=[
                    (KeyRange("patient"), RangeOperators.OVERLAPS),
                    (TimeRange("starts_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
                condition=Q(status=LIVE, patient__isnull=False),
                name="appointment_no_overlap_of_one_patient",
                violation_error_code="patient_overlap",
                violation_error_message="The patient has another appointment at that time.",
            ),
        )

    def __str__(self) -> str:
        local = self.starts_at.astimezone(self.location.zone)  # names nobody: the admin logs it
        return f"Appointment {self.pk}, {local:%a %d %b %Y %H:%M}"

    def can_cancel(self, at: datetime | None = None) -> bool:
        """Whether `cancel` would go through at the instant."""
        return self.status == LIVE and self.starts_at > (at or timezone.now())

    def book(self, at: datetime | None = None) -> "Appointment":
        """Take a place in `self.slot` for `self.patient`, in one transaction; returns itself.

        Raises the first of AlreadyBooked, PatientOverlap, SlotClosed, SlotInPast and SlotFull
        (with `alternatives`). Locks the patient's user, the patient, then the slot.
        """
        from appointment.models.booking import Booking

        return Booking(self, at or timezone.now()).of_slot()

    def enter(self, slot: Slot, at: datetime) -> None:
        """Write the appointment on a place just taken in the slot; `Booking` alone calls this."""
        self.slot, self.doctor, self.location = slot, slot.doctor, slot.location
        self.starts_at, self.ends_at = slot.starts_at, slot.ends_at
        self.date = slot.starts_at.astimezone(slot.location.zone).date()
        self.status, self.created_at = LIVE, at
        self.save(force_insert=True)
        self._record(Kind.BOOKED, self.booked_by, at, "", LIVE)

    def cancel(
        self, by: User | None = None, reason: str = "", at: datetime | None = None
    ) -> "Appointment":
        """Cancel a visit that has not begun and give its place back; raises NotCancelable.

        Only the call that flips the status releases the place, however many there are at once.
        Locks the slot, then the appointment.
        """
        at = at or timezone.now()
        with transaction.atomic():
            slots = Slot.objects.of_key(self.slot_id).lock()
            flipped = Appointment.objects.upcoming(at).filter(pk=self.pk, slot=self.slot_id)
            changes = {"canceled_at": at, "cancel_reason": reason}
            if not flipped.update(status=Status.CANCELED, **changes):
                raise NotCancelable
            for slot in slots:
                slot.release()
            self._record(Kind.CANCELED, by, at, LIVE, Status.CANCELED, detail=reason)
        self.refresh_from_db(fields=["status", *changes])
        return self

    def complete(self, by: User | None = None, at: datetime | None = None) -> "Appointment":
        """Note that the visit took place; raises InvalidTransition, also before its start."""
        return self._conclude(Status.COMPLETED, Kind.COMPLETED, by, at or timezone.now())

    def mark_no_show(self, by: User | None = None, at: datetime | None = None) -> "Appointment":
        """Note that the patient did not come; raises InvalidTransition, also before the start."""
        return self._conclude(Status.NO_SHOW, Kind.NO_SHOW, by, at or timezone.now())

    def amend(
        self, reason: str, by: User | None = None, at: datetime | None = None
    ) -> "Appointment":
        """Correct the words that say what the visit is for.

        Raises InvalidTransition where there is no person left to say it of.
        """
        with transaction.atomic():
            rows = Appointment.objects.filter(pk=self.pk, patient__isnull=False)
            if not rows.update(reason=reason):
                raise InvalidTransition("The person of this visit has been erased.")
            status = rows.values_list("status", flat=True).get()
            self._record(Kind.AMENDED, by, at or timezone.now(), status, status)
        self.refresh_from_db(fields=["reason", "status"])
        return self

    def discard(self) -> None:
        """Delete a visit entered by mistake, with its events, and give back a place it holds."""
        with transaction.atomic():
            slots = Slot.objects.of_key(self.slot_id).lock()
            held = Appointment.objects.holding_a_place().filter(pk=self.pk)
            for slot in slots if held.select_for_update(no_key=True).first() else ():
                slot.release()
            self.delete()

    def _conclude(self, to: Status, kind: Kind, by: User | None, at: datetime) -> "Appointment":
        with transaction.atomic():
            begun = Appointment.objects.filter(pk=self.pk, starts_at__lte=at)
            if not begun.filter(status__in=sources_of(to)).update(status=to):
                raise InvalidTransition
            self._record(kind, by, at, LIVE, to)
        self.refresh_from_db(fields=["status"])
        return self

    def _record(
        self,
        kind: Kind,
        by: User | None,
        at: datetime,
        from_status: str,
        to_status: str,
        detail: str = "",
    ) -> None:
        AppointmentEvent.objects.create(
            appointment=self,
            kind=kind,
            actor=by,
            at=at,
            from_status=from_status,
            to_status=to_status,
            detail=detail,
        )
