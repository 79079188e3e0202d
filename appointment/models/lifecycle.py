"""What becomes of a visit on its day, and the record of it."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import AuditEvent, User
from appointment.exceptions import InvalidTransition
from appointment.models.event import AppointmentEvent
from appointment.models.status import CHANGE, LIVE, Status, sources_of

if TYPE_CHECKING:
    from appointment.models.appointment import Appointment

Kind = AppointmentEvent.Kind
Role = AppointmentEvent.Role
Action = AuditEvent.Action


class Lifecycle(models.Model):
    """The verbs of the day of a visit: conditional updates that lock the appointment alone."""

    class Meta:
        abstract = True

    def check_in(self: Any, by: User | None = None, at: datetime | None = None) -> "Appointment":
        """Note that the patient has come; once more changes nothing.

        Raises InvalidTransition on any day but that of the visit at its location, and for a visit
        that is not scheduled.
        """
        at = at or timezone.now()
        with transaction.atomic():
            self.refresh_from_db()
            today = type(self).objects.active().filter(pk=self.pk, date=self.location.today(at))
            if today.filter(checked_in_at__isnull=True).update(checked_in_at=at):
                self._record(Kind.CHECKED_IN, by, at)
            elif not today.exists():
                raise InvalidTransition
            else:  # nothing is written of the visit, and yet it is shown
                role = str(self._role_of(by))
                AuditEvent.objects.record(Action.READ, self, [self.patient], actor=by, role=role)
        self.refresh_from_db(fields=["checked_in_at"])
        return self

    def complete(self, by: User | None = None, at: datetime | None = None) -> "Appointment":
        """Note that the visit took place.

        Raises InvalidTransition, before its start too unless the patient has checked in. Staff
        also correct a no-show.
        """
        at = at or timezone.now()
        possible = Q(starts_at__lte=at) | Q(checked_in_at__isnull=False)
        return self._conclude(Status.COMPLETED, possible, Kind.COMPLETED, by, at)

    def mark_no_show(self, by: User | None = None, at: datetime | None = None) -> "Appointment":
        """Note that the patient did not come; staff also correct a completed visit.

        Raises InvalidTransition, always before the start.
        """
        at = at or timezone.now()
        return self._conclude(Status.NO_SHOW, Q(starts_at__lte=at), Kind.NO_SHOW, by, at)

    def amend(
        self: Any, reason: str, by: User | None = None, at: datetime | None = None
    ) -> "Appointment":
        """Correct the words that say what the visit is for.

        Raises InvalidTransition where there is no person left to say it of.
        """
        with transaction.atomic():
            rows = type(self).objects.filter(pk=self.pk, patient__isnull=False)
            if not rows.update(reason=reason):
                raise InvalidTransition("The person of this visit has been erased.")
            status = rows.values_list("status", flat=True).get()
            self._record(Kind.AMENDED, by, at or timezone.now(), status, status)
        self.refresh_from_db(fields=["reason", "status"])
        return self

    def _conclude(
        self: Any, to: Status, possible: Q, kind: Kind, by: User | None, at: datetime
    ) -> "Appointment":
        """Change the status; only staff leave a final one, to correct it."""
        sources = sources_of(to) if by and by.is_staff_with(CHANGE) else [LIVE]
        with transaction.atomic():
            rows = type(self).objects.filter(possible, pk=self.pk)
            source = next((s for s in sources if rows.filter(status=s).update(status=to)), None)
            if source is None:
                raise InvalidTransition
            self._record(kind, by, at, source, to)
        self.refresh_from_db(fields=["status"])
        return self

    def _record(
        self: Any,
        kind: Kind,
        by: User | None,
        at: datetime,
        from_status: str = LIVE,
        to_status: str = LIVE,
        **more: Any,
    ) -> None:
        """Leave the event of a verb: one that the visit keeps, and one of the audit."""
        role = self._role_of(by)
        AppointmentEvent.objects.create(
            appointment=self,
            kind=kind,
            actor=by,
            by=role,
            at=at,
            from_status=from_status,
            to_status=to_status,
            **more,
        )
        action = Action.CREATE if kind == Kind.BOOKED else Action.CHANGE
        AuditEvent.objects.record(action, self, [self.patient], actor=by, role=str(role))

    def _role_of(self: Any, by: User | None) -> Role:
        """As whom somebody acts on this visit."""
        if by is None:
            return Role.SYSTEM
        if self.patient and self.patient.user_id == by.pk:
            return Role.PATIENT
        return Role.DOCTOR if self.doctor.user_id == by.pk else Role.STAFF
