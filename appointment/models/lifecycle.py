"""The verbs of the day of a visit: check-in, completion, no-show, and what takes them back.

The module does not import `Appointment`, which inherits from `Lifecycle`.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Self

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEvent, User
from appointment.exceptions import (
    AppointmentDeleted,
    HasCome,
    InvalidTransition,
    NothingToUndo,
)
from appointment.models.acting import CHANGE_PERMISSION, acts_as_staff
from appointment.models.booking import RestoreAppointment
from appointment.models.event import HOLDING_STATUSES, LIVE, AppointmentEvent, Status
from appointment.models.waitlist_status import WaitlistStatus
from doctor.exceptions import PatientDeceased
from doctor.models import Slot
from extensions.db.retry import retry_on_stale_lock

Kind = AppointmentEvent.Kind
Role = AppointmentEvent.Role
Action = AuditEvent.Action

CHANGED_SINCE = _("Another user has changed this visit meanwhile: that is not taken back.")
A_CALL = timedelta(seconds=30)  # staff do not let a telephone ring twice within it
WALK_IN = "Walk-in"  # why staff set rules aside for a patient who stands at the desk
PATIENT_ASKED = "Patient asked"  # why staff cancel a visit of a patient who calls
COPIED_COLUMNS = ("doctor_id", "location_id", "starts_at", "ends_at")  # of a slot

# The legal changes of status. Only staff change one final status into another, to correct it. A
# final status becomes scheduled again by `undo`, and a no-show by the check-in of a late arrival.
TRANSITIONS: dict[str, frozenset[str]] = {
    Status.SCHEDULED: frozenset({Status.COMPLETED, Status.CANCELED, Status.NO_SHOW}),
    Status.COMPLETED: frozenset({Status.NO_SHOW, Status.SCHEDULED}),
    Status.CANCELED: frozenset({Status.SCHEDULED}),
    Status.NO_SHOW: frozenset({Status.COMPLETED, Status.SCHEDULED}),
}


class Lifecycle(models.Model):
    """The base of `Appointment` that holds the verbs of the day of the visit."""

    patient: Any
    location: Any
    status: Any
    booked_by: Any
    needs_rebooking: Any
    closures_kept: Any
    location_id: int
    starts_at: Any
    checked_in_at: Any
    book: Callable[..., Any]
    _record: Callable[..., None]  # of `Appointment`, for all its verbs
    slot: Any
    replacing_entries: Any
    _role_of: Callable[..., Role]
    _lock_slot: Callable[..., list[Slot]]
    _waiting_to_replace: Callable[[], dict[int, int | None]]
    reload: Callable[[], None]

    class Meta:
        abstract = True

    @property
    def _rows(self) -> Any:
        """The appointments, with their scopes."""
        return type(self)._default_manager

    # --- Questions ---

    @property
    def holds_a_place(self) -> bool:
        """Whether the visit is counted in `slot.taken`."""
        return self.status in HOLDING_STATUSES

    @property
    def is_to_rebook(self) -> bool:
        """Whether the visit is on the work list."""
        return self.status == LIVE and bool(self.needs_rebooking)

    def is_at_site_of(self, user: User | None) -> bool:
        """Whether the user is staff who may change visits, at the site of this one."""
        return bool(
            user and user.is_staff_with(CHANGE_PERMISSION) and user.works_at(self.location_id)
        )

    def has_times_of(self, slot: Slot) -> bool:
        """Whether the slot has the times, the doctor and the location of the visit."""
        return all(getattr(self, name) == getattr(slot, name) for name in COPIED_COLUMNS)

    def flags_for(self, closures: int) -> dict[str, Any]:
        """Return the columns of the work list, for a visit whose slot so many closures hit.

        If more closures hit it than when staff kept it, the keeping ends: the visit is flagged as
        long as any of them is left, because a number does not say which of them has gone.
        """
        if closures > self.closures_kept:
            return {"closures_kept": 0, "needs_rebooking": True}
        return {"closures_kept": closures, "needs_rebooking": False}

    # --- The day of the visit: conditional updates that lock the appointment alone. Where an entry
    # of the waitlist would replace the visit, its offered slot and the entry are locked first. ---

    @retry_on_stale_lock
    @transaction.atomic
    def walk_in(
        self, at: datetime | None = None, override_reason: str = WALK_IN, squeeze_in: bool = False
    ) -> Self:
        """Book `self.slot` for a patient who has come without a visit, and check the patient in.

        One transaction: if the check-in is refused, nothing is booked. Staff (`booked_by`) set
        aside what `Appointment.book` lets them with an `override_reason`; a slot that has begun can
        be booked until it ends. Raises as `book`, and InvalidTransition for a slot of another day.
        """
        at = at or timezone.now()
        self.book(at, override_reason, squeeze_in)
        return self.check_in(by=self.booked_by, at=at)

    @retry_on_stale_lock
    def check_in(self, by: User | None = None, at: datetime | None = None) -> Self:
        """Record that the patient has come; a second call changes nothing.

        Staff also check in a no-show who comes late: the visit is scheduled again. Raises
        InvalidTransition for any other visit that is not scheduled, and on another date than that
        of the visit, by the calendar of its location. For a late arrival, raises AlreadyBooked or
        PatientOverlap where the patient has another visit at that time, PatientDeceased, and locks
        the user, the patient, the slot, then the appointment.
        """
        at = at or timezone.now()
        restore = RestoreAppointment(self, at)
        with restore.transaction():
            self.reload()
            late = self._lock_late_arrival(restore) if self.is_at_site_of(by) else {}
            today = self._rows.filter(pk=self.pk, date=self.location.today(at))
            due = today.filter(status=LIVE)
            if late and today.filter(status=Status.NO_SHOW).update(**late, checked_in_at=at):
                self._record(Kind.CHECKED_IN, by, at, Status.NO_SHOW)
            elif due.filter(checked_in_at__isnull=True).update(checked_in_at=at):
                self._record(Kind.CHECKED_IN, by, at)
            elif not due.exists():
                raise InvalidTransition
            else:  # nothing changes, but the caller is shown the visit: that is a read
                role = str(self._role_of(by, Kind.CHECKED_IN))
                AuditEvent.objects.record(Action.READ, self, [self.patient], actor=by, role=role)
        self.refresh_from_db(fields=["checked_in_at", "status", "needs_rebooking"])
        return self

    def _lock_late_arrival(self, restore: RestoreAppointment) -> dict[str, Any]:
        """Lock what a no-show needs to be scheduled again; return the columns to write.

        Returns an empty dict for a visit that is not a no-show.
        """
        if self.status != Status.NO_SHOW:
            return {}
        restore.lock_patient_of_visit(InvalidTransition)
        slots = self._lock_slot()
        if self.status != Status.NO_SHOW:  # another call has checked the patient in
            return {}
        if self.patient.is_deceased:
            raise PatientDeceased
        restore.refuse_other_visits()
        return self._scheduled_again(slots)

    def complete(self, by: User | None = None, at: datetime | None = None) -> Self:
        """Record that the visit took place; staff also correct a no-show.

        Raises InvalidTransition for a status that TRANSITIONS does not allow, and before the start
        of the visit unless the patient has checked in.
        """
        at = at or timezone.now()
        possible = Q(starts_at__lte=at) | Q(checked_in_at__isnull=False)
        return self._conclude(Status.COMPLETED, possible, Kind.COMPLETED, by, at)

    def mark_no_show(self, by: User | None = None, at: datetime | None = None) -> Self:
        """Record that the patient did not come; staff also correct a completed visit.

        Raises InvalidTransition for a status that TRANSITIONS does not allow, and before the start;
        HasCome for a scheduled visit whose patient has checked in.
        """
        at = at or timezone.now()
        return self._conclude(Status.NO_SHOW, Q(starts_at__lte=at), Kind.NO_SHOW, by, at)

    def amend(self, reason: str, by: User | None = None, at: datetime | None = None) -> Self:
        """Change the reason of the visit; raises InvalidTransition once its patient is erased."""
        with transaction.atomic():
            rows = self._rows.filter(pk=self.pk, patient__isnull=False)
            if not rows.update(reason=reason):
                raise InvalidTransition(gettext("The person of this visit has been erased."))
            status = rows.values_list("status", flat=True).get()
            self._record(Kind.AMENDED, by, at or timezone.now(), status, status)
        self.refresh_from_db(fields=["reason", "status"])
        return self

    @retry_on_stale_lock
    def _conclude(self, to: Status, possible: Q, kind: Kind, by: User | None, at: datetime) -> Self:
        """Change the status of a scheduled visit to `to`, if the condition `possible` holds.

        Staff also correct a completed visit or a no-show, as TRANSITIONS allows.
        """
        sources: list[str] = [LIVE]
        if self.is_at_site_of(by):
            sources = [source for source, targets in TRANSITIONS.items() if to in targets]
        arrived = Q(status=LIVE, checked_in_at__isnull=False)
        with transaction.atomic():
            waiting = self._waiting_to_replace()
            if freed := self._expire_replacing(waiting, at) if waiting else []:
                freed[0].offers.offer_places(freed, at)
            rows = self._rows.filter(possible, pk=self.pk)
            legal = rows.exclude(arrived) if to == Status.NO_SHOW else rows
            source = next((s for s in sources if legal.filter(status=s).update(status=to)), None)
            if source is None:
                raise HasCome if rows.filter(arrived).exists() else InvalidTransition
            self._record(kind, by, at, source, to)
        self.refresh_from_db(fields=["status"])
        return self

    # --- The waitlist entries that would replace the visit ---

    def _expire_replacing(self, waiting: dict[int, int | None], at: datetime) -> list[Slot]:
        """End these waitlist entries as expired: the visit that they would replace is over.

        Returns the slots that were offered to them; the caller offers the places to others.
        """
        if self.slot is None:
            return []
        offered = Slot.objects.filter(pk__in=[pk for pk in waiting.values() if pk]).lock()
        entries = self.replacing_entries.all()
        found: list[Slot] = self.slot.offers.end_entries(
            entries, WaitlistStatus.EXPIRED, offered, at
        )
        return found

    # --- Take a change back ---

    @retry_on_stale_lock
    def undo(
        self,
        by: User | None = None,
        at: datetime | None = None,
        override_reason: str = "",
        of: str = "",
    ) -> Self:
        """Take back the latest event of the visit: check-in, completion, no-show or cancelation.

        `of`: the kind of that event, where the caller means no other one. A canceled visit takes
        its place again by the booking rules; with an `override_reason` staff set aside those that
        staff may. Raises NothingToUndo for any other latest event, InvalidTransition once the
        patient has been erased, the first booking rule against the visit, as one of
        `doctor.exceptions.REFUSALS`, and PermissionDenied for an `override_reason` of a doctor.
        Locks the user, the patient, the slot, waitlist entries, then the appointment.
        """
        at = at or timezone.now()
        acts_as_staff(by, CHANGE_PERMISSION, self.patient, override_reason, self.location_id)
        restore = RestoreAppointment(self, at, waive=bool(override_reason))
        with restore.transaction():
            self._undoable(of)
            restore.lock_patient_of_visit(InvalidTransition)
            slots = self._lock_slot()
            event = self._undoable(of)
            changes: dict[str, Any] = {"status": event.from_status}
            if event.kind == Kind.CHECKED_IN:
                changes["checked_in_at"] = None
            if event.from_status == LIVE != event.to_status:
                if event.kind == Kind.CANCELED:
                    restore.take_place(slots, by)
                    self.closures_kept = 0
                    changes |= {"canceled_at": None, "cancel_reason": ""}
                else:
                    restore.refuse_other_visits()
                changes |= self._scheduled_again(slots)
            self._save_undone(event, changes, by, at, override_reason)
        return self

    def _undoable(self, of: str = "") -> AppointmentEvent:
        """Return the latest event of the visit; raises NothingToUndo if it cannot be undone."""
        event = AppointmentEvent.objects.filter(appointment=self.pk).latest_undoable()
        if event is None:
            raise NothingToUndo
        if of not in {"", event.kind}:
            raise NothingToUndo(staff_message=CHANGED_SINCE)
        return event

    def _scheduled_again(self, slots: list[Slot]) -> dict[str, Any]:
        """Return the columns of a visit in this locked slot that becomes scheduled again."""
        closures = Slot.objects.filter(pk__in=[slot.pk for slot in slots]).closures_by_key()
        return {"status": LIVE, **self.flags_for(sum(closures.values()))}

    def _save_undone(
        self,
        event: AppointmentEvent,
        changes: dict[str, Any],
        by: User | None,
        at: datetime,
        override_reason: str,
    ) -> None:
        """Write the columns and the event; raises NothingToUndo if the visit changed meanwhile.

        If the visit is scheduled again and has not begun, the waitlist entries that would replace
        it, and expired with it, wait again. Another verb that locks only the appointment may have
        written an event meanwhile: the UPDATE locks the row, then the latest event is read again.
        """
        if event.from_status == LIVE != event.to_status and self.starts_at > at:
            self.slot.offers.restore_entries(self.replacing_entries.all(), at)
        rows = self._rows.filter(pk=self.pk, status=event.to_status, patient__isnull=False)
        if not rows.update(**changes) or self._undoable() != event:
            raise NothingToUndo(staff_message=CHANGED_SINCE)
        details = {"undoes": event.kind, "override_reason": override_reason}
        self._record(Kind.UNDONE, by, at, event.to_status, event.from_status, **details)
        for name, value in changes.items():
            setattr(self, name, value)

    @retry_on_stale_lock
    @transaction.atomic
    def discard(self) -> None:
        """Delete a visit entered by mistake, with its events, and release a place that it holds.

        The webhooks that were sent a live visit are sent its cancelation: its event, deleted with
        the others, queues that. Locks the slot, waitlist entries, then the appointment.
        """
        at, waiting = timezone.now(), self._waiting_to_replace()
        try:
            slots = self._lock_slot(waiting.values())
        except AppointmentDeleted:
            return
        freed = self._expire_replacing(waiting, at) if waiting else []
        held = self._rows.holding_a_place().filter(pk=self.pk)
        status = held.select_for_update(no_key=True).values_list("status", flat=True).first()
        if status:
            for slot in slots:
                slot.release()
                freed.append(slot)
        if status == LIVE:
            off = {"from_status": LIVE, "to_status": Status.CANCELED}
            AppointmentEvent.objects.create(
                appointment_id=self.pk, kind=Kind.CANCELED, at=at, **off
            )
        if freed:
            freed[0].offers.offer_places(freed, at)
        AuditEvent.objects.record(Action.DELETE, self, [self.patient])
        self.delete()

    # --- The work list ---

    @retry_on_stale_lock
    @transaction.atomic
    def keep(self, reason: str, by: User | None = None, at: datetime | None = None) -> Self:
        """Take the visit off the work list: it takes place as booked, despite its closures.

        Another closure that hits the visit puts it on the list again. Raises InvalidTransition for
        a visit that is not on the work list. Locks the slot, then the appointment.
        """
        slots = self._lock_slot()
        closures = Slot.objects.filter(pk__in=[slot.pk for slot in slots]).closures_by_key()
        self.closures_kept = sum(closures.values())
        rows = self._rows.to_rebook().filter(pk=self.pk)
        if not rows.update(needs_rebooking=False, closures_kept=self.closures_kept):
            raise InvalidTransition(gettext("This visit is not on the work list."))
        self.needs_rebooking = False
        self._record(Kind.KEPT, by, at or timezone.now(), detail=reason)
        return self

    def note_call(self, by: User | None = None, at: datetime | None = None) -> Self:
        """Record that staff have called the patient about the visit, without an answer.

        Changes nothing else. A second call of the same user within A_CALL is a second click, and is
        not recorded. Raises InvalidTransition for a visit that is not scheduled or whose
        patient is erased. Locks the appointment.
        """
        with transaction.atomic():
            rows = self._rows.active().filter(pk=self.pk, patient__isnull=False)
            if not rows.select_for_update(no_key=True).order_by("pk").exists():
                raise InvalidTransition(gettext("This visit is not scheduled any more."))
            at = at or timezone.now()
            calls = AppointmentEvent.objects.filter(appointment=self.pk, kind=Kind.CALLED)
            if not calls.filter(actor=by, at__gt=at - A_CALL).exists():
                self._record(Kind.CALLED, by, at)
        return self
