"""The free times of a week to which a visit can be moved."""

from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import groupby
from typing import Any, NamedTuple

from django.db.models import Q

from appointment.models import Appointment
from appointment.models.booking import booking_context
from doctor.models import Doctor, Slot
from doctor.models.booking_rules import WAIVABLE
from doctor.wall_time import enclosing_span, spans_of_days
from extensions.formats import clock_text, day_text

A_WEEK = timedelta(days=7)
MOST_TIMES = 150  # in the panel; the week of one doctor has fewer


class FreeTime(NamedTuple):
    """A time to which the visit can be moved; `rule`: only with a reason, by a rule."""

    slot: int
    text: str
    rule: bool


class FreeTimes:
    """The free times of a week (Monday to Sunday) at the site of the visit.

    Those of its doctor or, with `others`, of the other doctors who share a specialty. A week that
    is over is replaced by this one.
    """

    def __init__(
        self, visit: Appointment, day: date, others: bool, user: Any, at: datetime
    ) -> None:
        self.visit, self.others, self.user, self.at = visit, others, user, at
        self.today = visit.location.today(at)
        day = max(day, self.today)
        self.monday = day - timedelta(days=day.weekday())

    @property
    def sunday(self) -> date:
        """The last day of the week."""
        return self.monday + A_WEEK - timedelta(days=1)

    @property
    def week_before(self) -> date | None:
        """A day of the week before; None if that is over."""
        return self.monday - A_WEEK if self.monday > self.today else None

    @property
    def week_after(self) -> date:
        """A day of the week after."""
        return self.monday + A_WEEK

    @cached_property
    def days(self) -> list[tuple[str, list[FreeTime]]]:
        """The free times by day, of other doctors by day and doctor; at most MOST_TIMES."""
        found = [
            (self._heading(row), FreeTime(row.pk, self._clock(row), row.reason in WAIVABLE))
            for row in self._slots()
        ]
        grouped = groupby(found, key=lambda each: each[0])
        return [(heading, [time for _, time in times]) for heading, times in grouped]

    @property
    def rule_in_the_way(self) -> bool:
        """Whether a reason is needed for any of the times."""
        return any(time.rule for _, times in self.days for time in times)

    def _slots(self) -> Any:
        """Return the slots of the week that the patient can have, in the order of the headings."""
        if self.visit.patient is None:
            return []
        site = self.visit.location
        days = (max(self.monday, self.today), self.sunday)
        slots = Slot.objects.at_sites_of(self.user).between(*days, [site]).filter(self._doctors())
        window = enclosing_span(spans_of_days(*days, {site.pk: site.time_zone}))
        context = booking_context(self.visit.patient, self.at, [site], window, self.visit.pk)
        rows: Any = slots.coming(self.at).select_related("doctor").explained(context)
        rows = rows.order_by("starts_at", "pk")
        free = [row for row in rows if row.reason is None or row.reason in WAIVABLE][:MOST_TIMES]
        return sorted(free, key=self._heading_order)

    def _heading_order(self, row: Any) -> tuple[date, str]:
        day = row.starts_at.astimezone(self.visit.location.zone).date()
        return day, str(row.doctor) if self.others else ""

    def _doctors(self) -> Any:
        """Return the condition of the slots of the doctors in question."""
        mine = self.visit.doctor_id
        if not self.others:
            return Q(doctor=mine)
        alike = Doctor.objects.active().filter(specialties__doctors=mine).exclude(pk=mine)
        return Q(doctor__in=alike.values("pk"))

    def _heading(self, row: Any) -> str:
        day = day_text(row.starts_at.astimezone(self.visit.location.zone).date())
        return f"{day}, {row.doctor}" if self.others else day

    def _clock(self, row: Any) -> str:
        return clock_text(row.starts_at, self.visit.location.zone)
