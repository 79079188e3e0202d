"""The demo accounts that can sign in. `seed_demo` makes them; the start page shows them."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

PASSWORD = "clinic-demo"  # noqa: S105  # nosec B105  # public: demo only


@dataclass(frozen=True)
class Login:
    """A demo account; `sees` says what its user can see."""

    email: str
    sees: Any


ADMIN = Login("admin@example.com", _("the desk, and all records in the admin"))
RECEPTION = Login("reception@example.com", _("the desk of a reception"))
DOCTOR = Login("doctor@example.com", _("the own day at the desk, and the API as a doctor"))
PATIENT = Login("patient@example.com", _("the API as a patient with visits"))

LOGINS = (ADMIN, RECEPTION, DOCTOR, PATIENT)
