"""When a doctor is away, or a location closed."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from doctor.models.date_ranges import spans_of_days
from doctor.models.directory import Location
from doctor.models.doctor import Doctor
from doctor.models.schedule import Schedule
from doctor.models.timetabled import CalendarEntry

if TYPE_CHECKING:
    from doctor.models.slot import SlotQuerySet

FIRST = datetime(2000, 1, 1, tzinfo=UTC)
LAST = datetime(2100, 1, 1, tzinfo=UTC)
CLOCK = "location__time_zone"


class TimeOffQuerySet(models.QuerySet["TimeOff"]):
    """Scopes of leave."""

    def overlapping(self, starts_at: datetime, ends_at: datetime) -> "TimeOffQuerySet":
        """That with some time in common; leave that touches does not overlap."""
        return self.filter(starts_at__lt=ends_at, ends_at__gt=starts_at)

    def on_days(self, first: date | None, last: date | None) -> "TimeOffQuerySet":
        """That on one of these days as its location counts them, or UTC where it has none."""
        [(start, end)] = spans_of_days(first, last, [Location(time_zone="UTC")])
        there = Q(doctor__isnull=False, starts_at__lt=end, ends_at__gt=start)
        for (start, end), pks in spans_of_days(first, last, Location.objects.all()).items():
            there |= Q(location__in=pks, starts_at__lt=end, ends_at__gt=start)
        return self.filter(there)

    def with_clock(self) -> "TimeOffQuerySet":
        """Add `clock_id` and `clock_zone`: the location on whose clocks it is told.

        The one that is closed; of a doctor's leave the one of their last session, or null.
        """
        sessions = Schedule.objects.filter(doctor=OuterRef("doctor")).order_by("-date", "-pk")
        last, zone = (sessions.values(column)[:1] for column in ("location", CLOCK))
        return self.annotate(
            clock_id=Coalesce("location_id", Subquery(last), output_field=models.BigIntegerField()),
            clock_zone=Coalesce(CLOCK, Subquery(zone), Value("UTC")),
        )

    def with_names(self) -> "TimeOffQuerySet":
        """Load whose it is."""
        return self.select_related("doctor", "location")


class TimeOff(CalendarEntry):
    """Leave of a doctor, or closure of a location: no slot that overlaps it is open."""

    doctor = models.ForeignKey(
        Doctor, on_delete=models.PROTECT, null=True, blank=True, related_name="time_off"
    )
    location = models.ForeignKey(
        Location, on_delete=models.PROTECT, null=True, blank=True, related_name="time_off"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=500, blank=True, help_text="For staff alone.")

    objects = TimeOffQuerySet.as_manager()

    class Meta:
        ordering = ("-starts_at", "-pk")
        verbose_name_plural = "time off"
        indexes = (
            models.Index(fields=["doctor", "ends_at"], name="doctor_timeoff_doctor_ends"),
            models.Index(fields=["location", "ends_at"], name="doctor_timeoff_location_ends"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(doctor__isnull=False, location__isnull=True)
                | Q(doctor__isnull=True, location__isnull=False),
                name="doctor_timeoff_of_doctor_or_location",
                violation_error_code="doctor_or_location",
                violation_error_message="Give either a doctor or a location.",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="doctor_timeoff_ends_after_it_starts",
                violation_error_code="end_before_start",
                violation_error_message="Time off ends after it starts.",
            ),
        )

    def __str__(self) -> str:
        whose = self.doctor or self.location
        return f"{whose}, {self.starts_at:%Y-%m-%d %H:%M} to {self.ends_at:%Y-%m-%d %H:%M} UTC"

    def clean(self) -> None:
        """Raise ValidationError for an instant that is out of range."""
        for name in ("starts_at", "ends_at"):
            if (value := getattr(self, name)) and not FIRST <= value <= LAST:
                words = "Use a time from the year 2000 to the year 2100."
                raise ValidationError({name: ValidationError(words, code="date_range")})

    def slots(self, at: datetime) -> "SlotQuerySet":
        """The slots that it closes, but those that have ended at the instant."""
        from doctor.models.slot import Slot

        whose = {"doctor": self.doctor_id} if self.doctor_id else {"location": self.location_id}
        return Slot.objects.coming(at).overlapping(self.starts_at, self.ends_at).filter(**whose)

    def publish(self, at: datetime | None = None) -> None:
        """Save the leave; what it overlaps closes, what it no longer does opens, visits follow.

        In one transaction; raises ValidationError. A visit that it hits is flagged for another
        time, one that it hits no more is not. Locks locations, doctors, then the slots.
        """
        at = at or timezone.now()
        with transaction.atomic():
            self.lock_calendar()
            self.full_clean()
            before = TimeOff.objects.filter(pk=self.pk).first()
            slots = self.slots(at) | before.slots(at) if before else self.slots(at)
            pks = slots.lock_keys()
            self.save()
            slots.recompute_open(at, changed=pks)

    def unpublish(self, at: datetime | None = None) -> None:
        """Delete the leave; what no other leave covers opens again. Raises DoesNotExist."""
        at = at or timezone.now()
        with transaction.atomic():
            self.lock_calendar()
            self.refresh_from_db()
            slots = self.slots(at)
            pks = slots.lock_keys()
            self.delete()
            slots.recompute_open(at, changed=pks)
