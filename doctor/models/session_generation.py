"""Generate the sessions and slots of weekly hours, and update them when the hours change.

The work is done on sets of rows, never row by row. All of it runs in the transaction of
`WeeklyHours.publish`, `unpublish` or `objects.extend`, which has locked the locations and doctors.
The weekly hours come as a template: an unsaved session with their doctor, location and times.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time

from django.db.models import Q

from doctor.models.schedule import Schedule
from doctor.models.session_plan import SessionPlan, SkippedDay, span_of
from doctor.models.slot import Slot, announce_closing, refuse_stranding
from doctor.wall_time import Span, instant_of
from extensions.db.batches import batches

DAYS_PER_BATCH = 54  # one day a week: as many as a year and a week can have
ROWS_PER_STATEMENT = 5000


@dataclass
class GeneratedSessions:
    """How many sessions and slots were created, and which days were skipped with the reason."""

    sessions: int = 0
    slots: int = 0
    skipped: list[SkippedDay] = field(default_factory=list)

    def __add__(self, other: "GeneratedSessions") -> "GeneratedSessions":
        skipped = [*self.skipped, *other.skipped]
        return GeneratedSessions(self.sessions + other.sessions, self.slots + other.slots, skipped)


# --- New days -------------------------------------------------------------------------------------


def generate_sessions(template: Schedule, days: Sequence[date], at: datetime) -> GeneratedSessions:
    """Create the missing sessions of these days, with slots; change no session that exists."""
    generated = GeneratedSessions()
    for some_days in batches(days, DAYS_PER_BATCH):
        generated += _generate(template, some_days, at)
    return generated


def _generate(template: Schedule, days: list[date], at: datetime) -> GeneratedSessions:
    existing = Schedule.objects.filter(
        weekly_hours=template.weekly_hours_id, date__range=(days[0], days[-1])
    )
    plan = SessionPlan(template, sorted({*days} - {*existing.values_list("date", flat=True)}))
    kept_over = plan.doctor_slots().filter(kept_over=True)
    plan.leave_out(kept_over.values_list("starts_at", "ends_at"))
    sessions = create_sessions(plan, plan.spans)
    slots = create_slots(plan, sessions, set())
    recompute_open(sessions, (), slots, at)
    return GeneratedSessions(len(sessions), len(slots), plan.skipped)


def create_sessions(plan: SessionPlan, days: Iterable[date]) -> list[Schedule]:
    """Insert the sessions of these days, without their slots."""
    new = [plan.template.on_day(day) for day in days]
    return Schedule.objects.bulk_create(new, batch_size=ROWS_PER_STATEMENT)


def create_slots(
    plan: SessionPlan, sessions: Iterable[Schedule], existing: set[Span]
) -> list[Slot]:
    """Insert the planned slots of these sessions, except those that exist already."""
    new = [
        session.new_slot(span)
        for session in sessions
        for span in plan.spans[session.date]
        if span not in existing
    ]
    return Slot.objects.bulk_create(new, batch_size=ROWS_PER_STATEMENT)


def recompute_open(
    sessions: list[Schedule], changed: Iterable[Slot], new: Iterable[Slot], at: datetime
) -> None:
    """Open or close the slots of these sessions and send `slots_changed`.

    `changed`: slots that the signal names even if they neither open nor close.
    """
    slots = Slot.objects.filter(schedule__in=[session.pk for session in sessions])
    slots.recompute_open(at, {slot.pk for slot in changed}, new={slot.pk for slot in new})


# --- Changed weekly hours -------------------------------------------------------------------------


class SessionUpdate:
    """The update of sessions to their weekly hours as they are now, from a date on.

    Slots that fit the new hours stay, other free slots are replaced. A slot that does not fit and
    has an appointment makes `apply` raise ScheduleInUse. With `keep` it is kept over instead: it
    stays, closed, in a session that no longer belongs to the weekly hours. Sessions that staff
    edited stay as they are.
    """

    def __init__(self, template: Schedule, first: date, at: datetime) -> None:
        """Read the sessions from the first date on; lock their slots and those kept over."""
        self.template, self.at = template, at
        coming = Schedule.objects.filter(weekly_hours=template.weekly_hours_id, date__gte=first)
        self.exception_days = {row.date for row in coming if row.is_exception}
        self.sessions = {row.pk: row for row in coming if not row.is_exception}
        midnight = instant_of(first, time(), template.location.zone)
        kept_over = Q(doctor=template.doctor_id, kept_over=True, starts_at__gte=midnight)
        self.slots = Slot.objects.filter(Q(schedule__in=self.sessions) | kept_over).lock()
        # Sessions that hold kept-over slots and no longer belong to the weekly hours.
        self.keeping_sessions = {slot.schedule_id for slot in self.slots} - self.sessions.keys()

    def last_date(self) -> date | None:
        """Return the last date of the sessions, without those that staff edited, or None."""
        return max((row.date for row in self.sessions.values()), default=None)

    def apply(self, days: Iterable[date], keep: bool) -> GeneratedSessions:
        """Create, update and delete sessions to match these days; return what was created.

        Days that staff edited stay as they are, days without room are skipped. Without `keep`,
        raises ScheduleInUse if an appointment would lose its slot.
        """
        open_days = [day for day in days if day not in self.exception_days]
        plan = SessionPlan(self.template, open_days, self.sessions)
        self.days_by_span = plan.days_by_span()
        closing = [slot for slot in self.slots if not self._fits(slot)]
        self.withdrawn = announce_closing(closing, self.at)
        staying = [slot for slot in self.slots if self._fits(slot)]
        outside = [slot for slot in self.slots if slot.taken and not self._fits(slot)]
        stranded = [slot for slot in outside if not slot.kept_over]
        if not keep:
            refuse_stranding(stranded)
        self._keep_over(stranded)
        remaining = {slot.pk for slot in [*staying, *outside]}
        Slot.objects.filter(pk__in={slot.pk for slot in self.slots} - remaining).drop()
        same_doctor = (slot for slot in outside if slot.doctor_id == self.template.doctor_id)
        plan.leave_out(map(span_of, same_doctor))
        return self._write(plan, staying, stranded)

    def _keep_over(self, stranded: list[Slot]) -> None:
        """Mark these slots as kept over, and detach their sessions from the weekly hours."""
        detached = {slot.schedule_id for slot in stranded}
        Schedule.objects.filter(pk__in=detached).update(
            weekly_hours=None, is_active=False, is_exception=True
        )
        Slot.objects.filter(pk__in=[slot.pk for slot in stranded]).update(kept_over=True)
        self.detached = [self.sessions.pop(pk) for pk in detached]

    def _write(
        self, plan: SessionPlan, staying: list[Slot], stranded: list[Slot]
    ) -> GeneratedSessions:
        """Write the planned sessions, with the slots that stay and the new ones."""
        unplanned = [pk for pk, row in self.sessions.items() if row.date not in plan.spans]
        Schedule.objects.filter(pk__in=unplanned)._raw_delete(Schedule.objects.db)  # have no slots
        rows = [row for pk, row in self.sessions.items() if pk not in unplanned]
        Schedule.objects.filter(pk__in=[row.pk for row in rows]).update(
            **self.template.shared_values()
        )
        new = create_sessions(plan, plan.spans.keys() - {row.date for row in rows})
        sessions = [self.template.on_day(row.date, row.pk) for row in rows] + new
        gained = self._move_slots(staying, {session.date: session.pk for session in sessions})
        slots = create_slots(plan, sessions, {span_of(slot) for slot in staying})
        recompute_open([*sessions, *self.detached], [*gained, *stranded], slots, self.at)
        self._delete_empty_sessions()
        return GeneratedSessions(len(new), len(slots), plan.skipped)

    def _move_slots(self, staying: list[Slot], sessions: dict[date, int]) -> list[Slot]:
        """Move slots that stay to the session of their day; return those that gain a place.

        `sessions`: primary key of the session of each day.
        """
        gained = [
            slot
            for slot in staying
            if slot.kept_over or slot.sold_places < self.template.capacity or slot in self.withdrawn
        ]
        moving = []
        for slot in staying:
            session = sessions[self.days_by_span[span_of(slot)]]
            if slot.kept_over or slot.schedule_id != session:
                slot.schedule_id, slot.kept_over = session, False
                moving.append(slot)
        Slot.objects.bulk_update(moving, ["schedule", "kept_over"], batch_size=ROWS_PER_STATEMENT)
        Slot.objects.filter(schedule__in=sessions.values()).set_capacity(self.template.capacity)
        return gained

    def _delete_empty_sessions(self) -> None:
        """Delete the sessions that held kept-over slots and have no slot left.

        A session that another transaction edits, and so has locked, is skipped: waiting for it
        would deadlock, as that transaction waits for the lock of this doctor.
        """
        empty = Schedule.objects.filter(
            pk__in=self.keeping_sessions,
            weekly_hours=None,
            is_active=False,
            is_exception=True,
            slots=None,
        ).order_by("pk")
        rows = list(empty.select_for_update(no_key=True, skip_locked=True, of=("self",)))
        Schedule.objects.filter(pk__in=[row.pk for row in rows])._raw_delete(Schedule.objects.db)

    def _fits(self, slot: Slot) -> bool:
        """Tell whether a slot is in the plan, with room for its appointments."""
        calendar = (self.template.doctor_id, self.template.location_id)
        same_calendar = (slot.doctor_id, slot.location_id) == calendar
        same_time = span_of(slot) in self.days_by_span
        return same_calendar and same_time and slot.has_room(self.template.capacity)
