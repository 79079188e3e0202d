"""What staff confirm before a session or weekly hours are saved, and what a deletion takes away."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from django.contrib.humanize.templatetags.humanize import apnumber
from django.template.defaultfilters import pluralize

from doctor.models import Location, Schedule, Slot, WeeklyHours
from doctor.models.hours_preview import HoursPreview, SessionPreview
from doctor.wall_time import extent_of
from extensions.formats import day_text

AN_HOUR = 60  # minutes: a session up to this length may well be one visit
TIMES = frozenset({"start_time", "end_time", "slot_minutes"})
ANY_DAY = date(2026, 1, 1)


# --- One visit ------------------------------------------------------------------------------------


def length_text(minutes: int) -> str:
    """Return a length in words: four hours, one hour and 30 minutes, 45 minutes."""
    hours, rest = divmod(minutes, 60)
    parts = [f"{apnumber(hours)} hour{pluralize(hours)}"] if hours else []
    parts += [f"{rest} minute{pluralize(rest)}"] if rest or not hours else []
    return " and ".join(parts)


def minutes_between(start: time, end: time) -> int:
    """Return the minutes between two wall times of a day on which no clock changes."""
    extent = extent_of(ANY_DAY, start, end, None, UTC)  # type: ignore[arg-type]
    return int((extent[1] - extent[0]).total_seconds()) // 60 if extent else 0


def one_visit_text(row: Schedule | WeeklyHours) -> str:
    """Return what a session without a length of its times is, as part of a sentence."""
    length = length_text(minutes_between(row.start_time, row.end_time))
    if row.capacity > 1:
        return f"one time of {length}, for {row.capacity} visits at once"
    return f"one visit of {length}"


def one_visit_fact(form: Any, change: bool) -> list[str]:
    """Return the sentence to confirm if no slot length is typed and the session is a long one."""
    row = form.instance
    typed = not change or not TIMES.isdisjoint(form.changed_data)
    if not typed or row.slot_minutes or minutes_between(row.start_time, row.end_time) <= AN_HOUR:
        return []
    times = f"{row.start_time:%H:%M} to {row.end_time:%H:%M}"
    each = "Each session is" if isinstance(row, WeeklyHours) else "The session is"
    return [f"The length of each time is empty. {each} {one_visit_text(row)}, {times}."]


class SlotLengthMixin:
    """A form whose help text says how long the one visit is if the slot length is empty."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row: Any = self.instance  # type: ignore[attr-defined]
        field = self.fields.get("slot_minutes")  # type: ignore[attr-defined]
        if field is not None:
            means = one_visit_text(row) if row.start_time and row.end_time else "one visit"
            field.help_text = f"Minutes. If this is empty, the whole session is {means}."


# --- Changes --------------------------------------------------------------------------------------


def version_fact(first: date) -> str:
    """Return what a new version of weekly hours from a date on does to the present ones."""
    return f"These hours end before {day_text(first)}, and new ones take over."


def removal_facts(preview: HoursPreview) -> list[str]:
    """Return what a change of weekly hours does to their sessions and visits."""
    removed, added, visits = (
        preview.sessions_removed,
        preview.sessions_added,
        len(preview.appointments),
    )
    facts = [f"{removed} session{pluralize(removed)} to come would be removed."]
    if preview.sessions_changed:
        facts.append(f"{preview.sessions_changed} would change.")
    if added:
        facts.append(f"{added} would be added.")
    if visits:
        facts.append(
            f"{visits} visit{pluralize(visits)} would stay at {pluralize(visits, 'its,their')} "
            "time and go to the work list."
        )
    return [" ".join(facts)]


def slot_facts(preview: SessionPreview) -> list[str]:
    """Return what a change of a session does to its free times, if it removes any."""
    removed, added = preview.slots_removed, preview.slots_added
    if not removed:
        return []
    more = f" {added} would be added." if added else ""
    return [f"{removed} free time{pluralize(removed)} would be removed.{more}"]


# --- Deletions ------------------------------------------------------------------------------------


def deletion_of_hours(rows: Sequence[WeeklyHours], at: datetime) -> str:
    """Return how many sessions go with these weekly hours, and how many visits are in the way."""
    coming = Location.objects.compared_with_today("date__gt", at)
    sessions = Schedule.objects.filter(coming, weekly_hours__in=rows, is_exception=False)
    slots = Slot.objects.filter(schedule__in=sessions)
    number = sessions.count()
    gone = f"{number} session{pluralize(number)} to come would be deleted."
    return f"{gone} {_in_the_way(slots)}".strip()


def deletion_of_sessions(rows: Sequence[Schedule], at: datetime) -> str:
    """Return how many free times go with these sessions, and how many visits are in the way."""
    slots = Slot.objects.filter(schedule__in=rows)
    number = slots.filter(starts_at__gt=at, taken=0).count()
    gone = f"{number} free time{pluralize(number)} to come would be deleted."
    return f"{gone} {_in_the_way(slots)}".strip()


def _in_the_way(slots: Any) -> str:
    """Return the sentence about visits in these slots, or nothing if there are none."""
    taken = slots.filter(taken__gt=0).prefetch_related("appointments")
    visits = [visit for slot in taken for visit in slot.appointments.all() if visit.holds_a_place]
    if not visits:
        return ""
    are = "visit is" if len(visits) == 1 else "visits are"
    return f"{len(visits)} {are} booked there, so the deletion will be refused."
