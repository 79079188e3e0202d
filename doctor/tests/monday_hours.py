"""Three Mondays and the slots on each of them."""

from datetime import date, timedelta
from typing import Any

from doctor.models import Schedule, Slot, WeeklyHours

MONDAY = date(2027, 1, 11)
SECOND, THIRD = MONDAY + timedelta(days=7), MONDAY + timedelta(days=14)


def slot_times_on(day: date, doctor: Any = None) -> list[str]:
    """Return the local start times of a day's slots, those of kept-over slots in brackets."""
    slots = Slot.objects.filter(schedule__date=day).order_by("starts_at").select_related("location")
    shown = [
        (f"{slot.starts_at.astimezone(slot.location.zone):%H:%M}", slot.kept_over)
        for slot in slots
        if doctor in (None, slot.doctor)
    ]
    return [f"({at})" if kept else at for at, kept in shown]


def stored_rows() -> list[Any]:
    """Return all stored weekly hours, sessions and slots."""
    return [list(model.objects.order_by("pk").values()) for model in (WeeklyHours, Schedule, Slot)]
