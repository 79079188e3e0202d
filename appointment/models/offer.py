"""A place held for somebody who waits, for a limited time."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.utils import timezone

from accounts.models import AuditEvent
from appointment.models.waitlist import WaitlistEntry, WaitlistStatus
from appointment.models.waitlist_matching import Wishes
from doctor.exceptions import SlotFull
from doctor.models import Slot

GRACE = timedelta(minutes=5)  # for run_due to pass a place on before it is anybody's
SHORTEST = timedelta(minutes=1)
AT_ONCE = 500
T = TypeVar("T")


class OfferStatus(models.TextChoices):
    """What became of an offer; an open one holds its place."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class OfferQuerySet(models.QuerySet["Offer"]):
    """Offers are made and ended under the lock of their slots, then of their entries."""

    def open(self) -> "OfferQuerySet":
        """Those that hold a place."""
        return self.filter(status=OfferStatus.OPEN)

    def acceptable(self, at: datetime) -> "OfferQuerySet":
        """Open and not expired at the instant."""
        return self.open().filter(expires_at__gt=at)

    def let_go(self) -> "OfferQuerySet":
        """Declined or expired: the same slot is not offered to the same entry again."""
        return self.filter(status__in=(OfferStatus.DECLINED, OfferStatus.EXPIRED))

    # --- Verbs ---

    def offer(self, slots: Iterable[Slot], at: datetime) -> int:
        """Offer the free places of these locked slots, each to the first in line who can have it.

        Returns how many it offered. Costs one statement where nobody waits for the doctors, and a
        number that does not grow with those who wait and cannot come. Takes the place at once.
        """
        slots, unserved = list(slots), WaitlistEntry.objects.unserved(at)
        wishes = Wishes(unserved, {slot.doctor_id for slot in slots})
        if wishes and (freed := self._end_expired(slots, at)):
            slots += freed
            wishes = Wishes(unserved, {slot.doctor_id for slot in slots})
        by_start, offered = sorted(slots, key=lambda slot: (slot.starts_at, slot.pk)), 0
        for some in batches(by_start) if wishes else ():
            rows = Slot.objects.filter(pk__in=[slot.pk for slot in some]).bookable(at)
            for slot in rows.select_related("location").order_by("starts_at", "pk"):
                offered += self._offer_places(slot, at, wishes)
        return offered

    def offer_again(self, keys: Iterable[int], at: datetime) -> None:
        """Offer the free places of these locked slots, however many, if anybody waits at all."""
        waits = WaitlistEntry.objects.waiting().exists()
        for some in batches(sorted(keys)) if waits else ():
            self.offer(Slot.objects.filter(pk__in=some), at)

    def withdraw(self, slots: Iterable[int], at: datetime) -> None:
        """Withdraw the open offers on these locked slots: who had one waits in line as before."""
        for some in batches(sorted(slots)):
            self.open().filter(slot__in=some).end(OfferStatus.WITHDRAWN)

    def settle(self, slot: Slot, at: datetime) -> None:
        """End the holds on this locked slot that have lapsed; the places are anybody's."""
        self.open().filter(slot=slot, hold_until__lte=at).end(OfferStatus.EXPIRED)

    def expire(self, slot: Slot, at: datetime) -> int:
        """End the offers of this locked slot that nobody can accept any more; how many."""
        return self.open().filter(slot=slot, expires_at__lte=at).end(OfferStatus.EXPIRED)

    def end(self, status: str, of_entry: str = WaitlistStatus.WAITING) -> int:
        """Give these open offers' places back, their slots locked; how many there were.

        Locks the entries. What is read of an offer holds: it changes under its slot's lock alone.
        """
        rows = list(self.values_list("pk", "entry", "entry__patient", "slot"))
        if not rows:
            return 0
        offers, entries, patients, slots = zip(*rows, strict=True)
        WaitlistEntry.objects.filter(pk__in=entries).lock()
        self.model.objects.filter(pk__in=offers).update(status=status)
        WaitlistEntry.objects.filter(pk__in=entries).update(status=of_entry)
        for number in set(Counter(slots).values()):
            some = [pk for pk, places in Counter(slots).items() if places == number]
            lapses_at = _first_lapse()
            rows_of = Slot.objects.filter(pk__in=some)
            rows_of.update(taken=F("taken") - number, hold_lapses_at=lapses_at)
        _note(AuditEvent.Action.CHANGE, self.model, set(patients))
        return len(rows)

    def _end_expired(self, slots: list[Slot], at: datetime) -> list[Slot]:
        """End what those who could want these locked slots let expire; the slots it frees, locked.

        So that the first in line is not passed over for an offer that is none any more, whether or
        not `run_due` has come by. Nobody is waited for: what somebody else holds they deal with.
        """
        doctors, mine = {slot.doctor_id for slot in slots}, [slot.pk for slot in slots]
        expired = self.open().filter(expires_at__lte=at)
        entries = WaitlistEntry.objects.after_doctors(doctors)
        theirs = Slot.objects.filter(pk__in=expired.filter(entry__in=entries).values("slot"))
        rows = theirs.exclude(pk__in=mine).order_by("pk")
        freed = list(rows.select_for_update(no_key=True, of=("self",), skip_locked=True))
        expired.filter(slot__in=[*mine, *(slot.pk for slot in freed)]).end(OfferStatus.EXPIRED)
        return freed

    def _offer_places(self, slot: Slot, at: datetime, wishes: Wishes) -> int:
        """Offer the slot's free places until nobody wants another; how many."""
        offered = 0
        expires_at = self.model.expiry(slot, at)
        while offered < slot.available and expires_at and wishes.want(slot):
            entry = WaitlistEntry.objects.first_for(slot, at)
            if entry is None:
                break
            self._hold(slot, entry, at, expires_at)
            wishes.grant(entry)
            offered += 1
        return offered

    def _hold(self, slot: Slot, entry: WaitlistEntry, at: datetime, expires_at: datetime) -> None:
        """Take a place for the entry and write the offer; raises SlotFull where there is none."""
        offer = self.create(
            entry=entry,
            slot=slot,
            created_at=at,
            expires_at=expires_at,
            hold_until=expires_at + GRACE,
        )
        WaitlistEntry.objects.filter(pk=entry.pk).update(status=WaitlistStatus.OFFERED)
        free = Slot.objects.filter(pk=slot.pk, taken__lt=F("capacity"))
        if not free.update(taken=F("taken") + 1, hold_lapses_at=_first_lapse()):
            raise SlotFull
        _note(AuditEvent.Action.CREATE, offer, [entry.patient_id])


