"""The signals that an account has ended, and that all its logins have."""

from django.dispatch import Signal

# Sent when accounts become inactive, inside the transaction, with the accounts locked:
# send(sender=User, users=<set of primary keys>, at=<aware datetime>).
# The receiver in `appointment.receivers` offers to others what the accounts were offered.
account_ended = Signal()

# Sent when all logins of an account end (a new password, sign out everywhere, an account that
# becomes inactive), inside the transaction, with the account locked:
# send(sender=User, user=<primary key>).
# The receiver in `appointment.receivers` deletes what else opens the account's data.
logins_ended = Signal()
