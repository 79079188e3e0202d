"""Visits that leave, changed hours or a doctor who left have hit."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Case, Exists, OuterRef, Value, When

from doctor.models import Slot, TimeOff
from extensions.db.batches import batches


class RebookingScopes:
    """The part of appointments' scopes that is the work list, and the verb that keeps it."""

    def not_ended(self: Any, at: datetime) -> Any:
        """Live and not ended at the instant."""
        return self.active().filter(ends_at__gt=at)

    def hit_by(self: Any, time_off: TimeOff, at: datetime) -> Any:
        """The live visits, not ended, that the leave overlaps, whether or not it is saved."""
        return self.not_ended(at).filter(slot__in=time_off.slots(at))

    def to_rebook(self: Any, at: datetime) -> Any:
        """The work list: flagged, live and not begun at the instant, soonest first."""
        return self.upcoming(at).filter(needs_rebooking=True).order_by("starts_at", "pk")

    def with_cause(self: Any) -> Any:
        """Add `cause`: what has come in the way of each, in words."""
        meanwhile = TimeOff.objects.filter(
            starts_at__lt=OuterRef("ends_at"), ends_at__gt=OuterRef("starts_at")
        )
        away = Exists(meanwhile.filter(doctor=OuterRef("doctor")))
        closed = Exists(meanwhile.filter(location=OuterRef("location")))
        causes = (
            When(doctor__is_active=False, then=Value("the doctor has left")),
            When(away, then=Value("the doctor is away")),
            When(closed, then=Value("the location is closed")),
        )
        return self.annotate(cause=Case(*causes, default=Value("the hours have changed")))

    def reflag(self: Any, slots: Iterable[int], at: datetime) -> None:
        """Flag the live visits of these locked slots that cannot take place, and no others.

        From what is right now, and idempotent. What has ended keeps the flag that it had.
        """
        for pks in batches(sorted(slots)):
            live = self.not_ended(at).filter(slot__in=pks)
            hit = Slot.objects.filter(pk__in=pks).called_off()
            live.filter(needs_rebooking=False, slot__in=hit).update(needs_rebooking=True)
            live.filter(needs_rebooking=True).exclude(slot__in=hit).update(needs_rebooking=False)
