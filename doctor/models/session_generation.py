"""The sessions that weekly hours make, and remake when they change: as sets, never one by one.

Everything here runs in the transaction of a verb of the hours, with their calendars locked.
"""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from django.db.models import Q

from doctor.models.schedule import Schedule, refuse_stranding
from doctor.models.session_plan import Plan, booking_context, span_of
from doctor.models.slot import Slot
from doctor.models.weekly_hours import Made, WeeklyHours
from doctor.signals import announce_closing
from doctor.wall_time import Span, instant_of

DAYS_AT_ONCE = timedelta(days=371)  # 53 weeks: what a year of hours needs is made at once
ROWS_AT_ONCE = 5000


# --- Hours made longer ----------------------------------------------------------------------------


def fill(hours: WeeklyHours, first: date, last: date, at: datetime) -> Made:
    """Make the sessions between two dates that the hours have not made yet; leave all others."""
    made = Made()
    while first <= last:
        until = min(last, first + DAYS_AT_ONCE)
        made += _fill(hours, first, until, at)
        first = until + timedelta(days=1)
    return made


def _fill(hours: WeeklyHours, first: date, last: date, at: datetime) -> Made:
    known = hours.schedules.filter(date__range=(first, last)).values_list("date", flat=True)
    plan = Plan(hours, sorted({*hours.dates(first, last)} - {*known}))
    plan.go_around(plan.around().filter(kept_over=True).values_list("starts_at", "ends_at"))
    sessions = make_sessions(plan, plan.spans)
    slots = make_slots(plan, sessions, set())
    announce(sessions, slots, at)
    return Made(len(sessions), len(slots), plan.skipped)


def make_sessions(plan: Plan, days: Iterable[date]) -> list[Schedule]:
    """Store the sessions of these days, without their slots."""
    new = [plan.session_on(day) for day in days]
    return Schedule.objects.bulk_create(new, batch_size=ROWS_AT_ONCE)


def make_slots(plan: Plan, sessions: Iterable[Schedule], there: set[Span]) -> list[Slot]:
    """Store the slots of these sessions that are not there yet."""
    new = [
        session.slot_of(span)
        for session in sessions
        for span in plan.spans[session.date]
        if span not in there
    ]
    return Slot.objects.bulk_create(new, batch_size=ROWS_AT_ONCE)


def announce(sessions: list[Schedule], slots: Iterable[Slot], at: datetime) -> None:
    """Open or close the slots of these sessions as they are to be, and tell of the changed ones."""
    of_sessions = Slot.objects.filter(schedule__in=[session.pk for session in sessions])
    of_sessions.recompute_open(at, changed={slot.pk for slot in slots})


# --- Hours changed --------------------------------------------------------------------------------


