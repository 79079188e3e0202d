"""Leave of a doctor, and closures of a location."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from functools import reduce
from operator import or_
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from doctor.exceptions import AlreadyAway
from doctor.models.directory import Location
from doctor.models.doctor import Doctor, DoctorLocationModel
from doctor.wall_time import A_DAY, Span, enclosing_span, instant_of, spans_of_days
from extensions.error_params import Code
from extensions.formats import instant_text

FIRST = datetime(2000, 1, 1, tzinfo=UTC)
LAST = datetime(2100, 1, 1, tzinfo=UTC)
RANGE = Code("date_range", first=FIRST.isoformat(), last=LAST.isoformat())
OUT_OF_RANGE: Any = _("Use a time from 1 January 2000 to 1 January 2100, both 00:00 UTC.")


class TimeOffQuerySet(models.QuerySet["TimeOff"]):
    """Leave and closures by site, by time, and with the names that lists show."""

    def at_sites_of(self, user: Any) -> "TimeOffQuerySet":
        """Return closures of the sites of this member of staff, and leave of their doctors."""
        if user.sites is None:
            return self
        doctors = Doctor.objects.at_sites_of(user)
        return self.filter(Q(location__in=user.sites) | Q(doctor__in=doctors))

    def overlapping(self, starts_at: datetime, ends_at: datetime) -> "TimeOffQuerySet":
        """Return rows that overlap the span; a row that only touches it does not."""
        return self.filter(starts_at__lt=ends_at, ends_at__gt=starts_at)

    def on_days(self, first: date | None, last: date | None) -> "TimeOffQuerySet":
        """Return rows on one of these days, both included.

        The days of a closure are those of its location, the days of a doctor's leave are in UTC.
        """
        [(start, end)] = spans_of_days(first, last, {0: "UTC"})
        on_days = Q(doctor__isnull=False, starts_at__lt=end, ends_at__gt=start)
        time_zones = dict(Location.objects.values_list("pk", "time_zone"))
        for (start, end), pks in spans_of_days(first, last, time_zones).items():
            on_days |= Q(location__in=pks, starts_at__lt=end, ends_at__gt=start)
        return self.filter(on_days)

    def close_days(
        self, days_of: Mapping[Location, Mapping[date, str]], at: datetime
    ) -> "dict[Location, list[TimeOff]]":
        """Close each location on its days, each day with its reason; return the new closures.

        A day runs from midnight to midnight on the clocks of the location. A day on which it is
        closed already stays as it is, so a second call adds nothing. One transaction. Appointments
        on the closed slots go to the work list of visits that staff must rebook. Raises
        ValidationError, and DoesNotExist if a location is gone. Locks the locations, then the
        slots.
        """
        with transaction.atomic():
            locked = {row: row for row in Location.objects.lock({row.pk for row in days_of})}
            if len(locked) < len(days_of):
                raise Location.DoesNotExist
            closures = self._new_closures({locked[row]: days for row, days in days_of.items()})
            if closures:
                slots = _slots_of(closures, at)
                pks = slots.lock_keys()
                TimeOff.objects.bulk_create(closures)
                slots.recompute_open(at, changed=pks)
        return {place: [row for row in closures if row.location == place] for place in days_of}

    def reopen(self, at: datetime) -> "list[TimeOff]":
        """Delete these closures and open the slots that nothing else closes; return what was there.

        One transaction. Locks the locations, then the slots.
        """
        with transaction.atomic():
            Location.objects.lock(set(self.order_by().values_list("location", flat=True)))
            closures = list(self.with_names().order_by("starts_at", "pk"))
            if closures:
                slots = _slots_of(closures, at)
                pks = slots.lock_keys()
                self.model.objects.filter(pk__in=[row.pk for row in closures]).delete()
                slots.recompute_open(at, changed=pks)
        return closures

    def _new_closures(self, days_of: Mapping[Location, Mapping[date, str]]) -> "list[TimeOff]":
        """Return an unsaved closure for each of these days on which no closure lasts all day."""
        rows = [
            TimeOff(
                location=place,
                starts_at=instant_of(day, time(), place.zone),
                ends_at=instant_of(day + A_DAY, time(), place.zone),
                reason=reason,
            )
            for place, days in days_of.items()
            for day, reason in sorted(days.items())
        ]
        for row in rows:
            row.clean_fields(exclude=["doctor", "location"])  # the location is locked
            row.clean()
        if not rows:
            return []
        stored: dict[int, list[Span]] = defaultdict(list)
        around = enclosing_span((row.starts_at, row.ends_at) for row in rows)
        closures = self.filter(location__in=days_of).overlapping(*around)
        for place, start, end in closures.values_list("location", "starts_at", "ends_at"):
            stored[place].append((start, end))
        return [row for row in rows if not row.lies_in_one_of(stored[row.location_id or 0])]

    def with_names(self) -> "TimeOffQuerySet":
        """Load the doctor and the location in the same statement."""
        return self.select_related("doctor", "location")


class TimeOff(DoctorLocationModel):
    """Leave of a doctor, or closure of a location: no slot that overlaps it is open."""

    doctor = models.ForeignKey(
        Doctor,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="time_off",
        db_index=False,
        verbose_name=_("doctor"),
    )
    location = models.ForeignKey(
        Location,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="time_off",
        db_index=False,
        verbose_name=_("location"),
    )
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    reason = models.CharField(
        _("reason"), max_length=500, blank=True, help_text=_("For staff alone.")
    )

    objects = TimeOffQuerySet.as_manager()

    class Meta:
        ordering = ("-starts_at", "-pk")
        verbose_name = _("leave or closure")
        verbose_name_plural = _("leave and closures")
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
                violation_error_message=_("Give either a doctor or a location."),
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="doctor_timeoff_ends_after_it_starts",
                violation_error_code="end_before_start",
                violation_error_message=_("Leave ends after it starts."),
            ),
        )

    def __str__(self) -> str:
        """Return whose it is and its times, those of a doctor's leave on the admin's clock."""
        zone = self.location.zone if self.location else ZoneInfo(getattr(self, "clock_zone", "UTC"))
        start, end = (instant_text(at, zone) for at in (self.starts_at, self.ends_at))
        named = {"of": self.doctor or self.location, "start": start, "end": end}
        return gettext("%(of)s, %(start)s to %(end)s") % named

    def clean(self) -> None:
        """Raise ValidationError for an instant before FIRST or after LAST."""
        for name in ("starts_at", "ends_at"):
            if (value := getattr(self, name)) and not FIRST <= value <= LAST:
                raise ValidationError({name: ValidationError(OUT_OF_RANGE, RANGE)})

    def local_day(self) -> date:
        """Return the day on which the closure begins, on the clocks of its location."""
        return self.starts_at.astimezone(self.location.zone).date()  # type: ignore[union-attr]

    def lies_in_one_of(self, spans: Iterable[Span]) -> bool:
        """Tell whether one of the spans covers all of the leave."""
        return any(start <= self.starts_at and self.ends_at <= end for start, end in spans)

    def slots(self, at: datetime) -> Any:
        """Return the slots that the leave closes, without those that have ended at the instant."""
        owner: Any = self.doctor or self.location
        return owner.slots.coming(at).overlapping(self.starts_at, self.ends_at)

    def enter(self, at: datetime | None = None) -> None:
        """Publish this new leave, unless a stored one covers all of it: a form was sent twice.

        Raises AlreadyAway, and as `publish`.
        """
        at = at or timezone.now()
        with transaction.atomic():
            self.lock_calendar()
            if self.stored_over():
                raise AlreadyAway
            self.publish(at)

    def stored_over(self) -> "TimeOff | None":
        """Return a stored leave or closure of the same doctor or location that covers all of it."""
        stored = TimeOff.objects.filter(doctor=self.doctor, location=self.location).with_names()
        covering = stored.filter(starts_at__lte=self.starts_at, ends_at__gte=self.ends_at)
        return covering.order_by("starts_at", "pk").first()

    def publish(self, at: datetime | None = None) -> None:
        """Save the leave, close the slots it overlaps and open those it no longer overlaps.

        One transaction. Appointments on the closed slots go to the work list of visits that staff
        must rebook, those on the opened slots leave it. Raises ValidationError. Locks locations,
        doctors, then the slots.
        """
        at = at or timezone.now()
        with transaction.atomic():
            self.lock_calendar()
            self.full_clean()
            before = TimeOff.objects.with_names().filter(pk=self.pk).first()
            slots = self.slots(at) | before.slots(at) if before else self.slots(at)
            pks = slots.lock_keys()
            self.save()
            slots.recompute_open(at, changed=pks)

    def unpublish(self, at: datetime | None = None) -> None:
        """Delete the leave and open the slots that no other leave closes; raises DoesNotExist."""
        at = at or timezone.now()
        with transaction.atomic():
            self.lock_calendar()
            self.refresh_from_db(from_queryset=TimeOff.objects.with_names())
            slots = self.slots(at)
            pks = slots.lock_keys()
            self.delete()
            slots.recompute_open(at, changed=pks)


def _slots_of(closures: Sequence[Any], at: datetime) -> Any:
    """Return the slots that these closures close, without those that have ended at the instant.

    Locations that are closed at the same times share a term of the condition: SQLite limits how
    many it can have.
    """
    places: dict[Span, list[int]] = defaultdict(list)
    for row in closures:
        places[row.starts_at, row.ends_at].append(row.location_id)
    slots: Any = closures[0].location.slots.model.objects  # slot.py imports this module
    coming = slots.coming(at)
    terms = (coming.filter(location__in=keys).overlapping(*span) for span, keys in places.items())
    return reduce(or_, terms)
