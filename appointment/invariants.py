"""The invariants that hold at every commit, as queries for the rows that violate them.

I1: `slot.taken` equals the visits that hold a place plus the open offers. No open offer is of a
    slot that its patient declined before.
I2: the live visits of a patient, and the slots of a doctor, do not overlap.
I3: a canceled visit has exactly one event of its cancelation, and other visits have none.
I4: a visit that holds a place has a slot with its times, doctor and location. A slot with places
    that staff have added has the places of its session and these, and all of these are taken.
I6: a coming slot that is not kept over begins and ends where its session's wall times and today's
    time zone data put it.
I7: the keys and words by which people are sorted and found are those of their names.

Each query is one statement, so that it reads one snapshot of a live database. It covers one window
of primary keys, so that memory use does not grow with the tables.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from string import Formatter
from typing import Any, cast

from django.db.models import (
    BooleanField,
    Case,
    Count,
    Exists,
    F,
    Max,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    When,
)
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import User
from appointment.models import (
    Appointment,
    AppointmentEvent,
    DeclinedSlot,
    Offer,
    WaitlistEntry,
    WaitlistStatus,
)
from appointment.models.event import Status
from doctor.models import Doctor, Slot, slot_availability
from doctor.models.displaced import displaced
from doctor.models.slot import SlotQuerySet
from extensions.db.batches import row_batches
from extensions.db.names import FoldedModel
from patient.models import Patient, PatientWord

Kind = AppointmentEvent.Kind

# The verbs skip slots that have ended. Their server's clock may differ from ours by this much.
CLOCK_TOLERANCE = timedelta(minutes=1)
READS_AGAIN = 3  # of a row that seems wrong


@dataclass(frozen=True)
class Check:
    """A check of one invariant on every row of a model.

    `violating` returns the rows that violate it. `message` describes such a row; its placeholders
    are columns of these rows.
    """

    invariant: str
    model: type[Model]
    message: str
    violating: Callable[[], QuerySet[Any]]

    def violations(self, window: "Window") -> list[str]:
        """Describe the violating rows of a window, by primary key, in one statement."""
        columns = {name for _, name, _, _ in Formatter().parse(self.message) if name}
        rows = self.violating().filter(pk__gt=window.after, pk__lte=window.last)
        return [self._describe(row) for row in rows.order_by("pk").values("pk", *columns)]

    def _describe(self, row: dict[str, Any]) -> str:
        name = self.model._meta.object_name
        return f"{self.invariant} {name} {row['pk']}: {self.message.format(**row)}"


@dataclass(frozen=True)
class DisplacedCheck(Check):
    """The check of I6. No database converts a wall time: Python compares the rows."""

    def violations(self, window: "Window") -> list[str]:
        """Describe the displaced slots of a window, by primary key; their rows take one query."""
        rows = self.violating().filter(pk__gt=window.after, pk__lte=window.last)
        return [self._describe(row) for row in displaced(rows.order_by("pk"))]


@dataclass(frozen=True)
class FoldedCheck(Check):
    """The check of I7. No database folds a name: Python compares the rows."""

    def violations(self, window: "Window") -> list[str]:
        """Describe the rows of a window that have a wrong key or wrong words, by primary key."""
        return [self._describe({"pk": pk}) for pk in sorted(self.wrong(window))]

    def wrong(self, window: "Window") -> set[int]:
        """Return the keys of these rows.

        A row and its words are read by two statements. Where they differ it reads both again, up
        to READS_AGAIN times: a name may have changed in between.
        """
        rows, model = self.violating(), cast(type[FoldedModel], self.model)
        found: set[int] = set()
        for batch in row_batches(rows.filter(pk__gt=window.after, pk__lte=window.last)):
            found |= model.wrongly_folded(batch)
        for _ in range(READS_AGAIN):
            found = model.wrongly_folded(list(rows.filter(pk__in=found))) if found else found
        return found


@dataclass(frozen=True)
class Window:
    """The `rows` rows of a table with primary keys above `after` and up to `last`."""

    after: int
    last: int
    rows: int


def windows(model: type[Model], size: int) -> Iterator[Window]:
    """Yield windows of `size` rows, by primary key, over the rows that the table has now."""
    table = model._base_manager.order_by("pk")
    end = table.aggregate(end=Max("pk"))["end"] or 0
    after = 0
    while after < end:
        next_rows = table.filter(pk__gt=after, pk__lte=end)[:size]
        found = next_rows.aggregate(rows=Count("pk"), last=Coalesce(Max("pk"), end))
        yield Window(after=after, **found)
        after = found["last"]


# --- I1: places -----------------------------------------------------------------------------------


def slots_with_wrong_taken() -> QuerySet[Slot]:
    """Slots where `taken` is not the number of places held, or is out of range."""
    holding = Appointment.objects.holding_a_place().filter(slot=OuterRef("pk"))
    offers = Offer.objects.open().filter(slot=OuterRef("pk"))
    held, offered = _number_of(holding, "slot"), _number_of(offers, "slot")
    slots = Slot.objects.annotate(held=held, offered=offered)
    return slots.exclude(taken=F("held") + F("offered"), taken__gte=0, taken__lte=F("capacity"))


def slots_with_wrong_extra_places() -> QuerySet[Slot]:
    """Slots with places that staff have added, which are not taken or not added to the session's.

    Each such place was taken in the transaction that added it, and goes with a place given back.
    """
    slots = Slot.objects.filter(extra_places__gt=0)
    return slots.exclude(
        capacity=F("schedule__capacity") + F("extra_places"), taken__gte=F("extra_places")
    )


def slots_with_wrong_hold_lapses_at() -> QuerySet[Slot]:
    """Slots where `hold_lapses_at` is not the first `hold_until` of their open offers."""
    holds = Offer.objects.open().filter(slot=OuterRef("pk")).order_by("hold_until")
    slots = Slot.objects.annotate(lapses_at=Subquery(holds.values("hold_until")[:1]))
    known, held = Q(hold_lapses_at__isnull=False), Q(lapses_at__isnull=False)
    other = known & held & ~Q(hold_lapses_at=F("lapses_at"))
    return slots.filter(other | (known & ~held) | (~known & held))


def entries_with_wrong_status() -> QuerySet[WaitlistEntry]:
    """Entries with the status `offered` and no open offer, or the reverse."""
    offers = Offer.objects.open().filter(entry=OuterRef("pk"))
    entries = WaitlistEntry.objects.annotate(has_offer=Exists(offers))
    offered = Q(status=WaitlistStatus.OFFERED)
    return entries.filter((offered & Q(has_offer=False)) | (~offered & Q(has_offer=True)))


def offers_of_declined_slots() -> QuerySet[Offer]:
    """Open offers of a slot that their patient declined or let lapse before."""
    declined = DeclinedSlot.objects.filter(
        patient=OuterRef("entry__patient"),
        doctor=OuterRef("slot__doctor"),
        starts_at=OuterRef("slot__starts_at"),
    )
    return Offer.objects.open().filter(Exists(declined))


# --- I2: overlaps ---------------------------------------------------------------------------------


def overlapping_slots() -> QuerySet[Slot]:
    """Slots during which another slot of the same doctor begins."""
    return _overlapped(Slot.objects.all(), "doctor")


def overlapping_visits() -> QuerySet[Appointment]:
    """Live appointments during which another live one of the same patient begins."""
    return _overlapped(Appointment.objects.active().filter(patient__isnull=False), "patient")


def _overlapped(rows: QuerySet[Any], owner: str) -> QuerySet[Any]:
    """Rows during which another row of the same owner begins; adds its key as `other`.

    Of two rows that overlap, one begins during the other. So each pair is found in a short range of
    the index on owner and start. A condition on start and end would read all rows of the owner.
    """
    others = rows.filter(
        **{owner: OuterRef(owner)},
        starts_at__gte=OuterRef("starts_at"),
        starts_at__lt=OuterRef("ends_at"),
    ).exclude(pk=OuterRef("pk"))
    return rows.annotate(other=Subquery(others.order_by().values("pk")[:1])).filter(
        other__isnull=False
    )


# --- I3: cancelations -----------------------------------------------------------------------------


def appointments_with_wrong_cancelation() -> QuerySet[Appointment]:
    """Canceled appointments without `canceled_at` or exactly one event; others with either.

    A cancelation that was undone does not count.
    """
    events = AppointmentEvent.objects.filter(appointment=OuterRef("pk"))
    canceled_events = _number_of(events.filter(kind=Kind.CANCELED), "appointment")
    undone = _number_of(events.filter(undoes=Kind.CANCELED), "appointment")
    canceled = Q(status=Status.CANCELED, cancelations=1, canceled_at__isnull=False)
    not_canceled = ~Q(status=Status.CANCELED) & Q(cancelations=0, canceled_at__isnull=True)
    rows = Appointment.objects.annotate(cancelations=canceled_events - undone)
    return rows.exclude(canceled | not_canceled)


# --- I6: wall times -------------------------------------------------------------------------------


def coming_slots() -> SlotQuerySet:
    """Slots that have not ended."""
    return Slot.objects.coming(timezone.now() + CLOCK_TOLERANCE)


# --- I4: slots and visits -------------------------------------------------------------------------


def appointments_without_matching_slot() -> QuerySet[Appointment]:
    """Appointments that hold a place and whose slot differs in times, doctor or location."""
    slots = Slot.objects.filter(
        pk=OuterRef("slot"),
        starts_at=OuterRef("starts_at"),
        ends_at=OuterRef("ends_at"),
        doctor=OuterRef("doctor"),
        location=OuterRef("location"),
    )
    return Appointment.objects.holding_a_place().filter(~Exists(slots))


def slots_not_matching_schedule() -> QuerySet[Slot]:
    """Slots with another doctor or location than their schedule."""
    return Slot.objects.exclude(doctor=F("schedule__doctor"), location=F("schedule__location"))


def slots_with_wrong_is_open() -> QuerySet[Slot]:
    """Slots to come where `is_open` contradicts the schedule, the doctor or leave."""
    coming = Slot.objects.filter(ends_at__gt=timezone.now() + CLOCK_TOLERANCE)
    return coming.annotate(may_open=_as_boolean(slot_availability.may_open())).exclude(
        is_open=F("may_open")
    )


def appointments_with_wrong_flag() -> QuerySet[Appointment]:
    """Live appointments to come that cannot take place and are not flagged, or the reverse.

    A visit that staff keep is to be flagged if more closures hit it than when they decided that.
    """
    slots = Slot.objects.filter(pk=OuterRef("slot")).annotate(number=slot_availability.closures())
    coming = Appointment.objects.active().filter(ends_at__gt=timezone.now() + CLOCK_TOLERANCE)
    closures = coming.annotate(closures=Coalesce(Subquery(slots.values("number")), 0))
    hit = Q(closures__gt=F("closures_kept"))
    return closures.annotate(called_off=_as_boolean(hit)).exclude(needs_rebooking=F("called_off"))


# --- I7: names ------------------------------------------------------------------------------------


FOLDED = "its keys or words are not those of its names: run repair_names"
FOLDED_CHECKS = (
    FoldedCheck("I7", User, FOLDED, User.objects.all),
    FoldedCheck("I7", Doctor, FOLDED, Doctor.objects.all),
    FoldedCheck("I7", Patient, FOLDED, Patient.objects.all),
)


def _as_boolean(condition: Q) -> Case:
    return Case(When(condition, then=True), default=False, output_field=BooleanField())


def _number_of(rows: QuerySet[Any], owner: str) -> Coalesce:
    """Return an expression that counts these rows, whose column `owner` is the outer row."""
    counted = rows.order_by().values(owner).annotate(number=Count("pk"))
    return Coalesce(Subquery(counted.values("number")), 0)


CHECKS = (
    Check(
        "I1",
        Slot,
        "{taken} of {capacity} places taken; {held} appointments and {offered} offers hold one",
        slots_with_wrong_taken,
    ),
    Check(
        "I4",
        Slot,
        "{extra_places} of {capacity} places were added to those of schedule {schedule}, {taken} "
        "are taken",
        slots_with_wrong_extra_places,
    ),
    Check(
        "I1",
        Slot,
        "holds lapse at {hold_lapses_at}; its offers say {lapses_at}",
        slots_with_wrong_hold_lapses_at,
    ),
    Check(
        "I1",
        WaitlistEntry,
        "status {status}; has an open offer: {has_offer}",
        entries_with_wrong_status,
    ),
    Check("I1", Offer, "its patient declined slot {slot} before", offers_of_declined_slots),
    Check("I2", Slot, "slot {other} of the same doctor begins during it", overlapping_slots),
    Check(
        "I4",
        Slot,
        "its doctor or location is not that of schedule {schedule}",
        slots_not_matching_schedule,
    ),
    Check(
        "I4",
        Slot,
        "open: {is_open}; schedule, doctor and leave say: {may_open}",
        slots_with_wrong_is_open,
    ),
    DisplacedCheck(
        "I6",
        Slot,
        "from {starts_at:%Y-%m-%dT%H:%MZ} to {ends_at:%Y-%m-%dT%H:%MZ} is not where schedule "
        "{schedule}, {schedule__date} {schedule__start_time:%H:%M} to {schedule__end_time:%H:%M}, "
        "puts it on the clocks of {schedule__location__time_zone}",
        coming_slots,
    ),
    Check(
        "I2",
        Appointment,
        "appointment {other} of the same patient begins during it",
        overlapping_visits,
    ),
    Check(
        "I3",
        Appointment,
        "status {status}, canceled at {canceled_at}, canceled by {cancelations} events",
        appointments_with_wrong_cancelation,
    ),
    Check(
        "I4",
        Appointment,
        "to be re-booked: {needs_rebooking}; called off: {called_off}",
        appointments_with_wrong_flag,
    ),
    Check(
        "I4",
        Appointment,
        "slot {slot} does not have its times, doctor and location",
        appointments_without_matching_slot,
    ),
    *FOLDED_CHECKS,
    Check("I7", PatientWord, "its patient is deleted", PatientWord.objects.orphans),
)
