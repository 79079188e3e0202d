"""What appointments do when the calendar changes: each receiver calls a verb, and nothing else."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from appointment.models import Appointment
from doctor.signals import slots_changed


@receiver(slots_changed)
def flag_visits(slots: set[int], at: datetime, **kwargs: Any) -> None:
    """Put the visits that cannot take place on the work list, and take the others off it."""
    Appointment.objects.reflag(slots, at)
