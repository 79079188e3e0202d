"""The hours a doctor keeps week by week, and the sessions that are made from them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from doctor.exceptions import HoursOverlap
from doctor.models.directory import Location
from doctor.models.doctor import Doctor
from doctor.models.recurrence import dates_of, meet
from doctor.models.timetabled import CalendarEntry
from doctor.wall_time import validate_date

A_DAY = timedelta(days=1)
TEN_YEARS = timedelta(days=3653)
Skipped = tuple[date, str]


class Weekday(models.IntegerChoices):
    """The days as Python numbers them."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


@dataclass
class Made:
    """How much was made, and which days were left out, each with the reason."""

    sessions: int = 0
    slots: int = 0
    skipped: list[Skipped] = field(default_factory=list)

    def __add__(self, other: "Made") -> "Made":
        skipped = [*self.skipped, *other.skipped]
        return Made(self.sessions + other.sessions, self.slots + other.slots, skipped)


class WeeklyHoursQuerySet(models.QuerySet["WeeklyHours"]):
    """Scopes of hours, and the verb that carries them on."""

    def valid_on_or_after(self, day: date) -> "WeeklyHoursQuerySet":
        """Those that have not ended before the day."""
        return self.filter(Q(valid_until__isnull=True) | Q(valid_until__gte=day))

    def extend(self, doctor: int, days: int, at: datetime) -> "dict[WeeklyHours, Made]":
        """Make what each of a doctor's hours lacks from tomorrow to so many days ahead, there.

        What is there already, what staff edited and what they deleted stays as it is, so that a
        second call makes nothing. Where something was kept over that nobody holds any more, the
        days are remade. One transaction; locks the hours, their locations, the doctor.
        """
        from doctor.models.session_generation import SessionUpdate, fill

        with transaction.atomic():
            rules = list(self.filter(doctor=doctor).select_for_update(no_key=True).order_by("pk"))
            if remakes := _keeps_what_nobody_holds(doctor, at):
                for hours in rules:
                    hours.lock_parts()
            places = Location.objects.lock({hours.location_id for hours in rules})
            Doctor.objects.lock({doctor})
            made: dict[WeeklyHours, Made] = {}
            for hours in rules:
                hours.location = next(each for each in places if each.pk == hours.location_id)
                today = hours.location.today(at)
                first, last = today + A_DAY, today + A_DAY * days
                if remakes:
                    remaking = SessionUpdate(hours, first, at)
                    until = max(last, remaking.last_made() or last)
                    made[hours] = remaking.carry_out(hours.dates(first, until), keep=True)
                else:
                    made[hours] = fill(hours, first, last, at)
        return made


def _keeps_what_nobody_holds(doctor: int, at: datetime) -> bool:
    from doctor.models.slot import Slot

    left = Slot.objects.filter(doctor=doctor, kept_over=True, taken=0, starts_at__gt=at)
    return left.exists()


