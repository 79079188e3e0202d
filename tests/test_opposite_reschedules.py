"""Patients move between two slots in both directions at once: the drill's race at a small size."""

import pytest

from tests.drills.reschedules import swap

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


def test_opposite_moves_between_two_slots_all_go_through() -> None:
    swaps = swap(64)
    assert swaps.outcomes == {"moved": 64}
