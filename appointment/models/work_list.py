"""The work list: visits that staff have to move or cancel."""

from typing import Any, ClassVar

from django.db.models import Case, Exists, OuterRef, Value, When
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appointment.models.appointment import Appointment, AppointmentQuerySet
from doctor.models import TimeOff


class WorkListQuerySet(AppointmentQuerySet):
    """Scopes of appointments, and `with_cause` for the pages of the work list."""

    def with_cause(self) -> "WorkListQuerySet":
        """Add `cause`: why the visit cannot take place as booked, in the language in use."""
        overlapping = TimeOff.objects.filter(
            starts_at__lt=OuterRef("ends_at"), ends_at__gt=OuterRef("starts_at")
        )
        away = Exists(overlapping.filter(doctor=OuterRef("doctor")))
        closed = Exists(overlapping.filter(location=OuterRef("location")))
        causes = (
            When(doctor__is_active=False, then=Value(gettext("the doctor has left"))),
            When(away, then=Value(gettext("the doctor is away"))),
            When(closed, then=Value(gettext("the location is closed"))),
        )
        return self.annotate(cause=Case(*causes, default=Value(gettext("the hours have changed"))))


class WorkListItem(Appointment):
    """A visit that cannot take place because of leave, changed hours or a doctor who left.

    A proxy of `Appointment`, so that the work list has admin pages of its own.
    """

    objects: ClassVar[Any] = WorkListQuerySet.as_manager()

    class Meta:
        proxy = True
        default_permissions = ("view", "change")
        verbose_name = _("visit to rebook")
        verbose_name_plural = _("visits to rebook")
