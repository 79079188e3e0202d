"""The demo accounts that can sign in. `seed_demo` makes them; the start page shows them."""

from dataclasses import dataclass

PASSWORD = "clinic-demo"  # noqa: S105  # nosec B105  # public: demo only


@dataclass(frozen=True)
class Login:
    """A demo account; `sees` says what its user can see."""

    email: str
    sees: str


ADMIN = Login("admin@example.com", "the desk, and all records in the admin")
RECEPTION = Login("reception@example.com", "the desk of a reception")
DOCTOR = Login("doctor@example.com", "the own day at the desk, and the API as a doctor")
PATIENT = Login("patient@example.com", "the API as a patient with visits")

LOGINS = (ADMIN, RECEPTION, DOCTOR, PATIENT)
