"""The booking rules: whether a patient can book a slot at an instant.

The rules are one ordered list of conditions. A condition uses columns of the slot and constants
only, so it means the same in three places: as a filter of lists, as the guard of the UPDATE that
takes a place (READ COMMITTED re-checks the columns of the row, but no subquery), and in the CASE
that names the first reason against a slot.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import reduce
from operator import or_
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, CharField, ExpressionWrapper, F, IntegerField, Q, Value, When

from doctor.models.directory import Location
from doctor.wall_time import Span, instant_of
from extensions.db.batches import batches

__all__ = ["REASONS", "WAIVABLE", "BookingContext", "Span", "first_failure", "places_left"]

SPANS_AT_ONCE = 100  # spans in one OR: SQLite limits the depth of an expression to 1000


@dataclass(frozen=True)
class BookingContext:
    """The constants of the booking rules: an instant (UTC), locations and one patient's visits.

    `locations`: those whose notice and horizon count, at least the locations of the slots.
    `booked`: primary keys of the slots of the patient's live (scheduled) appointments.
    `visits`: start and end (UTC) of the patient's live appointments.
    `at_limit`: primary keys of the locations where the patient has reached `max_live_per_patient`;
    of all locations where the account has as many visits ahead as it may have.
    `waived`: the reasons that staff override; of `past`, only until the slot ends.
    `is_deceased`: the patient is marked deceased, and can book no slot.
    `conditions`: maps each reason to the condition that fails when the reason applies to a slot.
    `guard`: all these conditions in one.
    Without a patient, as in the search for free slots, `booked`, `visits` and `at_limit` are empty.
    """

    at: datetime
    locations: tuple[Location, ...]
    booked: frozenset[int] = frozenset()
    visits: tuple[Span, ...] = ()
    at_limit: frozenset[int] = frozenset()
    waived: frozenset[str] = frozenset()
    is_deceased: bool = False
    conditions: dict[str, Q] = field(init=False, repr=False)
    guard: Q = field(init=False, repr=False)

    def __post_init__(self) -> None:
        every = ((reason, condition(self)) for reason, condition in CONDITIONS)
        ignored = self.waived - WAIVED_IN_PART
        conditions = {reason: q for reason, q in every if q and reason not in ignored}
        object.__setattr__(self, "conditions", conditions)
        object.__setattr__(self, "guard", Q(*conditions.values()))

    @classmethod
    def for_anyone(cls, at: datetime) -> "BookingContext":
        """Return the context without a patient, for slots of all locations; queries their rules."""
        return cls(at, tuple(Location.objects.with_rules()))

    def reason(self) -> Any:
        """Return a CASE expression: the first reason why a slot cannot be booked, or null."""
        return first_failure((Value(name), q) for name, q in self.conditions.items())


def first_failure(conditions: Iterable[tuple[Any, Q]]) -> Any:
    """Return a CASE expression: the first reason whose condition is false for a slot, or null."""
    whens = [When(~q, then=reason) for reason, q in conditions]
    return Case(*whens, default=None, output_field=CharField(null=True))


def places_left(at: datetime) -> Any:
    """Return an expression: how many places of a slot can be booked at the instant.

    The place of an offer whose hold has lapsed can be booked, although it still counts in `taken`.
    The slot stores only the first such lapse, so this adds one place even if several have lapsed.
    """
    lapsed = Case(When(_lapsed(at), then=1), default=0, output_field=IntegerField())
    return ExpressionWrapper(F("capacity") - F("taken") + lapsed, IntegerField())


def may_be_free() -> Q:
    """Return a condition of an index that every slot meets which anyone can book, at any instant.

    PostgreSQL sees that `guard` implies it, and reads the index.
    """
    held = Q(hold_lapses_at__isnull=False)
    return Q(Q(taken__lt=F("capacity")) | held, is_open=True)


# --- The conditions -------------------------------------------------------------------------------


def _alive(context: BookingContext) -> Q:
    return Q(pk__in=[]) if context.is_deceased else Q()


def _not_booked(context: BookingContext) -> Q:
    return ~Q(pk__in=sorted(context.booked)) if context.booked else Q()


def _no_overlap(context: BookingContext) -> Q:
    condition = Q()
    for spans in batches(_merged(context.visits), SPANS_AT_ONCE):
        condition &= ~reduce(or_, (Q(starts_at__lt=end, ends_at__gt=start) for start, end in spans))
    return condition


def _open(context: BookingContext) -> Q:
    return Q(is_open=True)


def _not_begun(context: BookingContext) -> Q:
    """Return the condition that the slot has not begun; with `past` waived, that it has not ended.

    A person who walks in takes a place of the time under way, never one of a time that is over.
    """
    bound = "ends_at__gt" if "past" in context.waived else "starts_at__gt"
    return Q(**{bound: context.at})


def _with_notice(context: BookingContext) -> Q:
    """Return the condition that the slot starts no earlier than its location's notice allows."""
    earliest: dict[datetime, list[int]] = defaultdict(list)
    for location in context.locations:
        if location.min_notice_minutes:
            notice = timedelta(minutes=location.min_notice_minutes)
            earliest[context.at + notice].append(location.pk)
    return Q(*(~Q(location__in=pks, starts_at__lt=first) for first, pks in earliest.items()))


def _within_horizon(context: BookingContext) -> Q:
    """Return the condition that the slot starts before the end of its location's horizon."""
    ends: dict[datetime, list[int]] = defaultdict(list)
    for location in context.locations:
        if location.horizon_days is not None:
            ends[horizon_end(location, context.at)].append(location.pk)
    return Q(*(~Q(location__in=pks, starts_at__gte=end) for end, pks in ends.items()))


def horizon_end(location: Location, at: datetime) -> datetime:
    """Return the end (UTC) of the last day that can be booked at the instant, on the clock there.

    A horizon of 0 days is today only. Raises ValueError for a location without a horizon.
    """
    if location.horizon_days is None:
        raise ValueError(f"{location} has no horizon")
    zone = ZoneInfo(location.time_zone)
    days_ahead = timedelta(days=location.horizon_days + 1)
    return instant_of(at.astimezone(zone).date() + days_ahead, time(), zone)


def _under_limit(context: BookingContext) -> Q:
    return ~Q(location__in=sorted(context.at_limit)) if context.at_limit else Q()


def _with_a_place(context: BookingContext) -> Q:
    return Q(taken__lt=F("capacity")) | _lapsed(context.at)


def _lapsed(at: datetime) -> Q:
    """Return the condition that an offer has lapsed, so that its place is free for any patient.

    Where staff have added a place, that one is given back instead, and the slot stays full.
    """
    return Q(hold_lapses_at__lte=at, extra_places=0)


# Each reason with the condition that fails when it applies, in the order in which they are checked.
CONDITIONS: tuple[tuple[str, Callable[[BookingContext], Q]], ...] = (
    ("deceased", _alive),
    ("already_booked", _not_booked),
    ("patient_overlap", _no_overlap),
    ("closed", _open),
    ("past", _not_begun),
    ("too_soon", _with_notice),
    ("too_far", _within_horizon),
    ("too_many", _under_limit),
    ("full", _with_a_place),
)
REASONS = tuple(reason for reason, _ in CONDITIONS)
WAIVABLE = frozenset({"past", "too_soon", "too_far", "too_many"})  # staff may override these
WAIVED_IN_PART = frozenset({"past"})  # its condition reads `waived` itself


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Join the spans that overlap or touch, so that the condition has as few terms as possible."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
