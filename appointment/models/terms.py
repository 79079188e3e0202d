"""The terms on which one patient can have a slot."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from doctor.models import Location
from doctor.models.booking_rules import WAIVABLE, BookingContext, Span
from patient.models import Patient


def booking_context(
    patient: Patient,
    at: datetime,
    locations: Iterable[Location],
    around: Span,
    exclude_appointment: int | None = None,
    waive: bool = False,
) -> BookingContext:
    """What holds for the patient at an instant (UTC), at these locations, as one query tells.

    `around` is the time of the slots in question. `exclude_appointment`, which is being moved,
    counts for nothing but that its own slot is booked. With `waive` staff set aside what they may.
    Under the patient's lock all of it still holds when the appointment is written.
    """
    locations = tuple(locations)
    current = Q(ends_at__gt=at) | Q(starts_at__lt=around[1], ends_at__gt=around[0])
    live = patient.appointments.active().filter(current)
    rows = list(live.values_list("pk", "slot", "starts_at", "ends_at", "location"))
    others = [row for row in rows if row[0] != exclude_appointment]
    return BookingContext(
        at,
        locations,
        booked=frozenset(slot for _, slot, _, _, _ in rows),
        visits=tuple((starts_at, ends_at) for _, _, starts_at, ends_at, _ in others),
        at_limit=_at_limit(locations, Counter(pk for *_, end, pk in others if end > at)),
        waived=WAIVABLE if waive else frozenset(),
    )


def _at_limit(locations: Iterable[Location], live: Counter[int]) -> frozenset[int]:
    """Where the patient has as many visits to come as the location allows."""
    limits = ((place.pk, place.max_live_per_patient) for place in locations)
    return frozenset(pk for pk, limit in limits if limit is not None and live[pk] >= limit)
