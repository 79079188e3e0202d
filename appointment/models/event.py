"""The lifecycle of every appointment, append only."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from appointment.models.status import Status

if TYPE_CHECKING:
    from appointment.models.querysets import AppointmentQuerySet


class AppointmentEventQuerySet(models.QuerySet["AppointmentEvent"]):
    """Events are added by the verbs of an appointment, and by nothing else."""

    def blank_free_text(self, appointments: "AppointmentQuerySet") -> None:
        """Take the words out of the events of these appointments: a person is being erased."""
        self.filter(appointment__in=appointments).update(detail="", override_reason="")


class AppointmentEvent(models.Model):
    """One thing that happened to an appointment, who did it and when."""

    class Kind(models.TextChoices):
        """The verb that left the event."""

        BOOKED = "booked"
        AMENDED = "amended"
        CANCELED = "canceled"
        COMPLETED = "completed"
        NO_SHOW = "no_show", "No-show"
        RESCHEDULED = "rescheduled"
        CHECKED_IN = "checked_in", "Checked in"

    class Role(models.TextChoices):
        """In which role somebody acted; `system` is nobody."""

        PATIENT = "patient"
        STAFF = "staff"
        DOCTOR = "doctor"
        SYSTEM = "system"

    appointment = models.ForeignKey(
        "appointment.Appointment", on_delete=models.CASCADE, related_name="events"
    )
    kind = models.CharField(max_length=11, choices=Kind)
    at = models.DateTimeField(default=timezone.now)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    by = models.CharField(max_length=7, choices=Role, default=Role.SYSTEM)
    from_status = models.CharField(max_length=9, choices=Status, blank=True)
    to_status = models.CharField(max_length=9, choices=Status)
    from_slot = models.BigIntegerField(null=True, help_text="Key of the slot it was moved from.")
    to_slot = models.BigIntegerField(null=True, help_text="Key of the slot it was moved to.")
    detail = models.CharField(max_length=500, blank=True)
    override_reason = models.CharField(
        max_length=500, blank=True, help_text="Why staff set a rule of the location aside."
    )

    objects = AppointmentEventQuerySet.as_manager()

    class Meta:
        ordering = ("at", "pk")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.at:%Y-%m-%d %H:%M} UTC"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert the event; raises TypeError for one that is stored already."""
        if self.pk:
            raise TypeError("An event is never changed.")
        super().save(*args, **kwargs)
