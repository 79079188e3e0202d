"""The signal by which other apps part with a person who is erased."""

from django.dispatch import Signal

# Sent inside the transaction of the erasure, with users and patients locked, before the patients
# are deleted: send(sender=Patient, patients=<list of Patient>, by=<User or None>, at=<aware
# datetime>). A receiver does nothing but call a verb.
patient_erasing = Signal()
