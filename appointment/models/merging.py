"""Move the visits and waitlist entries of a merged record to the kept record."""

from datetime import datetime
from typing import NamedTuple

from django.db.models import Exists, OuterRef

from accounts.models import User
from appointment.exceptions import VisitsCollide
from appointment.models.appointment import Appointment, AppointmentQuerySet
from appointment.models.declined_slot import DeclinedSlot
from appointment.models.erasure import lock_places_of
from appointment.models.idempotency import IdempotencyKey
from appointment.models.offer import Offer
from appointment.models.site_patients import has_something_at_sites_of
from appointment.models.waitlist import WaitlistEntry, today_everywhere
from appointment.models.waitlist_matching import WaitlistCriteria
from appointment.models.waitlist_status import WaitlistStatus
from doctor.models import Slot
from extensions.db.locks import lock_rows
from patient.models import Patient


def merge_into(patient: Patient, other: Patient, by: User | None, at: datetime) -> None:
    """Move visits, entries, declined times and stored answers of `other` to `patient`, both locked.

    The row of `patient` has the account of the merged record already. Of two entries for the same
    the older stays, the other ends as `expired`. An offer that the merged patient could not accept
    is withdrawn, and its place goes to the next in line. Raises VisitsCollide, and DoesNotExist if
    `by` is bound to sites that have nothing of one of the two. Locks all slots of their visits and
    offers in one statement, then the entries, then the visits.
    """
    keys = sorted((patient.pk, other.pk))
    locked = lock_places_of(keys)
    visits = Appointment.objects.filter(patient__in=keys)
    lock_rows(visits)
    _refuse_unseen(keys, by)
    if colliding_visits(patient, other).exists():
        raise VisitsCollide
    duplicates = [entry.pk for entry in duplicate_entries(patient, other, at)]
    visits.filter(patient=other).update(patient=patient)
    WaitlistEntry.objects.filter(patient=other).update(patient=patient)
    IdempotencyKey.objects.filter(patient=other).update(patient=patient)
    _move_declined(patient, other)
    entries = WaitlistEntry.objects.filter(pk__in=duplicates)
    freed = Offer.objects.end_entries(entries, WaitlistStatus.EXPIRED, locked, at)
    refused = Offer.objects.filter(pk__in=_not_acceptable(patient, at))
    freed += Offer.objects.withdraw_locked(refused, locked, at)
    Offer.objects.open().filter(entry__patient=patient).update(account=patient.user_id)
    Offer.objects.offer_places(freed, at)


def colliding_visits(patient: Patient, other: Patient) -> AppointmentQuerySet:
    """Return the live visits of `patient` that share some time with one of `other`."""
    theirs = Appointment.objects.active().filter(patient=other)
    overlapping = theirs.overlapping(OuterRef("starts_at"), OuterRef("ends_at"))  # type: ignore[arg-type]
    return Appointment.objects.active().filter(Exists(overlapping), patient=patient)


def duplicate_entries(patient: Patient, other: Patient, at: datetime) -> list[WaitlistEntry]:
    """Return the entries that end by a merge: of two for the same wish, the later one."""
    in_line = WaitlistEntry.objects.in_line(today_everywhere(at))
    staying: list[WaitlistEntry] = []
    ending: list[WaitlistEntry] = []
    rows = in_line.filter(patient__in=(patient, other)).select_related("replaces")
    for entry in rows.order_by("pk"):
        earlier = (each for each in staying if each.patient_id != entry.patient_id)
        is_double = WaitlistCriteria.of(entry).meets_any(earlier)
        (ending if is_double else staying).append(entry)
    return ending


def _refuse_unseen(keys: list[int], by: User | None) -> None:
    """Raise Patient.DoesNotExist if staff of a site merge a patient whom they do not see."""
    if by is None or not by.is_staff or by.sites is None:
        return
    if Patient.objects.filter(has_something_at_sites_of(by), pk__in=keys).count() < len(keys):
        raise Patient.DoesNotExist


def _move_declined(patient: Patient, other: Patient) -> None:
    """Move the declined times; a time that both have declined is kept once."""
    same = {"doctor": OuterRef("doctor"), "starts_at": OuterRef("starts_at")}
    theirs = DeclinedSlot.objects.filter(patient=other)
    own = DeclinedSlot.objects.filter(patient=patient, **same)
    twice = list(theirs.filter(Exists(own)).values_list("pk", flat=True))
    DeclinedSlot.objects.filter(pk__in=twice).delete()
    theirs.update(patient=patient)


class Held(NamedTuple):
    """A visit of the merged patient that has not ended, or an open offer that stands.

    `location`: where it counts toward the limit; None for an offer that moves a visit.
    """

    visit: int | None
    starts_at: datetime
    ends_at: datetime
    location: int | None


def _not_acceptable(patient: Patient, at: datetime) -> list[int]:
    """Return the keys of the open offers that the merged patient could not accept.

    Those overlap a live visit or an older offer of the patient, exceed a location's limit, or are
    of a slot of which the account has an open offer for one of its other people. A visit that an
    offer's entry replaces is left out of account.
    """
    open_offers = Offer.objects.open().select_related("slot__location", "entry")
    own = open_offers.filter(entry__patient=patient).order_by("entry")
    of_family = open_offers.filter(entry__patient__user=patient.user_id or 0)
    elsewhere = set(of_family.exclude(entry__patient=patient).values_list("slot", flat=True))
    live = Appointment.objects.not_ended(at).filter(patient=patient)
    held = [Held(*row) for row in live.values_list("pk", "starts_at", "ends_at", "location")]
    refused = []
    for offer in own:
        slot, replaced = offer.slot, offer.entry.replaces_id
        others = [each for each in held if replaced is None or each.visit != replaced]
        if slot.pk in elsewhere or not _fits(slot, others):
            refused.append(offer.pk)
        else:
            counts_at = None if replaced else slot.location_id
            held.append(Held(None, slot.starts_at, slot.ends_at, counts_at))
    return refused


def _fits(slot: Slot, others: list[Held]) -> bool:
    """Whether a visit in the slot overlaps no other one and is within the location's limit."""
    limit = slot.location.max_live_per_patient
    there = [each for each in others if each.location == slot.location_id]
    overlapping = (o for o in others if o.starts_at < slot.ends_at and o.ends_at > slot.starts_at)
    return not any(overlapping) and (limit is None or len(there) < limit)
