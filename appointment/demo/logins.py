"""Who can sign in to a demo. Printed, shown on the start page and made by `seed_demo`."""

from dataclasses import dataclass

PASSWORD = "clinic-demo"  # noqa: S105  # nosec B105  # a secret to nobody: demo only


@dataclass(frozen=True)
class Login:
    """An account of the demo, and what one sees with it."""

    email: str
    sees: str


ADMIN = Login("admin@example.com", "everything in the admin")
RECEPTION = Login("reception@example.com", "the reception's part of the admin")
DOCTOR = Login("doctor@example.com", "the API as a doctor")
PATIENT = Login("patient@example.com", "the API as a patient with visits")

LOGINS = (ADMIN, RECEPTION, DOCTOR, PATIENT)
