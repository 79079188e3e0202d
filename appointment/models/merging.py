"""Move what a patient has with doctors to the record that the patient is merged into."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

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

    The row of `patient` has the account of the merged record already. Of double wishes the older
    entry stays, the other ends as `expired`. An offer that the merged patient could not accept is
    withdrawn, and its place goes to the next in line. Raises VisitsCollide, and DoesNotExist if
    `by` is bound to sites that have nothing of one of the two. Locks all slots of their visits and
    offers in one statement, then the entries, then the visits.
    """
    keys = sorted((patient.pk, other.pk))
    lock_places_of(keys)
    visits = Appointment.objects.filter(patient__in=keys)
    lock_rows(visits)
    _refuse_unseen(keys, by)
    if colliding_visits(patient, other).exists():
        raise VisitsCollide
    doubles = double_wishes(patient, other, at)
    visits.filter(patient=other).update(patient=patient)
    WaitlistEntry.objects.filter(patient=other).update(patient=patient)
    IdempotencyKey.objects.filter(patient=other).update(patient=patient)
    _move_declined(patient, other)
    freed = _end_entries(doubles) | _withdraw_offers(patient)
    Offer.objects.filter(status="open", entry__patient=patient).update(account=patient.user_id)
    Offer.objects.offer_places(list(Slot.objects.filter(pk__in=freed)), at)


def colliding_visits(patient: Patient, other: Patient) -> AppointmentQuerySet:
    """Return the live visits of `patient` that share some time with one of `other`."""
    theirs = Appointment.objects.active().filter(patient=other)
    overlapping = theirs.overlapping(OuterRef("starts_at"), OuterRef("ends_at"))  # type: ignore[arg-type]
    return Appointment.objects.active().filter(Exists(overlapping), patient=patient)


def double_wishes(patient: Patient, other: Patient, at: datetime) -> list[WaitlistEntry]:
    """Return the entries that end by a merge: of two for the same wish, the later one."""
    in_line = WaitlistEntry.objects.in_line(today_everywhere(at))
    staying: list[WaitlistEntry] = []
    ending: list[WaitlistEntry] = []
    for entry in in_line.filter(patient__in=(patient, other)).order_by("pk"):
        wish = WaitlistCriteria.of(entry)
        earlier = (each for each in staying if each.patient_id != entry.patient_id)
        is_double = any(wish.meets(WaitlistCriteria.of(each)) for each in earlier)
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


def _end_entries(entries: Iterable[WaitlistEntry]) -> set[int]:
    """End these entries as `expired`; return the keys of the slots that they were offered."""
    rows = WaitlistEntry.objects.filter(pk__in=[entry.pk for entry in entries])
    freed = _withdraw(Offer.objects.open().filter(entry__in=rows))
    rows.update(status=WaitlistStatus.EXPIRED)
    return freed


def _withdraw_offers(patient: Patient) -> set[int]:
    """Withdraw the open offers that the merged patient could not accept; return their slots' keys.

    They overlap an older open offer of the patient or a live visit, other than the one that their
    entry replaces, or are of a slot of which the account has an open offer for one of its other
    people.
    """
    offers = Offer.objects.open().select_related("slot", "entry")
    own = offers.filter(entry__patient=patient).order_by("entry")
    of_family = offers.filter(entry__patient__user=patient.user_id).exclude(entry__patient=patient)
    elsewhere = set(of_family.values_list("slot", flat=True)) if patient.user_id else set()
    visits = list(Appointment.objects.active().filter(patient=patient))
    kept: list[Slot] = []
    refused = []
    for offer in own:
        slot = offer.slot
        others = [visit for visit in visits if visit.pk != offer.entry.replaces_id]
        busy: list[Slot | Appointment] = [*kept, *others]
        overlaps = any(b.starts_at < slot.ends_at and b.ends_at > slot.starts_at for b in busy)
        if offer.slot_id in elsewhere or overlaps:
            refused.append(offer.pk)
        else:
            kept.append(slot)
    return _withdraw(Offer.objects.filter(pk__in=refused))


def _withdraw(offers: QuerySet[Offer]) -> set[int]:
    """Withdraw these open offers; return the keys of their slots."""
    slots = set(offers.values_list("slot", flat=True))
    offers.end("withdrawn")  # type: ignore[attr-defined]
    return slots
