"""The work that falls due with time, in small transactions that any number of processes may repeat.

No answer of the API depends on it. Each job finds its rows without a lock and checks them again
under their lock, so that of several processes one does the work and the others find it done.
"""

from collections.abc import Iterator
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from accounts.models import AuditEvent
from appointment.models.idempotency import IdempotencyKey
from appointment.models.offer import Offer
from appointment.models.waitlist import WaitlistEntry, WaitlistStatus, today_everywhere
from appointment.models.waitlist_matching import WaitingCriteria
from doctor.models import Doctor, Slot
from extensions.db.batches import key_batches


def expire_offers(at: datetime) -> int:
    """End the offers that can no longer be accepted and offer their places on; returns how many."""
    expired = Offer.objects.open().filter(slot=OuterRef("pk"), expires_at__lte=at)
    ended = 0
    for pks in key_batches(Slot.objects.filter(Exists(expired))):
        for pk in pks:
            with transaction.atomic():
                for slot in Slot.objects.of_key(pk).lock():
                    ended += Offer.objects.expire(slot, at)
                    Offer.objects.offer_places([slot], at)
    return ended


def expire_entries(at: datetime) -> int:
    """Give waitlist entries whose dates have passed the status `expired`; returns how many."""
    expired, today = 0, today_everywhere(at)
    for pks in key_batches(WaitlistEntry.objects.over(today)):
        with transaction.atomic():
            entries = WaitlistEntry.objects.over(today).filter(pk__in=pks)
            locked = list(entries.locking(skip_locked=True).order_by("pk"))
            rows = WaitlistEntry.objects.filter(pk__in=[entry.pk for entry in locked])
            expired += rows.update(status=WaitlistStatus.EXPIRED)
            patients = {entry.patient_id for entry in locked}
            AuditEvent.objects.record(
                AuditEvent.Action.CHANGE, WaitlistEntry, patients, **AuditEvent.by_system()
            )
    return expired


def offer_free_places(at: datetime) -> int:
    """Offer free places to entries that no verb has offered them to; returns how many.

    An entry may have joined just as the place was released, or may have been locked at that moment.
    The job reads slots without a lock, and locks only one that an entry is eligible for.
    """
    offered, today = 0, today_everywhere(at)
    line = WaitlistEntry.objects.waiting().in_line(today)
    awaited = line.filter(Q(doctor=OuterRef("pk")) | Q(specialty__doctors=OuterRef("pk")))
    for doctors in key_batches(Doctor.objects.active().filter(Exists(awaited))):
        for doctor in doctors:
            waiting = WaitingCriteria(line.for_doctors([doctor]), [doctor])
            for slot in _free_slots(doctor, waiting, at) if waiting else ():
                if waiting.matches(slot) and line.eligible_for(slot, at).exists():
                    with transaction.atomic():
                        locked = Slot.objects.of_key(slot.pk).lock()
                        offered += Offer.objects.offer_places(locked, at)
    return offered


def forget_keys(at: datetime) -> int:
    """Delete the idempotency keys that are older than a day; returns how many."""
    expired = IdempotencyKey.objects.expired(at)
    deleted = 0
    for pks in key_batches(expired):
        deleted += expired.filter(pk__in=pks).delete()[0]
    return deleted


def _free_slots(doctor: int, waiting: WaitingCriteria, at: datetime) -> Iterator[Slot]:
    """The doctor's slots with a free place up to the last date of the criteria, by primary key."""
    free = Slot.objects.filter(doctor=doctor).bookable(at).filter(taken__lt=F("capacity"))
    for pks in key_batches(free.filter(schedule__date__lte=waiting.last_date())):
        yield from Slot.objects.filter(pk__in=pks).select_related("location").order_by("pk")
