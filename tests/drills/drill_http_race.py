"""Many clients race at the real server, which has a database of its own."""

import pytest

from tests.drills.http_race import (
    MISCOUNT,
    PLACES,
    assert_144_tries_sell_5,
    held,
    prepared_in,
)
from tests.live import Server


@pytest.fixture(scope="module")
def prepared(clinic: Server) -> tuple[int, int, list[str]]:
    """Prepare the race in the clinic that all tests share."""
    return prepared_in(clinic)


def test_144_tries_at_5_places_sell_5(clinic: Server, prepared: tuple[int, int, list[str]]) -> None:
    assert_144_tries_sell_5(clinic, *prepared)


def test_a_counter_changed_by_hand_is_found(
    clinic: Server, prepared: tuple[int, int, list[str]]
) -> None:
    _, slot, _ = prepared
    taken, _ = held(clinic, slot)
    assert clinic.manage("check_invariants").returncode == 0
    clinic.manage("shell", "-c", MISCOUNT.format(slot=slot, taken=PLACES - 1))
    broken = clinic.manage("check_invariants")
    clinic.manage("shell", "-c", MISCOUNT.format(slot=slot, taken=taken))
    assert broken.returncode == 1
    assert str(slot) in broken.stdout + broken.stderr
    assert clinic.manage("check_invariants").returncode == 0
