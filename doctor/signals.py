"""What the calendar tells whoever keeps appointments, inside the transaction of the change.

Both are sent as `send(sender=Slot, slots=<set of primary keys>, at=<aware datetime>)`, with those
slots locked. A receiver does nothing but call a verb.
"""

from datetime import datetime
from typing import Any

from django.dispatch import Signal

# About to be closed, dropped or shrunk: afterwards `taken` counts appointments alone, so that a
# sender reads it again.
slots_closing = Signal()

# Closed, opened, made or enlarged, or with another leave on them.
slots_changed = Signal()


def announce_closing(slots: list[Any], at: datetime) -> None:
    """Let the holds on these locked slots be withdrawn; afterwards they say what is taken then."""
    held = {slot.pk for slot in slots if slot.taken}
    if held:
        model = type(slots[0])
        slots_closing.send(sender=model, slots=held, at=at)
        taken = dict(model.objects.filter(pk__in=held).values_list("pk", "taken"))
        for slot in slots:
            slot.taken = taken.get(slot.pk, slot.taken)
