"""Offers: a place is held for a waitlist entry for a limited time."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import (
    Case,
    CharField,
    Exists,
    F,
    OuterRef,
    Prefetch,
    Q,
    Subquery,
    Value,
    When,
)
from django.utils import timezone

from accounts.models import AuditEvent, OutgoingMessage
from appointment.models.declined_slot import DeclinedSlot
from appointment.models.eligibility import visit_stands
from appointment.models.event import Status
from appointment.models.waitlist import WaitlistEntry, WaitlistEntryQuerySet, today_everywhere
from appointment.models.waitlist_matching import WaitingCriteria, WaitlistCriteria
from appointment.models.waitlist_status import IN_LINE, WaitlistStatus
from doctor.exceptions import SlotFull
from doctor.models import Slot
from doctor.models.site_staff import SiteQuerySet
from extensions.db.batches import batches
from extensions.db.retry import StaleLock

HOLD_AFTER_EXPIRY = timedelta(minutes=5)  # time for `run_due` to offer the place to the next
SHORTEST_OFFER = timedelta(minutes=1)
BATCH = 500


class OfferStatus(models.TextChoices):
    """The status of an offer; an open one holds its place."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


GIVEN_UP = (OfferStatus.DECLINED, OfferStatus.EXPIRED)


class OfferQuerySet(SiteQuerySet["Offer"]):
    """Scopes of offers, and the verbs that make and end them.

    The caller of a verb has opened a transaction and locked the slots; the verb then locks the
    waitlist entries.
    """

    site_path = "slot__location"

    def open(self) -> "OfferQuerySet":
        """Offers that hold a place."""
        return self.filter(status=OfferStatus.OPEN)

    def acceptable(self, at: datetime) -> "OfferQuerySet":
        """Open offers that have not expired at the instant, and whose entry has not.

        An entry that replaces a visit expires when that visit is no longer scheduled.
        """
        replaced = Q(entry__replaces__isnull=True) | Q(entry__replaces__status=Status.SCHEDULED)
        return self.open().filter(replaced, expires_at__gt=at)

    def answerable_by(self, user: Any) -> "OfferQuerySet":
        """Offers that the user may answer: to own patients and, for staff, at their sites.

        Where an offer would move a visit, that visit is at their sites too.
        """
        if not user.is_staff or user.sites is None:
            return self
        movable = Q(entry__replaces__isnull=True) | Q(entry__replaces__location__in=user.sites)
        here = Q(slot__location__in=user.sites) & movable
        return self.filter(Q(entry__patient__user=user) | here)

    # --- Make offers ---

    def offer_places(self, slots: Iterable[Slot], at: datetime) -> int:
        """Offer the free places of these locked slots, each to the first eligible entry in line.

        Returns the number of offers. Where no entry waits for the doctors of the slots, this is one
        query. A slot that no entry's criteria match adds none.
        """
        slots = list(slots)
        waiting = self._criteria_for(slots, at)
        if waiting and (freed := self._end_expired_elsewhere(slots, at)):
            slots += freed
            waiting = self._criteria_for(slots, at)
        if not waiting:
            return 0
        offered = 0
        for batch in batches(sorted(slots, key=lambda slot: (slot.starts_at, slot.pk)), BATCH):
            rows = Slot.objects.filter(pk__in=[slot.pk for slot in batch]).bookable(at)
            for slot in rows.select_related("location").order_by("starts_at", "pk"):
                offered += self._offer_places_of(slot, at, waiting)
        return offered

    def offer_places_by_key(self, keys: Iterable[int], at: datetime) -> None:
        """Offer the free places of the locked slots with these keys, if any entry waits at all."""
        if WaitlistEntry.objects.waiting().exists():
            for batch in batches(sorted(keys), BATCH):
                self.offer_places(Slot.objects.filter(pk__in=batch), at)

    def _criteria_for(self, slots: list[Slot], at: datetime) -> WaitingCriteria:
        doctors = {slot.doctor_id for slot in slots}
        return WaitingCriteria(
            WaitlistEntry.objects.without_acceptable_offer(at).for_doctors(doctors), doctors
        )

    def _offer_places_of(self, slot: Slot, at: datetime, waiting: WaitingCriteria) -> int:
        """Offer the free places of one slot until no entry is eligible; returns how many."""
        offered = 0
        expires_at = self.model.expiry(slot, at)
        while offered < slot.available and expires_at and waiting.matches(slot):
            entry = WaitlistEntry.objects.first_for(slot, at)
            if entry is None:
                break
            self._create_offer(slot, entry, at, expires_at)
            waiting.remove(entry)
            offered += 1
        return offered

    def _create_offer(self, slot: Slot, entry: Any, at: datetime, expires_at: datetime) -> None:
        """Insert the offer, mark its entry as offered and take a place; raises SlotFull."""
        offer = self.model.objects.create(
            entry=entry,
            slot=slot,
            account=entry.account,
            created_at=at,
            expires_at=expires_at,
            hold_until=expires_at + HOLD_AFTER_EXPIRY,
        )
        WaitlistEntry.objects.filter(pk=entry.pk).update(status=WaitlistStatus.OFFERED)
        free = Slot.objects.filter(pk=slot.pk, taken__lt=F("capacity"))
        if not free.update(taken=F("taken") + 1, hold_lapses_at=_first_lapse()):
            raise SlotFull
        self._message(offer, slot).save(force_insert=True)
        _record(AuditEvent.Action.CREATE, offer, [entry.patient_id])

    def _message(self, offer: "Offer", slot: Slot) -> OutgoingMessage:
        """Return the message to the patient that this place is held, unsaved."""
        return OutgoingMessage(
            kind="offer",
            object_id=offer.pk,
            cause=offer.pk,
            location=slot.location_id,
            user_id=offer.account,
            created_at=offer.created_at,
            due_at=offer.created_at,
            expires_at=offer.expires_at,
        )

    # --- End offers ---

    def end(self, status: str, entry_status: str = WaitlistStatus.WAITING) -> int:
        """Change these open offers to this status and release their places; returns how many.

        Their entries get `entry_status`. A slot declined or let lapse is noted as a DeclinedSlot of
        the patient. The caller has locked the slots; this locks the entries. An offer changes only
        under the lock of its slot, so that the rows read here stay valid.
        """
        rows = list(self.values_list("pk", "entry", "entry__patient", "slot"))
        if not rows:
            return 0
        offers, entries, patients, slots = zip(*rows, strict=True)
        WaitlistEntry.objects.filter(pk__in=entries).lock()
        self.model.objects.filter(pk__in=offers).update(status=status)
        WaitlistEntry.objects.filter(pk__in=entries).update(status=entry_status)
        if status in GIVEN_UP:
            by_key = Slot.objects.in_bulk(set(slots))
            given_up = [DeclinedSlot.of(who, by_key[slot]) for _, _, who, slot in rows]
            DeclinedSlot.objects.bulk_create(given_up, ignore_conflicts=True)
        places = Counter(slots)
        for number in set(places.values()):
            keys = [slot for slot, released in places.items() if released == number]
            released = Slot.objects.filter(pk__in=keys)
            if status == OfferStatus.ACCEPTED:  # the visit takes the place in this transaction
                released.update(taken=F("taken") - number, hold_lapses_at=_first_lapse())
            else:
                released.release_places(number, hold_lapses_at=_first_lapse())
        _record(AuditEvent.Action.CHANGE, self.model, set(patients))
        return len(rows)

    def withdraw(self, slots: Iterable[int], at: datetime) -> None:
        """Withdraw the open offers of the locked slots; their entries wait again.

        An offer past `expires_at` ends as expired: its patient has let it lapse, whether `run_due`
        has run or not.
        """
        for batch in batches(sorted(slots), BATCH):
            self.open().filter(slot__in=batch)._end_early(at)

    def withdraw_from_accounts(self, accounts: Iterable[int], at: datetime) -> None:
        """Withdraw the offers to the people of ended accounts; offer the places to other entries.

        Locks all these slots in one statement, then the entries. An offer that is made at the same
        moment stays until `run_due` finds it.
        """
        offers = self.model.objects.open().filter(entry__patient__user__in=accounts)
        keys = set(offers.values_list("slot", flat=True))
        if keys:
            slots = Slot.objects.filter(pk__in=keys).lock()
            offers.filter(slot__in=keys)._end_early(at)
            self.model.objects.offer_places(slots, at)

    def end_entries(
        self, entries: WaitlistEntryQuerySet, to: str, locked: Iterable[Slot], at: datetime
    ) -> list[Slot]:
        """Give those of the entries that are in line the status `to`; withdraw their open offers.

        Returns the slots that were offered, among those that the caller has `locked`: the caller
        offers their places to others. Locks the entries; raises StaleLock if an entry has got an
        offer of another slot since the caller read which slots to lock.
        """
        rows = entries.filter(status__in=IN_LINE).lock()
        ended = WaitlistEntry.objects.filter(pk__in=[entry.pk for entry in rows])
        freed = self.withdraw_locked(self.model.objects.open().filter(entry__in=ended), locked, at)
        if rows:
            ended.update(status=to)
            _record(AuditEvent.Action.CHANGE, WaitlistEntry, {entry.patient_id for entry in rows})
        return freed

    def restore_entries(self, entries: WaitlistEntryQuerySet, at: datetime) -> None:
        """Let these expired entries wait again: the visit that they replace is scheduled again.

        An entry stays expired if its last date has passed, or if its patient has joined again for
        the same. The caller has locked the patient and the slot of the visit; this verb locks the
        entries.
        """
        today = today_everywhere(at)
        ended = entries.filter(status=WaitlistStatus.EXPIRED, last_date__gte=today)
        expired = ended.select_related("replaces").lock()
        patients = {entry.patient_id for entry in expired}  # at most the patient of the visit
        in_line = WaitlistEntry.objects.in_line(today).filter(patient__in=patients)
        others = list(in_line.select_related("replaces")) if patients else []
        again: list[WaitlistEntry] = []
        for entry in expired:
            if not WaitlistCriteria.of(entry).meets_any([*others, *again]):
                again.append(entry)
        rows = WaitlistEntry.objects.filter(pk__in=[entry.pk for entry in again])
        if again and rows.update(status=WaitlistStatus.WAITING):
            _record(AuditEvent.Action.CHANGE, WaitlistEntry, patients)

    def withdraw_not_earlier(
        self, visit: int, start: datetime, locked: Iterable[Slot], at: datetime
    ) -> list[Slot]:
        """Withdraw offers of slots not before the new start of the visit that they would replace.

        The entries wait again, for an earlier slot still. Returns the slots, and raises StaleLock,
        as `end_entries`.
        """
        offers = self.model.objects.open().filter(entry__replaces=visit)
        return self.withdraw_locked(offers.filter(slot__starts_at__gte=start), locked, at)

    def withdraw_locked(
        self, offers: "OfferQuerySet", locked: Iterable[Slot], at: datetime
    ) -> list[Slot]:
        """Withdraw these open offers, and expire those past `expires_at`; return their slots.

        Raises StaleLock for an offer of a slot that is not among the `locked`.
        """
        by_key = {slot.pk: slot for slot in locked}
        offered = sorted(set(offers.values_list("slot", flat=True)))
        if not by_key.keys() >= set(offered):
            raise StaleLock
        offers._end_early(at)
        return [by_key[pk] for pk in offered]

    def _end_early(self, at: datetime) -> int:
        """Withdraw these open offers; those past `expires_at` end as expired. Returns how many."""
        expired = self.filter(expires_at__lte=at).end(OfferStatus.EXPIRED)
        return expired + self.filter(status=OfferStatus.OPEN).end(OfferStatus.WITHDRAWN)

    def end_lapsed(self, slot: Slot, at: datetime) -> None:
        """Expire the open offers of this locked slot past `hold_until`; anyone may book there."""
        self.open().filter(slot=slot, hold_until__lte=at).end(OfferStatus.EXPIRED)

    def over(self, at: datetime) -> "OfferQuerySet":
        """Open offers past `expires_at`, and those to patients whose account has ended."""
        return self.open().filter(Q(expires_at__lte=at) | Q(entry__patient__user__is_active=False))

    def end_over(self, slot: Slot, at: datetime) -> int:
        """End the open offers of this locked slot that are `over`; returns how many."""
        return self.over(at).filter(slot=slot)._end_early(at)

    def _end_expired_elsewhere(self, slots: list[Slot], at: datetime) -> list[Slot]:
        """Expire offers past `expires_at` of entries that these locked slots may serve instead.

        Such an entry waits again, and does not lose its turn because `run_due` has not run yet.
        Returns the other slots where this releases a place, locked. It waits for no lock: it skips
        slots that another transaction has locked.
        """
        doctors, own = {slot.doctor_id for slot in slots}, [slot.pk for slot in slots]
        expired = self.model.objects.open().filter(expires_at__lte=at)
        entries = WaitlistEntry.objects.for_doctors(doctors)
        offered = Slot.objects.filter(pk__in=expired.filter(entry__in=entries).values("slot"))
        others = offered.exclude(pk__in=own).order_by("pk")
        freed = list(others.select_for_update(no_key=True, of=("self",), skip_locked=True))
        expired.filter(slot__in=[*own, *(slot.pk for slot in freed)]).end(OfferStatus.EXPIRED)
        return freed


