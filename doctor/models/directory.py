"""What a patient searches by: specialty, language, place."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models, transaction
from django.utils import timezone
from phonenumber_field.modelfields import PhoneNumberField

from doctor.exceptions import LocationInUse
from doctor.models.calendar import CalendarModel
from doctor.wall_time import instant_of, validate_time_zone
from extensions.db.fields import free_text, validate_language_tag
from extensions.db.models import PartialUpdateModel

MINUTES_A_YEAR = 366 * 24 * 60


class Specialty(PartialUpdateModel):
    """A field of practice, coded as FHIR's value set c80-practice-codes does (SNOMED CT)."""

    name = models.CharField(max_length=200)
    code = models.CharField(
        max_length=18,
        blank=True,
        validators=[RegexValidator(r"^[0-9]{6,18}\Z", "A SNOMED CT code is 6 to 18 digits.")],
        help_text="SNOMED CT, from the FHIR value set c80-practice-codes.",
    )
    description = free_text(blank=True)

    class Meta:
        ordering = ("name", "pk")
        verbose_name_plural = "specialties"
        constraints = (
            models.UniqueConstraint(
                fields=["name"],
                name="doctor_specialty_name_unique",
                violation_error_code="unique",
                violation_error_message="A specialty of this name exists already.",
            ),
        )

    def __str__(self) -> str:
        return self.name


class Language(PartialUpdateModel):
    """A language that a doctor speaks, tagged as BCP 47 does."""

    tag = models.CharField(
        max_length=35,
        validators=[validate_language_tag],
        help_text="BCP 47, such as es or pt-BR.",
    )
    name = models.CharField(max_length=100)

    class Meta:
        ordering = ("name", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=["tag"],
                name="doctor_language_tag_unique",
                violation_error_code="unique",
                violation_error_message="This language exists already.",
            ),
        )

    def __str__(self) -> str:
        return self.name


class LocationQuerySet(models.QuerySet["Location"]):
    """Scopes and locks of locations."""

    def lock(self, pks: set[int]) -> "list[Location]":
        """Lock these rows in the order of their keys, until the transaction ends."""
        return list(self.select_for_update(no_key=True).filter(pk__in=pks).order_by("pk"))

    def with_rules(self) -> "LocationQuerySet":
        """Those that say how soon or how far ahead a visit can be booked."""
        return self.filter(
            models.Q(min_notice_minutes__isnull=False) | models.Q(horizon_days__isnull=False)
        )


class Location(CalendarModel):
    """A site of the clinic, with the time zone that its clocks show."""

    name = models.CharField(max_length=200)
    address = free_text(blank=True)
    time_zone = models.CharField(
        max_length=64,
        validators=[validate_time_zone],
        help_text="IANA name, such as Europe/Madrid.",
    )
    phone = PhoneNumberField(blank=True, help_text="With country code, such as +34 910 123 456.")
    min_notice_minutes = models.PositiveIntegerField(
        "minimum notice",
        null=True,
        blank=True,
        validators=[MaxValueValidator(MINUTES_A_YEAR)],
        help_text="Minutes before its start until which a visit can be booked; empty: any time.",
    )
    horizon_days = models.PositiveSmallIntegerField(
        "horizon",
        null=True,
        blank=True,
        validators=[MaxValueValidator(3660)],
        help_text="Days from today there that can be booked; 0 is today only, empty is no limit.",
    )
    cancel_deadline_minutes = models.PositiveIntegerField(
        "cancel deadline",
        null=True,
        blank=True,
        validators=[MaxValueValidator(MINUTES_A_YEAR)],
        help_text="Minutes before its start until which a patient can cancel or move a visit.",
    )
    max_live_per_patient = models.PositiveSmallIntegerField(
        "visits per patient",
        null=True,
        blank=True,
        help_text="Scheduled and not ended, here, at once; empty is no limit.",
    )

    objects = LocationQuerySet.as_manager()

    class Meta:
        ordering = ("name", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=["name"],
                name="doctor_location_name_unique",
                violation_error_code="unique",
                violation_error_message="A location of this name exists already.",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def today(self, at: datetime | None = None) -> date:
        """The date on the location's calendar at an instant."""
        return (at or timezone.now()).astimezone(self.zone).date()

    def horizon_ends_at(self, at: datetime) -> datetime | None:
        """From when on nothing can be booked yet: the end of the last bookable day, or None."""
        if self.horizon_days is None:
            return None
        day_after = self.today(at) + timedelta(days=self.horizon_days + 1)
        return instant_of(day_after, time(), self.zone)

    def publish(self, at: datetime | None = None) -> None:
        """Save the location; raises LocationInUse where its time zone can no longer move.

        The instants of coming slots were made from the zone: another one would move them all.
        """
        with transaction.atomic():
            before = Location.objects.lock({self.pk}) if self.pk else []
            if before and before[0].time_zone != self.time_zone and self._has_coming_slots(at):
                raise LocationInUse
            self.save()

    def lock_calendar(self, **changes: Any) -> None:
        Location.objects.lock({self.pk})

    def _has_coming_slots(self, at: datetime | None) -> bool:
        return bool(self.slots.filter(ends_at__gt=at or timezone.now()).exists())


def earliest_today(locations: list[Location], at: datetime, only: int | None = None) -> date:
    """Today's date at one of these locations, else where it is earliest; in UTC without any."""
    here = [place for place in locations if place.pk == only] or locations
    return min((place.today(at) for place in here), default=at.astimezone(UTC).date())
