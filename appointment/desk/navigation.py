"""The links on top of each page of the desk."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from appointment.desk.access import ADD_VISITS, CHANGE_VISITS, may_see_desk, own_doctor
from appointment.imports import kinds_for

VIEW_HOURS = "doctor.view_weeklyhours"
VIEW_LINE = "appointment.view_waitlistentry"


@dataclass(frozen=True)
class Entry:
    """A page of the desk: the name of its URL, the words of the link, and who may open it."""

    name: str
    words: str
    may_open: Callable[[Any], bool]
    key: str = ""  # the key on the keyboard that opens it


def _staff_with(permission: str) -> Callable[[Any], bool]:
    return lambda user: may_see_desk(user) and user.is_staff_with(permission)


def _is_doctor(user: Any) -> bool:
    return own_doctor(user) is not None


ENTRIES = (
    Entry("desk:mine", "My day", _is_doctor),
    Entry("desk:day", "Day", may_see_desk),
    Entry("desk:book", "New booking", _staff_with(ADD_VISITS), key="n"),
    Entry("desk:away", "Away", _staff_with(CHANGE_VISITS)),
    Entry("desk:line", "Waitlist", _staff_with(VIEW_LINE)),
    Entry("desk:hours", "Hours", _staff_with(VIEW_HOURS)),
    Entry("desk:figures", "Figures", may_see_desk),
    Entry("desk:import", "Import", lambda user: bool(kinds_for(user))),
)


def entries_for(user: Any) -> list[Entry]:
    """Return the links that this user may open, in their order on the page."""
    return [entry for entry in ENTRIES if entry.may_open(user)]
