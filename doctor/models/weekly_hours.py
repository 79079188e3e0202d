"""The hours a doctor keeps week by week, and the sessions that are made from them."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from doctor.models.directory import Location
from doctor.models.doctor import Doctor
from doctor.models.published import Published


class Weekday(models.IntegerChoices):
    """The days as Python numbers them."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


class WeeklyHours(Published):
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
