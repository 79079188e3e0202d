"""What holds after every verb."""

from doctor.models import Slot


def assert_balanced(slot: Slot) -> None:
    """Places taken equal the appointments that hold one, and fit (invariant I1)."""
    slot.refresh_from_db()
    holding = slot.appointments.holding_a_place().count()
    assert slot.taken == holding, f"{slot.taken} places taken, {holding} appointments hold one"
    assert 0 <= slot.taken <= slot.capacity
