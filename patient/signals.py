"""The signals that let other apps erase, move or end what they hold on a patient."""

from django.dispatch import Signal

# Sent before patients are deleted, inside the transaction, with users and patients locked:
# send(sender=Patient, patients=<list of Patient>, by=<User or None>, at=<aware datetime>,
# keep_deadlines=<bool>).
# The receiver in `appointment.receivers` cancels their coming visits, takes them off past
# ones and deletes their waitlist entries.
patient_erasing = Signal()

# Sent inside the transaction of a merge, with the users and both patients locked:
# send(sender=Patient, patient=<kept Patient>, other=<Patient to be deleted>, by=<User or None>,
# at=<aware datetime>). The receiver in `appointment.receivers` moves visits and waitlist entries,
# and raises a DomainError if two live visits collide.
patients_merging = Signal()

# Sent inside the transaction in which a patient is marked deceased, with user and patient locked:
# send(sender=Patient, patient=<Patient>, by=<User or None>, at=<aware datetime>). The receiver in
# `appointment.receivers` cancels the coming visits and ends the waitlist entries.
patient_deceased = Signal()
