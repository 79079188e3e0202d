"""Which slots weekly hours need on which days, around the doctor's other sessions."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from doctor.models.schedule import Schedule
from doctor.models.slot import Slot, SlotQuerySet
from doctor.wall_time import Span

OTHER_SESSION: Any = _("The doctor has another session at that time.")
SKIPPED_BY_CLOCKS: Any = _("The clocks skip these hours on that day.")
KEPT_OVER: Any = _("Appointments outside these hours take up all of that time.")

SkippedDay = tuple[date, str]  # a day without a session, and the reason


def span_of(slot: Slot) -> Span:
    """Return the (start, end) of a slot in UTC."""
    return slot.starts_at, slot.ends_at


class BusySpans:
    """Spans that do not overlap each other, searched by bisection for one that overlaps another."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self.spans = sorted(spans)
        self.ends = [end for _, end in self.spans]

    def overlaps(self, span: Span) -> bool:
        """Tell whether one of the spans overlaps this one; a span that only touches it does not."""
        index = bisect_right(self.ends, span[0])
        return index < len(self.spans) and self.spans[index][0] < span[1]


class SessionPlan:
    """The slots to have on each day, and the days that are skipped, each with the reason.

    `template` is an unsaved session with the doctor, the location and the times of the weekly
    hours. A day is skipped as a whole if another session of the doctor overlaps it. Slots of the
    sessions in `ignored_sessions` (primary keys) count as free: they are being remade.
    """

    def __init__(
        self, template: Schedule, days: Iterable[date], ignored_sessions: Iterable[int] = ()
    ) -> None:
        self.template = template
        self.spans = {day: template.on_day(day).spans() for day in days}
        self.skipped: list[SkippedDay] = []
        self._skip(SKIPPED_BY_CLOCKS, [day for day, spans in self.spans.items() if not spans])
        others = self.doctor_slots().exclude(schedule__in=list(ignored_sessions))
        busy = BusySpans(others.filter(kept_over=False).values_list("starts_at", "ends_at"))
        overlapped = [day for day, spans in self.spans.items() if any(map(busy.overlaps, spans))]
        self._skip(OTHER_SESSION, overlapped)

    def doctor_slots(self) -> SlotQuerySet:
        """Return the doctor's slots between the first planned start and the last planned end."""
        bounds = [span for spans in self.spans.values() for span in (*spans[:1], *spans[-1:])]
        if not bounds:
            return Slot.objects.none()
        starts_at, ends_at = min(start for start, _ in bounds), max(end for _, end in bounds)
        slots = Slot.objects.filter(doctor=self.template.doctor_id)
        # A slot is shorter than two days: a lower bound on its start lets the index serve.
        earliest = starts_at - timedelta(days=2)
        return slots.filter(starts_at__range=(earliest, ends_at), ends_at__gt=starts_at)

    def leave_out(self, kept_over: Iterable[Span]) -> None:
        """Remove planned slots that overlap these kept-over slots; skip days without any left."""
        busy = BusySpans(kept_over)
        for day, spans in self.spans.items():
            self.spans[day] = [span for span in spans if not busy.overlaps(span)]
        self._skip(KEPT_OVER, [day for day, spans in self.spans.items() if not spans])

    def days_by_span(self) -> dict[Span, date]:
        """Map the (start, end) of each planned slot to its local date."""
        return {span: day for day, spans in self.spans.items() for span in spans}

    def _skip(self, reason: Any, days: list[date]) -> None:
        self.skipped += [(day, str(reason)) for day in days]
        for day in days:
            del self.spans[day]
