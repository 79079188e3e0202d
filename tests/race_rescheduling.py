"""The bodies of races that move visits: they run with the guards, and with one taken out.

Each body takes its size, so that the suite runs it small and the drill at full size.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db.models import F

from appointment.models import Appointment
from doctor.exceptions import AlreadyBooked, SlotFull
from doctor.models import Slot
from doctor.tests.factories import day_ahead
from tests.balance import assert_balanced
from tests.race_bodies import (
    assert_not_stranded,
    copies_of,
    count_by_type,
    one_slot,
    people,
    race,
    visits_in,
)


def moving(visit: Appointment, to: Slot, **how: Any) -> Callable[[], Appointment]:
    """Return a call that loads the visit for itself and moves it."""
    return partial(copies_of(visit, 1)[0].reschedule, to=to.pk, **how)


def taken_of(*slots: Slot) -> list[int]:
    """Return the places taken of each of these slots, and assert that they are balanced."""
    for slot in slots:
        assert_balanced(slot)
    return [slot.taken for slot in slots]


def assert_events_lead_to_slot(*visits: Appointment) -> None:
    """Assert that the events of each visit lead from its booking to its slot, step by step."""
    for visit in visits:
        where = visit.events.get(kind="booked").to_slot
        for event in visit.events.filter(kind="rescheduled").order_by("pk"):
            assert event.from_slot == where
            where = event.to_slot
        assert Appointment.objects.get(pk=visit.pk, starts_at=F("slot__starts_at")).slot_id == where


# --- Bodies ---------------------------------------------------------------------------------------


def assert_opposite_moves_all_go_well(pairs: int) -> None:
    """Let `pairs` visits move from one slot to another and `pairs` back, all at once."""
    here, there = one_slot(2 * pairs), one_slot(2 * pairs)
    going, coming = visits_in(here, people(pairs)), visits_in(there, people(pairs))
    calls = [moving(visit, there) for visit in going] + [moving(visit, here) for visit in coming]
    outcomes = race(*calls)
    assert count_by_type(outcomes) == {Appointment: 2 * pairs}
    assert taken_of(here, there) == [pairs, pairs]
    assert_events_lead_to_slot(*going, *coming)


def assert_one_visit_is_in_one_of_two_slots(devices: int) -> None:
    """Let the devices of one patient move one visit to two slots at once."""
    old, one, other = (one_slot(1, date=day_ahead(days)) for days in (3, 4, 5))
    [visit] = visits_in(old, people(1))
    outcomes = race(*(moving(visit, (one, other)[n % 2]) for n in range(devices)))
    assert taken_of(old, one, other) in ([0, 1, 0], [0, 0, 1])
    assert_events_lead_to_slot(visit)
    moves = visit.events.filter(kind="rescheduled").count()
    assert count_by_type(outcomes).keys() <= {Appointment, AlreadyBooked}
    assert count_by_type(outcomes)[Appointment] == moves


def assert_moved_and_or(end: Callable[[Appointment], Any], move_at: Any = None) -> dict[type, int]:
    """Move a visit while the call `end` ends it. Count both results by type."""
    old, new = one_slot(2), one_slot(2, date=day_ahead(9))
    visit, other = visits_in(old, people(2))
    [copy] = copies_of(visit, 1)
    outcomes = race(moving(visit, new, at=move_at and move_at(visit)), lambda: end(copy))
    assert sum(taken_of(old, new)) == Appointment.objects.holding_a_place().count()
    assert_events_lead_to_slot(*Appointment.objects.all())
    assert_not_stranded(Appointment.objects.holding_a_place())
    assert Appointment.objects.get(pk=other.pk).slot == old
    return count_by_type(outcomes)


def assert_the_last_place_goes_to_one(movers: int) -> None:
    """Let visits of a slot each move to the one place that is left in another slot."""
    target, slots = one_slot(1), [one_slot(1) for _ in range(movers)]
    pairs = zip(slots, people(movers), strict=True)
    visits = [visit for slot, who in pairs for visit in visits_in(slot, [who])]
    outcomes = race(*(moving(visit, target) for visit in visits))
    assert count_by_type(outcomes) == {Appointment: 1, SlotFull: movers - 1}
    assert taken_of(target) == [1]
    assert sorted(taken_of(*slots)) == [0, *[1] * (movers - 1)]
    assert_events_lead_to_slot(*visits)
