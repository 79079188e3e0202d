"""Weekly hours: when a doctor works week by week, and the sessions generated from that."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from doctor.exceptions import HoursOverlap
from doctor.models.directory import Location
from doctor.models.doctor import Doctor
from doctor.models.schedule import Schedule, SessionTimesModel, atomic_or_schedule_overlap
from doctor.models.session_generation import (
    GeneratedSessions,
    SessionUpdate,
    generate_sessions,
)
from doctor.models.session_plan import SkippedDay
from doctor.models.site_staff import SiteQuerySet
from doctor.models.slot import Slot
from doctor.wall_time import A_DAY, MIDNIGHT, Span, ends_after, extent_of, validate_date
from extensions.db.fields import external_id_field, unique_external_id
from extensions.db.locks import lock_rows

TEN_YEARS = timedelta(days=3653)
MOST_DATES_APART = 2  # an instant has up to three dates around the world: UTC-12 to UTC+14


class Weekday(models.IntegerChoices):
    """Weekdays, numbered as Python's `date.weekday` does."""

    MONDAY = 0, _("Monday")
    TUESDAY = 1, _("Tuesday")
    WEDNESDAY = 2, _("Wednesday")
    THURSDAY = 3, _("Thursday")
    FRIDAY = 4, _("Friday")
    SATURDAY = 5, _("Saturday")
    SUNDAY = 6, _("Sunday")


class WeeklyHoursQuerySet(SiteQuerySet["WeeklyHours"]):
    """Weekly hours that are still valid, and the daily generation of further sessions."""

    def valid_on_or_after(self, day: date) -> "WeeklyHoursQuerySet":
        """Return those that have not ended before the day."""
        return self.filter(Q(valid_until__isnull=True) | Q(valid_until__gte=day))

    def lock_calendars(
        self, locations: Iterable[int] = (), doctors: Iterable[int] = ()
    ) -> "list[WeeklyHours]":
        """Lock these hours, their sessions, locations and doctors, then all slots in one statement.

        `locations` and `doctors`: keys of others that new hours will have. A transaction that
        changes several hours calls this first: if each change locked its own slots, they would not
        be locked by ascending primary key.
        """
        rows = list(self.select_for_update(no_key=True, of=("self",)).order_by("pk"))
        sessions = Schedule.objects.filter(weekly_hours__in=rows).order_by("pk").only("pk")
        list(sessions.select_for_update(no_key=True))
        Location.objects.lock({*locations, *(hours.location_id for hours in rows)})
        keys = {*doctors, *(hours.doctor_id for hours in rows)}
        Doctor.objects.lock(keys)
        kept = Q(doctor__in=keys, kept_over=True)
        Slot.objects.filter(Q(schedule__in=sessions.order_by()) | kept).lock()
        return rows

    def extend(
        self, doctor: int, days: int, at: datetime
    ) -> "dict[WeeklyHours, GeneratedSessions]":
        """Generate the missing sessions of one doctor, from tomorrow to `days` days ahead.

        Existing sessions, edited and deleted ones included, stay as they are: a second call
        creates no session. A slot may have been kept over for its appointment when hours changed;
        once it is free, all sessions are updated, so that its time can be used again. One
        transaction; locks the weekly hours, their sessions if they are updated, the locations and
        the doctor.
        """
        with transaction.atomic():
            every = lock_rows(self.filter(doctor=doctor))
            update = _has_free_kept_over_slot(doctor, at)
            if update:
                for hours in every:
                    hours.lock_children()
            locations = Location.objects.lock({hours.location_id for hours in every})
            Doctor.objects.lock({doctor})
            generated: dict[WeeklyHours, GeneratedSessions] = {}
            for hours in every:
                hours.location = next(row for row in locations if row.pk == hours.location_id)
                generated[hours] = hours._extend(days, at, update)
        return generated


def _has_free_kept_over_slot(doctor: int, at: datetime) -> bool:
    slots = Slot.objects.filter(doctor=doctor, kept_over=True, taken=0, starts_at__gt=at)
    return slots.exists()


