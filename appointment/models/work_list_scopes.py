"""Scopes and locks of lists of visits, and flags of those that cannot take place as booked.

The module does not import `Appointment`, whose queryset inherits from `WorkListScopes`.
"""

from datetime import date, datetime
from typing import Any, Self, TypeVar

from django.db import models
from django.db.models import Q

from appointment.models.event import HOLDING_STATUSES, LIVE, AppointmentEvent
from doctor.models import Location, Slot, TimeOff
from doctor.models.site_staff import SiteQuerySet
from doctor.wall_time import A_DAY, span_anywhere
from extensions.db.batches import batches

Row = TypeVar("Row", bound=models.Model)


def is_upcoming(at: datetime) -> Q:
    """Return the condition that an appointment is live and has not begun at the instant."""
    return Q(status=LIVE, starts_at__gt=at)


class WorkListScopes(SiteQuerySet[Row]):
    """What lists show of appointments, and those that leave or changed hours affect."""

    # --- By status and time ---

    def active(self) -> Self:
        """Live appointments: those that are scheduled."""
        return self.filter(status=LIVE)

    def upcoming(self, at: datetime) -> Self:
        """Live appointments that have not begun at the instant."""
        return self.filter(is_upcoming(at))

    def not_ended(self, at: datetime) -> Self:
        """Live appointments that have not ended at the instant."""
        return self.active().filter(ends_at__gt=at)

    def holding_a_place(self) -> Self:
        """Appointments that count in `slot.taken`: all but the canceled ones."""
        return self.filter(status__in=HOLDING_STATUSES)

    def overlapping(self, starts_at: datetime, ends_at: datetime) -> Self:
        """Appointments that share some time with the span; those that only touch it do not."""
        return self.filter(starts_at__lt=ends_at, ends_at__gt=starts_at)

    def today(self, at: datetime) -> Self:
        """Appointments whose date is today in the time zone of their location."""
        today = Location.objects.compared_with_today("date", at)
        return self.filter(today, starts_at__range=(at - 2 * A_DAY, at + 2 * A_DAY))

    def on(self, day: date) -> Self:
        """Appointments on this date of their location; the index of a doctor's visits serves."""
        start, end = span_anywhere(day, day)
        return self.filter(date=day, starts_at__gte=start, starts_at__lt=end)

    def with_latest_kind(self) -> Self:
        """Add `latest_kind`: that of the latest event; empty for one that is due, as it was booked.

        A call without an answer is passed over.
        """
        events: Any = AppointmentEvent.objects.filter(appointment=models.OuterRef("pk"))
        due = models.When(status=LIVE, checked_in_at=None, then=models.Value(""))
        kind: Any = models.Case(due, default=models.Subquery(events.kind_of_latest()))
        return self.annotate(latest_kind=kind)

    def to_rebook(self) -> Self:
        """The work list: live appointments with `needs_rebooking`, soonest first.

        Their time may have come: they stay until they are moved, canceled, concluded or kept.
        """
        return self.active().filter(needs_rebooking=True).order_by("starts_at", "pk")

    def affected_by(self, time_off: TimeOff, at: datetime) -> Self:
        """Live appointments, not ended, whose slot overlaps the leave, which may be unsaved."""
        return self.not_ended(at).filter(slot__in=time_off.slots(at))

    def update_rebooking_flags(self, slots: set[int], at: datetime) -> None:
        """Set `needs_rebooking` on live appointments that cannot take place; clear it on others.

        Only those of these locked slots (primary keys) that have not ended. Computed from the
        present state of the slots, so that repeating it changes nothing.
        """
        for pks in batches(sorted(slots)):
            self._update_flags_of_kept(pks, at)
            live = self.not_ended(at).filter(slot__in=pks, closures_kept=0)
            affected = Slot.objects.filter(pk__in=pks).called_off()
            unflagged = live.filter(needs_rebooking=False)
            unflagged.filter(slot__in=affected).update(needs_rebooking=True)
            flagged = live.filter(needs_rebooking=True)
            flagged.exclude(slot__in=affected).update(needs_rebooking=False)

    def _update_flags_of_kept(self, slots: list[int], at: datetime) -> None:
        """Flag the visits that staff have kept on these slots if another closure hits them.

        If a closure has gone, `closures_kept` shrinks to the number of closures left. If there is
        one more than staff have kept the visit for, the keeping ends, and `closures_kept` is 0.
        """
        coming = self.holding_a_place().filter(ends_at__gt=at, slot__in=slots)
        kept: list[Any] = list(coming.filter(closures_kept__gt=0).order_by("pk"))
        closures = Slot.objects.filter(pk__in=slots).closures_by_key() if kept else {}
        for visit in kept:
            changes = visit.flags_for(closures.get(visit.slot_id or 0, 0))
            if visit.status != LIVE:  # the flag is computed when the visit is scheduled again
                del changes["needs_rebooking"]
            self.filter(pk=visit.pk, closures_kept=visit.closures_kept).update(**changes)

    def lock_slots(self) -> None:
        """Lock the slots of these appointments, before a bulk action calls a verb on each.

        Also those offered to waitlist entries that would replace one of them. One statement locks
        all by primary key; the verbs would lock them in the order of the appointments, and two bulk
        actions could deadlock.
        """
        offered = self.filter(replacing_entries__offers__status="open")
        keys = {*self.values_list("slot"), *offered.values_list("replacing_entries__offers__slot")}
        Slot.objects.filter(pk__in=sorted(pk for (pk,) in keys if pk)).lock()
