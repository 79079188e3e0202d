"""A visit as the desk shows it: the person, the state in words, and what can be done with it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from appointment.models import Appointment
from appointment.models.event import LIVE, AppointmentEvent, Status

LATE_AFTER = timedelta(minutes=5)  # from the start on, a patient who has not come is late
# The states in words.
STATE_WORDS = {
    "due": pgettext_lazy("state of a visit", "due"),
    "waiting": pgettext_lazy("state of a visit", "waiting"),
    "late": pgettext_lazy("state of a visit", "late"),
    "done": pgettext_lazy("state of a visit", "done"),
    "no-show": pgettext_lazy("state of a visit", "no-show"),
    "canceled": pgettext_lazy("state of a visit", "canceled"),
}
# How a visit stands, as sentences for `visit_sentence`; a late patient is still due.
STANDS = {
    "due": _("%(person)s is due: %(visit)s."),
    "waiting": _("%(person)s is waiting: %(visit)s."),
    "late": _("%(person)s is due: %(visit)s."),
    "done": _("%(person)s is done: %(visit)s."),
    "no-show": _("%(person)s is a no-show: %(visit)s."),
    "canceled": _("%(person)s is canceled: %(visit)s."),
}
STANDS_AGAIN = {
    "due": _("%(person)s is due again: %(visit)s."),
    "waiting": _("%(person)s is waiting again: %(visit)s."),
    "late": _("%(person)s is due again: %(visit)s."),
    "done": _("%(person)s is done again: %(visit)s."),
    "no-show": _("%(person)s is a no-show again: %(visit)s."),
    "canceled": _("%(person)s is canceled again: %(visit)s."),
}


@dataclass(frozen=True)
class VisitCard:
    """A visit at an instant (`at`), for a user who may change it or only look (`may_change`)."""

    visit: Appointment
    at: datetime
    may_change: bool = True

    @property
    def person(self) -> str:
        """The name of the patient."""
        return self.visit.patient.name if self.visit.patient else gettext("Erased")

    @property
    def birth_year(self) -> str:
        """The year of birth of the patient, or an empty string if it is not known."""
        born = self.visit.patient and self.visit.patient.date_of_birth
        return str(born.year) if born else ""

    @property
    def phone(self) -> str:
        """The phone number of the patient, or an empty string."""
        number: Any = self.visit.patient and self.visit.patient.phone_number
        return str(number.as_international) if number else ""

    @property
    def state(self) -> str:
        """The name of the state, for the style sheet.

        canceled, no-show, done, waiting (the patient has checked in), late or due.
        """
        if self.visit.status != LIVE:
            return {
                Status.COMPLETED: "done",
                Status.NO_SHOW: "no-show",
                Status.CANCELED: "canceled",
            }[Status(self.visit.status)]
        if self.visit.checked_in_at:
            return "waiting"
        return "late" if self.at >= self.visit.starts_at + LATE_AFTER else "due"

    @property
    def state_text(self) -> str:
        """The state in words, such as "waiting 12 min"."""
        if self.state == "waiting" and self.visit.checked_in_at:
            waited = minutes(self.at - self.visit.checked_in_at)
            return gettext("waiting %(minutes)d min") % {"minutes": waited}
        if self.state == "late" and not self.is_today:
            return gettext("not concluded")
        if self.state == "late":
            return gettext("late %(minutes)d min") % {
                "minutes": minutes(self.at - self.visit.starts_at)
            }
        return str(STATE_WORDS[self.state])

    @property
    def stands(self) -> str:
        """How the visit stands, as a sentence for `visit_sentence`."""
        return str(STANDS[self.state])

    @property
    def stands_again(self) -> str:
        """How the visit stands after an undo, as a sentence for `visit_sentence`."""
        return str(STANDS_AGAIN[self.state])

    @property
    def is_today(self) -> bool:
        """Whether the visit is today by the calendar of its site."""
        return bool(self.visit.date == self.visit.location.today(self.at))

    @property
    def takes_back(self) -> str:
        """The kind of the event that `undo` takes back, or "". The visit has a `latest_kind`.

        A canceled visit whose time no longer exists cannot have it again.
        """
        visit: Any = self.visit
        lost = visit.status == Status.CANCELED and visit.slot_id is None
        kind: str = visit.latest_kind
        return "" if lost or kind not in AppointmentEvent.UNDOABLE else kind

    @property
    def actions(self) -> list[str]:
        """The verbs that the desk offers: check_in, complete, no_show, undo, move, cancel."""
        if not self.may_change or self.visit.patient is None:
            return []
        live, come = self.visit.status == LIVE, self.visit.checked_in_at is not None
        begun = self.at >= self.visit.starts_at
        offered: dict[str, Any] = {
            "check_in": self.is_today
            and ((live and not come) or self.visit.status == Status.NO_SHOW),
            "complete": live and (come or begun),
            "no_show": live and begun and not come,
            "undo": self.takes_back,
            "move": live,
            "cancel": live,
        }
        return [verb for verb, may in offered.items() if may]


def version_of(shown: object) -> str:
    """Return a text that changes with what a page shows; a refresh sends it to ask for changes."""
    return sha256(repr(shown).encode()).hexdigest()[:16]


def minutes(span: timedelta) -> int:
    """Return the whole minutes of a span, at least 0."""
    return max(0, int(span.total_seconds() // 60))
