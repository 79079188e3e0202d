"""What a patient has heard of a visit, and what has happened to it since."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q

from accounts.models import OutgoingMessage
from appointment.models import Appointment, AppointmentEvent
from appointment.models.lifecycle import PATIENT_ASKED
from doctor.models import Slot
from doctor.wall_time import A_DAY

Kind = AppointmentEvent.Kind
A_MOMENT = timedelta(minutes=5)
BOOKED, MOVED, CANCELED, REMINDER = "booked", "moved", "canceled", "reminder"
OFFER = "offer"
UNCANCELED = Q(kind=Kind.UNDONE, undoes=Kind.CANCELED)
# The events that change when or whether the visit takes place: what was said before is not true.
CHANGES = Q(kind__in=(Kind.BOOKED, Kind.RESCHEDULED, Kind.ZONE_CHANGED, Kind.CANCELED)) | UNCANCELED
MOVES = (Kind.RESCHEDULED, Kind.ZONE_CHANGED)


@dataclass(frozen=True)
class News:
    """An event of a visit as news to its patient: what has changed since the last message.

    `event`: what the message tells of. `is_new`: the patient has no message about the visit.
    `is_back`: the patient has a message that it was canceled, and it takes place. `moves`: the
    events that have moved it since, the last first. `moved_from`: the slot that the last message
    named, if it is known.
    """

    event: AppointmentEvent
    is_new: bool = False
    is_back: bool = False
    moves: tuple[AppointmentEvent, ...] = ()
    moved_from: Slot | None = None

    @property
    def is_own(self) -> bool:
        """Whether the patient has done it, or the owner of the account that books for them."""
        return self.event.by == AppointmentEvent.Role.PATIENT

    @property
    def is_asked(self) -> bool:
        """Whether staff canceled the visit because the patient asked for it."""
        return self.event.detail.startswith(PATIENT_ASKED)

    @property
    def keeps_wall_time(self) -> bool:
        """Whether the visit has moved only because the rules of the clocks there have changed."""
        return all(move.kind == Kind.ZONE_CHANGED for move in self.moves)


def overtaken(visit: Appointment, cause: int) -> bool:
    """Whether a later event has changed what the message of the event `cause` says."""
    later = AppointmentEvent.objects.filter(CHANGES, appointment=visit.pk, pk__gt=cause)
    return later.exists()


def news_of(visit: Appointment, cause: int) -> News | None:
    """Return what the latest event, `cause`, is to the patient; None if it is no news.

    No news are a visit that was booked and canceled within a moment by the same side, a cancelation
    that was undone before its message was sent, and a move back to where the last message
    said. A message of more than a day ago was sent, or staff were asked to call.
    """
    events = AppointmentEvent.objects.filter(CHANGES, appointment=visit.pk, pk__lte=cause)
    known = list(events.order_by("-pk"))
    if not known or known[0].pk != cause:
        return None
    latest, *earlier = known
    sent, tried = _told(visit)
    heard = (each.pk in sent or each.at < latest.at - A_DAY for each in earlier)
    number = next((number for number, told in enumerate(heard) if told), len(earlier))
    last = earlier[number] if number < len(earlier) else None
    if latest.kind == Kind.CANCELED:
        is_known = last is not None and last.kind == Kind.CANCELED
        is_slip = not tried and last is None and _is_slip(earlier[-1:], latest)
        return None if is_known or is_slip else News(latest)
    if last is None:
        return News(latest, is_new=True)
    if last.kind == Kind.CANCELED:
        return News(latest, is_back=True)
    return _news_of_moves(visit, [latest, *earlier[:number]])


def _news_of_moves(visit: Appointment, unheard: list[AppointmentEvent]) -> News | None:
    """Return these events, the last first, as one move from where the last message said."""
    moves = tuple(event for event in unheard if event.kind in MOVES)
    if not moves:
        return None
    slots = Slot.objects.select_related("location", "doctor")
    before = slots.filter(pk=moves[-1].from_slot).first() if moves[-1].from_slot else None
    news = News(unheard[0], moves=moves, moved_from=before)
    is_back = before is not None and visit.has_times_of(before) and not news.keeps_wall_time
    return None if is_back else news


def _is_slip(booked: list[AppointmentEvent], canceled: AppointmentEvent) -> bool:
    """Whether who booked the visit canceled it within a moment."""
    return any(each.by == canceled.by and canceled.at - each.at < A_MOMENT for each in booked)


def _told(visit: Appointment) -> tuple[set[int], bool]:
    """Return the keys of the events that a message was sent of, and whether any was tried."""
    rows = OutgoingMessage.objects.filter(
        object_id=visit.pk, kind__in=(BOOKED, MOVED, CANCELED, REMINDER), cause__isnull=False
    )
    found = list(rows.values_list("cause", "sent_at", "given_up_at"))
    sent = {cause for cause, sent_at, _ in found if cause and sent_at}
    return sent, any(sent_at or given_up_at for _, sent_at, given_up_at in found)
