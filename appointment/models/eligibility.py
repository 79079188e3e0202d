"""Which entries of the waitlist are eligible for a slot, and which of them gets an offer of it."""

from datetime import datetime, timedelta
from typing import Any, Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import (
    Count,
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    IntegerField,
    OuterRef,
    Q,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce

from appointment.models.appointment import Appointment
from appointment.models.declined_slot import DeclinedSlot
from appointment.models.waitlist_matching import ends_in_time
from appointment.models.waitlist_status import WaitlistStatus
from doctor.models import Slot, Specialty

MAX_ATTEMPTS = 5  # to find an entry whose patient gets no other offer at this moment
Row = TypeVar("Row", bound=models.Model)


class EligibilityQuerySet(models.QuerySet[Row]):
    """Waitlist entries by what is offered to them; `first_for` chooses the entry for a place."""

    # --- By status ---

    def waiting(self) -> Self:
        """Entries with the status `waiting`: in line, without an open offer."""
        return self.filter(status=WaitlistStatus.WAITING)

    def without_acceptable_offer(self, at: datetime) -> Self:
        """Entries that wait, and those whose open offer has expired at the instant."""
        expired = self.model._default_manager.filter(
            pk=OuterRef("pk"), offers__status="open", offers__expires_at__lte=at
        )
        return self.filter(Q(status="waiting") | Q(Exists(expired), status="offered"))

    # --- By slot ---

    def not_given_up(self, slot: Slot) -> Self:
        """Entries whose patient has not given the slot up.

        The patient has never declined it or let its offer lapse, and has neither canceled nor moved
        a visit in it since joining.
        """
        time = {"doctor": slot.doctor_id, "starts_at": slot.starts_at}  # staff may remake the row
        own = Appointment.objects.filter(patient=OuterRef("patient"))
        since = OuterRef("created_at")
        declined = DeclinedSlot.objects.filter(patient=OuterRef("patient"), **time)
        canceled = own.filter(**time, canceled_at__gte=since)
        moved = own.filter(
            events__kind="rescheduled", events__from_slot=slot.pk, events__at__gte=since
        )
        return self.filter(~Exists(declined), ~Exists(canceled), ~Exists(moved))

    def for_doctors(self, doctors: Any) -> Self:
        """Entries for one of these doctors, or for a specialty that one of them practises.

        `doctors`: their keys, or a queryset of them.
        """
        practised = Specialty.objects.filter(doctors__in=doctors)
        return self.filter(Q(doctor__in=doctors) | Q(specialty__in=practised))

    def matching(self, slot: Slot) -> Self:
        """Entries whose doctor or specialty, dates, weekdays and times of day fit the slot.

        Dates and times are compared on the clock of the slot's location. Only an earlier slot fits
        an entry that replaces a visit.
        """
        zone = slot.location.zone
        start, end = slot.starts_at.astimezone(zone), slot.ends_at.astimezone(zone)
        day, bit = start.date(), 1 << start.weekday()
        return (
            self.for_doctors([slot.doctor_id])
            .alias(that_day=F("weekday_bits").bitand(bit))
            .filter(Q(weekday_bits=0) | Q(that_day=bit), ends_in_time(start, end))
            .filter(Q(start_time__isnull=True) | Q(start_time__lte=start.time()))
            .filter(first_date__lte=day, last_date__gte=day)
            .filter(Q(replaces__isnull=True) | Q(replaces__starts_at__gt=slot.starts_at))
        )

    def eligible_for(self, slot: Slot, at: datetime) -> Self:
        """Waiting entries whose patient could book the slot and has not given it up before.

        The caller has checked that the slot is bookable at the instant. This one query checks the
        patient: no live visit and no open offer overlaps the slot, neither limit is reached, the
        account is active and has no open offer of the slot. A visit that the entry replaces can be
        moved by its patient; it counts neither as an overlap nor toward a limit.
        """
        entries: Any = self.model._default_manager
        other_offers = entries.filter(
            patient=OuterRef("patient"),
            offers__status="open",
            offers__slot__starts_at__lt=slot.ends_at,
            offers__slot__ends_at__gt=slot.starts_at,
        )
        account = OuterRef("patient__user")  # null matches nothing
        of_account = entries.filter(
            Q(patient__user=account) | Q(offers__account=account),
            offers__status="open",
            offers__slot=slot,
        )
        own = Appointment.objects.filter(patient=OuterRef("patient"))
        live = own.active().exclude(pk=Coalesce(OuterRef("replaces"), 0))
        replaced = Appointment.objects.filter(pk=OuterRef("replaces"))
        at_location = live.filter(location=slot.location_id, ends_at__gt=at)
        return (
            self.waiting()
            .matching(slot)
            .filter(patient__marked_deceased_at__isnull=True)
            .exclude(patient__user__is_active=False)
            .not_given_up(slot)
            .filter(~Exists(other_offers), ~Exists(of_account))
            .filter(Q(replaces__isnull=True) | Exists(movable(replaced, at)))
            .filter(~Exists(live.overlapping(slot.starts_at, slot.ends_at)))
            .under_limit(slot, at_location, at)
            .under_cap(at)
        )

    def with_open_offer(self, at: datetime, **of: Any) -> Self:
        """Entries whose open offer has not expired at the instant; `of`: conditions on the offer.

        They are one filter, so that a condition is not about an earlier offer of the entry.
        """
        return self.filter(offers__status="open", offers__expires_at__gt=at, **of)

    def under_limit(self, slot: Slot, visits: Any, at: datetime) -> Self:
        """Entries whose patient may have one more visit at the slot's location.

        `visits`: those that count. So does each open offer there, which may become a visit, unless
        it moves a visit that counts already. All entries if the location has no limit.
        """
        limit = slot.location.max_live_per_patient
        if limit is None:
            return self
        entries: Any = self.model._default_manager.filter(patient=OuterRef("patient"))
        offers = entries.with_open_offer(at, offers__slot__location=slot.location_id)
        offers = offers.exclude(replaces__location=slot.location_id)
        number = _number_of(visits, "patient") + _number_of(offers, "patient")
        return self.alias(visits=number).filter(visits__lt=limit)

    def under_cap(self, at: datetime) -> Self:
        """Entries whose account may have one more visit ahead; all that have no account.

        As `booking_context`, which counts for one patient. Each open offer of the account counts
        too: all of them can be accepted. To move a visit adds none: entries that replace one pass,
        and their offers do not count.
        """
        account = {"patient__user": OuterRef("patient__user")}
        ahead = Appointment.objects.not_ended(at).filter(**account)
        entries_of_account: Any = self.model._default_manager.filter(**account)
        offers = entries_of_account.with_open_offer(at).filter(replaces__isnull=True)
        number = _number_of(ahead, "patient__user") + _number_of(offers, "patient__user")
        entries, exempt = self.alias(ahead=number), Q(replaces__isnull=False)
        if settings.MAX_AHEAD_PER_ACCOUNT:
            entries = entries.filter(exempt | Q(ahead__lt=settings.MAX_AHEAD_PER_ACCOUNT))
        if settings.MAX_AHEAD_UNVERIFIED:
            exempt |= Q(patient__user__email_verified_at__isnull=False)
            entries = entries.filter(exempt | Q(ahead__lt=settings.MAX_AHEAD_UNVERIFIED))
        return entries

    def first_for(self, slot: Slot, at: datetime) -> Any:
        """Lock the first entry in line that is eligible for the locked slot, or return None.

        The entry has `account`: the key of the account for which eligibility was checked, or None.
        The query waits for no lock. It skips an entry that another transaction has locked, and a
        patient with another entry that is locked: that transaction may make an overlapping offer.
        """
        skipped: list[int] = []
        for _ in range(MAX_ATTEMPTS):
            eligible = self.eligible_for(slot, at).annotate(account=F("patient__user"))
            entry: Any = eligible.exclude(patient__in=skipped).skip_locked().first()
            if entry is None or entry.is_only_offer_under_way(slot, at):
                return entry
            skipped.append(entry.patient_id)
        return None

    # --- Locks ---

    def skip_locked(self) -> Self:
        """Lock the rows that the query reads, by primary key; leave out what others have locked."""
        rows = self.select_for_update(no_key=True, of=("self",), skip_locked=True)
        return rows.order_by("pk")


def _number_of(rows: Any, by: str) -> Coalesce:
    """Return a subquery that counts these rows, all of which have the same value of `by`."""
    return Coalesce(Subquery(rows.order_by().values(by).annotate(n=Count("pk")).values("n")), 0)


def visit_stands() -> Q:
    """Return the condition that an entry replaces no visit, or one that is scheduled.

    Any other entry has expired, whatever its status.
    """
    scheduled = Appointment.objects.active().filter(pk=OuterRef("replaces"))
    return Q(replaces__isnull=True) | Q(Exists(scheduled))


def movable(visits: Any, at: datetime) -> Any:
    """Return those of the visits that their patients may move at the instant.

    As `Appointment.refuse_change` without an override reason, for many patients in one query.
    """
    minutes = Coalesce("location__cancel_deadline_minutes", 0, output_field=IntegerField())
    notice = ExpressionWrapper(minutes * Value(timedelta(minutes=1)), DurationField())
    last = ExpressionWrapper(F("starts_at") - notice, DateTimeField())
    upcoming = visits.upcoming(at).filter(checked_in_at__isnull=True).alias(last=last)
    return upcoming.filter(Q(needs_rebooking=True) | Q(last__gte=at))
