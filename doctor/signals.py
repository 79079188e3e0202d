"""Signals that the calendar sends inside the transaction of a change.

The sender is the model Slot, and the slots of a signal are locked. Both signals are received in
`appointment.receivers`, where each receiver only calls one method.
"""

from django.dispatch import Signal

# Sent before slots close, are deleted or lose places.
#   slots: primary keys of the slots
#   at: instant of the change (UTC)
# The receiver withdraws the offers on the slots. Afterwards `taken` counts appointments only, so
# the sender reads it again.
slots_closing = Signal()

# Sent after slots opened, closed, were created or gained places, and after leave on them changed.
#   slots: primary keys of all these slots
#   new: primary keys of those among them that this transaction created; no appointment exists on
#        these, so a receiver need not look for one
#   at: instant of the change (UTC)
slots_changed = Signal()
