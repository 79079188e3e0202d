"""What falls due with time: done in small transactions, any number of times, by any number at once.

No answer of the API depends on it. Each piece of work is found without a lock, then looked at again
under its lock, so that of several processes one does it and the others find it done.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from accounts.models import AuditEvent
from appointment.models.idempotency import KEPT_FOR, IdempotencyKey
from appointment.models.line import today_everywhere
from appointment.models.offer import Offer
from appointment.models.waitlist import WaitlistEntry, WaitlistStatus
from appointment.models.waitlist_matching import Wishes
from doctor.models import Doctor, Slot

AT_ONCE = 500


def expire_offers(at: datetime) -> int:
    """End the offers that nobody can accept any more, and pass their places on; how many ended."""
    due = Slot.objects.filter(Exists(_open_offers().filter(expires_at__lte=at)))
    ended = 0
    for pk in _keys(due):
        with transaction.atomic():
            for slot in Slot.objects.of_key(pk).lock():
                ended += Offer.objects.expire(slot, at)
                Offer.objects.offer([slot], at)
    return ended


def expire_entries(at: datetime) -> int:
    """Write down that nobody waits for days that are over; how many waited."""
    over, today = 0, today_everywhere(at)
    for pks in _batches(WaitlistEntry.objects.over(today)):
        with transaction.atomic():
            rows = WaitlistEntry.objects.over(today).filter(pk__in=pks)
            held = list(rows.locking(skip_locked=True).order_by("pk"))
            written = WaitlistEntry.objects.filter(pk__in=[entry.pk for entry in held])
            over += written.update(status=WaitlistStatus.EXPIRED)
            AuditEvent.objects.record(
                AuditEvent.Action.CHANGE,
                WaitlistEntry,
                {entry.patient_id for entry in held},
                **AuditEvent.by_system(),
            )
    return over


def offer_free_places(at: datetime) -> int:
    """Offer free places to those who wait all the same; how many.

    Somebody who joined the line just as the place was given back, or who was passed over because
    their entry was held at that moment, is not forgotten. Slots are read without a lock and few of
    them interest anybody; only one that somebody can have is locked.
    """
    offered, today = 0, today_everywhere(at)
    line = WaitlistEntry.objects.waiting().in_line(today)
    awaited = line.filter(Q(doctor=OuterRef("pk")) | Q(specialty__doctors=OuterRef("pk")))
    for doctor in _keys(Doctor.objects.active().filter(Exists(awaited))):
        wishes = Wishes(line, [doctor])
        for slot in _free_slots(doctor, wishes, at) if wishes else ():
            if wishes.want(slot) and line.who_can_have(slot, at).exists():
                with transaction.atomic():
                    offered += Offer.objects.offer(Slot.objects.of_key(slot.pk).lock(), at)
    return offered


def forget_keys(at: datetime) -> int:
    """Delete the idempotency keys that are older than a day; how many."""
    old = IdempotencyKey.objects.filter(created_at__lte=at - KEPT_FOR)
    forgotten = 0
    for pks in _batches(old):
        forgotten += old.filter(pk__in=pks).delete()[0]
    return forgotten


def _open_offers() -> QuerySet[Offer]:
    return Offer.objects.open().filter(slot=OuterRef("pk"))


def _free_slots(doctor: int, wishes: Wishes, at: datetime) -> Iterator[Slot]:
    """The doctor's slots in the days wished for that have a free place, by primary key."""
    last = wishes.last_date()
    free = Slot.objects.filter(doctor=doctor).bookable(at).filter(taken__lt=F("capacity"))
    for pks in _batches(free.filter(schedule__date__lte=last)):
        yield from Slot.objects.filter(pk__in=pks).select_related("location").order_by("pk")


def _keys(rows: QuerySet[Any]) -> Iterator[int]:
    for pks in _batches(rows):
        yield from pks


def _batches(rows: QuerySet[Any]) -> Iterator[list[int]]:
    """The primary keys of the rows, some at a time: no cursor is held open, no memory filled."""
    after = 0
    keys = rows.order_by("pk").values_list("pk", flat=True)
    while pks := list(keys.filter(pk__gt=after)[:AT_ONCE]):
        yield pks
        after = pks[-1]
