"""Take erased persons off appointments and the waitlist; end visits and entries of the deceased."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F

from accounts.models import OutgoingMessage, User
from appointment.models.appointment import Appointment
from appointment.models.event import AppointmentEvent
from appointment.models.offer import Offer
from appointment.models.waitlist import WaitlistEntry, WaitlistEntryQuerySet
from appointment.models.waitlist_status import WaitlistStatus
from doctor.models import Slot
from extensions.db.retry import StaleLock, retry_on_stale_lock
from patient.models import Patient

DECEASED = "The person is recorded as deceased."


def anonymize_for(
    patients: Iterable[Patient], by: User | None, at: datetime, *, keep_deadlines: bool
) -> None:
    """Cancel coming visits of these locked patients, and keep past ones without a name.

    Locks all slots of their visits and offers in one statement, then their waitlist entries, before
    it changes any of them. Their entries are deleted; places that become free go to other entries.
    Raises CancelDeadlinePassed, if `keep_deadlines`, where the deadline of a visit has passed.
    """
    override = "" if keep_deadlines else "The person is erased."
    patients = list(patients)
    lock_places_of([patient.pk for patient in patients])
    for patient in patients:
        _leave_waitlist(patient, at)
        _cancel_upcoming(patient, by, at, override)
        visits = Appointment.objects.filter(patient=patient)
        OutgoingMessage.objects.about_rows("visit", visits).delete()
        AppointmentEvent.objects.blank_free_text(visits)
        visits.filter(booked_by=F("patient__user")).update(booked_by=None)
        visits.update(patient=None, reason="", cancel_reason="")


def end_for_deceased(patient: Patient, by: User | None, at: datetime) -> None:
    """Cancel the coming visits of this locked patient, whatever the deadline, and end the entries.

    Locks all slots of the visits and offers in one statement, then the entries, then the visits.
    Entries in line end as `expired`; places that become free go to other entries.
    """
    locked, entries = lock_places_of([patient.pk]), WaitlistEntry.objects.filter(patient=patient)
    freed = Offer.objects.end_entries(entries, WaitlistStatus.EXPIRED, locked, at)
    _cancel_upcoming(patient, by, at, DECEASED, DECEASED)
    Offer.objects.offer_places(freed, at)


def _cancel_upcoming(
    patient: Patient, by: User | None, at: datetime, override: str, reason: str = ""
) -> None:
    """Cancel the coming visits. Their lock keeps staff from completing one in between."""
    upcoming = Appointment.objects.upcoming(at).filter(patient=patient).with_names()
    for visit in upcoming.select_for_update(no_key=True, of=("self",)).order_by("pk"):
        visit.cancel(by=by, reason=reason, at=at, override_reason=override)


def _leave_waitlist(patient: Patient, at: datetime) -> None:
    """Delete the patient's entries; a place that was offered goes to the next in line."""
    offers = Offer.objects.open().filter(entry__patient=patient)
    slots = list(Slot.objects.filter(offers__in=offers).distinct())
    offers.end("withdrawn")
    own_offers = Offer.objects.filter(entry__patient=patient)
    OutgoingMessage.objects.about_rows("offer", own_offers).delete()
    WaitlistEntry.objects.filter(patient=patient).delete()
    Offer.objects.offer_places(slots, at)


@retry_on_stale_lock
@transaction.atomic
def lock_places_of(patients: list[int]) -> list[Slot]:
    """Lock all slots of these patients' visits and open offers in one statement, then the entries.

    With the entries locked, the patients get no new offer. Returns the slots.
    """
    visits = Appointment.objects.filter(patient__in=patients, slot__isnull=False)
    slots = set(visits.values_list("slot", flat=True))
    return _lock_slots_and_entries(WaitlistEntry.objects.filter(patient__in=patients), slots)


@retry_on_stale_lock
@transaction.atomic
def lock_entries(keys: Iterable[int]) -> None:
    """Lock the slots offered to these entries in one statement, then the entries.

    For a bulk deletion, whose `leave` of each entry would lock them one after another.
    """
    _lock_slots_and_entries(WaitlistEntry.objects.filter(pk__in=keys), set())


def _lock_slots_and_entries(entries: WaitlistEntryQuerySet, slots: set[int]) -> list[Slot]:
    """Lock these slots and the slots of the entries' open offers, then the entries; return them.

    Raises StaleLock if an entry got an offer of another slot in between.
    """
    offers = Offer.objects.open().filter(entry__in=entries)
    slots = slots | set(offers.values_list("slot", flat=True))
    locked = Slot.objects.filter(pk__in=sorted(slots)).lock()
    entries.lock()
    if offers.exclude(slot__in=slots).exists():
        raise StaleLock
    return locked
