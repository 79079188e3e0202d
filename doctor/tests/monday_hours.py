"""The dates of three Mondays, and functions that read stored weekly hours, sessions and slots."""

from datetime import date, timedelta
from typing import Any

from doctor.models import Schedule, Slot, WeeklyHours

MONDAY = date(2027, 1, 11)
SECOND, THIRD = MONDAY + timedelta(days=7), MONDAY + timedelta(days=14)


def slot_times_on(day: date, doctor: Any = None) -> list[str]:
    """Return the local start of each slot of a day, in order: "09:00", or "(09:00)" if kept over.

    A kept-over slot does not fit the changed weekly hours and stays only for the visits in it.
    """
    slots = Slot.objects.filter(schedule__date=day).order_by("starts_at").select_related("location")
    shown = [
        (f"{slot.starts_at.astimezone(slot.location.zone):%H:%M}", slot.kept_over)
        for slot in slots
        if doctor in (None, slot.doctor)
    ]
    return [f"({at})" if kept else at for at, kept in shown]


def stored_rows() -> list[Any]:
    """Return all rows of weekly hours, sessions and slots, for a comparison after a change."""
    return [list(model.objects.order_by("pk").values()) for model in (WeeklyHours, Schedule, Slot)]
