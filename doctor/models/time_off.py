"""When a doctor is away, or a location closed."""

from django.db import models
from django.db.models import F, Q

from doctor.models.directory import Location
from doctor.models.doctor import Doctor
from doctor.models.published import Published


class TimeOff(Published):
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