class SessionUpdate:
    """The sessions of some hours from a date on, brought to where the hours are now.

    What is as it is to be stays; what is free moves; what is booked and would be stranded is
    refused or, with `keep`, kept over: closed, in a session that the hours have no more part in.
    Sessions that staff have edited stay as they are.
    """

    def __init__(self, hours: WeeklyHours, first: date, at: datetime) -> None:
        self.hours, self.first, self.at = hours, first, at
        coming = hours.schedules.filter(date__gte=first)
        self.excepted = {row.date for row in coming if row.is_exception}
        self.rows = {row.pk: row for row in coming if not row.is_exception}
        midnight = instant_of(first, time(), hours.location.zone)
        kept = Q(doctor=hours.doctor_id, kept_over=True, starts_at__gte=midnight)
        self.slots = Slot.objects.filter(Q(schedule__in=self.rows) | kept).lock()
        self.keepers = {slot.schedule_id for slot in self.slots} - self.rows.keys()

    def last_made(self) -> date | None:
        """The last day on which there is a session."""
        return max((row.date for row in self.rows.values()), default=None)

    def carry_out(self, days: Iterable[date], keep: bool) -> Made:
        """Have sessions on these days and on no other; raises ScheduleInUse."""
        plan = Plan(self.hours, [day for day in days if day not in self.excepted], self.rows)
        self.day_of = plan.days_of()
        closing = [slot for slot in self.slots if not self._fits(slot)]
        self.withdrawn = announce_closing(closing, self.at)
        staying = [slot for slot in self.slots if self._fits(slot)]
        outside = [slot for slot in self.slots if slot.taken and not self._fits(slot)]
        stranded = [slot for slot in outside if not slot.kept_over]
        if not keep:
            refuse_stranding(stranded)
        self._keep_over(stranded)
        keys = {slot.pk for slot in [*staying, *outside]}
        Slot.objects.filter(pk__in={slot.pk for slot in self.slots} - keys).drop()
        theirs = (slot for slot in outside if slot.doctor_id == self.hours.doctor_id)
        plan.go_around(map(span_of, theirs))
        return self._write(plan, staying, stranded)

    def _keep_over(self, stranded: list[Slot]) -> None:
        """Leave these slots where they are, in sessions that are the hours' no longer."""
        left = {slot.schedule_id for slot in stranded}
        Schedule.objects.filter(pk__in=left).update(
            weekly_hours=None, is_active=False, is_exception=True
        )
        Slot.objects.filter(pk__in=[slot.pk for slot in stranded]).update(kept_over=True)
        self.left = [self.rows.pop(pk) for pk in left]

    def _write(self, plan: Plan, staying: list[Slot], stranded: list[Slot]) -> Made:
        """Store the sessions of the plan, with the slots that stay and those that are new."""
        gone = [pk for pk, row in self.rows.items() if row.date not in plan.spans]
        Schedule.objects.filter(pk__in=gone)._raw_delete(Schedule.objects.db)  # slots are gone
        rows = [row for pk, row in self.rows.items() if pk not in gone]
        Schedule.objects.filter(pk__in=[row.pk for row in rows]).update(
            **booking_context(self.hours)
        )
        new = make_sessions(plan, plan.spans.keys() - {row.date for row in rows})
        sessions = [plan.session_on(row.date, row.pk) for row in rows] + new
        altered = self._settle(staying, {session.date: session.pk for session in sessions})
        made = make_slots(plan, sessions, {span_of(slot) for slot in staying})
        announce([*sessions, *self.left], [*made, *altered, *stranded], self.at)
        self._tidy()
        return Made(len(new), len(made), plan.skipped)

    def _settle(self, staying: list[Slot], homes: dict[date, int]) -> list[Slot]:
        """Bring slots that stay to the session of their day; answer those that gain by it."""
        larger = self.hours.capacity
        gaining = [
            slot
            for slot in staying
            if slot.kept_over or slot.capacity < larger or slot in self.withdrawn
        ]
        moving = []
        for slot in staying:
            home = homes[self.day_of[span_of(slot)]]
            if slot.kept_over or slot.schedule_id != home:
                slot.schedule_id, slot.kept_over = home, False
                moving.append(slot)
        Slot.objects.bulk_update(moving, ["schedule", "kept_over"], batch_size=ROWS_AT_ONCE)
        resized = Slot.objects.filter(schedule__in=homes.values())
        resized.exclude(capacity=self.hours.capacity).update(capacity=self.hours.capacity)
        return gaining

    def _tidy(self) -> None:
        """Delete sessions that kept something over and keep nothing any more.

        One that somebody is editing stays: they wait for our calendar with the session in hand.
        """
        over = {"weekly_hours": None, "is_active": False, "is_exception": True, "slots": None}
        empty = Schedule.objects.filter(pk__in=self.keepers, **over).order_by("pk")
        rows = list(empty.select_for_update(no_key=True, skip_locked=True, of=("self",)))
        Schedule.objects.filter(pk__in=[row.pk for row in rows])._raw_delete(Schedule.objects.db)

    def _fits(self, slot: Slot) -> bool:
        """Whether a slot is to be had as it is, with room for all who hold a place."""
        same = (slot.doctor_id, slot.location_id) == (self.hours.doctor_id, self.hours.location_id)
        return same and span_of(slot) in self.day_of and slot.taken <= self.hours.capacity
