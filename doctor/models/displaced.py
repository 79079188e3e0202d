"""Slots that are not at their wall times after new time zone data, and their move there.

A session is wall times; its slots are instants, computed with the zone data of the day on which
they were made. When a government changes its clocks, the instants of the coming slots are no longer
those of the wall times that patients know.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F, QuerySet

from doctor.models.schedule import Schedule
from doctor.models.session_plan import span_of
from doctor.models.slot import Slot
from doctor.wall_time import Span, instant_of, is_a_slot, offset_minutes
from extensions.db.batches import batches

# While slots of one doctor get each other's times, they wait this much later, where no other slot
# is: no constraint is violated on the way, in whatever order the rows are written.
ASIDE = timedelta(days=500 * 365)
ROWS_PER_STATEMENT = 500
TIMES = ("start_time", "end_time", "slot_minutes")
SESSION = tuple(f"schedule__{name}" for name in ("date", *TIMES, "location__time_zone"))


# --- Which slots are displaced --------------------------------------------------------------------


def displaced(slots: QuerySet[Slot]) -> Iterator[dict[str, Any]]:
    """Yield a row of each of these slots that is not where its session's wall times put it.

    Slots that are kept over are left out: they belong nowhere.
    """
    columns = ("pk", "doctor", "schedule", "starts_at", "ends_at", "utc_offset", *SESSION)
    for row in slots.filter(kept_over=False).values(*columns):
        day, start, end, minutes, name = (row[column] for column in SESSION)
        zone, span = ZoneInfo(name), (row["starts_at"], row["ends_at"])
        new_offset = _has_new_offset(row["utc_offset"], span[0], zone)
        if new_offset or not is_a_slot(span, day, start, end, minutes, zone):
            yield row


def _has_new_offset(offset: int | None, at: datetime, zone: ZoneInfo) -> bool:
    return offset is not None and offset != offset_minutes(at, zone)


# --- Where they belong ----------------------------------------------------------------------------


def new_spans_of(session: Schedule, slots: Iterable[Slot]) -> dict[int, Span | None]:
    """Map the key of each slot of a session to the span of the wall time that was promised.

    `slots`: all slots of the session that are not kept over. A slot is mapped to None if the
    session no longer has a slot at that wall time.
    """
    ordered = sorted(slots, key=span_of)
    wanted = session.spans()
    walls = {slot.pk: _promised(session, slot, ordered[0]) for slot in ordered}
    is_known = all(slot.utc_offset is not None for slot in ordered)
    is_certain = is_known and len(set(walls.values())) == len(walls)  # an autumn has 02:00 twice
    if len(ordered) == len(wanted) and not is_certain:
        return dict(zip(walls, wanted, strict=True))
    return _by_wall_time(walls, wanted, session.location.zone)


def _by_wall_time(
    walls: dict[int, datetime], wanted: list[Span], zone: ZoneInfo
) -> dict[int, Span | None]:
    """Map the keys of slots to the spans that begin at their wall times.

    A wall time that the clocks now skip takes the end of the gap, if no other slot belongs there.
    """
    free = {span[0]: span for span in wanted}
    starts = {pk: instant_of(wall.date(), wall.time(), zone) for pk, wall in walls.items()}
    shown = {pk: start.astimezone(zone).replace(tzinfo=None) for pk, start in starts.items()}
    skipped_last = sorted(walls, key=lambda pk: (shown[pk] != walls[pk], walls[pk]))
    return {pk: free.pop(starts[pk], None) for pk in skipped_last}


def _promised(session: Schedule, slot: Slot, first: Slot) -> datetime:
    """Return the wall time (naive) that the slot began at when it was made.

    An earlier release did not note it: then the first slot began when the session did.
    """
    if slot.utc_offset is not None:
        return (slot.starts_at + timedelta(minutes=slot.utc_offset)).replace(tzinfo=None)
    return datetime.combine(session.date, session.start_time) + (slot.starts_at - first.starts_at)


# --- How they get there ---------------------------------------------------------------------------


def set_aside(rows: Any) -> None:
    """Move slots or visits far into the future, all by the same time; new times replace these."""
    rows.update(starts_at=F("starts_at") + ASIDE, ends_at=F("ends_at") + ASIDE)


def move_slots(slots: Mapping[int, Slot], new_spans: Mapping[int, Span]) -> None:
    """Give these locked slots the new times; the caller has checked that nothing overlaps."""
    for pks in batches(new_spans):
        set_aside(Slot.objects.filter(pk__in=pks))
    moved = []
    for pk, (starts_at, ends_at) in new_spans.items():
        slot = slots[pk]
        slot.starts_at, slot.ends_at = starts_at, ends_at
        slot.utc_offset = offset_minutes(starts_at, slot.schedule.location.zone)
        moved.append(slot)
    Slot.objects.bulk_update(
        moved, ["starts_at", "ends_at", "utc_offset"], batch_size=ROWS_PER_STATEMENT
    )


def keep_over(session: Schedule, slots: Iterable[Slot]) -> Schedule:
    """Mark locked slots as kept over, in a closed copy of their session; returns the copy.

    The session itself keeps its other slots, and its weekly hours if it has any. The slots note the
    offset of today, so that a later repair does not look for their old wall time.
    """
    copy = session.on_day(session.date)
    copy.weekly_hours_id, copy.is_active, copy.is_exception = None, False, True
    copy.save(force_insert=True)
    by_offset: dict[int, list[int]] = defaultdict(list)
    for slot in slots:
        by_offset[offset_minutes(slot.starts_at, session.location.zone)].append(slot.pk)
    for offset, pks in by_offset.items():
        changes = {"schedule": copy, "kept_over": True, "utc_offset": offset}
        Slot.objects.filter(pk__in=pks).update(**changes)
    return copy