class WeeklyHours(CalendarEntry):
    """A rule: every n-th week on one weekday, from one wall time of the location to another."""

    doctor = models.ForeignKey(Doctor, on_delete=models.PROTECT, related_name="weekly_hours")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="weekly_hours")
    weekday = models.PositiveSmallIntegerField(choices=Weekday)
    start_time = models.TimeField(help_text="On the clocks of the location.")
    end_time = models.TimeField(help_text="On the clocks of the location, the same day.")
    slot_minutes = models.PositiveSmallIntegerField(
        "slot length",
        null=True,
        blank=True,
        validators=[MinValueValidator(5), MaxValueValidator(720)],
        help_text="Minutes; empty makes one slot of the whole session.",
    )
    capacity = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="Places per slot.",
    )
    valid_from = models.DateField(
        help_text="The first session is on the first such weekday on or after this date."
    )
    valid_until = models.DateField(
        null=True, blank=True, help_text="Last date; empty: until further notice."
    )
    every_weeks = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(52)],
        help_text="2 is every other week, counted from the first session.",
    )

    skipped: Sequence[Skipped] = ()  # the days that `publish` left out, each with the reason

    objects = WeeklyHoursQuerySet.as_manager()

    class Meta:
        ordering = ("doctor", "weekday", "start_time", "pk")
        verbose_name_plural = "weekly hours"
        constraints = (
            models.CheckConstraint(
                condition=Q(weekday__gte=0, weekday__lte=6),
                name="doctor_weeklyhours_weekday_in_range",
                violation_error_code="weekday_range",
                violation_error_message="A weekday is 0 (Monday) to 6 (Sunday).",
            ),
            models.CheckConstraint(
                condition=Q(end_time__gt=F("start_time")),
                name="doctor_weeklyhours_end_after_they_start",
                violation_error_code="end_before_start",
                violation_error_message="Hours end after they start, on the same day.",
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=F("valid_from")),
                name="doctor_weeklyhours_valid_from_before_until",
                violation_error_code="date_range",
                violation_error_message="The last date is before the first.",
            ),
            models.CheckConstraint(
                condition=Q(capacity__gte=1, capacity__lte=1000),
                name="doctor_weeklyhours_capacity_in_range",
                violation_error_code="capacity_range",
                violation_error_message="A slot has 1 to 1000 places.",
            ),
            models.CheckConstraint(
                condition=Q(slot_minutes__isnull=True)
                | Q(slot_minutes__gte=5, slot_minutes__lte=720),
                name="doctor_weeklyhours_slot_minutes_in_range",
                violation_error_code="slot_minutes_range",
                violation_error_message="A slot lasts 5 to 720 minutes.",
            ),
            models.CheckConstraint(
                condition=Q(every_weeks__gte=1, every_weeks__lte=52),
                name="doctor_weeklyhours_every_weeks_in_range",
                violation_error_code="every_weeks_range",
                violation_error_message="Hours recur every 1 to 52 weeks.",
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
        if not all(times) or not self.slot_minutes or times[0] >= times[1]:
            return
        starts, ends = (datetime.combine(date.min, wall) for wall in times)
        if ends - starts < timedelta(minutes=self.slot_minutes):
            raise ValidationError("The hours are too short for a slot.", code="no_slots")

    def dates(self, first: date, last: date) -> list[date]:
        """The days of the hours between two dates, both included."""
        return dates_of(self, first, last)

    def publish(self, keep: bool = False, at: datetime | None = None) -> None:
        """Save the hours and make their sessions as far ahead as the clinic plans.

        New hours begin today there, changed ones tomorrow; what is as it is to be stays. `skipped`
        then tells the days left out. Raises ValidationError; HoursOverlap with the doctor's other
        hours in the way; ScheduleInUse with the appointments that the change would strand, which
        `keep` keeps where they are, closed. Locks the sessions made so far, locations, doctors,
        then the slots.
        """
        from doctor.models.schedule import overlap_refused

        at = at or timezone.now()
        with overlap_refused():
            self.lock_calendar()
            self.full_clean()
            self._refuse_overlap(at)
            before = WeeklyHours.objects.select_related("location").filter(pk=self.pk).first()
            self.save()
            self.skipped = tuple(self._carry_out(before, keep, at).skipped)

    def revise(self, *, keep: bool = False, **changes: Any) -> None:
        """Change these fields of the hours as they now are; raises as `publish` does."""
        with transaction.atomic():
            self.lock_calendar(**changes)
            self.refresh_from_db()
            for name, value in changes.items():
                setattr(self, name, value)
            self.publish(keep=keep)

    def unpublish(self, keep: bool = False, at: datetime | None = None) -> None:
        """Delete the hours and their sessions from tomorrow on; raises ScheduleInUse.

        Past and present sessions stay, and those that staff have edited; `keep` as in `publish`.
        """
        from doctor.models.session_generation import SessionUpdate

        at = at or timezone.now()
        with transaction.atomic():
            self.lock_calendar()
            self.refresh_from_db()
            SessionUpdate(self, self.location.today(at) + A_DAY, at).carry_out((), keep)
            self.delete()

    def lock_parts(self) -> None:
        """Lock the sessions made so far: staff who edit one hold it before its calendar, too."""
        from doctor.models.schedule import Schedule

        if self.pk:
            made = Schedule.objects.filter(weekly_hours=self.pk).order_by("pk").only("pk")
            list(made.select_for_update(no_key=True))

    def _carry_out(self, before: "WeeklyHours | None", keep: bool, at: datetime) -> Made:
        """Make the sessions of new hours, or remake those of hours as they were before."""
        from doctor.models.session_generation import SessionUpdate, fill

        today = self.location.today(at)
        horizon = today + A_DAY * settings.HOURS_AHEAD_DAYS
        if before is None:
            return fill(self, today, horizon, at)
        first = max(today, before.location.today(at)) + A_DAY
        remaking = SessionUpdate(self, first, at)
        last = max(horizon, remaking.last_made() or horizon)
        return remaking.carry_out(self.dates(first, last), keep)

    def _refuse_overlap(self, at: datetime) -> None:
        """Raise HoursOverlap, naming the doctor's other hours that are in the way."""
        today = self.location.today(at)
        others = WeeklyHours.objects.filter(doctor=self.doctor_id).exclude(pk=self.pk)
        coming = others.valid_on_or_after(today - 2 * A_DAY).select_related("location")
        met = [hours.pk for hours in coming if meet(self, hours, today, today + TEN_YEARS)]
        if met:
            raise HoursOverlap(weekly_hours=sorted(met))
