"""An assertion about a slot that must hold after every change of its bookings and offers."""

from doctor.models import Slot


def assert_balanced(slot: Slot) -> None:
    """Assert that `taken` is the number of appointments and open offers that hold a place (I1).

    Also assert that it is at most the capacity, and that `hold_lapses_at` is the instant at which
    the first of these offers lapses.
    """
    slot.refresh_from_db()
    holding, offers = slot.appointments.holding_a_place().count(), slot.offers.open()
    who = f"{holding} appointments hold one" + (f", {len(offers)} offers" if offers else "")
    assert slot.taken == holding + len(offers), f"{slot.taken} places taken, {who}"
    assert slot.hold_lapses_at == min((offer.hold_until for offer in offers), default=None)
    assert 0 <= slot.taken <= slot.capacity
    assert 0 <= slot.extra_places <= slot.taken, "an added place is taken, or given back"
