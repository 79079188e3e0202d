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


def announce_closing(slots: list[Any], at: datetime) -> list[Any]:
    """Let the holds on these locked slots be withdrawn; they say afterwards what is taken then.

    Answers those on which something was withdrawn: where one stays, its place is free again.
    """
    held = [slot for slot in slots if slot.taken]
    if not held:
        return []
    model, pks = type(held[0]), {slot.pk for slot in held}
    slots_closing.send(sender=model, slots=pks, at=at)
    taken = dict(model.objects.filter(pk__in=pks).values_list("pk", "taken"))
    withdrawn = [slot for slot in held if slot.taken != taken[slot.pk]]
    for slot in withdrawn:
        slot.taken = taken[slot.pk]
    return withdrawn
