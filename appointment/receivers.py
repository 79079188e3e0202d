"""What appointments do when the calendar changes: each receiver calls a verb, and nothing else.

They are called in the order in which they stand: entries in line are locked before appointments.
"""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from appointment.models import Appointment, Offer
from doctor.signals import slots_changed, slots_closing


@receiver(slots_closing)
def withdraw_offers(slots: set[int], at: datetime, **kwargs: Any) -> None:
    """Take back what was offered of slots that are about to close, go or shrink."""
    Offer.objects.withdraw(slots, at)


@receiver(slots_changed)
def offer_places(slots: set[int], at: datetime, **kwargs: Any) -> None:
    """Offer the places that have become free to those who wait."""
    Offer.objects.offer_again(slots, at)


@receiver(slots_changed)
def flag_visits(slots: set[int], new: set[int], at: datetime, **kwargs: Any) -> None:
    """Put the visits that cannot take place on the work list, and take the others off it.

    No visit exists on a new slot.
    """
    Appointment.objects.reflag(slots - new, at)
