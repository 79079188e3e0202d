"""What a change of weekly hours or a session would do: it is made and rolled back."""

from collections import defaultdict
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q

from doctor.exceptions import ScheduleInUse
from doctor.models.schedule import Schedule
from doctor.models.slot import Slot

if TYPE_CHECKING:
    from doctor.models.weekly_hours import WeeklyHours

COMPARED = ("doctor", "location", "start_time", "end_time", "slot_minutes", "capacity")
TWO_DAYS = timedelta(days=2)  # no location is further behind the date in UTC

# Makes the change. Its argument is `keep` of `WeeklyHours.publish`; it returns the hours that it
# has saved, or None if it has deleted them.
Change = Callable[[bool], "WeeklyHours | None"]
Sessions = dict[date, tuple[Any, ...]]  # for each day, the values of its session to compare


@dataclass(frozen=True)
class HoursPreview:
    """How many coming sessions a change removes, changes and adds, by their days.

    `appointments`: primary keys of the visits that would lose their slot. They make the change
    fail without `keep`; with it they stay at their times and go to the work list.
    """

    sessions_removed: int
    sessions_changed: int
    sessions_added: int
    appointments: list[int]


def preview_change(hours: int | None, change: Change, at: datetime) -> HoursPreview:
    """Make the change of the hours with this primary key, roll it back, and say what it did.

    `hours` is None for new hours. Raises what the change raises, except ScheduleInUse: the
    preview then has its visits, and the sessions as the change with `keep` leaves them.
    """
    with transaction.atomic():
        before = _sessions(Q(weekly_hours=hours), at) if hours else {}
        saved, appointments = _make(change)
        old = Q(pk__in=[key for key, *_ in before.values()])
        after = _sessions(old | Q(weekly_hours=saved.pk) if saved else old, at)
        transaction.set_rollback(True)
    shared = before.keys() & after.keys()
    return HoursPreview(
        sessions_removed=len(before.keys() - shared),
        sessions_changed=sum(before[day] != after[day] for day in shared),
        sessions_added=len(after.keys() - shared),
        appointments=appointments,
    )


def preview_deletion(hours: "WeeklyHours", at: datetime) -> HoursPreview:
    """Say what deleting these hours would do, and delete nothing."""

    def delete(keep: bool) -> None:
        copy(hours).unpublish(keep=keep)  # `delete` removes the key of the object that it is given

    return preview_change(hours.pk, delete, at)


def _make(change: Change) -> "tuple[WeeklyHours | None, list[int]]":
    """Make the change; return what it saves, and the visits that it is refused for without keep."""
    try:
        with transaction.atomic():
            return change(False), []
    except ScheduleInUse as refused:
        return change(True), refused.extra["appointments"]


def _sessions(condition: Q, at: datetime) -> Sessions:
    """Read sessions that follow their weekly hours, by date; days that are over are left out."""
    coming = Schedule.objects.filter(
        condition, is_exception=False, date__gte=(at - TWO_DAYS).date()
    )
    rows = list(coming.values_list("date", "pk", *COMPARED))
    slots: dict[int, list[Any]] = defaultdict(list)
    spans = Slot.objects.filter(schedule__in=[pk for _, pk, *_ in rows]).order_by("starts_at")
    for schedule, *span in spans.values_list("schedule", "starts_at", "ends_at"):
        slots[schedule].append(span)
    return {day: (pk, *values, slots[pk]) for day, pk, *values in rows}


# --- Sessions -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SessionPreview:
    """How many coming slots a change of a session deletes, and how many it creates."""

    slots_removed: int
    slots_added: int


def preview_session(session: Schedule, changes: dict[str, Any], at: datetime) -> SessionPreview:
    """Say what `revise` of the session, or `publish` of a new one, would do; raises as they do."""
    saved = copy(session)
    with transaction.atomic():
        before = _coming_slots(saved, at)
        saved.revise(**changes) if saved.pk else saved.publish()
        after = _coming_slots(saved, at)
        transaction.set_rollback(True)
    return SessionPreview(len(before - after), len(after - before))


def _coming_slots(session: Schedule, at: datetime) -> set[tuple[Any, ...]]:
    slots = Slot.objects.filter(schedule=session.pk, starts_at__gt=at)
    return set(slots.values_list("doctor", "location", "starts_at", "ends_at"))