class WeeklyHours(SessionTimesModel):
    """A doctor's hours between two wall times at a location, on one weekday every n-th week."""

    doctor = models.ForeignKey(
        Doctor, on_delete=models.PROTECT, related_name="weekly_hours", verbose_name=_("doctor")
    )
    location = models.ForeignKey(
        Location, on_delete=models.PROTECT, related_name="weekly_hours", verbose_name=_("location")
    )
    weekday = models.PositiveSmallIntegerField(_("weekday"), choices=Weekday)
    valid_from = models.DateField(
        _("valid from"),
        help_text=_("The first session is on the first such weekday on or after this date."),
    )
    valid_until = models.DateField(
        _("valid until"),
        null=True,
        blank=True,
        help_text=_("Last date; empty: until further notice."),
    )
    every_weeks = models.PositiveSmallIntegerField(
        _("every weeks"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(52)],
        help_text=_("2 is every other week, counted from the first session."),
    )
    external_id = external_id_field()

    skipped: Sequence[SkippedDay] = ()  # days without a session and the reason; `publish` sets it

    objects = WeeklyHoursQuerySet.as_manager()

    class Meta:
        ordering = ("doctor", "weekday", "start_time", "pk")
        verbose_name = verbose_name_plural = _("weekly hours")
        constraints = (
            models.CheckConstraint(
                condition=Q(weekday__gte=0, weekday__lte=6),
                name="doctor_weeklyhours_weekday_in_range",
                violation_error_code="weekday_range",
                violation_error_message=_("A weekday is 0 (Monday) to 6 (Sunday)."),
            ),
            models.CheckConstraint(
                condition=Q(end_time__gt=F("start_time")) | Q(end_time=MIDNIGHT),
                name="doctor_weeklyhours_end_after_they_start",
                violation_error_code="end_before_start",
                violation_error_message=_("Hours end after they start, on the same day."),
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=F("valid_from")),
                name="doctor_weeklyhours_valid_from_before_until",
                violation_error_code="date_range",
                violation_error_message=_("The last date is before the first."),
            ),
            *SessionTimesModel.Meta.constraints,
            models.CheckConstraint(
                condition=Q(every_weeks__gte=1, every_weeks__lte=52),
                name="doctor_weeklyhours_every_weeks_in_range",
                violation_error_code="every_weeks_range",
                violation_error_message=_("Hours recur every 1 to 52 weeks."),
            ),
            unique_external_id(
                "doctor_weeklyhours_external_id_unique",
                _("Weekly hours with this external id exist already."),
            ),
        )

    def __str__(self) -> str:
        times = f"{self.start_time:%H:%M}-{self.end_time:%H:%M}"
        return f"{self.get_weekday_display()} {times}, {self.doctor}, {self.location}"

    def clean(self) -> None:
        """Raise ValidationError for dates out of range and hours too short for a slot."""
        for name in ("valid_from", "valid_until"):
            try:
                validate_date(getattr(self, name) or timezone.now().date())
            except ValidationError as error:
                raise ValidationError({name: error}) from error
        times = self.start_time, self.end_time
        if None in times or not self.slot_minutes or not ends_after(*times):
            return
        starts, ends = datetime.combine(date.min, times[0]), datetime.combine(date.min, times[1])
        if times[1] == MIDNIGHT:
            ends += A_DAY
        if ends - starts < timedelta(minutes=self.slot_minutes):
            raise ValidationError(
                gettext("The hours are too short for a single visit."), code="no_slots"
            )

    # --- Recurrence ---

    def dates(self, first: date, last: date) -> list[date]:
        """Return the dates of these hours from `first` to `last`, both included.

        The first day of all is the first such weekday on or after `valid_from`; the others follow
        every `every_weeks` weeks.
        """
        anchor = _on_weekday(self.valid_from, self.weekday)
        step = 7 * self.every_weeks
        before = max(0, -((anchor - first).days // step))  # days of the hours before `first`
        last = min(last, self.valid_until or last)
        count = (last - anchor).days // step - before + 1
        return [anchor + A_DAY * step * (before + n) for n in range(count)]

    def overlaps(self, other: "WeeklyHours", first: date, last: date) -> bool:
        """Tell whether slots of both overlap, as instants, on a day of these hours in the range."""
        same_clocks = self.location.zone == other.location.zone
        pairs = self._same_days if same_clocks else self._near_days
        return any(
            _overlap(self._extent(day), other._extent(other_day))
            for day, other_day in pairs(other, first, last)
        )

    def _same_days(
        self, other: "WeeklyHours", first: date, last: date
    ) -> Iterator[tuple[date, date]]:
        """Yield each day of both as a pair: in one time zone, only equal dates can overlap."""
        apart = not (
            ends_after(self.start_time, other.end_time)
            and ends_after(other.start_time, self.end_time)
        )
        if self.weekday != other.weekday or apart:
            return
        for day in sorted({*self.dates(first, last)}.intersection(other.dates(first, last))):
            yield day, day

    def _near_days(
        self, other: "WeeklyHours", first: date, last: date
    ) -> Iterator[tuple[date, date]]:
        """Yield pairs of days at most two apart: across time zones an instant has up to three."""
        apart = [A_DAY * days for days in range(-MOST_DATES_APART, MOST_DATES_APART + 1)]
        other_days = {*other.dates(first + apart[0], last + apart[-1])}
        for day in self.dates(first, last):
            yield from ((day, day + by) for by in apart if day + by in other_days)

    def _extent(self, day: date) -> Span | None:
        times = (self.start_time, self.end_time, self.slot_minutes)
        return extent_of(day, *times, self.location.zone)

    # --- Verbs ---

    def publish(self, keep: bool = False, at: datetime | None = None) -> None:
        """Save the hours and generate their sessions for HOURS_AHEAD_DAYS days.

        New hours act from today on (the location's date), changed ones from tomorrow. Slots that
        fit stay. `skipped` then lists the days without a session. Raises ValidationError;
        HoursOverlap with the doctor's other weekly hours that overlap; ScheduleInUse with the
        appointments that would lose their slot. With `keep` their slots stay instead, closed.
        Locks the generated sessions, locations, doctors, then the slots.
        """
        at = at or timezone.now()
        with atomic_or_schedule_overlap():
            self.lock_calendar()
            self.full_clean()
            self._refuse_overlap(at)
            before = WeeklyHours.objects.select_related("location").filter(pk=self.pk).first()
            self.save()
            self.skipped = tuple(self._generate(before, keep, at).skipped)

    def revise(self, *, keep: bool = False, at: datetime | None = None, **changes: Any) -> None:
        """Change these fields of the stored hours and publish them; `keep` as in `publish`."""
        with transaction.atomic():
            self.lock_calendar(**changes)
            self.refresh_from_db()
            for name, value in changes.items():
                setattr(self, name, value)
            self.publish(keep=keep, at=at)

    def unpublish(self, keep: bool = False, at: datetime | None = None) -> None:
        """Delete the hours and their sessions from tomorrow on; raises ScheduleInUse.

        Past sessions, today's and those that staff edited stay. `keep` as in `publish`.
        """
        at = at or timezone.now()
        with transaction.atomic():
            self.lock_calendar()
            self.refresh_from_db()
            tomorrow = self.location.today(at) + A_DAY
            SessionUpdate(self._session_template(), tomorrow, at).apply((), keep)
            self.delete()

    def add_version(
        self, first: date, *, keep: bool = False, at: datetime | None = None, **changes: Any
    ) -> "WeeklyHours":
        """End these hours and publish new ones with these values from a date on; return those.

        The stored hours end the day before, and the new ones take over their sessions from that
        date on: a slot that both have stays, with its visits. The new hours begin on that date. If
        they recur every few weeks on the same weekday, they begin in the next week of the stored
        ones. `keep` and errors as in `publish`; ValidationError for a date that is not after today,
        or not after the first date of the hours. All of it is one transaction.
        """
        at = at or timezone.now()
        with atomic_or_schedule_overlap():
            self.lock_calendar(**changes)
            self.refresh_from_db()
            locations = (self.location, changes.get("location", self.location))
            today = max(location.today(at) for location in locations)
            self._refuse_version(first, today, changes)
            version = self._next_version(first, changes)
            version.lock_calendar()
            self._end_before(first)
            version.full_clean()
            version._refuse_overlap(at)
            version.save()
            coming = Schedule.objects.filter(weekly_hours=self.pk, date__gte=first)
            coming.update(weekly_hours=version)
            last = today + A_DAY * settings.HOURS_AHEAD_DAYS
            version.skipped = tuple(version._update_sessions(first, last, keep, at).skipped)
        return version

    def begin(self, at: datetime) -> None:
        """Save new hours that begin after today, and generate their sessions, as `publish` does.

        Visits that are kept at times which these hours have get their slot back: they leave the
        work list. Locks as `publish` does.
        """
        with atomic_or_schedule_overlap():
            self.lock_calendar()
            self.full_clean()
            self._refuse_overlap(at)
            self.save()
            last = self.location.today(at) + A_DAY * settings.HOURS_AHEAD_DAYS
            self.skipped = tuple(self._update_sessions(self.valid_from, last, True, at).skipped)

    def end(self, first: date, *, keep: bool = False, at: datetime | None = None) -> None:
        """End the hours on the day before a date after today; sessions before it do not change.

        Hours that begin on that date or later are deleted. `keep` and errors as in `publish`.
        """
        at = at or timezone.now()
        with transaction.atomic():
            self.lock_calendar()
            self.refresh_from_db()
            if self.valid_from >= first:
                self.unpublish(keep, at)
                return
            self._end_before(first)
            SessionUpdate(self._session_template(), first, at).apply((), keep)

    def lock_children(self) -> None:
        """Lock the generated sessions first: an edit of one also locks it before its location."""
        if self.pk:
            lock_rows(Schedule.objects.filter(weekly_hours=self.pk).only("pk"))

    def _next_version(self, first: date, changes: dict[str, Any]) -> "WeeklyHours":
        """Return an unsaved copy with these changes that begins on the date, or in the week after.

        Hours that still recur every `every_weeks` weeks on the same weekday keep their weeks: the
        copy begins on the first of their days from the date on, if that is not the next weekday.
        The external id stays with the stored hours.
        """
        values = {row.attname: getattr(self, row.attname) for row in self._meta.concrete_fields}
        version = WeeklyHours(**{**values, "id": None, "external_id": ""})
        for name, value in {**changes, "valid_from": first}.items():
            setattr(version, name, value)
        same = (version.weekday, version.every_weeks) == (self.weekday, self.every_weeks)
        day, first_of_all = (_on_weekday(each, self.weekday) for each in (first, self.valid_from))
        weeks_late = (day - first_of_all).days // 7 % self.every_weeks
        if same and weeks_late:
            version.valid_from = day + 7 * A_DAY * (self.every_weeks - weeks_late)
        return version

    def _refuse_version(self, first: date, today: date, changes: dict[str, Any]) -> None:
        """Raise ValidationError for a date on which no new version can begin."""
        try:
            validate_date(first)
            if first <= today:
                raise ValidationError(gettext("Use a date after today."), code="date_range")
            if first <= self.valid_from:
                raise ValidationError(
                    gettext("These hours begin on that date or later: change them instead."),
                    code="date_range",
                )
        except ValidationError as error:
            raise ValidationError({"from": error}) from error
        if first > (self.valid_until or first) and "valid_until" not in changes:
            ended = gettext(
                "These hours end before that date: give the new ones a later last date, or none."
            )
            raise ValidationError({"valid_until": ValidationError(ended, code="date_range")})

    def _end_before(self, day: date) -> None:
        """Let the hours end the day before, unless they end earlier."""
        self.valid_until = min(self.valid_until or day, day - A_DAY)
        self.save(update_fields=["valid_until"])

    def _generate(
        self, before: "WeeklyHours | None", keep: bool, at: datetime
    ) -> GeneratedSessions:
        """Generate the sessions of new hours, or update those of the stored hours `before`."""
        today = self.location.today(at)
        last = today + A_DAY * settings.HOURS_AHEAD_DAYS
        if before is None:
            return generate_sessions(self._session_template(), self.dates(today, last), at)
        first = max(today, before.location.today(at)) + A_DAY
        return self._update_sessions(first, last, keep, at)

    def _extend(self, days: int, at: datetime, update: bool) -> GeneratedSessions:
        """Generate missing sessions to `days` days ahead; with `update`, update the others too."""
        today = self.location.today(at)
        first, last = today + A_DAY, today + A_DAY * days
        if update:
            return self._update_sessions(first, last, True, at)
        return generate_sessions(self._session_template(), self.dates(first, last), at)

    def _update_sessions(
        self, first: date, last: date, keep: bool, at: datetime
    ) -> GeneratedSessions:
        """Update the sessions from `first` to `last`, or to the last one that exists, if later."""
        sessions = SessionUpdate(self._session_template(), first, at)
        last = max(last, sessions.last_date() or last)
        return sessions.apply(self.dates(first, last), keep)

    def _session_template(self) -> Schedule:
        """Return an unsaved session with the values of the hours, and without a date."""
        return Schedule(
            weekly_hours_id=self.pk,
            doctor_id=self.doctor_id,
            location=self.location,
            start_time=self.start_time,
            end_time=self.end_time,
            slot_minutes=self.slot_minutes,
            capacity=self.capacity,
        )

    def _refuse_overlap(self, at: datetime) -> None:
        """Raise HoursOverlap if other weekly hours of the doctor overlap these within ten years."""
        today = self.location.today(at)
        others = WeeklyHours.objects.filter(doctor=self.doctor_id).exclude(pk=self.pk)
        coming = others.valid_on_or_after(today - 2 * A_DAY).select_related("location")
        overlapping = [
            other.pk for other in coming if self.overlaps(other, today, today + TEN_YEARS)
        ]
        if overlapping:
            raise HoursOverlap(weekly_hours=sorted(overlapping))


def _on_weekday(day: date, weekday: int) -> date:
    """Return the first such weekday on or after the day."""
    return day + A_DAY * ((weekday - day.weekday()) % 7)


def _overlap(one: Span | None, other: Span | None) -> bool:
    return bool(one and other and one[0] < other[1] and other[0] < one[1])
