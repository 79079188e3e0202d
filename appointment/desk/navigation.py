"""The links on top of each page of the desk."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_noop, pgettext_lazy

from appointment.desk.access import ADD_VISITS, CHANGE_VISITS, may_see_desk, own_doctor
from appointment.imports import kinds_for

VIEW_HOURS = "doctor.view_weeklyhours"
VIEW_LINE = "appointment.view_waitlistentry"
VIEW_MESSAGES = "accounts.view_outgoingmessage"
CHANGE_MESSAGES = "accounts.change_outgoingmessage"


@dataclass(frozen=True)
class Entry:
    """A page of the desk: the name of its URL, the words of the link, and who may open it."""

    name: str
    words: Any
    may_open: Callable[[Any], bool]
    key: str = ""  # the key on the keyboard that opens it


def _staff_with(permission: str) -> Callable[[Any], bool]:
    return lambda user: may_see_desk(user) and user.is_staff_with(permission)


def _is_doctor(user: Any) -> bool:
    return own_doctor(user) is not None


ENTRIES = (
    Entry("desk:mine", pgettext_lazy("page of the desk", "My day"), _is_doctor),
    Entry("desk:day", pgettext_lazy("page of the desk", "Day"), may_see_desk),
    Entry(
        "desk:book",
        pgettext_lazy("page of the desk", "New booking"),
        _staff_with(ADD_VISITS),
        key="n",
    ),
    Entry("desk:away", pgettext_lazy("page of the desk", "Away"), _staff_with(CHANGE_VISITS)),
    Entry("desk:line", pgettext_lazy("page of the desk", "Waitlist"), _staff_with(VIEW_LINE)),
    Entry(
        "desk:calls",
        pgettext_lazy("page of the desk", "To call"),
        _staff_with(VIEW_MESSAGES),
    ),
    Entry("desk:hours", pgettext_lazy("page of the desk", "Hours"), _staff_with(VIEW_HOURS)),
    Entry("desk:figures", pgettext_lazy("page of the desk", "Figures"), may_see_desk),
    Entry(
        "desk:import",
        pgettext_lazy("page of the desk", "Import"),
        lambda user: bool(kinds_for(user)),
    ),
)


def entries_for(user: Any) -> list[Entry]:
    """Return the links that this user may open, in their order on the page."""
    return [entry for entry in ENTRIES if entry.may_open(user)]


# How the audit trail names the pages and parts of the desk that show people, and imports.
AUDITED = (
    gettext_noop("desk: away"),
    gettext_noop("desk: book"),
    gettext_noop("desk: calls"),
    gettext_noop("desk: day"),
    gettext_noop("desk: figures"),
    gettext_noop("desk: free"),
    gettext_noop("desk: holidays"),
    gettext_noop("desk: hours"),
    gettext_noop("desk: import"),
    gettext_noop("desk: line"),
    gettext_noop("desk: mine"),
    gettext_noop("desk: new doctor"),
    gettext_noop("desk: print"),
    gettext_noop("desk: search"),
    gettext_noop("desk: squeeze in"),
    gettext_noop("desk: walk in"),
    gettext_noop("desk: week"),
    gettext_noop("desk: week visits"),
    gettext_noop("import: doctors"),
    gettext_noop("import: hours"),
    gettext_noop("import: patients"),
)
