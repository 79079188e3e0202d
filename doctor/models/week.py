"""The week of a doctor at a location: all weekly hours there, changed in one transaction."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from hashlib import sha256
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from doctor.exceptions import HoursInUse
from doctor.models.directory import Location
from doctor.models.doctor import Doctor
from doctor.models.schedule import Schedule, atomic_or_schedule_overlap
from doctor.models.session_plan import SkippedDay
from doctor.models.slot import Slot, refuse_stranding
from doctor.models.weekly_hours import Weekday, WeeklyHours
from doctor.wall_time import A_DAY, MIDNIGHT, instant_of, validate_date
from extensions.db.locks import lock_rows
from extensions.formats import day_text

MINUTES_A_DAY = 24 * 60
COMPARED = ("start_time", "end_time", "slot_minutes", "capacity")
STALE = _(
    "On that date other hours stand than those that the page was opened with: another user changed "
    "them, or others begin by then. Nothing is saved. Look at what would change, then save again."
)


@dataclass(frozen=True)
class WeekSession:
    """A session of every week: a weekday, wall times, minutes of a visit, and places."""

    weekday: int
    start_time: time
    end_time: time
    slot_minutes: int | None
    capacity: int

    @classmethod
    def of(cls, hours: WeeklyHours) -> "WeekSession":
        """Return the session that these weekly hours have each week."""
        return cls(hours.weekday, *(getattr(hours, name) for name in COMPARED))

    def __str__(self) -> str:
        return f"{Weekday(self.weekday).label} {self.times_text}"

    @property
    def times_text(self) -> str:
        """The times without the weekday, such as 09:00-13:00."""
        return f"{self.start_time:%H:%M}-{self.end_time:%H:%M}"

    @property
    def extent(self) -> tuple[int, int]:
        """The start and the end in minutes of the day; an end at 00:00 is the end of the day."""
        start, end = (t.hour * 60 + t.minute for t in (self.start_time, self.end_time))
        return start, MINUTES_A_DAY if self.end_time == MIDNIGHT else end

    @property
    def minutes(self) -> int:
        """How long the session lasts on a day on which no clock changes."""
        start, end = self.extent
        return end - start

    def shared_minutes(self, other: "WeekSession") -> int:
        """Return for how many minutes of the week both last, at least 0."""
        if self.weekday != other.weekday:
            return 0
        (start, end), (other_start, other_end) = self.extent, other.extent
        return max(0, min(end, other_end) - max(start, other_start))

    def times(self) -> dict[str, Any]:
        """Return the values by the fields of `WeeklyHours`, without the weekday."""
        return {name: getattr(self, name) for name in COMPARED}


def standing_on(rows: Iterable[WeeklyHours], day: date) -> list[WeeklyHours]:
    """Return those of the hours that have begun by the day and do not end before it."""
    return [
        hours
        for hours in rows
        if hours.valid_from <= day and (hours.valid_until is None or day <= hours.valid_until)
    ]


def stamp_of(rows: Iterable[WeeklyHours]) -> str:
    """Return a text that differs as soon as these hours differ: a page keeps it until it saves."""
    values = [
        (hours.pk, WeekSession.of(hours), hours.every_weeks, hours.valid_from, hours.valid_until)
        for hours in sorted(rows, key=lambda hours: hours.pk)
    ]
    return sha256(repr(values).encode()).hexdigest()[:16]


class WeekPlan:
    """Which stored hours stay, change and end, and which are new, so that a week is as wanted.

    Hours that differ from what is wanted change into the session with which they share most of
    their time. Hours of every second week or rarer stay as they are, and so do `later` ones: a new
    session ends before the first of those that take its time. `before`: the sessions that stand.
    """

    def __init__(
        self,
        standing: Iterable[WeeklyHours],
        wanted: Iterable[WeekSession],
        later: Iterable[WeeklyHours] = (),
    ) -> None:
        self.later = list(later)
        rows = {hours: WeekSession.of(hours) for hours in standing if hours.every_weeks == 1}
        self.before = list(rows.values())
        self.added = [session for session in wanted if session not in rows.values()]
        kept = set(wanted)
        self.ended = [hours for hours, session in rows.items() if session not in kept]
        self.changed: list[tuple[WeeklyHours, WeekSession]] = []
        for _minutes, hours, session in self._by_shared_minutes(rows):
            if hours in self.ended and session in self.added:
                self.ended.remove(hours)
                self.added.remove(session)
                self.changed.append((hours, session))

    def _by_shared_minutes(
        self, rows: dict[WeeklyHours, WeekSession]
    ) -> list[tuple[int, WeeklyHours, WeekSession]]:
        pairs = [
            (rows[hours].shared_minutes(session), hours, session)
            for hours in self.ended
            for session in self.added
        ]
        return sorted((pair for pair in pairs if pair[0]), key=lambda pair: -pair[0])

    @property
    def is_empty(self) -> bool:
        """Whether the week is as wanted already."""
        return not (self.ended or self.changed or self.added)

    @property
    def can_be_taken_back(self) -> bool:
        """Whether a change to the sessions `before` would restore all that this one changes.

        It would not restore the last date of hours that end, nor an external id of hours whose
        place new ones take.
        """
        touched = [*self.ended, *(hours for hours, _ in self.changed)]
        return not any(hours.external_id for hours in touched) and all(
            hours.valid_until == self.until(WeekSession.of(hours)) for hours in self.ended
        )

    def until(self, session: WeekSession) -> date | None:
        """Return the last day of a new session: the day before later hours take its time."""
        begin = (h.valid_from for h in self.later if session.shared_minutes(WeekSession.of(h)))
        first = min(begin, default=None)
        return first - A_DAY if first else None

    def changed_in_order(self) -> list[tuple[WeeklyHours, WeekSession]]:
        """Return the changes in an order in which no changed hours meet others yet unchanged.

        Sessions of a day overlap neither before nor after, so that such an order exists.
        """
        left, ordered = list(self.changed), []
        while left:
            free = (
                pair
                for pair in left
                if not any(
                    pair[1].shared_minutes(WeekSession.of(hours))
                    for hours, _ in left
                    if hours is not pair[0]
                )
            )
            following = next(free, left[0])
            left.remove(following)
            ordered.append(following)
        return ordered

    def in_words(self) -> list[str]:
        """Return a sentence for each session that ends, changes or is new."""
        sessions = [WeekSession.of(hours) for hours in self.ended]
        ended = [(each, gettext("%(session)s ends.") % {"session": each}) for each in sessions]
        changed = [(session, _change_text(hours, session)) for hours, session in self.changed]
        added = [(session, self._addition_text(session)) for session in self.added]
        every = sorted(
            [*ended, *changed, *added], key=lambda each: (each[0].weekday, each[0].start_time)
        )
        return [sentence for _session, sentence in every]

    def _addition_text(self, session: WeekSession) -> str:
        text, last = gettext("%(session)s is new: %(visits)s."), self.until(session)
        if last:
            text = gettext(
                "%(session)s is new: %(visits)s, until %(day)s, as other hours begin then."
            )
        day = day_text(last) if last else ""
        return text % {"session": session, "visits": _described(session), "day": day}


def _change_text(hours: WeeklyHours, session: WeekSession) -> str:
    return gettext("%(session)s becomes %(times)s, %(visits)s.") % {
        "session": WeekSession.of(hours),
        "times": session.times_text,
        "visits": _described(session),
    }


def _described(session: WeekSession) -> str:
    each = gettext("one visit")
    if session.slot_minutes:
        each = gettext("%(count)s minutes a visit") % {"count": session.slot_minutes}
    if session.capacity == 1:
        return each
    return gettext("%(visits)s, %(count)s at a time") % {
        "visits": each,
        "count": session.capacity,
    }


@dataclass(frozen=True)
class WeekChange:
    """What a change of a week did, or would do.

    `sentences`: for each session that ends, changes or is new. `skipped`: days without a session,
    and the reason. `appointments`: keys of the visits that no session has a slot for any more: they
    stay at their times and go to the work list. The counts are of coming sessions, by their days.
    `before`: the sessions to which the week can be changed back, or None; `stamp`: that of the
    hours that stand now, so that only this change is taken back.
    """

    sentences: list[str]
    skipped: list[SkippedDay]
    appointments: list[int]
    sessions_removed: int = 0
    sessions_changed: int = 0
    sessions_added: int = 0
    before: list[WeekSession] | None = None
    stamp: str = ""


class Week:
    """The weekly hours of a doctor at a location."""

    def __init__(self, doctor: Doctor, location: Location) -> None:
        self.doctor, self.location = doctor, location

    # --- Verbs ---

    def change(
        self,
        first: date,
        wanted: Sequence[WeekSession],
        *,
        at: datetime,
        keep: bool = False,
        seen: str | None = None,
    ) -> WeekChange:
        """Let the doctor work in exactly these sessions each week, from a date after today on.

        What stands then and is not wanted ends the day before; no session before the date changes.
        Hours as wanted, those of every second week or rarer, and hours that begin later stay as
        they are; a new session ends before later hours take its time. `seen`: the `stamp_of` the
        hours that the page showed. Raises ValidationError for the date, for wrong times, and if
        `seen` is out of date, unless the week is as wanted already (the form was sent twice);
        DoesNotExist if the doctor or the location is gone; HoursOverlap; HoursInUse with the visits
        that would lose their slot: with `keep` they stay and go to the work list. One transaction.
        Locks the weekly hours, their sessions, the location, the doctor, then the slots.
        """
        with atomic_or_schedule_overlap():
            self._refuse_date(first, at)
            self._lock(first, at)
            every = list(self._hours())
            standing = standing_on(every, first)
            later = [hours for hours in every if hours.valid_from > first]
            plan = WeekPlan(standing, wanted, later)
            if plan.is_empty:
                return WeekChange([], [], [])
            if seen not in (None, stamp_of(standing)):
                raise ValidationError(STALE, code="stale")
            sentences = plan.in_words()  # before the hours change
            earlier = plan.before if plan.can_be_taken_back else None
            kept_before = {slot.pk for slot in self._kept_over(first)}
            skipped = self._apply(plan, first, at)
            stranded = [slot for slot in self._kept_over(first) if slot.pk not in kept_before]
            if not keep:
                refuse_stranding(stranded, HoursInUse)
            stamp = stamp_of(standing_on(self._hours(), first))
        visits = [visit for slot in stranded for visit in slot.appointments.all()]
        keys = sorted(visit.pk for visit in visits if visit.holds_a_place)
        return WeekChange(sentences, skipped, keys, before=earlier, stamp=stamp)

    def preview(self, first: date, wanted: Sequence[WeekSession], *, at: datetime) -> WeekChange:
        """Make the change with `keep`, roll it back, and say what it did; raises as `change`."""
        with transaction.atomic():
            before = self._sessions(first)
            change = self.change(first, wanted, at=at, keep=True)
            after = self._sessions(first)
            transaction.set_rollback(True)
        counts = [0, 0, 0]
        for day in before.keys() | after.keys():
            old = [session for session in before[day] if session not in after[day]]
            new = [session for session in after[day] if session not in before[day]]
            both = min(len(old), len(new))
            for index, number in enumerate((len(old) - both, both, len(new) - both)):
                counts[index] += number
        removed, changed, added = counts
        return replace(
            change, sessions_removed=removed, sessions_changed=changed, sessions_added=added
        )

    def _apply(self, plan: WeekPlan, first: date, at: datetime) -> list[SkippedDay]:
        """Write the plan: first what ends, then what changes, then what is new.

        So each session finds the time free, and visits that lose their slot to one find it in
        another: those whose time no session has are kept over at the end.
        """
        for hours in plan.ended:
            hours.end(first, keep=True, at=at)
        skipped: list[SkippedDay] = []
        for hours, session in plan.changed_in_order():
            skipped += self._revise(hours, session, first, at).skipped
        for session in plan.added:
            skipped += self._begin(session, first, plan.until(session), at).skipped
        return sorted(set(skipped))

    def _revise(
        self, hours: WeeklyHours, session: WeekSession, first: date, at: datetime
    ) -> WeeklyHours:
        """Change the hours in place if this acts from the date on, else add a version from then."""
        if first == max(self.location.today(at) + A_DAY, hours.valid_from):
            hours.revise(keep=True, at=at, **session.times())
            return hours
        return hours.add_version(first, keep=True, at=at, **session.times())

    def _begin(
        self, session: WeekSession, first: date, last: date | None, at: datetime
    ) -> WeeklyHours:
        hours = WeeklyHours(
            doctor=self.doctor,
            location=self.location,
            weekday=session.weekday,
            valid_from=first,
            valid_until=last,
            **session.times(),
        )
        hours.begin(at)
        return hours

    # --- Reads ---

    def _hours(self) -> Any:
        rows = WeeklyHours.objects.filter(doctor=self.doctor, location=self.location)
        return rows.select_related("doctor", "location")

    def _lock(self, first: date, at: datetime) -> None:
        """Lock all rows that the change may touch, in the order that every transaction keeps.

        The verbs of the single hours lock them again; alone, they would lock slots of one after
        slots of another, and not by key.
        """
        mine = WeeklyHours.objects.filter(doctor=self.doctor, location=self.location)
        rows = lock_rows(mine)
        sessions = lock_rows(Schedule.objects.filter(weekly_hours__in=rows).only("pk"))
        locations = Location.objects.lock({self.location.pk})
        doctors = Doctor.objects.lock({self.doctor.pk})
        if not locations:
            raise Location.DoesNotExist
        if not doctors:
            raise Doctor.DoesNotExist
        [self.location], [self.doctor] = locations, doctors
        keys = [session.pk for session in sessions]
        coming = Q(schedule__in=keys, starts_at__gte=self._midnight(first))
        kept_over = Q(doctor=self.doctor, kept_over=True, starts_at__gt=at)
        Slot.objects.filter(coming | kept_over).lock_keys()

    def _midnight(self, day: date) -> datetime:
        """Return the instant at which a day begins at the location."""
        return instant_of(day, time(), self.location.zone)

    def _refuse_date(self, first: date, at: datetime) -> None:
        try:
            validate_date(first)
            if first <= self.location.today(at):
                raise ValidationError(gettext("Use a date after today."), code="date_range")
        except ValidationError as error:
            raise ValidationError({"from": error}) from error

    def _kept_over(self, first: date) -> list[Slot]:
        kept = Slot.objects.filter(doctor=self.doctor, location=self.location, kept_over=True)
        coming = kept.filter(starts_at__gte=self._midnight(first)).order_by("pk")
        return list(coming.prefetch_related("appointments"))

    def _sessions(self, first: date) -> "defaultdict[date, list[tuple[Any, ...]]]":
        """Read the coming sessions that follow weekly hours, with their slots, by date."""
        rows = Schedule.objects.filter(
            doctor=self.doctor,
            location=self.location,
            weekly_hours__isnull=False,
            is_exception=False,
            date__gte=first,
        ).values_list("date", "pk", *COMPARED)
        spans: defaultdict[int, list[Any]] = defaultdict(list)
        slots = Slot.objects.filter(schedule__in=[pk for _, pk, *_ in rows]).order_by("starts_at")
        for schedule, *span in slots.values_list("schedule", "starts_at", "ends_at"):
            spans[schedule].append(span)
        sessions: defaultdict[date, list[tuple[Any, ...]]] = defaultdict(list)
        for day, pk, *values in rows:
            sessions[day].append((*values, spans[pk]))
        return sessions


def add_doctor(
    doctor: Doctor,
    location: Location,
    first: date,
    wanted: Sequence[WeekSession],
    *,
    at: datetime,
    **related: Iterable[Any],
) -> WeekChange:
    """Save a new doctor with their weekly hours at a location, in one transaction.

    `related`: the `specialties` and `languages`. Raises as `Doctor.full_clean` and `Week.change`.
    """
    with transaction.atomic():
        doctor.full_clean()
        doctor.publish(at)
        for name, rows in related.items():
            getattr(doctor, name).set(rows)
        return Week(doctor, location).change(first, wanted, at=at)
