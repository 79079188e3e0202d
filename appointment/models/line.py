"""The line of those who wait: who is next, and for what."""

from collections.abc import Iterable
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    F,
    OuterRef,
    Prefetch,
    Q,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from doctor.models import Location, Slot, Specialty
from doctor.models.directory import earliest_today
from patient.models import Patient

if TYPE_CHECKING:
    from accounts.models import User
    from appointment.models.waitlist import WaitlistEntry

TRIES = 5  # of patients who are being offered something else just now


class WaitlistEntryQuerySet(models.QuerySet["WaitlistEntry"]):
    """Scopes and locks of entries; `first_for` is the one rule of who is offered a place."""

    def visible_to(self, user: Any) -> "WaitlistEntryQuerySet":
        """Of all that the user cares for: themselves and their dependents."""
        return self.filter(patient__user=user)

    def join_own(self, user: "User", patient_id: int | None = None, **wish: Any) -> "WaitlistEntry":
        """Let the user, or their dependent of that id, wait; raises as `WaitlistEntry.join`.

        A profile is made from the account's names where none is yet. Raises Patient.DoesNotExist
        where the user has no such patient.
        """
        entry = self.model(**wish)
        return entry.join(partial(Patient.objects.lock_for, user, patient_id))

    def in_line(self, today: date) -> "WaitlistEntryQuerySet":
        """Waiting or offered, and the last day of the window has not passed."""
        return self.filter(status__in=("waiting", "offered"), last_date__gte=today)

    def over(self, today: date) -> "WaitlistEntryQuerySet":
        """Still waiting, though the last day of the window has passed."""
        return self.waiting().filter(last_date__lt=today)

    def waiting(self) -> "WaitlistEntryQuerySet":
        """Without an open offer."""
        return self.filter(status="waiting")

    def unserved(self, at: datetime) -> "WaitlistEntryQuerySet":
        """Those waiting, and those whose offer nobody has ended though it has expired."""
        from appointment.models.offer import Offer

        expired = Offer.objects.open().filter(entry=OuterRef("pk"), expires_at__lte=at)
        return self.filter(Q(status="waiting") | Q(Exists(expired), status="offered"))

    def after_doctors(self, doctors: Iterable[int]) -> "WaitlistEntryQuerySet":
        """Those for one of these doctors, or for a specialty that one of them practises."""
        practised = Specialty.objects.filter(doctors__in=doctors)
        return self.filter(Q(doctor__in=doctors) | Q(specialty__in=practised))

    def met_by(self, slot: Slot) -> "WaitlistEntryQuerySet":
        """Those whose doctor, days and hours the slot meets, by the clocks of its location."""
        zone = slot.location.zone
        start, end = slot.starts_at.astimezone(zone), slot.ends_at.astimezone(zone)
        day, bit = start.date(), 1 << start.weekday()
        over_in_time = Q(end_time__isnull=True)
        if end.date() == day:
            over_in_time |= Q(end_time__gte=end.time())
        return (
            self.after_doctors([slot.doctor_id])
            .alias(that_day=F("weekday_bits").bitand(bit))
            .filter(Q(weekday_bits=0) | Q(that_day=bit), over_in_time)
            .filter(Q(start_time__isnull=True) | Q(start_time__lte=start.time()))
            .filter(first_date__lte=day, last_date__gte=day)
        )

    def who_can_have(self, slot: Slot, at: datetime) -> "WaitlistEntryQuerySet":
        """Those waiting who could book the slot by the rule and have not let it go before.

        The slot itself is bookable at the instant; what concerns the patient is all in this one
        query: no live visit of theirs overlaps it, no open offer does, the limit is not reached.
        """
        from appointment.models.appointment import Appointment
        from appointment.models.offer import Offer

        span = Q(slot__starts_at__lt=slot.ends_at, slot__ends_at__gt=slot.starts_at)
        offers = Offer.objects.open().filter(span, entry__patient=OuterRef("patient"))
        visits = Appointment.objects.active().filter(patient=OuterRef("patient"))
        let_go = Offer.objects.let_go().filter(entry=OuterRef("pk"), slot=slot)
        since = OuterRef("created_at")  # whoever gives a place up while they wait wants another
        own = Appointment.objects.filter(patient=OuterRef("patient"))
        canceled = own.filter(slot=slot, canceled_at__gte=since)
        moved = own.filter(
            events__kind="rescheduled", events__from_slot=slot.pk, events__at__gte=since
        )
        there = visits.filter(location=slot.location_id, ends_at__gt=at)
        return (
            self.waiting()
            .met_by(slot)
            .filter(~Exists(let_go), ~Exists(offers), ~Exists(canceled), ~Exists(moved))
            .filter(~Exists(visits.overlapping(slot.starts_at, slot.ends_at)))
            .under_limit(slot.location.max_live_per_patient, there)
        )

    def under_limit(self, limit: int | None, visits: Any) -> "WaitlistEntryQuerySet":
        """Those whose patient has fewer of these visits; all where there is no limit."""
        if limit is None:
            return self
        number = visits.order_by().values("patient").annotate(n=Count("pk")).values("n")
        return self.alias(visits=Coalesce(Subquery(number), 0)).filter(visits__lt=limit)

    def first_for(self, slot: Slot, at: datetime) -> "WaitlistEntry | None":
        """Lock the first in line who can have the locked slot; None where nobody can.

        Nobody is waited for: an entry that somebody else holds is skipped, as is a patient whose
        other entries somebody holds, since what they are being given may overlap this slot.
        """
        held: list[int] = []
        for _ in range(TRIES):
            who = self.who_can_have(slot, at).exclude(patient__in=held)
            entry = who.locking(skip_locked=True).order_by("pk").first()
            if entry is None or entry.is_held_alone(slot, at):
                return entry
            held.append(entry.patient_id)
        return None

    def locking(self, *, skip_locked: bool = False) -> "WaitlistEntryQuerySet":
        """Lock the rows that are read, until the transaction ends."""
        return self.select_for_update(no_key=True, of=("self",), skip_locked=skip_locked)

    def lock(self) -> "list[WaitlistEntry]":
        """Lock all of them by primary key in one statement. Their slots are locked before."""
        return list(self.locking().order_by("pk"))

    def lock_with_offers(self, keys: list[int]) -> None:
        """Lock these entries and, before them, what they are offered, for all of them to leave."""
        from appointment.models.erasure import lock_entries

        lock_entries(keys)

    # --- As it is shown ---

    def as_of(self, at: datetime) -> "WaitlistEntryQuerySet":
        """Add `state`, `position` and `standing_offers` at the instant, and load the names.

        None of it depends on what `run_due` has written: an offer that has expired is none, and
        who waits for days that are over has expired.
        """
        from appointment.models.offer import Offer

        today = today_everywhere(at)
        standing = Offer.objects.acceptable(at)
        in_line = Q(status__in=("waiting", "offered"))
        state = Case(
            When(in_line & Exists(standing.filter(entry=OuterRef("pk"))), then=Value("offered")),
            When(in_line & Q(last_date__lt=today), then=Value("expired")),
            When(in_line, then=Value("waiting")),
            default=F("status"),
            output_field=CharField(),
        )
        offers = standing.select_related("slot__location")
        return (
            self.annotate(state=state, position=self._position(today))
            .select_related("patient", "doctor", "specialty")
            .prefetch_related(Prefetch("offers", offers, to_attr="standing_offers"))
        )

    def _position(self, today: date) -> Case:
        """The place in line, from 1, of those for the same doctor or specialty whose days meet.

        Null out of line.
        """
        line = self.model.objects.in_line(today)
        mine = {"status__in": ("waiting", "offered"), "last_date__gte": today}
        return Case(
            When(doctor__isnull=False, **mine, then=_number_up_to(line, "doctor")),
            When(specialty__isnull=False, **mine, then=_number_up_to(line, "specialty")),
            default=None,
        )


def _number_up_to(line: WaitlistEntryQuerySet, of: str) -> Subquery:
    days = {"first_date__lte": OuterRef("last_date"), "last_date__gte": OuterRef("first_date")}
    ahead = line.filter(**{of: OuterRef(of)}, pk__lte=OuterRef("pk"), **days)
    return Subquery(ahead.order_by().values(of).annotate(n=Count("pk")).values("n"))


def today_everywhere(at: datetime) -> date:
    """Today's date where it is earliest: what is over by it is over at every location."""
    return earliest_today(list(Location.objects.all()), at)
