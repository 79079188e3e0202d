"""The base class of domain errors; it knows no HTTP."""

from typing import Any

from django.utils.translation import gettext_lazy as _


class DomainError(Exception):
    """A rule refused a change, and nothing was written.

    `code`: the name of the error for clients. `message`: a sentence for patients. `staff_message`:
    the sentence for staff, which names what they can do; by default that for patients. `to_staff`:
    whether the caller acted as staff, where a verb knows it. `extra`: further data for the client,
    such as other slots. A class has lazy sentences; an error has texts, in the language that was
    active when it was raised.
    """

    code = "conflict"
    message: Any = _("The change was refused.")
    staff_message: Any = ""
    to_staff = False

    def __init__(self, message: Any = "", staff_message: Any = "", **extra: Any) -> None:
        self.staff_message = str(staff_message or message or self.staff_message or self.message)
        self.message = str(message or self.message)
        self.extra = extra
        super().__init__(self.message)
