"""Appointments: their scopes, and the verbs that change them.

An appointment, or visit, is one patient's place in a slot. The transactions that book and move one
are in `appointment.models.booking`, the verbs of its day in `appointment.models.lifecycle`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from accounts.audit.context import ADMIN, current_context
from accounts.models import AuditEvent, OutgoingMessage, User
from appointment.exceptions import (
    AppointmentDeleted,
    AppointmentMoved,
    CancelDeadlinePassed,
    CheckedIn,
    NotCancelable,
)
from appointment.models.acting import CHANGE_PERMISSION
from appointment.models.booking import BookAppointment, RescheduleAppointment
from appointment.models.event import LIVE, AppointmentEvent, Status
from appointment.models.lifecycle import Lifecycle
from appointment.models.waitlist_status import IN_LINE
from appointment.models.work_list_scopes import WorkListScopes
from doctor.models import Doctor, Location, Slot
from doctor.models.booking_rules import BookingContext
from doctor.wall_time import A_DAY, hours_before
from extensions.db.compiled import compiled, compiled_update
from extensions.db.constraints import KeyRange, PostgresExclusionConstraint, TimeRange
from extensions.db.inserts import KeyOf, insert_together
from extensions.db.retry import retry_on_stale_lock
from extensions.db.transactions import in_transaction
from extensions.exceptions import DomainError
from extensions.formats import instant_text
from patient.models import Patient

# The columns that `_copy_slot` sets.
SLOT_COLUMNS = ("slot_id", "doctor_id", "location_id", "starts_at", "ends_at", "date")
SET_BY_MOVE: dict[str, Any] = {"checked_in_at": None, "needs_rebooking": False}
SET_BY_MOVE |= {"closures_kept": 0, "moved": True}
LISTED = ["-date", "starts_at", "id", "location"]  # by staff; the index alone tells the site
OF_A_PATIENT = ["patient", "-starts_at", "-id", "location"]
Kind = AppointmentEvent.Kind
Role = AppointmentEvent.Role
Action = AuditEvent.Action
MESSAGES = {Kind.BOOKED: "booked", Kind.RESCHEDULED: "moved", Kind.ZONE_CHANGED: "moved"}
MESSAGES[Kind.CANCELED] = "canceled"


class AppointmentQuerySet(WorkListScopes["Appointment"]):
    """Scopes of appointments by person, and booking for an account."""

    # --- By person ---

    def of_patients(self, keys: Sequence[int]) -> "AppointmentQuerySet":
        """Appointments of these patients; of a single one, an index yields them in their order."""
        return self.filter(patient=keys[0]) if len(keys) == 1 else self.filter(patient__in=keys)

    def concerning(self, user: Any) -> "AppointmentQuerySet":
        """Appointments that the user may act on: for staff who may change them, at their sites.

        Also those of the user and dependents and, for an active doctor, the doctor's own.
        """
        own = Q(patient__user=user) | Q(doctor__user=user, doctor__is_active=True)
        return self._with_those_of_staff(user, own)

    def changeable_by(self, user: Any) -> "AppointmentQuerySet":
        """Appointments that the user may cancel and move: own; for staff, all at their sites."""
        return self._with_those_of_staff(user, Q(patient__user=user))

    def _with_those_of_staff(self, user: Any, own: Q) -> "AppointmentQuerySet":
        """The `own` appointments and, for staff who may change them, those at their sites."""
        if not (user.is_staff and user.is_staff_with(CHANGE_PERMISSION)):
            return self.filter(own)
        return self if user.sites is None else self.filter(own | Q(location__in=user.sites))

    def with_names(self) -> "AppointmentQuerySet":
        """Load the doctor, the location and the patient in the same query."""
        return self.select_related("doctor", "location", "patient")

    # --- Verbs ---

    @retry_on_stale_lock
    def book_own(
        self,
        user: User,
        doctor: int,
        slot_id: int | None = None,
        schedule_id: int | None = None,
        reason: str = "",
        **whom: Any,
    ) -> "Appointment":
        """Book a slot of an active doctor, or a session's earliest free one, for the user.

        `whom`: the arguments of `BookAppointment.lock_named_patient`. A user without a profile (the
        user's own Patient) gets one, made from the account's names. Raises Slot.DoesNotExist where
        the doctor has no such slot, Patient.DoesNotExist where the user has no such patient, else
        as `Appointment.book`. Locks the user, the patient, then the slot.
        """
        wanted = {"pk": slot_id} if schedule_id is None else {"schedule": schedule_id}
        slots = Q(doctor=doctor, doctor__is_active=True, **wanted)
        appointment = self.model(reason=reason, booked_by=user)
        booking = BookAppointment(appointment, timezone.now())
        with booking.transaction():
            booking.lock_named_patient(**whom)
            booked: Appointment = booking.book(slots, earliest=slot_id is None)
        return booked


class Appointment(Lifecycle):
    """A visit. It keeps the times, doctor and location of its slot if the slot is deleted."""

    patient = models.ForeignKey(
        Patient,
        models.PROTECT,
        "appointments",
        null=True,
        db_index=False,
        help_text=_("Empty once the person has been erased."),
        verbose_name=_("patient"),
    )
    slot = models.ForeignKey(
        Slot, models.SET_NULL, "appointments", null=True, verbose_name=_("time")
    )
    doctor = models.ForeignKey(
        Doctor, models.PROTECT, "appointments", db_index=False, verbose_name=_("doctor")
    )
    location = models.ForeignKey(
        Location, models.PROTECT, "appointments", db_index=False, verbose_name=_("location")
    )
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    date = models.DateField(_("date"), help_text=_("At the location."))
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.SCHEDULED)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    booked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, "+", null=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    canceled_at = models.DateTimeField(_("canceled at"), null=True)
    cancel_reason = models.CharField(_("cancel reason"), max_length=500, blank=True)
    checked_in_at = models.DateTimeField(_("checked in at"), null=True, editable=False)
    needs_rebooking = models.BooleanField(
        _("to rebook"),
        default=False,
        editable=False,
        help_text=_(
            "Leave, changed hours or a doctor who left have hit it: staff find another time."
        ),
    )
    moved = models.BooleanField(_("moved"), default=False, db_default=False, editable=False)  # ever
    closures_kept = models.SmallIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="Number of closures that hit the visit when staff kept it; another one flags it.",
    )

    override_reason = ""  # why staff set rules aside; stored in the event only
    squeeze_in = False  # whether staff add a place to a full slot; read by the admin only
    objects = AppointmentQuerySet.as_manager()

    class Meta:
        ordering = ("-starts_at", "-pk")
        verbose_name = _("visit")
        verbose_name_plural = _("visits")
        permissions = (("view_own_day", "Can see the own day as a doctor, in the admin"),)
        indexes = (
            models.Index(fields=OF_A_PATIENT, name="appointment_patient_start"),
            models.Index(fields=["doctor", "starts_at"], name="appointment_of_doctor"),
            models.Index(fields=LISTED, name="appointment_by_date"),
            models.Index(fields=["doctor", *LISTED], name="appointment_doctor_date"),
            models.Index(fields=["location", *LISTED[:3]], name="appointment_location_date"),
            models.Index(fields=["status", *LISTED], name="appointment_status_date"),
            models.Index(fields=LISTED, condition=Q(moved=True), name="appointment_moved_by_date"),
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
                violation_error_message=_("The patient has this time booked already."),
            ),
            models.CheckConstraint(
                condition=Q(status=Status.CANCELED) | Q(slot__isnull=False),
                name="appointment_only_canceled_outlive_their_slot",
                violation_error_code="slot_missing",
                violation_error_message=_("Only a canceled appointment may outlive its slot."),
            ),
            models.CheckConstraint(
                condition=Q(status=Status.CANCELED, canceled_at__isnull=False)
                | (~Q(status=Status.CANCELED) & Q(canceled_at__isnull=True)),
                name="appointment_canceled_at_if_canceled",
                violation_error_code="canceled_at",
                violation_error_message=_("A canceled appointment, and no other, says since when."),
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=models.F("starts_at")),
                name="appointment_ends_after_it_starts",
                violation_error_code="appointment_times",
                violation_error_message=_("An appointment ends after it starts."),
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values),
                name="appointment_status_known",
                violation_error_code="status",
                violation_error_message=_("The status is none of those there are."),
            ),
            PostgresExclusionConstraint(
                expressions=[
                    (KeyRange("patient"), RangeOperators.OVERLAPS),
                    (TimeRange("starts_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
                condition=Q(status=LIVE, patient__isnull=False),
                name="appointment_no_overlap_of_one_patient",
                violation_error_code="patient_overlap",
                violation_error_message=_("The patient has another appointment at that time."),
            ),
        )

    def __str__(self) -> str:
        start = instant_text(self.starts_at, self.location.zone)
        named = {"number": self.pk, "time": start}  # no name: the admin logs it
        return gettext("Visit %(number)s, %(time)s") % named

    # --- Whether it can be canceled or moved ---

    def can_cancel(self, at: datetime | None = None) -> bool:
        """Whether the patient can cancel the visit at the instant."""
        try:
            self.refuse_change(at or timezone.now(), as_patient=True)
        except DomainError:
            return False
        return True

    @property
    def can_reschedule(self) -> bool:
        """Whether the patient can move the visit to a free slot now: if it can be canceled."""
        return self.can_cancel()

    @property
    def cancel_until(self) -> datetime:
        """The last instant at which the patient may cancel or move the visit, by the deadline."""
        minutes = 0 if self.needs_rebooking else self.location.cancel_deadline_minutes
        return self.starts_at - timedelta(minutes=minutes or 0)

    def refuse_change(
        self, at: datetime, override_reason: str = "", *, as_patient: bool = False
    ) -> None:
        """Raise the reason why the visit cannot be canceled or moved at the instant, if any.

        NotCancelable unless it is scheduled and has not begun; CheckedIn for the patient's own call
        after check-in; CancelDeadlinePassed. With an `override_reason` staff cancel and move every
        visit that is scheduled.
        """
        if self.status != LIVE:
            raise NotCancelable
        if override_reason:
            return
        if as_patient and self.checked_in_at is not None:
            raise CheckedIn
        if self.starts_at <= at:
            raise NotCancelable
        if not self._is_before_deadline(at):
            raise CancelDeadlinePassed

    def acts_as_patient(self, by: User | None) -> bool:
        """Whether the user acts on this visit as its patient, or for a dependent."""
        return self._role_of(by) == Role.PATIENT

    def _is_before_deadline(self, at: datetime) -> bool:
        """Whether the cancel deadline allows a change; a visit on the work list has no deadline."""
        return self.needs_rebooking or self.cancel_until >= at

    def _changeable(self, at: datetime, override_reason: str, *, as_patient: bool) -> Q:
        """Return the condition of the UPDATE that cancels or moves this visit: it may be changed.

        It repeats `refuse_change` but for the deadline: a check-in or a completion locks the
        appointment alone, and may be written after `refuse_change` has read the row.
        """
        if override_reason:
            return Q(pk=self.pk)
        arrived = {"checked_in_at__isnull": True} if as_patient else {}
        return Q(pk=self.pk, starts_at__gt=at, **arrived)

    def _overtaken(self, at: datetime, override_reason: str, *, as_patient: bool) -> DomainError:
        """Return why the UPDATE of `_changeable` found no row; reads the visit again."""
        self.reload()
        try:
            self.refuse_change(at, override_reason, as_patient=as_patient)
        except DomainError as refusal:
            return refusal
        return NotCancelable()

    # --- Book, cancel, move ---

    @retry_on_stale_lock
    def book(
        self, at: datetime | None = None, override_reason: str = "", squeeze_in: bool = False
    ) -> "Appointment":
        """Take a place in `self.slot` for `self.patient`, in one transaction; returns itself.

        Raises the first booking rule that refuses it, as one of `doctor.exceptions.REFUSALS`
        (SlotFull with `alternatives`). With an `override_reason`, staff set aside those in
        WAIVABLE; with `squeeze_in` as well they add a place to a full slot. Locks the patient's
        user, the patient, then the slot.
        """
        self.override_reason, waive = override_reason, bool(override_reason)
        booking = BookAppointment(self, at or timezone.now(), waive, squeeze_in=squeeze_in)
        with booking.transaction():
            self.patient = Patient.objects.lock(self.patient_id)
            booking.book(Q(pk=self.slot_id))
        return self

    @retry_on_stale_lock
    @in_transaction
    def cancel(
        self,
        by: User | None = None,
        reason: str = "",
        at: datetime | None = None,
        override_reason: str = "",
        *,
        listed: bool = False,
    ) -> "Appointment":
        """Cancel a scheduled visit; its place is free, or offered to the waitlist.

        Raises as `refuse_change`; with `listed` DoesNotExist for a visit that is not on the work
        list any more: the patient or another user may have moved it meanwhile. Of several calls at
        once only the one that changes the status releases the place. Locks the slot, waitlist
        entries, then the appointment.
        """
        at = at or timezone.now()
        waiting = self._waiting_to_replace()
        slots = self._lock_slot(waiting.values())
        self._require_listed(listed)
        as_patient = self.acts_as_patient(by)
        self.refuse_change(at, override_reason, as_patient=as_patient)
        freed = self._expire_replacing(waiting, at) if waiting else []
        for slot in slots:
            slot.release()
            slot.offers.offer_places([slot, *freed], at)
        details: dict[str, Any] = {"detail": reason, "override_reason": override_reason}
        details["after_deadline"] = not self._is_before_deadline(at)
        changeable = self._changeable(at, override_reason, as_patient=as_patient)
        events = self._events(Kind.CANCELED, by, at, to_status=Status.CANCELED, **details)
        changes = {"status": Status.CANCELED, "canceled_at": at, "cancel_reason": reason}
        if not insert_together(events, _changing.bind(changeable, **changes)):
            raise self._overtaken(at, override_reason, as_patient=as_patient)
        for name, value in changes.items():
            setattr(self, name, value)
        return self

    @retry_on_stale_lock
    def reschedule(
        self,
        to: Slot | int,
        by: User | None = None,
        at: datetime | None = None,
        override_reason: str = "",
        *,
        listed: bool = False,
    ) -> "Appointment":
        """Move the visit to another slot, of any doctor, in one transaction; its id stays.

        Raises as `cancel` for the old time, AlreadyBooked for its own slot,
        Slot.DoesNotExist for a slot that the public does not see or, where staff move the visit of
        another, at a site that they do not see, and as `book` does for the new time. Locks the
        user, the patient, both slots, waitlist entries, then the appointment.
        """
        key, waive = to.pk if isinstance(to, Slot) else to, bool(override_reason)
        move = RescheduleAppointment(self, at or timezone.now(), waive, override_reason)
        moved: Appointment = move.move(key, by, lambda: self._require_listed(listed))
        return moved

    def _require_listed(self, listed: bool) -> None:
        """Raise DoesNotExist if `listed` and the visit, whose slot is locked, is not."""
        if listed and not self.is_to_rebook:
            raise Appointment.DoesNotExist

    def save_booked(self, slot: Slot, at: datetime, context: BookingContext | None = None) -> None:
        """Insert the appointment, its event and its audit event.

        With a `context`, PostgreSQL takes the place in `slot` by the same statement; this raises as
        `Slot.take`. Without one, `BookAppointment` has taken it.
        """
        self._copy_slot(slot)
        self.status, self.created_at = LIVE, at
        details: dict[str, Any] = {"to_slot": slot.pk, "override_reason": self.override_reason}
        rows = [self, *self._events(Kind.BOOKED, self.booked_by, at, "", **details)]
        if context is None:
            insert_together(rows)
        else:
            slot.take(context=context, rows=rows)

    def save_moved(
        self, old: Slot, new: Slot, by: User | None, at: datetime, override_reason: str
    ) -> None:
        """Write the new slot, where `RescheduleAppointment` has taken a place, and the event.

        Raises as `refuse_change` for a visit that has changed meanwhile.
        """
        late = not self._is_before_deadline(at)
        as_patient = self.acts_as_patient(by)
        self._copy_slot(new)
        for name, value in SET_BY_MOVE.items():
            setattr(self, name, value)
        with override("en"):  # the history is stored in one language
            detail = f"{old} to {new}"[:500]
        texts = {"detail": detail, "override_reason": override_reason}
        slots: dict[str, Any] = {"from_slot": old.pk, "to_slot": new.pk}
        changeable = self._changeable(at, override_reason, as_patient=as_patient) & Q(slot=old.pk)
        events = self._events(Kind.RESCHEDULED, by, at, after_deadline=late, **slots, **texts)
        columns = {name: getattr(self, name) for name in SLOT_COLUMNS}
        if not insert_together(events, _changing.bind(changeable, **columns, **SET_BY_MOVE)):
            raise self._overtaken(at, override_reason, as_patient=as_patient)

    # --- Shared by the verbs ---

    def reload(self) -> None:
        """Read the row again, with the doctor, the location and the patient."""
        rows = _with_names(self.pk)
        if not rows:
            raise Appointment.DoesNotExist
        vars(self).update(vars(rows[0]), _prefetched_objects_cache={})

    def _lock_slot(self, others: Iterable[int | None] = ()) -> list[Slot]:
        """Lock the slot of the visit, if it has one, and read the visit again; return the slot.

        The slots with the keys `others` are locked in the same statement. Raises AppointmentMoved
        if the visit is in another slot by now, AppointmentDeleted if gone.
        """
        expected = self.slot_id
        keys = {pk for pk in (expected, *others) if pk}
        slots = [slot for slot in Slot.objects.filter(pk__in=keys).lock() if slot.pk == expected]
        try:
            self.reload()
        except Appointment.DoesNotExist as deleted:
            raise AppointmentDeleted from deleted
        if self.slot_id != expected:
            raise AppointmentMoved
        return slots

    def _waiting_to_replace(self) -> dict[int, int | None]:
        """Map the key of each entry that would replace the visit to its offered slot, or None."""
        entries = self.replacing_entries.model.objects.filter(replaces=self.pk, status__in=IN_LINE)
        waiting: dict[int, int | None] = {}
        for entry, slot, status in entries.values_list("pk", "offers__slot", "offers__status"):
            waiting[entry] = slot if status == "open" else waiting.get(entry)
        return waiting

    def _copy_slot(self, slot: Slot) -> None:
        """Set the slot and the columns copied from it."""
        self.slot, self.doctor, self.location = slot, slot.doctor, slot.location
        self.starts_at, self.ends_at = slot.starts_at, slot.ends_at
        self.date = timezone.localdate(slot.starts_at, ZoneInfo(slot.location.time_zone))

    def _record(self, *args: Any, **kwargs: Any) -> None:
        """Insert what `_events` returns."""
        insert_together(self._events(*args, **kwargs))

    def _events(
        self,
        kind: Kind,
        by: User | None,
        at: datetime,
        from_status: str = LIVE,
        to_status: str = LIVE,
        **details: Any,
    ) -> list[models.Model]:
        """Return what records a verb, unsaved: an event, an audit event, and the messages."""
        role = self._role_of(by, kind, bool(details.get("override_reason")))
        event = AppointmentEvent(
            appointment=self,
            kind=kind,
            actor=by,
            actor_name=by.full_name if by and role in (Role.STAFF, Role.DOCTOR) else None,
            by=role,
            at=at,
            from_status=from_status,
            to_status=to_status,
            **details,
        )
        rows = [event, *self.messages_of(event)]
        action = Action.CREATE if kind == Kind.BOOKED else Action.CHANGE
        audit = AuditEvent.objects.unsaved(action, self, [self.patient], actor=by, role=str(role))
        return [*rows, *audit]

    def messages_of(self, event: AppointmentEvent) -> list[models.Model]:
        """Return the messages to the patient that this event causes, unsaved, with their due times.

        A visit that stands gets a reminder too, unless its time has passed already. None for an
        event that changes neither the time of the visit nor whether it takes place.
        """
        at, kind = event.at, MESSAGES.get(Kind(event.kind))
        if event.undoes == Kind.CANCELED:
            kind = "booked"
        if kind is None or self.starts_at <= at:
            return []
        named: dict[str, Any] = {"object_id": self.pk or KeyOf(self), "created_at": at}
        named |= {"cause": event.pk or KeyOf(event), "location": self.location_id}
        named["user_id"] = self.patient and self.patient.user_id
        until = min(self.starts_at, at + A_DAY)
        rows = [OutgoingMessage(kind=kind, due_at=at, expires_at=until, **named)]
        hours = kind != "canceled" and self.location.reminder_hours
        zone = ZoneInfo(self.location.time_zone)
        if hours and (due := hours_before(self.starts_at, hours, zone)) > at:
            rows.append(
                OutgoingMessage(kind="reminder", due_at=due, expires_at=self.starts_at, **named)
            )
        return [*rows]

    def _role_of(self, by: Any, kind: Kind = Kind.CANCELED, overrides: bool = False) -> Role:
        """The role in which a user acts on this visit; the system acts where there is no user.

        In the admin, with an override reason and in all that patients cannot do, staff act as staff
        on their own visits too. With an override reason a doctor of the visit acts as staff.
        """
        if by is None:
            return Role.SYSTEM
        overrides = overrides and by.is_staff
        for_staff = current_context().channel == ADMIN or kind not in AppointmentEvent.BY_PATIENTS
        as_staff = overrides or (by.is_staff and for_staff)
        if self.patient and self.patient.user_id == by.pk and not as_staff:
            return Role.PATIENT
        return Role.DOCTOR if self.doctor.user_id == by.pk and not overrides else Role.STAFF


@compiled_update
def _changing(changeable: Q, **columns: Any) -> tuple[Any, dict[str, Any]]:
    return Appointment.objects.active().filter(changeable), columns


@compiled
def _with_names(pk: int) -> Any:
    return Appointment.objects.with_names().filter(pk=pk)
