"""What a patient has been told of a visit, and what has happened to it since."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from accounts.models import OutgoingMessage
from appointment.models import Appointment, AppointmentEvent
from doctor.models import Slot
from doctor.wall_time import A_DAY

Kind = AppointmentEvent.Kind
A_WEEK = 7 * A_DAY  # older than this, a message was sent or has died
BOOKED, MOVED, CANCELED, REMINDER = "booked", "moved", "canceled", "reminder"
UNCANCELED = Q(kind=Kind.UNDONE, undoes=Kind.CANCELED)
# The events that change when or whether the visit takes place: what was said before is not true.
CHANGES = Q(kind__in=(Kind.BOOKED, Kind.RESCHEDULED, Kind.ZONE_CHANGED, Kind.CANCELED)) | UNCANCELED
MOVES = (Kind.RESCHEDULED, Kind.ZONE_CHANGED)


@dataclass(frozen=True)
class News:
    """An event of a visit as news to its patient.

    `event`: what the message tells of. `is_new`: the patient has not been told of the visit.
    `is_back`: the patient has been told that it was canceled. `moved_from`: the slot of which the
    patient was told last, if it is known.
    """

    event: AppointmentEvent
    is_new: bool = False
    is_back: bool = False
    moved_from: Slot | None = None

    @property
    def is_own(self) -> bool:
        """Whether the patient has done it, or the owner of the account that books for them."""
        return self.event.by == AppointmentEvent.Role.PATIENT


def overtaken(visit: Appointment, cause: int) -> bool:
    """Whether a later event has changed what the message of the event `cause` says."""
    later = AppointmentEvent.objects.filter(CHANGES, appointment=visit.pk, pk__gt=cause)
    return later.exists()


def news_of(visit: Appointment, cause: int, at: datetime) -> News | None:
    """Return what the event `cause` is to the patient; None if it is no news.

    A cancelation that was undone before the patient was told is none, nor is a move that leads
    back to where the patient was told that the visit is.
    """
    events = AppointmentEvent.objects.filter(CHANGES, appointment=visit.pk, pk__lte=cause)
    latest, *earlier = list(events.order_by("-pk")) or [None]
    if latest is None or latest.pk != cause:
        return None
    told = _told(visit)
    if latest.kind == Kind.UNDONE:
        canceled = earlier[0] if earlier else None
        heard = canceled is None or canceled.pk in told or canceled.at <= at - A_WEEK
        return News(latest, is_back=True) if heard else None
    if latest.kind not in MOVES:
        return News(latest, is_new=latest.kind == Kind.BOOKED)
    return _news_of_move(visit, latest, earlier, told)


def _news_of_move(
    visit: Appointment, latest: AppointmentEvent, earlier: list[Any], told: set[int]
) -> News | None:
    """Return the move from where the patient was told last: moves that were not told are one."""
    first = latest
    for event in earlier:
        if event.pk in told or event.at < latest.at - A_DAY:
            if event.kind == Kind.CANCELED:
                return News(latest, is_back=True)
            break
        if event.kind == Kind.BOOKED:
            return News(latest, is_new=True)
        if event.kind in MOVES:
            first = event
    slots = Slot.objects.select_related("location", "doctor")
    before = slots.filter(pk=first.from_slot).first() if first.from_slot else None
    if before and first.kind == Kind.RESCHEDULED and visit.has_times_of(before):
        return None
    return News(latest, moved_from=before)


def _told(visit: Appointment) -> set[int]:
    """Return the keys of the events of which a message about the visit was sent."""
    sent = OutgoingMessage.objects.filter(
        object_id=visit.pk, kind__in=(BOOKED, MOVED, CANCELED), sent_at__isnull=False
    )
    return {key for key in sent.values_list("cause", flat=True) if key}
