"""Specialties, languages and locations: what patients search doctors by."""

from collections import defaultdict
from datetime import UTC, date, datetime, time
from functools import reduce
from operator import or_
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models, transaction
from django.utils import timezone

from doctor.countries import validate_country, validate_subdivision, writes_day_first
from doctor.exceptions import LocationInUse
from doctor.models.calendar import CalendarModel
from doctor.models.site_staff import SiteQuerySet
from doctor.wall_time import validate_time_zone
from extensions.db.fields import (
    free_text,
    one_line,
    phone_number_field,
    validate_language_tag,
)
from extensions.db.locks import lock_rows
from extensions.db.models import PartialUpdateModel
from extensions.db.names import SmallTableMixin

MINUTES_A_YEAR = 366 * 24 * 60


class NamedQuerySet(SmallTableMixin, models.QuerySet[Any]):
    """Specialties or languages, found by the words of their names."""


class Specialty(PartialUpdateModel):
    """A field of practice; `code` is SNOMED CT, from the FHIR value set c80-practice-codes."""

    name = one_line(200)
    code = models.CharField(
        max_length=18,
        blank=True,
        validators=[RegexValidator(r"^[0-9]{6,18}\Z", "A SNOMED CT code is 6 to 18 digits.")],
        help_text="SNOMED CT, from the FHIR value set c80-practice-codes.",
    )
    description = free_text(blank=True)

    objects = NamedQuerySet.as_manager()

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
    """A language that a doctor speaks; `tag` is a BCP 47 language tag."""

    tag = models.CharField(
        max_length=35,
        validators=[validate_language_tag],
        help_text="BCP 47, such as es or pt-BR.",
    )
    name = one_line(100)

    objects = NamedQuerySet.as_manager()

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


class LocationQuerySet(SmallTableMixin, SiteQuerySet["Location"]):
    """The sites of staff, the lock before a location's sessions change, and the booking rules."""

    site_path = "pk"

    def lock(self, pks: set[int]) -> "list[Location]":
        """Lock these rows by ascending primary key until the transaction ends, and return them.

        The lock is FOR NO KEY UPDATE: others can still insert rows that refer to the location.
        """
        return lock_rows(self.filter(pk__in=pks))

    def compared_with_today(self, lookup: str, at: datetime) -> models.Q:
        """Return the condition that the date of a row at one of these locations is today there.

        `lookup`: `date`, or `date__gte` for today and later, `date__lt` for earlier.
        """
        locations_by_date: dict[date, list[int]] = defaultdict(list)
        for location in self.only("time_zone"):
            locations_by_date[location.today(at)].append(location.pk)
        days = (
            models.Q(("location__in", pks), (lookup, day)) for day, pks in locations_by_date.items()
        )
        return reduce(or_, days, models.Q(pk=None))

    def write_day_first(self) -> bool:
        """Return whether the country of each location that has one writes dates day first.

        False if none of them has a country.
        """
        known = self.exclude(country=None).order_by()
        countries = set(known.values_list("country", flat=True).distinct())
        return bool(countries) and all(map(writes_day_first, countries))

    def phone_region(self) -> str | None:
        """Return the country of these locations; None if they are in several, or have none."""
        countries = set(self.order_by().values_list("country", flat=True).distinct()) - {None, ""}
        return countries.pop() if len(countries) == 1 else None

    def with_rules(self) -> "LocationQuerySet":
        """Return the locations with a minimum notice or a horizon."""
        return self.filter(
            models.Q(min_notice_minutes__isnull=False) | models.Q(horizon_days__isnull=False)
        )


class Location(CalendarModel):
    """A site of the clinic: its time zone (IANA), country (ISO 3166) and booking rules."""

    name = one_line(200)
    address = free_text(blank=True)
    time_zone = models.CharField(
        max_length=64,
        validators=[validate_time_zone],
        help_text="IANA name, such as Europe/Madrid.",
    )
    phone = phone_number_field(blank=True, help_text="With country code, such as +34 910 123 456.")
    country = models.CharField(  # noqa: DJ001  (the API shows null where there is none)
        max_length=2,
        null=True,
        blank=True,
        validators=[validate_country],
        help_text="ISO 3166-1. It decides whether dates may be typed as numbers, day first.",
    )
    subdivision = models.CharField(  # noqa: DJ001  (as above)
        max_length=6,
        null=True,
        blank=True,
        validators=[validate_subdivision],
        help_text="State, province or region: its code of ISO 3166-2, such as ES-MD.",
    )
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

    reminder_hours = models.PositiveSmallIntegerField(
        "reminder",
        null=True,
        blank=True,
        default=24,
        db_default=24,
        validators=[MaxValueValidator(14 * 24)],
        help_text="Hours before a visit, by the clock here, at which its patient is reminded; "
        "empty: not at all.",
    )
    quiet_from = models.TimeField(
        default=time(21),
        db_default=time(21),
        help_text="Messages about visits wait from then on, by the clock here.",
    )
    quiet_until = models.TimeField(
        default=time(8),
        db_default=time(8),
        help_text="Until then. Offers, and what concerns a visit before it, are sent at once. The "
        "same time twice means no quiet hours.",
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
            models.CheckConstraint(
                condition=models.Q(subdivision__isnull=True)
                | models.Q(
                    country__isnull=False,
                    country__gt="",
                    subdivision__startswith=models.F("country"),
                ),
                name="doctor_location_subdivision_of_country",
                violation_error_code="subdivision_country",
                violation_error_message="The subdivision is not one of this country.",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the clocks at the location."""
        return ZoneInfo(self.time_zone)

    def today(self, at: datetime | None = None) -> date:
        """Return the date at the location at the instant, by default now."""
        return (at or timezone.now()).astimezone(self.zone).date()

    def clean(self) -> None:
        """Raise ValidationError for a subdivision of another country, or without a country."""
        if self.subdivision and self.subdivision.partition("-")[0] != self.country:
            raise ValidationError(
                {"subdivision": "The subdivision is not one of this country."},
                code="subdivision_country",
            )

    def publish(self, at: datetime | None = None) -> None:
        """Save the location; raises LocationInUse if coming slots prevent a new time zone.

        Their instants were computed in the old zone, so a new one would move their wall times.
        """
        with transaction.atomic():
            before = Location.objects.lock({self.pk}) if self.pk else []
            if before and before[0].time_zone != self.time_zone and self._has_coming_slots(at):
                raise LocationInUse
            self.save()

    def lock_calendar(self, **changes: Any) -> None:
        """Lock the location until the transaction ends."""
        Location.objects.lock({self.pk})

    def _has_coming_slots(self, at: datetime | None) -> bool:
        return bool(self.slots.coming(at or timezone.now()).exists())


def earliest_today(locations: list[Location], at: datetime, only: int | None = None) -> date:
    """Return the earliest of the local dates at these locations at the instant.

    `only`: primary key of the one location that counts, if it is among them. Without locations the
    date is in UTC.
    """
    counted = [location for location in locations if location.pk == only] or locations
    return min((location.today(at) for location in counted), default=at.astimezone(UTC).date())
