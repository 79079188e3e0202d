"""Signals that the calendar sends inside the transaction of a change.

The sender is the model Slot, and the slots of a signal are locked. A receiver only calls a verb.
`appointment.receivers` receives both signals.
"""

from django.dispatch import Signal

# Sent before slots close, are deleted or lose places.
#   slots: primary keys of the slots
#   at: instant of the change (UTC)
# A receiver takes back the places that offers hold. Afterwards `taken` counts appointments only, so
# the sender reads it again.
slots_closing = Signal()

# Sent after slots opened, closed, were created or gained places, and after leave on them changed.
#   slots: primary keys of all these slots
#   new: primary keys of those among them that this transaction created; no appointment exists on
#        these, so a receiver need not look for one
#   at: instant of the change (UTC)
slots_changed = Signal()
