"""A stretch of a doctor's time with places in it: what is booked."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import RangeOperators
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from doctor.exceptions import REFUSALS, NothingToRelease, ScheduleInUse, SlotFull
from doctor.models.booking_rules import BookingContext, places_left
from doctor.models.date_ranges import around, spans_of_days
from doctor.models.directory import Location
from doctor.models.doctor import Doctor
from doctor.models.schedule import Schedule
from doctor.models.slot_availability import called_off, recompute_open
from doctor.signals import announce_closing, slots_changed
from extensions.db.constraints import KeyRange, PostgresExclusionConstraint, TimeRange
from extensions.exceptions import DomainError

TIMES = ("starts_at", "ends_at")
A_DAY = timedelta(days=1)


class SlotQuerySet(models.QuerySet["Slot"]):
    """Scopes of slots; `bookable` is the one rule of listing, guard and explanation alike."""

    def bookable_in(self, context: BookingContext) -> "SlotQuerySet":
        """What can be had on these context: the one rule, as a filter and as a guard."""
        return self.filter(context.passes())

    def explained(self, context: BookingContext) -> "SlotQuerySet":
        """Add `reason`: the first one against each slot on these context, or null."""
        return self.annotate(reason=context.reason())

    def reasons(self, context: BookingContext) -> dict[int, str | None]:
        """The first reason against each slot on these context, by key; None for what can be had."""
        rows: Any = self.explained(context)
        return dict(rows.values_list("pk", "reason"))

    def bookable(self, at: datetime) -> "SlotQuerySet":
        """What anybody can book at the instant. Reads the locations' rules at once."""
        return self.bookable_in(BookingContext.now(at))

    def between(
        self, first: date | None, last: date | None, locations: Iterable[Location]
    ) -> "SlotQuerySet":
        """Those at these locations that begin on one of these days, as each counts its days.

        Bounded by the slot's own instants, which the indexes hold, and not by the session's date.
        """
        spans = spans_of_days(first, last, locations)
        if not spans:
            return self.none()
        days = (
            Q(location__in=pks, starts_at__gte=start, starts_at__lt=end)
            for (start, end), pks in spans.items()
        )
        earliest, latest = around(spans)
        return self.filter(reduce(or_, days), starts_at__gte=earliest, starts_at__lt=latest)

    def of_key(self, pk: int | None) -> "SlotQuerySet":
        """The one with this key; none for an appointment that has outlived its slot."""
        return self.filter(pk=pk) if pk else self.none()

    def coming(self, at: datetime) -> "SlotQuerySet":
        """Those that have not ended at the instant: only these still open and close."""
        return self.filter(ends_at__gt=at)

    def overlapping(self, starts_at: datetime, ends_at: datetime) -> "SlotQuerySet":
        """Those with some time in common; ones that touch do not overlap.

        A slot lasts a day at most: bounded on both sides, the index on the start serves.
        """
        begun = self.filter(starts_at__gt=starts_at - 2 * A_DAY, starts_at__lt=ends_at)
        return begun.filter(ends_at__gt=starts_at)

    def of_active_doctor(self, doctor: int) -> "SlotQuerySet":
        """Those of one doctor, none of a doctor whom the public does not see."""
        return self.filter(doctor=doctor, doctor__is_active=True)

    def lock(self) -> "list[Slot]":
        """Lock all of them by primary key in one statement, until the transaction ends."""
        return list(self.select_for_update(no_key=True, of=("self",)).order_by("pk"))

    def lock_keys(self) -> list[int]:
        """Lock all of them as `lock` does, however many; their keys alone."""
        rows = self.select_for_update(no_key=True, of=("self",)).order_by("pk")
        return list(rows.values_list("pk", flat=True))

    def drop(self) -> None:
        """Delete free, locked slots in as many statements for a thousand of them as for one.

        What refers to one goes with it or forgets it, as its foreign key says; Django's own
        deletion does so a hundred slots at a time.
        """
        pks = list(self.values_list("pk", flat=True))
        for relation in Slot._meta.related_objects:
            key = relation.field.name
            rows = relation.related_model._base_manager.filter(**{f"{key}__in": pks})
            if relation.on_delete is models.SET_NULL:
                rows.update(**{key: None})
            else:
                rows.delete()
        Slot.objects.filter(pk__in=pks)._raw_delete(self.db)

    def recompute_open(self, at: datetime, changed: Iterable[int] = ()) -> None:
        """Set `is_open` to what sessions, doctors and leave say now; see `opening`."""
        recompute_open(self, at, changed)

    def called_off(self) -> "SlotQuerySet":
        """Those of which no visit can take place as booked."""
        return self.filter(called_off())

    def listed(self, at: datetime, *more: str) -> "models.QuerySet[Slot, dict[str, Any]]":
        """The values of what the API shows of slots, and `more` of their columns."""
        rows = self.annotate(available=places_left(at), zone=F("location__time_zone"))
        columns = ("schedule", "location", *TIMES, "capacity")
        return rows.values("id", *columns, "zone", "available", *more)

    def to_list(self, at: datetime, *more: str) -> list[dict[str, Any]]:
        """What the API shows of slots, read as values: no model object per slot."""
        return [shown(**row) for row in self.listed(at, *more)]


def shown(zone: str, available: int, **row: Any) -> dict[str, Any]:
    """A row of `listed` as the API shows it: its times on the clock of the zone, no place to have
    where there is a reason against it."""
    clock = ZoneInfo(zone)
    times = {name: row.pop(name).astimezone(clock).isoformat() for name in TIMES}
    return {
        **{name: row.pop(name) for name in ("id", "schedule", "location")},
        **times,
        "time_zone": zone,
        "capacity": row.pop("capacity"),
        "available": 0 if row.get("reason") else available,
        **row,
    }


