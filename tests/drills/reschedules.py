"""Patients move between two slots in both directions at once, and the moves take turns."""

import time
from collections import Counter
from dataclasses import dataclass

from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Slot
from doctor.tests.factories import ScheduleFactory, day_ahead
from tests.balance import assert_balanced
from tests.races import assert_in_order
from tests.threads import run_together

MINUTES = 20


@dataclass(frozen=True)
class Swaps:
    """The result of a race: what the moves returned or raised, and how long each of them took."""

    outcomes: Counter[str]
    seconds: list[float]

    def __str__(self) -> str:
        waits = sorted(self.seconds)
        half, longest = waits[len(waits) // 2], waits[-1]
        answer = ", ".join(f"{times:,} {outcome}" for outcome, times in self.outcomes.most_common())
        late = sum(second > 1 for second in waits)
        return f"{answer}; half within {half:.3f} s, the longest {longest:.2f} s, {late} over 1 s"


def swap(moves: int, threads: int = 16) -> Swaps:
    """Let `threads` patients make `moves` moves in all, half of them in each direction.

    Leaves every counter right. Needs `django_db(transaction=True)`.
    """
    slots = [_slot(days, threads) for days in (3, 4)]
    visits = [AppointmentFactory(slot=slots[number % 2]) for number in range(threads)]
    each = -(-moves // threads)
    outcomes: Counter[str] = Counter()
    seconds: list[float] = []

    def move(number: int) -> None:
        visit = Appointment.objects.get(pk=visits[number].pk)
        for turn in range(each):
            began = time.monotonic()
            outcome = _moved(visit, slots[(number + turn + 1) % 2])
            seconds.append(time.monotonic() - began)
            outcomes[outcome] += 1

    run_together(threads, move, seconds=MINUTES * 60)
    for slot in slots:
        assert_balanced(slot)
    assert sum(slot.taken for slot in slots) == threads
    assert_in_order()
    return Swaps(outcomes, seconds)


def _moved(visit: Appointment, to: Slot) -> str:
    try:
        visit.reschedule(to=to)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "moved"


def _slot(days: int, capacity: int) -> Slot:
    session = ScheduleFactory(date=day_ahead(days), slot_minutes=None, capacity=capacity)
    slot: Slot = session.slots.get()
    return slot
