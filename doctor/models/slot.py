"""Slots: spans of a doctor's time with places that patients book."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NoReturn

from django.contrib.postgres.fields import RangeOperators
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import BooleanField, ExpressionWrapper, F, Q
from django.db.models.functions import Least
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEvent
from doctor.exceptions import (
    REFUSALS,
    NothingToRelease,
    ScheduleInUse,
    SlotClosed,
    SlotFull,
    SlotInPast,
)
from doctor.models.booking_rules import BookingContext, first_failure, may_be_free, places_left
from doctor.models.directory import Location
from doctor.models.doctor import Doctor
from doctor.models.site_staff import SiteQuerySet
from doctor.models.slot_availability import called_off, closures, may_open
from doctor.signals import slots_changed, slots_closing
from doctor.wall_time import local_text, span_anywhere, starts_on_days
from extensions.db.batches import batches
from extensions.db.compiled import compiled, compiled_update
from extensions.db.constraints import KeyRange, PostgresExclusionConstraint, TimeRange
from extensions.db.inserts import insert_together
from extensions.db.locks import lock_rows
from extensions.exceptions import DomainError
from extensions.formats import instant_text

TIMES = ("starts_at", "ends_at")
SHOWN = ("id", "schedule", "location", *TIMES, "capacity")  # in a row of the API
PLACES = ("taken", "capacity", "extra_places")
A_DAY, MOST_ALTERNATIVES, MOST_PLACES = timedelta(days=1), 3, 1000  # added places included
NO_MORE_PLACES = _("A time has at most 1000 places, and this one has as many.")


class SlotQuerySet(SiteQuerySet["Slot"]):
    """Free slots, their rows in the API, and the locks and changes of many slots at once."""

    # --- The booking rules ---

    def bookable_in(self, context: BookingContext) -> "SlotQuerySet":
        """Return the slots that the booking rules allow in the context."""
        return self.filter(context.guard)

    def bookable(self, at: datetime) -> "SlotQuerySet":
        """Return the slots that anyone can book at the instant; queries the locations' rules."""
        return self.bookable_in(BookingContext.for_anyone(at))

    def explained(self, context: BookingContext) -> "SlotQuerySet":
        """Annotate `reason`: the first of REASONS against booking it in the context, or null."""
        return self.annotate(reason=context.reason())

    def reasons(self, context: BookingContext) -> dict[int, str | None]:
        """Map each primary key to the first reason why the slot cannot be booked, or to None."""
        rows: Any = self.explained(context)
        return dict(rows.values_list("pk", "reason"))

    # --- Scopes ---

    def between(
        self, first: date | None, last: date | None, locations: Iterable[Location]
    ) -> "SlotQuerySet":
        """Return slots at these locations that start on one of these days, both included.

        Days are local dates of each location; None leaves the range open.
        """
        days = starts_on_days(first, last, locations)
        return self.filter(days) if days else self.none()

    def of_sessions_on(self, first: date, last: date | None = None) -> "SlotQuerySet":
        """Return the slots whose sessions are on these dates, both included; by default on one.

        The bounds of the start let an index serve, since a slot has no date.
        """
        last = last or first
        start, end = span_anywhere(first, last)
        near = self.filter(starts_at__gte=start, starts_at__lt=end)
        return near.filter(schedule__date__range=(first, last))

    def of_key(self, pk: int | None) -> "SlotQuerySet":
        """Return the slot with this primary key; an empty queryset for None.

        An appointment whose slot was deleted has no slot.
        """
        return self.filter(pk=pk) if pk else self.none()

    def coming(self, at: datetime) -> "SlotQuerySet":
        """Return the slots that have not ended at the instant: only these open and close.

        With the lower bound of `overlapping`, the cost does not grow with the slots that are over.
        """
        return self.filter(ends_at__gt=at, starts_at__gt=at - 2 * A_DAY)

    def overlapping(self, starts_at: datetime, ends_at: datetime) -> "SlotQuerySet":
        """Return the slots that overlap the span; a slot that only touches it does not.

        A slot is shorter than two days: a lower bound on its start lets the index serve.
        """
        begun = self.filter(starts_at__gt=starts_at - 2 * A_DAY, starts_at__lt=ends_at)
        return begun.filter(ends_at__gt=starts_at)

    def called_off(self) -> "SlotQuerySet":
        """Return slots where leave, changed hours or an inactive doctor prevents appointments."""
        return self.filter(called_off())

    def closures_by_key(self) -> dict[int, int]:
        """Map each primary key to how many causes call the slot off."""
        rows: Any = self.annotate(closures=closures())
        return dict(rows.values_list("pk", "closures"))

    # --- Rows of the API ---

    def slot_rows(self, at: datetime, *more: str) -> "models.QuerySet[Slot, dict[str, Any]]":
        """Return dictionaries: the arguments of `serialize_slot_row`, and the columns `more`."""
        slots: Any = self
        rows = slots.annotate(available=places_left(at), zone=F("location__time_zone"))
        return rows.values(*SHOWN, "zone", "available", *more)

    def to_list(self, at: datetime, *more: str) -> list[dict[str, Any]]:
        """Return the slots as dictionaries for the API, without creating model objects."""
        return [serialize_slot_row(**row) for row in self.slot_rows(at, *more)]

    # --- Locks and changes ---

    def set_capacity(self, capacity: int) -> None:
        """Set the places of these locked slots to those of their session, in one statement.

        Places that staff have added to a slot are kept, and added to this number.
        """
        places = F("extra_places") + capacity
        self.exclude(capacity=places).update(capacity=places)

    def release_places(self, number: int = 1, **columns: Any) -> int:
        """Give back this many places of each slot, and write these columns; return how many slots.

        Places that staff have added go first: no other patient books one. One statement.
        """
        return self.update(**_given_back(number), **columns)

    def lock(self) -> "list[Slot]":
        """Lock all by ascending primary key until the transaction ends, and return them."""
        return lock_rows(self)

    def lock_keys(self) -> list[int]:
        """Lock all as `lock` does, but return primary keys only: there may be many thousands."""
        rows = self.select_for_update(no_key=True, of=("self",)).order_by("pk")
        return list(rows.values_list("pk", flat=True))

    def drop(self) -> None:
        """Delete free, locked slots; the number of statements does not grow with the slots.

        Rows that refer to a slot are deleted or set to null, as their foreign key says. Django's
        own `delete` does the same a hundred slots at a time.
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

    def recompute_open(
        self, at: datetime, changed: Iterable[int] = (), new: Iterable[int] = ()
    ) -> None:
        """Set `is_open` by session, doctor and leave as they are now, and send `slots_changed`.

        `changed`: primary keys of locked slots on which something else changed; the signal names
        them as well. `new`: primary keys of slots that this transaction created. Idempotent. The
        slots are locked first and read by a second statement: under READ COMMITTED the second sees
        what the previous holder of the lock wrote, the first may not.
        """
        created = set(new)
        announced = {*changed, *created}
        for pks in batches(self.lock_keys()):
            announced |= self._open_and_close(pks, at)
        if announced:
            slots_changed.send(sender=Slot, slots=announced, new=created, at=at)

    def _open_and_close(self, pks: list[int], at: datetime) -> set[int]:
        """Set `is_open` of these locked slots; return the keys of those that it changed."""
        opens = ExpressionWrapper(may_open(), output_field=BooleanField())
        rows = Slot.objects.filter(pk__in=pks).annotate(opens=opens)
        stale = list(rows.exclude(is_open=F("opens")).values_list("pk", "taken", "opens"))
        if closing := {pk for pk, taken, opens in stale if taken and not opens}:
            slots_closing.send(sender=Slot, slots=closing, at=at)
        for is_open in (True, False):
            flipped = [pk for pk, _, opens in stale if opens is is_open]
            if flipped:
                Slot.objects.filter(pk__in=flipped).update(is_open=is_open)
        return {pk for pk, _, _ in stale}


def serialize_slot_row(  # noqa: PLR0913, PLR0917  (the columns, in the order of a row)
    zone: str,
    id: int,
    schedule: int,
    location: int,
    starts_at: datetime | str,
    ends_at: datetime | str,
    capacity: int,
    available: int,
    **more: Any,
) -> dict[str, Any]:
    """Return a slot as the API shows it, its times with the offset of the zone, an IANA name.

    A slot with a `reason` against it shows 0 available places.
    """
    return {
        "id": id,
        "schedule": schedule,
        "location": location,
        "starts_at": local_text(starts_at, zone),
        "ends_at": local_text(ends_at, zone),
        "time_zone": zone,
        "capacity": capacity,
        "available": 0 if more.get("reason") else available,
        **more,
    }


def announce_closing(slots: "list[Slot]", at: datetime) -> "list[Slot]":
    """Send `slots_closing` for these locked slots: its receiver withdraws the offers on them.

    Reads the places of the slots again: afterwards `taken` counts appointments only. Returns the
    slots where a withdrawn offer released a place; if such a slot stays, the place is free again.
    """
    held = [slot for slot in slots if slot.taken]
    if not held:
        return []
    pks = {slot.pk for slot in held}
    slots_closing.send(sender=Slot, slots=pks, at=at)
    places = {row["pk"]: row for row in Slot.objects.filter(pk__in=pks).values("pk", *PLACES)}
    withdrawn = [slot for slot in held if slot.taken != places[slot.pk]["taken"]]
    for slot in withdrawn:
        for name in PLACES:
            setattr(slot, name, places[slot.pk][name])
    return withdrawn


def refuse_stranding(slots: "Iterable[Slot]", refusal: type[ScheduleInUse] = ScheduleInUse) -> None:
    """Raise the refusal with the appointments on these slots, if there are any slots.

    Each of the slots has a place taken and is about to be deleted or closed.
    """
    in_use = list({slot.pk: slot for slot in slots}.values())
    if in_use:
        models.prefetch_related_objects(in_use, "appointments")
        visits = [visit for slot in in_use for visit in slot.appointments.all()]
        raise refusal(appointments=sorted(v.pk for v in visits if v.holds_a_place))


class PlaceLost(Exception):
    """The guard of `Slot.take` found no place; `Slot.refuse` says why."""


class Slot(models.Model):
    """A span of a doctor's time with a number of places, which patients book.

    `Schedule.publish` and the verbs of `WeeklyHours` create slots; nothing else does.
    """

    schedule = models.ForeignKey(
        "doctor.Schedule", models.PROTECT, "slots", verbose_name=_("session")
    )
    doctor = models.ForeignKey(
        Doctor, models.PROTECT, "slots", db_index=False, verbose_name=_("doctor")
    )  # the unique constraint's index serves it
    location = models.ForeignKey(
        Location, models.PROTECT, "slots", db_index=False, verbose_name=_("location")
    )
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    capacity = models.PositiveIntegerField(_("capacity"), help_text=_("Places."))
    taken = models.PositiveIntegerField(
        _("taken"), default=0, editable=False, help_text=_("Places held.")
    )
    extra_places = models.PositiveIntegerField(
        _("extra places"),
        default=0,
        db_default=0,
        editable=False,
        help_text=_("Places that staff have added to this time alone; they count in the capacity."),
    )
    is_open = models.BooleanField(_("open"), default=True, editable=False)
    kept_over = models.BooleanField(
        default=False, editable=False, help_text="Booked, and outside the hours as they are now."
    )
    hold_lapses_at = models.DateTimeField(
        null=True, editable=False, help_text="When the first offer on it holds its place no longer."
    )
    utc_offset = models.SmallIntegerField(
        null=True,
        editable=False,
        help_text="Minutes that the clocks there were ahead of UTC at its start, when it was made: "
        "the wall time that was promised. Empty in a slot of an earlier release.",
    )

    objects = SlotQuerySet.as_manager()

    class Meta:
        ordering = ("starts_at", "pk")
        verbose_name = _("time")
        verbose_name_plural = _("times")
        indexes = (
            models.Index(fields=["starts_at", "id"], name="doctor_slot_start"),
            # Not one of the full slots before the soonest free one is in it. A booking that fills a
            # slot therefore takes its row out of the index.
            models.Index(
                fields=["starts_at", "id"], condition=may_be_free(), name="doctor_slot_free_start"
            ),
            models.Index(fields=["location", "starts_at"], name="doctor_slot_location_start"),
            models.Index(
                fields=["starts_at", "id"], condition=Q(is_open=False), name="doctor_slot_closed"
            ),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(taken__gte=0, taken__lte=F("capacity")),
                name="doctor_slot_taken_within_capacity",
                violation_error_code="slot_full",
                violation_error_message=_("No place is left at this time."),
            ),
            models.CheckConstraint(
                condition=Q(extra_places__gte=0, extra_places__lte=F("capacity")),
                name="doctor_slot_extra_places_within_capacity",
                violation_error_code="extra_places",
                violation_error_message="The places that staff have added count in the capacity.",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="doctor_slot_ends_after_it_starts",
                violation_error_code="slot_times",
                violation_error_message=_("A slot ends after it starts."),
            ),
            models.UniqueConstraint(
                fields=["doctor", "starts_at"],
                name="doctor_slot_one_per_doctor_and_start",
                violation_error_code="schedule_overlap",
                violation_error_message=_("The doctor already has a slot at that time."),
            ),
            PostgresExclusionConstraint(
                expressions=[
                    (KeyRange("doctor"), RangeOperators.OVERLAPS),
                    (TimeRange("starts_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
                name="doctor_slot_no_overlap",
                violation_error_code="schedule_overlap",
                violation_error_message=_("The doctor already has a slot at that time."),
            ),
        )

    def __str__(self) -> str:
        start = instant_text(self.starts_at, self.location.zone)
        return f"{start}, {self.doctor}, {self.location}"

    @property
    def available(self) -> int:
        """Places that are not taken, whether or not a patient can book them."""
        return self.capacity - self.taken

    @property
    def sold_places(self) -> int:
        """The places without those that staff have added."""
        return self.capacity - self.extra_places

    def has_room(self, capacity: int) -> bool:
        """Whether what is taken fits in this many places and those that staff have added."""
        return self.taken <= capacity + self.extra_places

    def take(
        self,
        at: datetime | None = None,
        context: BookingContext | None = None,
        rows: Sequence[models.Model] = (),
    ) -> None:
        """Take one place, by the booking rules in the context or for anyone at the instant.

        `rows`: rows to insert with it, by the same statement on PostgreSQL (`insert_together`).

        Raises the first reason against it as one of `doctor.exceptions.REFUSALS`, or DoesNotExist
        if the slot is no longer at the time that was read: `repair_times` moves slots. One
        conditional UPDATE is guard and lock: the second of two callers for the last place waits for
        the first, then the condition is false. That caller holds the lock of the row by then: with
        `rows` this raises PlaceLost, and the caller reads the reason by `refuse` after its
        rollback, while the next one tries. If the hold of an offer has lapsed, this first locks the
        slot and ends the offer, because its place counts in `taken` until then.
        """
        context = context or self._context_for_anyone(at)
        lapsed = self.hold_lapses_at is not None and self.hold_lapses_at <= context.at
        if lapsed and not self.extra_places:  # else the place goes back to the staff who added one
            self.lock().offers.end_lapsed(self, context.at)
        elif self.taken >= self.capacity:  # as read: most callers need not wait for the row
            self._refuse_if_against(context)
        update = _taking.bind(self.pk, self.starts_at, self.ends_at, context.guard)
        if not (insert_together(rows, update) if rows else update.run()):
            if rows:
                raise PlaceLost
            self.refuse(context)

    def refuse(self, context: BookingContext) -> NoReturn:
        """Raise the first reason against the stored slot, as `take` does; by default SlotFull."""
        self._refuse_if_against(context)
        raise SlotFull

    def _refuse_if_against(self, context: BookingContext) -> None:
        """Raise the first reason against the stored slot, if there is one."""
        times = {"starts_at": self.starts_at, "ends_at": self.ends_at}
        refusal = self.refusal(context=context)
        if refusal is None and not Slot.objects.filter(pk=self.pk, **times).exists():
            raise Slot.DoesNotExist
        if refusal is not None:
            raise refusal

    def lock(self) -> "Slot":
        """Lock the row until the transaction ends and return it as stored; raises DoesNotExist."""
        return Slot.objects.select_for_update(no_key=True).get(pk=self.pk)

    def release(self) -> None:
        """Give one place back; raises NothingToRelease if none is taken.

        A place that staff have added is given up: it was for one person and is never sold.
        """
        if not _releasing(self.pk):
            raise NothingToRelease

    def add_place(self, by: Any, reason: str, at: datetime | None = None) -> None:
        """Add one place to this slot alone, also to a full one, for a person squeezed in.

        One conditional UPDATE is guard and lock. It offers nothing to the waitlist: the caller
        takes the place in the same transaction. `by`: the member of staff, whom the audit event
        names; the visit's event keeps the `reason`, which may tell of the patient. Raises
        ValidationError without a reason, SlotClosed, SlotInPast once the slot has ended, and
        SlotFull at MOST_PLACES.
        """
        if not reason.strip():
            raise ValidationError(_("A place is added with a reason."), code="required")
        at = at or timezone.now()
        row = Slot.objects.filter(pk=self.pk)
        more = row.filter(is_open=True, ends_at__gt=at, capacity__lt=MOST_PLACES)
        added = {name: F(name) + 1 for name in ("capacity", "extra_places")}
        with transaction.atomic():
            if not more.update(**added):
                stored = row.get()
                if not stored.is_open:
                    raise SlotClosed
                raise SlotInPast if stored.ends_at <= at else SlotFull(NO_MORE_PLACES)
            role = AuditEvent.Role.STAFF if by else AuditEvent.Role.SYSTEM
            AuditEvent.objects.record(AuditEvent.Action.CHANGE, self, actor=by, role=role)
        self.refresh_from_db(fields=PLACES)

    def resize(self, capacity: int) -> None:
        """Change the number of places; those that staff have added are kept, and added to it.

        Raises ScheduleInUse if appointments hold more. If more places are taken than remain, the
        offers on the slot are withdrawn. Sends `slots_changed` if a place becomes free.
        """
        at = timezone.now()
        with transaction.atomic():
            slots = Slot.objects.filter(pk=self.pk).lock()
            gained = [slot for slot in slots if slot.sold_places < capacity]
            gained += announce_closing([slot for slot in slots if not slot.has_room(capacity)], at)
            fits = Slot.objects.filter(pk=self.pk, taken__lte=F("extra_places") + capacity)
            if not fits.update(capacity=F("extra_places") + capacity):
                holders = self.appointments.holding_a_place().values_list("pk", flat=True)
                raise ScheduleInUse(appointments=sorted(holders))
            if gained:
                slots_changed.send(sender=Slot, slots={self.pk}, new=set(), at=at)
        self.refresh_from_db(fields=["capacity"])

    def refusal(
        self, at: datetime | None = None, context: BookingContext | None = None
    ) -> DomainError | None:
        """Return the first reason against the stored slot as an error; None if it can be booked.

        Raises DoesNotExist if the slot is gone.
        """
        context = context or self._context_for_anyone(at)
        found = _reason_against(self.pk, list(context.conditions), context.guard)
        if not found:
            raise Slot.DoesNotExist
        [reason] = found
        return REFUSALS[reason]() if reason else None

    def alternatives(
        self, context: BookingContext, sites: frozenset[int] | None = None
    ) -> list[dict[str, Any]]:
        """Return up to three other slots of the doctor, bookable in the context, as API rows.

        Slots from this slot's start on come first, then earlier ones; the soonest first in each
        part. `sites`: keys of the only locations that count.
        """
        wanted = context.guard if sites is None else context.guard & Q(location__in=sorted(sites))
        rows = _alternatives(self.doctor_id, wanted, self.starts_at, context.at, True)
        if len(rows) < MOST_ALTERNATIVES:
            rows += _alternatives(self.doctor_id, wanted, self.starts_at, context.at, False)
        return [serialize_slot_row(**row) for row in rows[:MOST_ALTERNATIVES]]

    def _context_for_anyone(self, at: datetime | None) -> BookingContext:
        return BookingContext(at or timezone.now(), (self.location,))


# --- Statements, compiled once --------------------------------------------------------------------


@compiled_update
def _taking(
    pk: int, starts_at: datetime, ends_at: datetime, guard: Q
) -> tuple[SlotQuerySet, dict[str, Any]]:
    as_read = Slot.objects.filter(guard, pk=pk, starts_at=starts_at, ends_at=ends_at)
    return as_read.filter(taken__lt=F("capacity")), {"taken": F("taken") + 1}


@compiled_update
def _releasing(pk: int) -> tuple[SlotQuerySet, dict[str, Any]]:
    return Slot.objects.filter(pk=pk, taken__gt=0), _given_back(1)


def _given_back(number: int) -> dict[str, Any]:
    """Return the columns of a slot that gives back this many places, added ones first."""
    added = Least(F("extra_places"), number)
    places = {"capacity": F("capacity") - added, "extra_places": F("extra_places") - added}
    return {"taken": F("taken") - number, **places}


@compiled
def _reason_against(pk: int, reasons: list[str], guard: Q) -> Any:
    """Return the first of the reasons against the slot; the conditions are the parts of `guard`."""
    conditions: Any = guard.children
    reason = first_failure(zip(reasons, conditions, strict=True))
    return Slot.objects.filter(pk=pk).values_list(reason, flat=True)


@compiled
def _alternatives(doctor: int, wanted: Q, start: datetime, at: datetime, later: bool) -> Any:
    side = Q(starts_at__gte=start) if later else Q(starts_at__lt=start)
    slots = Slot.objects.filter(wanted, side, doctor=doctor).order_by("starts_at", "pk")
    return slots[:MOST_ALTERNATIVES].slot_rows(at, "doctor")
