"""What staff confirm before a session or weekly hours are saved, and what a deletion takes away."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from django.utils.translation import gettext, ngettext, pgettext_lazy

from doctor.models import Location, Schedule, Slot, WeeklyHours
from doctor.models.hours_preview import HoursPreview, SessionPreview
from doctor.wall_time import extent_of
from extensions.formats import day_text

AN_HOUR = 60  # minutes: a session up to this length may well be one visit
TIMES = frozenset({"start_time", "end_time", "slot_minutes"})
ANY_DAY = date(2026, 1, 1)
NUMBERS = {
    1: pgettext_lazy("number of hours", "one"),
    2: pgettext_lazy("number of hours", "two"),
    3: pgettext_lazy("number of hours", "three"),
    4: pgettext_lazy("number of hours", "four"),
    5: pgettext_lazy("number of hours", "five"),
    6: pgettext_lazy("number of hours", "six"),
    7: pgettext_lazy("number of hours", "seven"),
    8: pgettext_lazy("number of hours", "eight"),
    9: pgettext_lazy("number of hours", "nine"),
}


# --- One visit ------------------------------------------------------------------------------------


def length_text(minutes: int) -> str:
    """Return a length in words: four hours, one hour and 30 minutes, 45 minutes."""
    hours, rest = divmod(minutes, 60)
    number = NUMBERS.get(hours, hours)
    in_hours = ngettext("%(number)s hour", "%(number)s hours", hours) % {"number": number}
    in_minutes = ngettext("%(number)s minute", "%(number)s minutes", rest) % {"number": rest}
    if hours and rest:
        both = {"hours": in_hours, "minutes": in_minutes}
        return gettext("%(hours)s and %(minutes)s") % both
    return in_hours if hours else in_minutes


def minutes_between(start: time, end: time) -> int:
    """Return the minutes between two wall times of a day on which no clock changes."""
    extent = extent_of(ANY_DAY, start, end, None, UTC)  # type: ignore[arg-type]
    return int((extent[1] - extent[0]).total_seconds()) // 60 if extent else 0


def one_visit_text(row: Schedule | WeeklyHours) -> str:
    """Return what a session without a length of its times is, as part of a sentence."""
    length = length_text(minutes_between(row.start_time, row.end_time))
    if row.capacity > 1:
        facts = {"length": length, "count": row.capacity}
        return gettext("one time of %(length)s, for %(count)s visits at once") % facts
    return gettext("one visit of %(length)s") % {"length": length}


def one_visit_fact(form: Any, change: bool) -> list[str]:
    """Return the sentence to confirm if no slot length is typed and the session is a long one."""
    row = form.instance
    typed = not change or not TIMES.isdisjoint(form.changed_data)
    if not typed or row.slot_minutes or minutes_between(row.start_time, row.end_time) <= AN_HOUR:
        return []
    if isinstance(row, WeeklyHours):
        text = gettext(
            "The length of each time is empty. Each session is %(visit)s, %(start)s to %(end)s."
        )
    else:
        text = gettext(
            "The length of each time is empty. The session is %(visit)s, %(start)s to %(end)s."
        )
    start, end = f"{row.start_time:%H:%M}", f"{row.end_time:%H:%M}"
    return [text % {"visit": one_visit_text(row), "start": start, "end": end}]


class SlotLengthMixin:
    """A form whose help text says how long the one visit is if the slot length is empty."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row: Any = self.instance  # type: ignore[attr-defined]
        field = self.fields.get("slot_minutes")  # type: ignore[attr-defined]
        if field is not None:
            text = gettext("Minutes. If this is empty, the whole session is %(visit)s.")
            has_times = row.start_time and row.end_time
            means = one_visit_text(row) if has_times else gettext("one visit")
            field.help_text = text % {"visit": means}


# --- Changes --------------------------------------------------------------------------------------


def version_fact(first: date) -> str:
    """Return what a new version of weekly hours from a date on does to the present ones."""
    text = gettext("These hours end before %(day)s, and new ones take over.")
    return text % {"day": day_text(first)}


def removal_facts(preview: HoursPreview) -> list[str]:
    """Return what a change of weekly hours does to their sessions and visits."""
    removed, added, visits = (
        preview.sessions_removed,
        preview.sessions_added,
        len(preview.appointments),
    )
    text = ngettext(
        "%(count)s session to come would be removed.",
        "%(count)s sessions to come would be removed.",
        removed,
    )
    facts = [text % {"count": removed}]
    if changed := preview.sessions_changed:
        text = ngettext("%(count)s would change.", "%(count)s would change.", changed)
        facts.append(text % {"count": changed})
    if added:
        facts.append(_added(added))
    if visits:
        text = ngettext(
            "%(count)s visit would stay at its time and go to the work list.",
            "%(count)s visits would stay at their time and go to the work list.",
            visits,
        )
        facts.append(text % {"count": visits})
    return [" ".join(facts)]


def _added(number: int) -> str:
    return ngettext("%(count)s would be added.", "%(count)s would be added.", number) % {
        "count": number
    }


def slot_facts(preview: SessionPreview) -> list[str]:
    """Return what a change of a session does to its free times, if it removes any."""
    removed, added = preview.slots_removed, preview.slots_added
    if not removed:
        return []
    text = ngettext(
        "%(count)s free time would be removed.", "%(count)s free times would be removed.", removed
    )
    facts = [text % {"count": removed}, *([_added(added)] if added else [])]
    return [" ".join(facts)]


# --- Deletions ------------------------------------------------------------------------------------


def deletion_of_hours(rows: Sequence[WeeklyHours], at: datetime) -> str:
    """Return how many sessions go with these weekly hours, and how many visits are in the way."""
    coming = Location.objects.compared_with_today("date__gt", at)
    sessions = Schedule.objects.filter(coming, weekly_hours__in=rows, is_exception=False)
    slots = Slot.objects.filter(schedule__in=sessions)
    number = sessions.count()
    gone = ngettext(
        "%(count)s session to come would be deleted.",
        "%(count)s sessions to come would be deleted.",
        number,
    )
    return f"{gone % {'count': number}} {_in_the_way(slots)}".strip()


def deletion_of_sessions(rows: Sequence[Schedule], at: datetime) -> str:
    """Return how many free times go with these sessions, and how many visits are in the way."""
    slots = Slot.objects.filter(schedule__in=rows)
    number = slots.filter(starts_at__gt=at, taken=0).count()
    gone = ngettext(
        "%(count)s free time to come would be deleted.",
        "%(count)s free times to come would be deleted.",
        number,
    )
    return f"{gone % {'count': number}} {_in_the_way(slots)}".strip()


def _in_the_way(slots: Any) -> str:
    """Return the sentence about visits in these slots, or nothing if there are none."""
    taken = slots.filter(taken__gt=0).prefetch_related("appointments")
    visits = [visit for slot in taken for visit in slot.appointments.all() if visit.holds_a_place]
    if not visits:
        return ""
    text = ngettext(
        "%(count)s visit is booked there, so the deletion will be refused.",
        "%(count)s visits are booked there, so the deletion will be refused.",
        len(visits),
    )
    return text % {"count": len(visits)}
