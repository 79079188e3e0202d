"""What a person who is erased leaves behind: places, in visits and in line."""

from collections.abc import Iterable
from datetime import datetime

from appointment.exceptions import StaleLock
from appointment.models.again import retry_on_stale_lock
from appointment.models.appointment import Appointment
from appointment.models.line import WaitlistEntryQuerySet
from appointment.models.offer import Offer
from appointment.models.waitlist import WaitlistEntry
from doctor.models import Slot


@retry_on_stale_lock
def lock_places_of(patients: Iterable[int]) -> None:
    """Lock all slots of these people's visits and open offers in one statement, then their entries.

    The people are locked. From then on nobody is offered anything: an offer needs the entry. One
    made before the entries were locked has it begin again, its slot among the others.
    """
    visits = Appointment.objects.filter(patient__in=patients, slot__isnull=False)
    slots = set(visits.values_list("slot", flat=True))
    _lock_line(WaitlistEntry.objects.filter(patient__in=patients), slots)


@retry_on_stale_lock
def lock_entries(keys: Iterable[int]) -> None:
    """Lock the slots of what these entries are offered in one statement, then the entries."""
    _lock_line(WaitlistEntry.objects.filter(pk__in=keys), set())


def _lock_line(entries: WaitlistEntryQuerySet, slots: set[int]) -> None:
    """Lock the slots, with those of the entries' offers, then the entries; or raise Moved."""
    offers = Offer.objects.open().filter(entry__in=entries)
    slots = slots | set(offers.values_list("slot", flat=True))
    Slot.objects.filter(pk__in=sorted(slots)).lock()
    entries.lock()
    if offers.exclude(slot__in=slots).exists():
        raise StaleLock


def leave_the_line(patient: int, at: datetime) -> None:
    """Delete somebody's entries; what they were offered goes to the next. All of it is locked."""
    offers = Offer.objects.open().filter(entry__patient=patient)
    slots = list(Slot.objects.filter(offers__in=offers).distinct())
    offers.end("withdrawn")
    WaitlistEntry.objects.filter(patient=patient).delete()
    Offer.objects.offer(slots, at)
