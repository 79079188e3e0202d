"""What weekly hours are to have on which days, around whatever else the doctor does."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from doctor.models.schedule import Schedule
from doctor.models.slot import Slot, SlotQuerySet
from doctor.models.weekly_hours import Skipped, WeeklyHours
from doctor.wall_time import Span

IN_THE_WAY = "The doctor has another session at that time."
NO_TIME = "The clocks skip these hours on that day."
KEPT_OVER = "What is booked outside these hours takes all of that time."
TERMS = ("doctor_id", "location_id", "start_time", "end_time", "slot_minutes", "capacity")


def booking_context(hours: WeeklyHours) -> dict[str, Any]:
    """The columns that a session has from its hours."""
    return {name: getattr(hours, name) for name in TERMS}


def span_of(slot: Slot) -> Span:
    """From when to when a slot is."""
    return slot.starts_at, slot.ends_at


class Busy:
    """Spans that do not overlap each other: which others do they meet?"""

    def __init__(self, spans: Iterable[Span]) -> None:
        self.spans = sorted(spans)
        self.ends = [end for _, end in self.spans]

    def meets(self, span: Span) -> bool:
        """Whether one of them overlaps this span; ones that touch do not."""
        place = bisect_right(self.ends, span[0])
        return place < len(self.spans) and self.spans[place][0] < span[1]


class Plan:
    """The slots that hours are to have on each day, and the days left out with the reason.

    A day on which another session of the doctor is in the way is left out as a whole. The slots of
    the sessions in `ignored_sessions` are in nobody's way: they are being remade.
    """

    def __init__(
        self, hours: WeeklyHours, days: list[date], ignored_sessions: Iterable[int] = ()
    ) -> None:
        self.hours = hours
        self.spans = {day: self.session_on(day).spans() for day in days}
        self.skipped: list[Skipped] = []
        self._leave_out(NO_TIME, [day for day, spans in self.spans.items() if not spans])
        around = self.around().exclude(schedule__in=list(ignored_sessions))
        busy = Busy(around.filter(kept_over=False).values_list("starts_at", "ends_at"))
        met = [day for day, spans in self.spans.items() if any(map(busy.meets, spans))]
        self._leave_out(IN_THE_WAY, met)

    def session_on(self, day: date, pk: int | None = None) -> Schedule:
        """The session that the hours are to have on a day, as the row of that key or a new one."""
        session = Schedule(pk=pk, weekly_hours=self.hours, date=day, **booking_context(self.hours))
        session.location = self.hours.location  # spares a look-up of each
        return session

    def around(self) -> SlotQuerySet:
        """The doctor's slots, of any session, from the first day of the plan to the last."""
        every = [span for spans in self.spans.values() for span in (*spans[:1], *spans[-1:])]
        if not every:
            return Slot.objects.none()
        starts_at, ends_at = min(start for start, _ in every), max(end for _, end in every)
        slots = Slot.objects.filter(doctor=self.hours.doctor_id)
        # A slot lasts a day at most: bounded on both sides, the index on the start serves alone.
        earliest = starts_at - timedelta(days=2)
        return slots.filter(starts_at__range=(earliest, ends_at), ends_at__gt=starts_at)

    def go_around(self, kept: Iterable[Span]) -> None:
        """Have no slot where something is kept over from earlier hours."""
        busy = Busy(kept)
        for day, spans in self.spans.items():
            self.spans[day] = [span for span in spans if not busy.meets(span)]
        self._leave_out(KEPT_OVER, [day for day, spans in self.spans.items() if not spans])

    def days_of(self) -> dict[Span, date]:
        """The day of each slot to be had."""
        return {span: day for day, spans in self.spans.items() for span in spans}

    def _leave_out(self, reason: str, days: list[date]) -> None:
        self.skipped += [(day, reason) for day in days]
        for day in days:
            del self.spans[day]