def _record(action: str, of: Any, patients: Iterable[int]) -> None:
    """Record an audit event by the system; the verbs of an entry record what patients do."""
    AuditEvent.objects.record(action, of, patients, **AuditEvent.by_system())


def _first_lapse() -> Subquery:
    """Return a subquery for `Slot.hold_lapses_at`: the first `hold_until` of its open offers."""
    holds = Offer.objects.open().filter(slot=OuterRef("pk")).order_by("hold_until")
    return Subquery(holds.values("hold_until")[:1])


def with_state(
    entries: WaitlistEntryQuerySet, at: datetime, shown: OfferQuerySet | None = None
) -> WaitlistEntryQuerySet:
    """Annotate entries with what people see of them: `state`, `position` and `acceptable_offers`.

    `state` is the status at the instant, `acceptable_offers` a list. None depends on when
    `run_due` has run: an expired offer is left out, and an entry whose last date has passed is
    `expired`. Also loads the patient, doctor and specialty. `shown`: the only offers that
    `acceptable_offers` may hold.
    """
    today = today_everywhere(at)
    acceptable = Offer.objects.acceptable(at)
    in_line = Q(status__in=IN_LINE)
    state = Case(
        When(in_line & ~visit_stands(), then=Value("expired")),
        When(in_line & Exists(acceptable.filter(entry=OuterRef("pk"))), then=Value("offered")),
        When(in_line & Q(last_date__lt=today), then=Value("expired")),
        When(in_line, then=Value("waiting")),
        default=F("status"),
        output_field=CharField(),
    )
    offers = (acceptable if shown is None else shown.acceptable(at)).select_related(
        "slot__location"
    )
    return (
        entries.with_position(today)
        .annotate(state=state)
        .select_related("patient", "doctor", "specialty")
        .prefetch_related(Prefetch("offers", offers, to_attr="acceptable_offers"))
    )


class Offer(models.Model):
    """A place of a slot, held for one entry; it counts in `Slot.taken` while the offer is open."""

    entry = models.ForeignKey(WaitlistEntry, on_delete=models.CASCADE, related_name="offers")
    slot = models.ForeignKey(Slot, on_delete=models.CASCADE, related_name="offers")
    account = models.BigIntegerField(
        null=True,
        editable=False,
        help_text="Key of the account that books for the patient, as of the offer; empty if none.",
    )
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
            models.UniqueConstraint(
                fields=["slot", "account"],
                condition=Q(status="open"),
                name="appointment_offer_one_open_per_slot_and_account",
                violation_error_code="open_offer",
                violation_error_message="The account has an open offer of this time already.",
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
        """Return the instant (UTC) until which an offer made at `at` can be accepted.

        OFFER_MINUTES later, but not after the start of the slot less the location's notice. None
        if the patient would have less than SHORTEST_OFFER.
        """
        notice = timedelta(minutes=slot.location.min_notice_minutes or 0)
        minutes = timedelta(minutes=settings.OFFER_MINUTES)
        expires_at = min(at + minutes, slot.starts_at - notice)
        return expires_at if expires_at - at >= SHORTEST_OFFER else None
