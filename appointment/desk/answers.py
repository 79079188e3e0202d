"""What an action of the desk answers: one sentence, and a button that takes it back."""

from dataclasses import dataclass, field

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


def visit_sentence(visit: Appointment, done: str) -> str:
    """Return one sentence that names person, doctor, time and site of a visit.

    `done`: what happened, such as "is booked". The time is on the clock of the site.
    """
    person = visit.patient.name if visit.patient else "A person who has been erased"
    return _sentence(person, done, visit)


def not_booked_sentence(person: str, slot: Slot | None, why: str) -> str:
    """Return the sentences that say for whom which time was not booked, and why."""
    if slot is None:
        return f"{person} is not booked: {why}"
    return f"{_sentence(person, 'is not booked', slot)} {why}"


def _sentence(person: str, done: str, place: Appointment | Slot) -> str:
    start = instant_text(place.starts_at, place.location.zone)
    return f"{person} {done}: {place.doctor}, {start}, {place.location}."
