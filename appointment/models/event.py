"""The statuses of an appointment, and the append-only events of its history."""

from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.fields import name_that_day
from doctor.models.site_staff import SiteQuerySet
from extensions.db.models import InsertOnlyModel
from extensions.formats import instant_text


class Status(models.TextChoices):
    """The status of an appointment; scheduled ones are called live."""

    SCHEDULED = "scheduled", _("Scheduled")
    COMPLETED = "completed", _("Completed")
    CANCELED = "canceled", _("Canceled")
    NO_SHOW = "no_show", _("No-show")


LIVE = Status.SCHEDULED
HOLDING_STATUSES = (Status.SCHEDULED, Status.COMPLETED, Status.NO_SHOW)  # count in Slot.taken


class AppointmentEventQuerySet(SiteQuerySet["AppointmentEvent"]):
    """Events; only the verbs of an appointment add one."""

    site_path = "appointment__location"

    def latest_undoable(self) -> "AppointmentEvent | None":
        """Return the latest of these events, of one visit, if it can be undone; else None.

        A call without an answer changes nothing of the visit, and is passed over.
        """
        latest = self._changes().last()
        return latest if latest and latest.kind in latest.UNDOABLE else None

    def was_undone(self, kind: str) -> bool:
        """Whether the latest of these events, of one visit, took back one of this kind."""
        latest = self._changes().last()
        return bool(latest and latest.undoes and latest.undoes == kind)

    def kind_of_latest(self) -> models.QuerySet[Any, Any]:
        """Return the kind of the latest of these events, as a subquery of one value."""
        return self._changes().reverse().values("kind")[:1]

    def changing_calendars(self) -> Self:
        """Events that change the time, the place or the status in the calendar entry of a visit."""
        return self.filter(CHANGES_CALENDARS)

    def up_to(self, event: int | None) -> Self:
        """Return the events up to the one with this key; all of them for None."""
        return self if event is None else self.filter(pk__lte=event)

    def revision(self) -> tuple[int, datetime | None]:
        """Return the number of events that change a calendar, of one visit, and the latest's `at`.

        The latter is None if there is none. One statement.
        """
        found = self.changing_calendars().aggregate(
            number=models.Count("pk"), latest=models.Max("at")
        )
        return found["number"], found["latest"]

    def _changes(self) -> Self:
        return self.exclude(kind=self.model.Kind.CALLED).order_by("pk")

    def blank_free_text(self, appointments: models.QuerySet[Any]) -> None:
        """Blank the free text in the events of these appointments, whose patient is erased."""
        self.filter(appointment__in=appointments).update(detail="", override_reason="")


class AppointmentEvent(InsertOnlyModel):
    """One change of an appointment: the verb, the instant, and the user who called it."""

    class Kind(models.TextChoices):
        """The verb that left the event."""

        BOOKED = "booked", _("Booked")
        AMENDED = "amended", _("Amended")
        CANCELED = "canceled", _("Canceled")
        COMPLETED = "completed", _("Completed")
        NO_SHOW = "no_show", _("No-show")
        RESCHEDULED = "rescheduled", _("Rescheduled")
        CHECKED_IN = "checked_in", _("Checked in")
        ZONE_CHANGED = "zone_changed", _("Clocks changed")
        UNDONE = "undone", _("Undone")
        KEPT = "kept", _("Kept as booked")
        CALLED = "called", _("Called, no answer")

    BY_PATIENTS = (Kind.BOOKED, Kind.CANCELED, Kind.RESCHEDULED)  # the others are for staff
    UNDOABLE = (Kind.CHECKED_IN, Kind.COMPLETED, Kind.NO_SHOW, Kind.CANCELED)

    class Role(models.TextChoices):
        """The role in which the actor acted; `system` where no user did."""

        PATIENT = "patient", _("Patient")
        STAFF = "staff", _("Staff")
        DOCTOR = "doctor", _("Doctor")
        SYSTEM = "system", _("System")

    appointment = models.ForeignKey(
        "appointment.Appointment", models.CASCADE, related_name="events", verbose_name=_("visit")
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    at = models.DateTimeField(pgettext_lazy("an event", "at"), default=timezone.now)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,  # the event keeps the key of a deleted account
        null=True,
        db_constraint=False,
        related_name="+",
        verbose_name=_("actor"),
    )
    actor_name = name_that_day()
    by = models.CharField(_("by"), max_length=7, choices=Role, default=Role.SYSTEM)
    from_status = models.CharField(_("from status"), max_length=9, choices=Status, blank=True)
    to_status = models.CharField(_("to status"), max_length=9, choices=Status)
    undoes = models.CharField(
        _("undoes"),
        max_length=11,
        choices=[(kind.value, kind.label) for kind in UNDOABLE],
        blank=True,
        default="",
        db_default="",
        help_text=_("What an event of the kind `undone` took back."),
    )
    from_slot = models.BigIntegerField(null=True, help_text=_("Key of the slot it was moved from."))
    to_slot = models.BigIntegerField(null=True, help_text=_("Key of the slot it was moved to."))
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    override_reason = models.CharField(
        _("anyway because"),
        max_length=500,
        blank=True,
        help_text=_("Why staff set a rule of the location aside."),
    )
    after_deadline = models.BooleanField(
        _("after deadline"),
        default=False,
        db_default=False,
        help_text=_(
            "Canceled or moved when the location's deadline for it had passed. Kept when the "
            "person is erased."
        ),
    )

    objects = AppointmentEventQuerySet.as_manager()

    class Meta:
        ordering = ("at", "pk")
        verbose_name = _("event of a visit")
        verbose_name_plural = _("events of visits")
        indexes = (models.Index(fields=["-at", "-id"], name="appointment_event_at"),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {instant_text(self.at, self.appointment.location.zone)}"


Kind = AppointmentEvent.Kind
# A cancelation that was undone changes the entry too.
CHANGES_CALENDARS = models.Q(
    kind__in=(Kind.RESCHEDULED, Kind.ZONE_CHANGED, Kind.CANCELED)
) | models.Q(kind=Kind.UNDONE, undoes=Kind.CANCELED)
