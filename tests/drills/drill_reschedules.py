"""16 threads make 1,000 opposite moves without deadlock or error, and the counters are right."""

import pytest

from tests.drills.reschedules import swap

pytestmark = pytest.mark.django_db(transaction=True)

LONGEST = 10  # seconds that a call may wait for its turn


def test_opposite_moves_between_two_slots_all_go_through(sized, report) -> None:
    moves = sized(1000)
    swaps = swap(moves)
    report(str(swaps))
    assert swaps.outcomes.keys() == {"moved"}
    assert swaps.outcomes.total() >= moves
    assert max(swaps.seconds) < LONGEST
