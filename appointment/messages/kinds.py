"""The kinds of messages about visits and offers."""

from datetime import datetime, timedelta
from typing import Any

from django.template.loader import render_to_string

from accounts.messages import EMAIL, Message, MessageKind, PutOff, Unreachable
from appointment.models import Appointment, AppointmentEvent, Offer
from appointment.models.event import Status
from doctor.models import Location
from doctor.wall_time import instant_of
from extensions.formats import instant_text

Kind = AppointmentEvent.Kind
# The events after which an earlier message about the visit is no longer true.
OVERTAKING = (
    Kind.RESCHEDULED,
    Kind.ZONE_CHANGED,
    Kind.CANCELED,
    Kind.UNDONE,
    Kind.COMPLETED,
    Kind.NO_SHOW,
)


class VisitMessage(MessageKind):
    """A message to the account of a visit's patient."""

    about = "visit"

    def __init__(self, name: str, status: str = Status.SCHEDULED) -> None:
        self.name, self.status = name, status

    def compose(self, row: Any, at: datetime) -> Message | None:
        """Return the message; None for a visit that has changed since, or of the deceased."""
        visit = Appointment.objects.with_names().filter(pk=row.object_id).first()
        if visit is None or visit.status != self.status or not self._stands(row, visit):
            return None
        if (quiet_until := end_of_quiet(visit.location, at)) and quiet_until < visit.starts_at:
            raise PutOff(quiet_until)
        return _mail(visit.patient, self.name, {"visit": visit}, visit.location, visit.starts_at)

    def _stands(self, row: Any, visit: Appointment) -> bool:
        """Whether what the message says is still so: nothing has changed the visit since."""
        if visit.patient is None or visit.patient.is_deceased or visit.checked_in_at:
            return False
        later = AppointmentEvent.objects.filter(appointment=visit.pk, pk__gt=row.cause)
        return not later.filter(kind__in=OVERTAKING).exists()


class OfferMessage(MessageKind):
    """A place is held for a patient in line, for a short time."""

    name = "offer"
    about = "offer"
    is_urgent = True

    def compose(self, row: Any, at: datetime) -> Message | None:
        """Return the message; None for an offer that cannot be accepted any more."""
        offers = Offer.objects.acceptable(at).filter(pk=row.object_id)
        offer = offers.select_related("slot__location", "slot__doctor", "entry__patient").first()
        if offer is None or offer.entry.patient.is_deceased:
            return None
        slot = offer.slot
        return _mail(
            offer.entry.patient, self.name, {"offer": offer}, slot.location, slot.starts_at
        )


def end_of_quiet(location: Location, at: datetime) -> datetime | None:
    """Return when the quiet hours end in which the instant falls, by the clock there, else None."""
    local = at.astimezone(location.zone)
    start, end = location.quiet_from, location.quiet_until
    spans_midnight = start > end
    wall = local.time()
    if start == end:
        return None
    if not (wall >= start or wall < end if spans_midnight else start <= wall < end):
        return None
    day = local.date() + timedelta(days=1) if spans_midnight and wall >= start else local.date()
    return instant_of(day, end, location.zone)


def _mail(
    patient: Any, kind: str, context: dict[str, Any], location: Location, starts_at: datetime
) -> Message:
    user = patient.user
    if user is None or not user.is_active or not user.has_verified_email:
        raise Unreachable("no verified address")
    when = instant_text(starts_at, location.zone)
    text = render_to_string(
        "appointment/messages/visit.txt",
        {"kind": kind, "when": when, "location": location, **context},
    )
    return Message(EMAIL, user.email, f"{kind.title()}: {when}", text)


KINDS = (
    VisitMessage("booked"),
    VisitMessage("moved"),
    VisitMessage("canceled", Status.CANCELED),
    VisitMessage("reminder"),
    OfferMessage(),
)
