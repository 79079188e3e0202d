"""The signal that tells other apps of accounts that have ended."""

from django.dispatch import Signal

# Sent when accounts become inactive, inside the transaction, with the accounts locked:
# send(sender=User, users=<set of primary keys>, at=<aware datetime>).
# The receiver in `appointment.receivers` offers to others what the accounts were offered.
account_ended = Signal()
