"""An assertion that holds after every verb."""

from doctor.models import Slot


def assert_balanced(slot: Slot) -> None:
    """Assert that the places taken equal the appointments and open offers, and fit (invariant I1).

    Also assert that the slot knows when the first of these offers lapses.
    """
    slot.refresh_from_db()
    holding, offers = slot.appointments.holding_a_place().count(), slot.offers.open()
    who = f"{holding} appointments hold one" + (f", {len(offers)} offers" if offers else "")
    assert slot.taken == holding + len(offers), f"{slot.taken} places taken, {who}"
    assert slot.hold_lapses_at == min((offer.hold_until for offer in offers), default=None)
    assert 0 <= slot.taken <= slot.capacity