class Slot(models.Model):
    """Places of one doctor from one instant to another. Made by `Schedule.publish` alone."""

    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="slots")
    doctor = models.ForeignKey(
        Doctor, on_delete=models.PROTECT, related_name="slots", db_index=False
    )  # the unique constraint's index serves it
    location = models.ForeignKey(
        Location, on_delete=models.PROTECT, related_name="slots", db_index=False
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    capacity = models.PositiveIntegerField(help_text="Places.")
    taken = models.PositiveIntegerField(default=0, editable=False, help_text="Places held.")
    is_open = models.BooleanField("open", default=True, editable=False)
    kept_over = models.BooleanField(
        default=False, editable=False, help_text="Booked, and outside the hours as they are now."
    )
    hold_lapses_at = models.DateTimeField(
        null=True, editable=False, help_text="When the first offer on it holds its place no longer."
    )

    objects = SlotQuerySet.as_manager()

    class Meta:
        ordering = ("starts_at", "pk")
        indexes = (
            models.Index(fields=["starts_at", "id"], name="doctor_slot_start"),
            models.Index(fields=["location", "starts_at"], name="doctor_slot_location_start"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(taken__gte=0, taken__lte=F("capacity")),
                name="doctor_slot_taken_within_capacity",
                violation_error_code="slot_full",
                violation_error_message="No place is left at this time.",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="doctor_slot_ends_after_it_starts",
                violation_error_code="slot_times",
                violation_error_message="A slot ends after it starts.",
            ),
            models.UniqueConstraint(
                fields=["doctor", "starts_at"],
                name="doctor_slot_one_per_doctor_and_start",
                violation_error_code="schedule_overlap",
                violation_error_message="The doctor already has a slot at that time.",
            ),
            PostgresExclusionConstraint(
                expressions=[
                    (KeyRange("doctor"), RangeOperators.OVERLAPS),
                    (TimeRange("starts_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
                name="doctor_slot_no_overlap",
                violation_error_code="schedule_overlap",
                violation_error_message="The doctor already has a slot at that time.",
            ),
        )

    def __str__(self) -> str:
        local = self.starts_at.astimezone(self.location.zone)
        return f"{local:%a %d %b %Y %H:%M}, {self.doctor}, {self.location}"

    @property
    def available(self) -> int:
        """Places left, whether or not they can be booked."""
        return self.capacity - self.taken

    def take(self, at: datetime | None = None, context: BookingContext | None = None) -> None:
        """Take one place on these context, or on everybody's at the instant.

        Raises the first reason against it as one of `doctor.exceptions.REFUSALS`. One conditional
        UPDATE is guard and lock: of two callers for the last place the second waits for the first
        and then finds the condition false. A place whose hold has lapsed is settled first by
        whoever knows of holds.
        """
        context = context or self._context(at)
        row = Slot.objects.bookable_in(context).filter(pk=self.pk, taken__lt=F("capacity"))
        if not row.update(taken=F("taken") + 1):
            raise self.refusal(context=context) or SlotFull

    def holds_lapsed_place(self, at: datetime) -> bool:
        """Whether a place of it, as loaded, is held no longer; full or not, it may fill up now."""
        return self.hold_lapses_at is not None and self.hold_lapses_at <= at

    def lock(self) -> "Slot":
        """Lock the row until the transaction ends and return it as it is; raises DoesNotExist."""
        return Slot.objects.select_for_update(no_key=True).get(pk=self.pk)

    def release(self) -> None:
        """Give one place back; raises NothingToRelease when none is taken."""
        if not Slot.objects.filter(pk=self.pk, taken__gt=0).update(taken=F("taken") - 1):
            raise NothingToRelease

    def resize(self, capacity: int) -> None:
        """Change the number of places; raises ScheduleInUse when more are taken.

        Holds give way to it, and a place that is gained is told of.
        """
        at = timezone.now()
        with transaction.atomic():
            slots = Slot.objects.filter(pk=self.pk).lock()
            gained = [slot for slot in slots if slot.capacity < capacity]
            gained += announce_closing([slot for slot in slots if slot.taken > capacity], at)
            fits = Slot.objects.filter(pk=self.pk, taken__lte=capacity)
            if not fits.update(capacity=capacity):
                holders = self.appointments.holding_a_place().values_list("pk", flat=True)
                raise ScheduleInUse(appointments=sorted(holders))
            if gained:
                slots_changed.send(sender=Slot, slots={self.pk}, at=at)
        self.refresh_from_db(fields=["capacity"])

    def refusal(
        self, at: datetime | None = None, context: BookingContext | None = None
    ) -> DomainError | None:
        """Why this slot, as it is stored, cannot be had on these context; None when it can."""
        told = Slot.objects.filter(pk=self.pk).reasons(context or self._context(at))
        if not told:
            raise Slot.DoesNotExist
        reason = told[self.pk]
        return REFUSALS[reason]() if reason else None

    def alternatives(self, context: BookingContext, limit: int = 3) -> list[dict[str, Any]]:
        """Other slots of the doctor that can be had on these context.

        The next ones from this slot's start first, then earlier ones, soonest first in each part.
        """
        others = Slot.objects.filter(doctor=self.doctor_id).bookable_in(context)
        later = others.filter(starts_at__gte=self.starts_at).order_by("starts_at", "pk")
        earlier = others.filter(starts_at__lt=self.starts_at).order_by("starts_at", "pk")
        found: list[dict[str, Any]] = later[:limit].to_list(context.at)
        if len(found) < limit:
            found += earlier[: limit - len(found)].to_list(context.at)
        return found

    def _context(self, at: datetime | None) -> BookingContext:
        return BookingContext(at or timezone.now(), (self.location,))
