"""The signal that tells other apps of an account that has ended."""

from django.dispatch import Signal

# Sent when an account becomes inactive, inside the transaction, with the account locked:
# send(sender=User, user=<User>, at=<aware datetime>).
# The receiver in `appointment.receivers` offers to others what the account was offered.
account_ended = Signal()
