"""Which slots are open: recomputed from sessions, doctors and leave as they now are."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import BooleanField, Exists, ExpressionWrapper, F, OuterRef, Q

from doctor.models.schedule import Schedule
from doctor.models.time_off import TimeOff
from doctor.signals import slots_changed, slots_closing

if TYPE_CHECKING:
    from doctor.models.slot import SlotQuerySet

AT_ONCE = 10_000  # keys in one statement: SQLite takes 32,766


def on_leave() -> Q:
    """True of a slot that overlaps leave of its doctor or a closure of its location."""
    meanwhile = TimeOff.objects.filter(
        starts_at__lt=OuterRef("ends_at"), ends_at__gt=OuterRef("starts_at")
    )
    of_doctor = Exists(meanwhile.filter(doctor=OuterRef("doctor")))
    return Q(of_doctor | Exists(meanwhile.filter(location=OuterRef("location"))))


def may_open() -> Q:
    """True of a slot that is to be open, whatever it is."""
    sessions = Schedule.objects.open_to_bookings().filter(pk=OuterRef("schedule"))
    return Q(Exists(sessions), ~on_leave(), kept_over=False)


def called_off() -> Q:
    """True of a slot of which no visit can take place as booked.

    It is kept over from other hours, under leave, or of a doctor who has left. An idle session, or
    a doctor who takes nobody new, keeps what is booked.
    """
    return Q(kept_over=True) | Q(doctor__is_active=False) | on_leave()


def recompute_open(slots: "SlotQuerySet", at: datetime, changed: Iterable[int] = ()) -> None:
    """Open and close these slots as is right now, and tell of each that this changes.

    `changed` are keys of locked slots to tell of in any case: something else about them changed.
    Idempotent. Locks the slots first and reads in a second statement: under READ COMMITTED that
    sees what whoever held the lock has written, while the first may not. Loads keys alone.
    """
    told = set(changed)
    for pks in in_batches(slots.lock_keys()):
        rows = slots.model.objects.filter(pk__in=pks).annotate(opens=_as_value(may_open()))
        stale = list(rows.exclude(is_open=F("opens")).values_list("pk", "taken", "opens"))
        if held := {pk for pk, taken, opens in stale if taken and not opens}:
            slots_closing.send(sender=slots.model, slots=held, at=at)
        for is_open in (True, False):
            flipped = [pk for pk, _, opens in stale if opens is is_open]
            if not flipped:
                continue
            slots.model.objects.filter(pk__in=flipped).update(is_open=is_open)
            told.update(flipped)
    if told:
        slots_changed.send(sender=slots.model, slots=told, at=at)


def in_batches(pks: Iterable[int]) -> Iterator[list[int]]:
    """The keys in order, as many at a time as one statement takes on every database."""
    ordered = sorted(pks)
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]


def _as_value(condition: Q) -> ExpressionWrapper:
    return ExpressionWrapper(condition, output_field=BooleanField())
