"""What the calendar tells whoever keeps appointments, inside the transaction of the change.

Both are sent as `send(sender=Slot, slots=<set of primary keys>, at=<aware datetime>)`, with those
slots locked. A receiver does nothing but call a verb.
"""

from django.dispatch import Signal

# About to be closed, dropped or shrunk: afterwards `taken` counts appointments alone, so that a
# sender reads it again.
slots_closing = Signal()

# Closed, opened, made or enlarged, or with another leave on them.
slots_changed = Signal()
