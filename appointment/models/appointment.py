"""A patient's place in a slot, and the verbs that are the only way to it and out of it."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial, wraps
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import RangeOperators
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import AuditEvent, User
from appointment.exceptions import (
    AppointmentDeleted,
    CancelDeadlinePassed,
    NotCancelable,
    StaleLock,
)
from appointment.models.lifecycle import Kind, Lifecycle
from appointment.models.offer import Offer
from appointment.models.querysets import AppointmentQuerySet
from appointment.models.status import HOLDING, LIVE, Status
from doctor.models import Doctor, Location, Slot
from extensions.db.constraints import KeyRange, PostgresExclusionConstraint, TimeRange
from patient.models import Patient

TRIES = 3
CLEARED_BY_A_MOVE = ("checked_in_at", "needs_rebooking")
PLACE = ("slot", "doctor", "location", "starts_at", "ends_at", "date")


def retried_when_moved(verb: Callable[..., Any]) -> Callable[..., Any]:
    """One transaction, begun again when the visit was moved before its slot was locked.

    What is undone gives its locks back, so that no slot is locked out of order.
    """

    @wraps(verb)
    def retried(self: "Appointment", *args: Any, **kwargs: Any) -> Any:
        return _begun_again(self, partial(verb, self, *args, **kwargs))

    return retried


def _begun_again(visit: "Appointment", attempt: Callable[[], Any]) -> Any:
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                return attempt()
        except StaleLock:
            visit.refresh_from_db()
    raise NotCancelable


class Appointment(Lifecycle):
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

    override_reason = ""  # why staff set rules aside, while it is being booked

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

    # --- What can be done ---

    @property
    def holds_a_place(self) -> bool:
        """Whether it counts in `slot.taken`: all but the canceled do."""
        return self.status in HOLDING

    def can_cancel(self, at: datetime | None = None) -> bool:
        """Whether `cancel` would go through at the instant, and the deadline be kept."""
        at = at or timezone.now()
        return self.status == LIVE and self.starts_at > at and self._in_time(at)

    @property
    def can_reschedule(self) -> bool:
        """Whether it can still be moved to a slot that is free: until it can be canceled."""
        return self.can_cancel()

    def refuse_change(self, at: datetime, override_reason: str = "") -> None:
        """Raise NotCancelable or CancelDeadlinePassed where it cannot be canceled or moved."""
        if self.status != LIVE or self.starts_at <= at:
            raise NotCancelable
        if not override_reason and not self._in_time(at):
            raise CancelDeadlinePassed

    def _in_time(self, at: datetime) -> bool:
        """Before the location's deadline, or without one; whoever the clinic hit has none."""
        deadline = timedelta(minutes=self.location.cancel_deadline_minutes or 0)
        return self.needs_rebooking or self.starts_at - deadline >= at

    # --- Verbs ---

    def book(self, at: datetime | None = None, override_reason: str = "") -> "Appointment":
        """Take a place in `self.slot` for `self.patient`, in one transaction; returns itself.

        Raises the first reason of the rule against it, as one of `doctor.exceptions.REFUSALS`
        (SlotFull with `alternatives`); with an `override_reason` staff set the location's notice,
        horizon and limit aside. Locks the patient's user, the patient, then the slot.
        """
        from appointment.models.booking import BookAppointment

        self.override_reason = override_reason
        return BookAppointment(self, at or timezone.now(), waive=bool(override_reason)).of_slot()

    def enter(self, slot: Slot, at: datetime) -> None:
        """Write the appointment on a place just taken; `BookAppointment` alone calls this."""
        self._place(slot)
        self.status, self.created_at = LIVE, at
        self.save(force_insert=True)
        override = self.override_reason
        self._record(Kind.BOOKED, self.booked_by, at, "", to_slot=slot.pk, override_reason=override)

    @retried_when_moved
    def cancel(
        self,
        by: User | None = None,
        reason: str = "",
        at: datetime | None = None,
        override_reason: str = "",
    ) -> "Appointment":
        """Cancel a visit that has not begun; its place is free, or offered to who waits for it.

        Raises NotCancelable; CancelDeadlinePassed where the location's deadline has passed and
        staff do not override it. Only the call that flips the status releases the place, however
        many there are at once. Locks the slot, waitlist entries, then the appointment.
        """
        at = at or timezone.now()
        slots = self._lock_slot()
        self.refuse_change(at, override_reason)
        for slot in slots:
            slot.release()
        Offer.objects.offer(slots, at)
        standing = Appointment.objects.upcoming(at).filter(pk=self.pk)
        changes = {"status": Status.CANCELED, "canceled_at": at, "cancel_reason": reason}
        if not standing.update(**changes):
            raise NotCancelable
        words: dict[str, Any] = {"detail": reason, "override_reason": override_reason}
        self._record(Kind.CANCELED, by, at, to_status=Status.CANCELED, **words)
        for name, value in changes.items():
            setattr(self, name, value)
        return self

    def reschedule(
        self,
        to: Slot | int,
        by: User | None = None,
        at: datetime | None = None,
        override_reason: str = "",
    ) -> "Appointment":
        """Move the visit to another slot, of any doctor; the id stays; both places or neither.

        Raises NotCancelable or CancelDeadlinePassed for the old time, AlreadyBooked for its own
        slot, and as `book` does for the new one; Slot.DoesNotExist where the public sees none.
        Locks the user, the patient, both slots, waitlist entries, then the appointment.
        """
        from appointment.models.reschedule import RescheduleAppointment

        key = to.pk if isinstance(to, Slot) else to
        waive = bool(override_reason)
        move = RescheduleAppointment(self, at or timezone.now(), waive, to=key, by=by)
        move.override_reason = override_reason
        return move.run()

    def move(
        self, old: Slot, new: Slot, by: User | None, at: datetime, override_reason: str
    ) -> None:
        """Write the new slot; `RescheduleAppointment` alone calls this."""
        self._place(new)
        self.checked_in_at, self.needs_rebooking = None, False
        changes = {name: getattr(self, name) for name in (*PLACE, *CLEARED_BY_A_MOVE)}
        if not Appointment.objects.upcoming(at).filter(pk=self.pk, slot=old).update(**changes):
            raise NotCancelable
        words: dict[str, Any] = {
            "detail": f"{old} to {new}"[:500],
            "override_reason": override_reason,
        }
        self._record(Kind.RESCHEDULED, by, at, from_slot=old.pk, to_slot=new.pk, **words)

    def discard(self) -> None:
        """Delete a visit entered by mistake, with its events, and give back a place it holds."""
        with suppress(AppointmentDeleted):
            self._discard()

    @retried_when_moved
    def _discard(self) -> None:
        slots = self._lock_slot()
        held = Appointment.objects.holding_a_place().filter(pk=self.pk)
        if held.select_for_update(no_key=True).exists():
            for slot in slots:
                slot.release()
            Offer.objects.offer(slots, timezone.now())
        AuditEvent.objects.record(AuditEvent.Action.DELETE, self, [self.patient])
        self.delete()

    def _lock_slot(self) -> list[Slot]:
        """Lock the slot it is in, if any, and read it again; raises Moved where that changed."""
        believed = self.slot_id
        slots = Slot.objects.of_key(believed).lock()
        try:
            self.refresh_from_db(from_queryset=Appointment.objects.with_names())
        except Appointment.DoesNotExist as gone:
            raise AppointmentDeleted from gone
        if self.slot_id != believed:
            raise StaleLock
        return slots

    def _place(self, slot: Slot) -> None:
        self.slot, self.doctor, self.location = slot, slot.doctor, slot.location
        self.starts_at, self.ends_at = slot.starts_at, slot.ends_at
        self.date = slot.starts_at.astimezone(slot.location.zone).date()