def _note(action: str, of: Any, patients: Iterable[int]) -> None:
    """Write down what the line itself does; what a patient answers, the entry writes down."""
    AuditEvent.objects.record(action, of, patients, **AuditEvent.by_system())


def _first_lapse() -> Subquery:
    """When the first open offer on a slot holds its place no longer; null without one."""
    holds = Offer.objects.open().filter(slot=OuterRef("pk")).order_by("hold_until")
    return Subquery(holds.values("hold_until")[:1])


def batches(items: list[T]) -> Iterator[list[T]]:
    """As many at a time as one statement can name on every database."""
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]


class Offer(models.Model):
    """A place of a slot, held for one entry; it counts in `Slot.taken` while it is open."""

    entry = models.ForeignKey(WaitlistEntry, on_delete=models.CASCADE, related_name="offers")
    slot = models.ForeignKey(Slot, on_delete=models.CASCADE, related_name="offers")
    status = models.CharField(max_length=9, choices=OfferStatus, default=OfferStatus.OPEN)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(help_text="Until then it can be accepted.")
    hold_until = models.DateTimeField(help_text="From then on its place is anybody's.")

    objects = OfferQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        indexes = (
            models.Index(
                fields=["expires_at"],
                condition=Q(status="open"),
                name="appointment_open_offers",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["entry"],
                condition=Q(status="open"),
                name="appointment_offer_one_open_per_entry",
                violation_error_code="open_offer",
                violation_error_message="The entry has an open offer already.",
            ),
            models.CheckConstraint(
                condition=Q(hold_until__gte=F("expires_at")),
                name="appointment_offer_held_until_it_expires",
                violation_error_code="offer_times",
                violation_error_message="A place is held at least until its offer expires.",
            ),
            models.CheckConstraint(
                condition=Q(status__in=OfferStatus.values),
                name="appointment_offer_status_known",
                violation_error_code="status",
                violation_error_message="The status is none of those there are.",
            ),
        )

    def __str__(self) -> str:
        return f"Offer {self.pk}, {self.get_status_display().lower()}"

    @staticmethod
    def expiry(slot: Slot, at: datetime) -> datetime | None:
        """Until when an offer made at the instant stands; None where it is too late for one.

        Never past the start of the visit less the location's notice.
        """
        notice = timedelta(minutes=slot.location.min_notice_minutes or 0)
        minutes = timedelta(minutes=settings.OFFER_MINUTES)
        expires_at = min(at + minutes, slot.starts_at - notice)
        return expires_at if expires_at - at >= SHORTEST else None
