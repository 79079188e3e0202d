"""Background jobs: expire offers and entries, offer free places, delete what has run out.

The API gives the same answers whether or not they have run. A job finds rows without a lock and
checks each again under its lock. So several processes may run it at once, and one does the work.
"""

from collections.abc import Iterator
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from accounts.models import AuditEvent
from appointment.models.eligibility import visit_stands
from appointment.models.idempotency import IdempotencyKey
from appointment.models.offer import Offer
from appointment.models.proposal import Proposal
from appointment.models.waitlist import WaitlistEntry, today_everywhere
from appointment.models.waitlist_matching import WaitingCriteria
from appointment.models.waitlist_status import IN_LINE, WaitlistStatus
from doctor.models import Doctor, Slot
from doctor.wall_time import A_DAY
from extensions.db.batches import key_batches


def expire_offers(at: datetime) -> int:
    """End open offers past `expires_at`, and those to inactive accounts; returns how many.

    The places are offered to the next entries.
    """
    over = Offer.objects.open().filter(slot=OuterRef("pk")).over(at)
    ended = 0
    for pks in key_batches(Slot.objects.filter(Exists(over))):
        for pk in pks:
            with transaction.atomic():
                for slot in Slot.objects.of_key(pk).lock():
                    ended += Offer.objects.end_over(slot, at)
                    Offer.objects.offer_places([slot], at)
    return ended


def expire_entries(at: datetime) -> int:
    """Set the status `expired` on waiting entries whose last date has passed; returns how many.

    Also on entries in line whose visit to replace is no longer scheduled. The verb that ends the
    visit ends them, but misses an entry that joins at the same moment: this job ends it.
    """
    expired, today = 0, today_everywhere(at)
    for pks in key_batches(WaitlistEntry.objects.filter(~visit_stands(), status__in=IN_LINE)):
        expired += sum(entry.expire(at) for entry in WaitlistEntry.objects.filter(pk__in=pks))
    for pks in key_batches(WaitlistEntry.objects.past_last_date(today)):
        with transaction.atomic():
            entries = WaitlistEntry.objects.past_last_date(today).filter(pk__in=pks)
            locked = list(entries.skip_locked())
            rows = WaitlistEntry.objects.filter(pk__in=[entry.pk for entry in locked])
            expired += rows.update(status=WaitlistStatus.EXPIRED)
            patients = {entry.patient_id for entry in locked}
            AuditEvent.objects.record(
                AuditEvent.Action.CHANGE, WaitlistEntry, patients, **AuditEvent.by_system()
            )
    return expired


def offer_free_places(at: datetime) -> int:
    """Offer free places to waiting entries; returns how many.

    The verb that released a place may have missed an entry: one that joined at the same moment, or
    one that another transaction had locked. The job locks only slots that an entry is eligible for.
    """
    offered, today = 0, today_everywhere(at)
    entries = WaitlistEntry.objects.waiting().in_line(today)
    awaited = entries.filter(Q(doctor=OuterRef("pk")) | Q(specialty__doctors=OuterRef("pk")))
    for doctors in key_batches(Doctor.objects.active().filter(Exists(awaited))):
        for doctor in doctors:
            waiting = WaitingCriteria(entries.for_doctors([doctor]), [doctor])
            for slot in _free_slots(doctor, waiting, at) if waiting else ():
                if waiting.matches(slot) and entries.eligible_for(slot, at).exists():
                    with transaction.atomic():
                        locked = Slot.objects.of_key(slot.pk).lock()
                        offered += Offer.objects.offer_places(locked, at)
    return offered


def delete_old_keys(at: datetime) -> int:
    """Delete idempotency keys that are older than 24 hours; returns how many."""
    expired = IdempotencyKey.objects.expired(at)
    deleted = 0
    for pks in key_batches(expired):
        deleted += expired.filter(pk__in=pks).delete()[0]
    return deleted


def delete_old_proposals(at: datetime) -> int:
    """Delete the times proposed at a desk that have run out; returns how many."""
    over = Proposal.objects.over(at)
    deleted = 0
    for pks in key_batches(over):
        deleted += over.filter(pk__in=pks).delete()[0]
    return deleted


def _free_slots(doctor: int, waiting: WaitingCriteria, at: datetime) -> Iterator[Slot]:
    """Yield the doctor's bookable slots with a free place, up to the last date of the criteria.

    One day more: until `repair_times` has run, a slot may be on the day before its session.
    """
    free = Slot.objects.filter(doctor=doctor).bookable(at).filter(taken__lt=F("capacity"))
    for pks in key_batches(free.filter(schedule__date__lte=waiting.last_date() + A_DAY)):
        yield from Slot.objects.filter(pk__in=pks).select_related("location").order_by("pk")
