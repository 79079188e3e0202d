"""Whether a patient can have a slot at an instant: one ordered list of conditions.

Each is a condition over columns of the slot itself and constants of the instant, so that it is the
same in a filter, as the guard of an UPDATE (where READ COMMITTED re-checks columns of the row, and
no subquery) and in the CASE that names the first reason against a slot.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from itertools import islice
from operator import or_
from typing import Any

from django.db.models import Case, CharField, ExpressionWrapper, F, IntegerField, Q, Value, When

from doctor.models.directory import Location

Span = tuple[datetime, datetime]
SPANS_AT_ONCE = 100  # SQLite parses expressions up to a depth of 1000


@dataclass(frozen=True)
class BookingContext:
    """The constants of the rule: an instant (UTC), locations, and what concerns one patient.

    `locations` are those whose notice and horizon count: at least those of the slots in question.
    `booked` are the slots that the patient holds live, `visits` the spans of their live visits,
    `at_limit` the locations where they may have no more. `waived` are the reasons that staff set
    aside. The plain list and the search know no patient.
    """

    at: datetime
    locations: tuple[Location, ...]
    booked: frozenset[int] = frozenset()
    visits: tuple[Span, ...] = ()
    at_limit: frozenset[int] = frozenset()
    waived: frozenset[str] = frozenset()
    conditions: dict[str, Q] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        told = ((reason, condition(self)) for reason, condition in CONDITIONS)
        kept = {reason: passes for reason, passes in told if passes and reason not in self.waived}
        object.__setattr__(self, "conditions", kept)

    @classmethod
    def now(cls, at: datetime) -> "BookingContext":
        """What holds for everybody at the instant, at every location."""
        return cls(at, tuple(Location.objects.with_rules()))

    def passes(self) -> Q:
        """True of the slots that can be had: the conjunction of all conditions."""
        return Q(*self.conditions.values())

    def reason(self) -> Any:
        """The first reason against a slot, null for one that can be had."""
        whens = [When(~q, then=Value(str(name))) for name, q in self.conditions.items()]
        return Case(*whens, default=None, output_field=CharField(null=True))


def places_left(at: datetime) -> Any:
    """Places that can be had at the instant: at least these, a slot knows one lapsed hold."""
    lapsed = Case(When(hold_lapses_at__lte=at, then=1), default=0, output_field=IntegerField())
    return ExpressionWrapper(F("capacity") - F("taken") + lapsed, IntegerField())


# --- The conditions -------------------------------------------------------------------------------


def _not_booked(terms: BookingContext) -> Q:
    return ~Q(pk__in=sorted(terms.booked)) if terms.booked else Q()


def _clear_of_visits(terms: BookingContext) -> Q:
    clear = Q()
    for spans in _batches(_merged(terms.visits), SPANS_AT_ONCE):
        clear &= ~reduce(or_, (Q(starts_at__lt=end, ends_at__gt=start) for start, end in spans))
    return clear


def _open(terms: BookingContext) -> Q:
    return Q(is_open=True)


def _to_come(terms: BookingContext) -> Q:
    return Q(starts_at__gt=terms.at)


def _with_notice(terms: BookingContext) -> Q:
    def earliest(location: Location) -> datetime | None:
        notice = location.min_notice_minutes
        return terms.at + timedelta(minutes=notice) if notice else None

    by_instant = _by_instant(terms.locations, earliest)
    return Q(*(~Q(location__in=pks, starts_at__lt=first) for first, pks in by_instant.items()))


def _within_horizon(terms: BookingContext) -> Q:
    def end(location: Location) -> datetime | None:
        return location.horizon_ends_at(terms.at)

    by_instant = _by_instant(terms.locations, end)
    return Q(*(~Q(location__in=pks, starts_at__gte=last) for last, pks in by_instant.items()))


def _under_limit(terms: BookingContext) -> Q:
    return ~Q(location__in=sorted(terms.at_limit)) if terms.at_limit else Q()


def _with_a_place(terms: BookingContext) -> Q:
    return Q(taken__lt=F("capacity")) | Q(hold_lapses_at__lte=terms.at)


CONDITIONS: tuple[tuple[str, Callable[[BookingContext], Q]], ...] = (
    ("already_booked", _not_booked),
    ("patient_overlap", _clear_of_visits),
    ("closed", _open),
    ("past", _to_come),
    ("too_soon", _with_notice),
    ("too_far", _within_horizon),
    ("too_many", _under_limit),
    ("full", _with_a_place),
)
REASONS = tuple(reason for reason, _ in CONDITIONS)
WAIVABLE = frozenset({"too_soon", "too_far", "too_many"})


def _by_instant(
    locations: Iterable[Location], instant: Callable[[Location], datetime | None]
) -> dict[datetime, list[int]]:
    """The keys of the locations for which there is such an instant, by it."""
    found: dict[datetime, list[int]] = defaultdict(list)
    for location in locations:
        at = instant(location)
        if at is not None:
            found[at].append(location.pk)
    return found


def _merged(spans: Iterable[Span]) -> list[Span]:
    """The same time in as few spans as can be."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
