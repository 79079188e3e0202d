"""The signal that lets other apps erase what they hold on a patient."""

from django.dispatch import Signal

# Sent before patients are deleted, inside the transaction, with users and patients locked:
# send(sender=Patient, patients=<list of Patient>, by=<User or None>, at=<aware datetime>,
# keep_deadlines=<bool>).
# The receiver in `appointment.receivers` cancels their coming visits, takes them off past
# ones and deletes their waitlist entries.
patient_erasing = Signal()
