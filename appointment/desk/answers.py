"""What an action of the desk answers: one sentence, and a button that takes it back."""

from dataclasses import dataclass, field

from appointment.models import Appointment
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
    start = instant_text(visit.starts_at, visit.location.zone)
    return f"{person} {done}: {visit.doctor}, {start}, {visit.location}."
