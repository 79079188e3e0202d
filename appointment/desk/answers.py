"""What an action of the desk answers: one sentence, and a button that takes it back."""

from dataclasses import dataclass, field

from django.utils.translation import gettext

from appointment.models import Appointment
from doctor.models import Slot
from extensions.formats import instant_text


@dataclass(frozen=True)
class Said:
    """The answer of an action: a sentence, and what the user can do next.

    `refused`: the action changed nothing. `undo`: the URL whose POST takes the action back, or "".
    `links`: pairs of a URL and the words of the link. `then`: the URL of the page that the user
    sees next, if it is another one.
    """

    text: str
    refused: bool = False
    undo: str = ""
    links: tuple[tuple[str, str], ...] = field(default=())
    then: str = ""


def visit_sentence(visit: Appointment, sentence: str, **more: str) -> str:
    """Return one sentence that names person, doctor, time and site of a visit.

    `sentence`: in the language of the reader, with the places %(person)s and %(visit)s; `more`:
    what else it has a place for. The time is on the clock of the site.
    """
    return sentence % {"person": person_name(visit), "visit": place_text(visit), **more}


def person_name(visit: Appointment) -> str:
    """Return the name of the patient, or what stands for one who has been erased."""
    return visit.patient.name if visit.patient else gettext("A person who has been erased")


def not_booked_sentence(person: str, slot: Slot | None, why: str) -> str:
    """Return the sentences that say for whom which time was not booked, and why."""
    if slot is None:
        return gettext("%(person)s is not booked: %(why)s") % {"person": person, "why": why}
    known = {"person": person, "visit": place_text(slot), "why": why}
    return gettext("%(person)s is not booked: %(visit)s. %(why)s") % known


def place_text(place: Appointment | Slot) -> str:
    """Return doctor, time and site of a visit or a time, for a sentence."""
    start = instant_text(place.starts_at, place.location.zone)
    return f"{place.doctor}, {start}, {place.location}"
