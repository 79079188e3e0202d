"""What holds at every commit, as queries for the rows of which it is not true.

I1: the places taken of a slot are those of its visits and open offers. I2: nobody is in two places
at once. I3: a visit was canceled once if it is canceled. I4: every visit is where its slot is.

Each query is one statement, so that it sees one moment of a live database, and covers one window
of primary keys, so that neither server nor client ever holds more than a window's rows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from string import Formatter
from typing import Any

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

from appointment.models import (
    Appointment,
    AppointmentEvent,
    Offer,
    WaitlistEntry,
    WaitlistStatus,
)
from appointment.models.event import Status
from doctor.models import Slot, slot_availability

Kind = AppointmentEvent.Kind

# Whoever closes a doctor's slots passes over those that have ended, by a clock of their own.
CLOCKS_DIFFER_BY = timedelta(minutes=1)


@dataclass(frozen=True)
class Rule:
    """An invariant of every row of a model.

    `complaint` says what is wrong with a row, in terms of the columns of `broken`.
    """

    invariant: str
    model: type[Model]
    complaint: str
    broken: Callable[[], QuerySet[Any]]

    def complaints(self, window: "Window") -> list[str]:
        """What is wrong with the rows of a window, by primary key; one statement."""
        columns = {name for _, name, _, _ in Formatter().parse(self.complaint) if name}
        rows = self.broken().filter(pk__gt=window.after, pk__lte=window.last)
        return [self._line(row) for row in rows.order_by("pk").values("pk", *columns)]

    def _line(self, row: dict[str, Any]) -> str:
        name = self.model._meta.object_name
        return f"{self.invariant} {name} {row['pk']}: {self.complaint.format(**row)}"


@dataclass(frozen=True)
class Window:
    """The rows of a table whose primary keys lie above `after`, up to and with `last`."""

    after: int
    last: int
    rows: int


def windows(model: type[Model], size: int) -> Iterator[Window]:
    """All rows that a table has now, in windows of so many rows, by primary key."""
    table = model._base_manager.order_by("pk")
    end = table.aggregate(end=Max("pk"))["end"] or 0
    after = 0
    while after < end:
        next_rows = table.filter(pk__gt=after, pk__lte=end)[:size]
        found = next_rows.aggregate(rows=Count("pk"), last=Coalesce(Max("pk"), end))
        yield Window(after=after, **found)
        after = found["last"]


# --- I1: counters ---------------------------------------------------------------------------------


def miscounted() -> QuerySet[Slot]:
    """Slots whose counter is not what appointments and open offers hold, or out of range."""
    holding = Appointment.objects.holding_a_place().filter(slot=OuterRef("pk"))
    offers = Offer.objects.open().filter(slot=OuterRef("pk"))
    held, offered = _number_of(holding, "slot"), _number_of(offers, "slot")
    slots = Slot.objects.annotate(held=held, offered=offered)
    return slots.exclude(taken=F("held") + F("offered"), taken__gte=0, taken__lte=F("capacity"))


def misheld() -> QuerySet[Slot]:
    """Slots that know another instant than that at which the first of their holds lapses."""
    holds = Offer.objects.open().filter(slot=OuterRef("pk")).order_by("hold_until")
    slots = Slot.objects.annotate(lapses_at=Subquery(holds.values("hold_until")[:1]))
    known, held = Q(hold_lapses_at__isnull=False), Q(lapses_at__isnull=False)
    other = known & held & ~Q(hold_lapses_at=F("lapses_at"))
    return slots.filter(other | (known & ~held) | (~known & held))


def wrongly_offered() -> QuerySet[WaitlistEntry]:
    """Entries that are offered a place without an open offer, or have one and are not."""
    offers = Offer.objects.open().filter(entry=OuterRef("pk"))
    entries = WaitlistEntry.objects.annotate(has_offer=Exists(offers))
    offered = Q(status=WaitlistStatus.OFFERED)
    return entries.filter((offered & Q(has_offer=False)) | (~offered & Q(has_offer=True)))


# --- I2: overlaps ---------------------------------------------------------------------------------


def overlapping_slots() -> QuerySet[Slot]:
    """Slots during which another one of the same doctor begins."""
    return _begun_into(Slot.objects.all(), "doctor")


def overlapping_visits() -> QuerySet[Appointment]:
    """Live appointments during which another one of the same patient begins."""
    return _begun_into(Appointment.objects.active().filter(patient__isnull=False), "patient")


def _begun_into(rows: QuerySet[Any], owner: str) -> QuerySet[Any]:
    """Rows during which another row of the same owner begins, as `other`.

    Of two rows that overlap one begins during the other, so a short range of the index on owner
    and start finds each pair; a search by both ends would read all that the owner ever had.
    """
    others = rows.filter(
        **{owner: OuterRef(owner)},
        starts_at__gte=OuterRef("starts_at"),
        starts_at__lt=OuterRef("ends_at"),
    ).exclude(pk=OuterRef("pk"))
    return rows.annotate(other=Subquery(others.order_by().values("pk")[:1])).filter(
        other__isnull=False
    )


# --- I3: canceled once ----------------------------------------------------------------------------


def wrongly_canceled() -> QuerySet[Appointment]:
    """Appointments without the one event and the instant of a canceled one, or with either."""
    cancelations = AppointmentEvent.objects.filter(kind=Kind.CANCELED, appointment=OuterRef("pk"))
    canceled = Q(status=Status.CANCELED, cancelations=1, canceled_at__isnull=False)
    standing = ~Q(status=Status.CANCELED) & Q(cancelations=0, canceled_at__isnull=True)
    rows = Appointment.objects.annotate(cancelations=_number_of(cancelations, "appointment"))
    return rows.exclude(canceled | standing)


# --- I4: nobody stranded --------------------------------------------------------------------------


def stranded() -> QuerySet[Appointment]:
    """Appointments holding a place that have no slot with their times, doctor and location."""
    slots = Slot.objects.filter(
        pk=OuterRef("slot"),
        starts_at=OuterRef("starts_at"),
        ends_at=OuterRef("ends_at"),
        doctor=OuterRef("doctor"),
        location=OuterRef("location"),
    )
    return Appointment.objects.holding_a_place().filter(~Exists(slots))


def estranged() -> QuerySet[Slot]:
    """Slots of another doctor or location than their schedule."""
    return Slot.objects.exclude(doctor=F("schedule__doctor"), location=F("schedule__location"))


def wrongly_open() -> QuerySet[Slot]:
    """Coming slots that are open against the word of schedule, doctor or leave, or closed."""
    coming = Slot.objects.filter(ends_at__gt=timezone.now() + CLOCKS_DIFFER_BY)
    return coming.annotate(may_open=_is(slot_availability.may_open())).exclude(
        is_open=F("may_open")
    )


def wrongly_flagged() -> QuerySet[Appointment]:
    """Coming live appointments that are called off and not in the work list, or the reverse."""
    called_off = Slot.objects.filter(slot_availability.called_off(), pk=OuterRef("slot"))
    coming = Appointment.objects.active().filter(ends_at__gt=timezone.now() + CLOCKS_DIFFER_BY)
    return coming.annotate(called_off=Exists(called_off)).exclude(needs_rebooking=F("called_off"))


def _is(condition: Q) -> Case:
    return Case(When(condition, then=True), default=False, output_field=BooleanField())


def _number_of(rows: QuerySet[Any], owner: str) -> Coalesce:
    """How many of these rows the outer row has, by the index on their owner."""
    counted = rows.order_by().values(owner).annotate(number=Count("pk"))
    return Coalesce(Subquery(counted.values("number")), 0)


RULES = (
    Rule(
        "I1",
        Slot,
        "{taken} of {capacity} places taken; {held} appointments and {offered} offers hold one",
        miscounted,
    ),
    Rule("I1", Slot, "holds lapse at {hold_lapses_at}; its offers say {lapses_at}", misheld),
    Rule("I1", WaitlistEntry, "status {status}; has an open offer: {has_offer}", wrongly_offered),
    Rule("I2", Slot, "slot {other} of the same doctor begins during it", overlapping_slots),
    Rule("I4", Slot, "its doctor or location is not that of schedule {schedule}", estranged),
    Rule("I4", Slot, "open: {is_open}; schedule, doctor and leave say: {may_open}", wrongly_open),
    Rule(
        "I2",
        Appointment,
        "appointment {other} of the same patient begins during it",
        overlapping_visits,
    ),
    Rule(
        "I3",
        Appointment,
        "status {status}, canceled at {canceled_at}, canceled by {cancelations} events",
        wrongly_canceled,
    ),
    Rule(
        "I4",
        Appointment,
        "to be re-booked: {needs_rebooking}; called off: {called_off}",
        wrongly_flagged,
    ),
    Rule("I4", Appointment, "slot {slot} does not have its times, doctor and location", stranded),
)
