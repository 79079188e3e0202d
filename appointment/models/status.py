"""The statuses of an appointment and the only changes between them, once for everybody."""

from django.db import models


class Status(models.TextChoices):
    """Where an appointment stands; live means scheduled."""

    SCHEDULED = "scheduled"
    COMPLETED = "completed"
    CANCELED = "canceled"
    NO_SHOW = "no_show", "No-show"


LIVE = Status.SCHEDULED
CHANGE = "appointment.change_appointment"  # the permission of staff who lead a visit to its end
HOLDING = (Status.SCHEDULED, Status.COMPLETED, Status.NO_SHOW)

TRANSITIONS: dict[str, frozenset[str]] = {
    Status.SCHEDULED: frozenset({Status.COMPLETED, Status.CANCELED, Status.NO_SHOW}),
    Status.COMPLETED: frozenset({Status.NO_SHOW}),  # staff alone correct a mistake
    Status.CANCELED: frozenset(),
    Status.NO_SHOW: frozenset({Status.COMPLETED}),  # staff alone correct a mistake
}


def sources_of(status: str) -> list[str]:
    """The statuses from which an appointment may come to this one."""
    return [source for source, targets in TRANSITIONS.items() if status in targets]
