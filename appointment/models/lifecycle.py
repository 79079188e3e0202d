"""The verbs of the day of a visit: check-in, completion and no-show, and the reason amended.

The module does not import `Appointment`, which inherits from `Lifecycle`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Self

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import AuditEvent, User
from appointment.exceptions import InvalidTransition
from appointment.models.event import LIVE, AppointmentEvent, Status
from extensions.db.retry import retry_on_stale_lock

CHANGE_PERMISSION = "appointment.change_appointment"
Kind = AppointmentEvent.Kind
Action = AuditEvent.Action

# The legal changes of status. Only staff change one final status into another, to correct it.
TRANSITIONS: dict[str, frozenset[str]] = {
    Status.SCHEDULED: frozenset({Status.COMPLETED, Status.CANCELED, Status.NO_SHOW}),
    Status.COMPLETED: frozenset({Status.NO_SHOW}),
    Status.CANCELED: frozenset(),
    Status.NO_SHOW: frozenset({Status.COMPLETED}),
}


class Lifecycle(models.Model):
    """The base of `Appointment` that holds the verbs of the day of the visit."""

    patient: Any
    location: Any
    location_id: int
    _record: Callable[..., None]  # of `Appointment`, for all its verbs
    _waiting_to_replace: Callable[[], dict[int, int | None]]
    _expire_replacing: Callable[..., list[Any]]
    _role_of: Callable[[User | None], AppointmentEvent.Role]

    class Meta:
        abstract = True

    @property
    def _rows(self) -> Any:
        """The appointments, with their scopes."""
        return type(self)._default_manager

    # --- The day of the visit: conditional updates that lock the appointment alone. Where an entry
    # of the waitlist would replace the visit, its offered slot and the entry are locked first. ---

    def check_in(self, by: User | None = None, at: datetime | None = None) -> Self:
        """Record that the patient has come; a second call changes nothing.

        Raises InvalidTransition for a visit that is not scheduled, and on another date than that of
        the visit, by the calendar of its location.
        """
        at = at or timezone.now()
        with transaction.atomic():
            self.refresh_from_db()
            today = self._rows.active().filter(pk=self.pk, date=self.location.today(at))
            if today.filter(checked_in_at__isnull=True).update(checked_in_at=at):
                self._record(Kind.CHECKED_IN, by, at)
            elif not today.exists():
                raise InvalidTransition
            else:  # nothing changes, but the caller is shown the visit: that is a read
                role = str(self._role_of(by))
                AuditEvent.objects.record(Action.READ, self, [self.patient], actor=by, role=role)
        self.refresh_from_db(fields=["checked_in_at"])
        return self

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

        Raises InvalidTransition for a status that TRANSITIONS does not allow, and before the start.
        """
        at = at or timezone.now()
        return self._conclude(Status.NO_SHOW, Q(starts_at__lte=at), Kind.NO_SHOW, by, at)

    def amend(self, reason: str, by: User | None = None, at: datetime | None = None) -> Self:
        """Change the reason of the visit; raises InvalidTransition once its patient is erased."""
        with transaction.atomic():
            rows = self._rows.filter(pk=self.pk, patient__isnull=False)
            if not rows.update(reason=reason):
                raise InvalidTransition("The person of this visit has been erased.")
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
        if by and by.is_staff_with(CHANGE_PERMISSION) and by.works_at(self.location_id):
            sources = [source for source, targets in TRANSITIONS.items() if to in targets]
        with transaction.atomic():
            if freed := self._expire_replacing(self._waiting_to_replace(), at):
                freed[0].offers.offer_places(freed, at)
            rows = self._rows.filter(possible, pk=self.pk)
            source = next((s for s in sources if rows.filter(status=s).update(status=to)), None)
            if source is None:
                raise InvalidTransition
            self._record(kind, by, at, source, to)
        self.refresh_from_db(fields=["status"])
        return self
