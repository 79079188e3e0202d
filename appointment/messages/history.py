"""What a patient has heard of a visit, and what has happened to it since."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import takewhile
from typing import Any

from django.db.models import Q

from accounts.models import OutgoingMessage
from appointment.models import Appointment, AppointmentEvent
from appointment.models.event import CHANGES_CALENDARS
from appointment.models.lifecycle import PATIENT_ASKED
from doctor.models import Slot
from doctor.wall_time import A_DAY

Kind, Role = AppointmentEvent.Kind, AppointmentEvent.Role
A_MOMENT = timedelta(minutes=5)
BOOKED, MOVED, CANCELED, REMINDER = "booked", "moved", "canceled", "reminder"
OFFER = "offer"
# The events after which an earlier message about the visit is no longer true.
CHANGES = Q(kind=Kind.BOOKED) | CHANGES_CALENDARS
MOVES = (Kind.RESCHEDULED, Kind.ZONE_CHANGED)


@dataclass(frozen=True)
class News:
    """An event of a visit as news to its patient: what has changed since the last message.

    `event`: what the message tells of. `is_new`: the patient has no message about the visit.
    `is_back`: the patient has a message that it was canceled, and it takes place. `moves`: the
    events that have moved it since, the last first. `moved_from`: the slot in which the patient
    knows it, if that is another one and still there.
    """

    event: AppointmentEvent
    is_new: bool = False
    is_back: bool = False
    moves: tuple[AppointmentEvent, ...] = ()
    moved_from: Slot | None = None

    @property
    def is_own(self) -> bool:
        """Whether the patient has done it, or the owner of the account that books for them."""
        return self.event.by == Role.PATIENT

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
    that was undone before the patient knew of it, and a move back to where the patient knows the
    visit. A message of more than a day ago was sent, or staff were asked to call. Where the clinic
    changes a visit, the patient knows what they have done with it themselves, without a message.
    The patient also knows of a booking whose message was given up: see `not_told`.
    """
    events = AppointmentEvent.objects.filter(CHANGES, appointment=visit.pk, pk__lte=cause)
    known = list(events.order_by("-pk"))
    if not known or known[0].pk != cause:
        return None
    latest, *earlier = known
    told, given_up = _told(visit, latest)
    knows = told | {each.pk for each in earlier if each.kind == Kind.BOOKED and each.pk in given_up}

    def is_own(event: AppointmentEvent) -> bool:
        return event.by == Role.PATIENT and latest.by != Role.PATIENT

    def is_told(event: AppointmentEvent) -> bool:
        is_own_cancel = event.kind == Kind.CANCELED != latest.kind and is_own(event)
        return event.pk in knows or event.at < latest.at - A_DAY or is_own_cancel

    unheard = list(takewhile(lambda each: not is_told(each), earlier))
    unknown = list(takewhile(lambda each: not is_own(each), unheard))
    last = next(iter(earlier[len(unheard) :]), None)
    was_canceled = last is not None and last.kind == Kind.CANCELED
    if latest.kind == Kind.CANCELED:
        is_slip = not (told or given_up or last) and _is_slip(earlier, latest)
        known_at = _slot_before(_moves(unknown))
        return None if was_canceled or is_slip else News(latest, moved_from=known_at)
    if was_canceled:
        return News(latest, is_back=True)
    news = _news_of_moves(visit, [latest, *unknown]) if last or unknown != unheard else None
    if news or last is None:
        return news or News(latest, is_new=True)
    return _news_of_moves(visit, [latest, *unheard])


def _news_of_moves(visit: Appointment, unheard: list[AppointmentEvent]) -> News | None:
    """Return these events, the last first, as one move from where the patient knows the visit."""
    moves = _moves(unheard)
    if not moves:
        return None
    before = _slot_before(moves)
    news = News(unheard[0], moves=moves, moved_from=before)
    is_back = before is not None and visit.has_times_of(before) and not news.keeps_wall_time
    return None if is_back else news


def _moves(events: list[AppointmentEvent]) -> tuple[AppointmentEvent, ...]:
    return tuple(event for event in events if event.kind in MOVES)


def _slot_before(moves: tuple[AppointmentEvent, ...]) -> Slot | None:
    """Return the slot from which the first of these events, the last first, moved the visit."""
    slots = Slot.objects.select_related("location", "doctor")
    return slots.filter(pk=moves[-1].from_slot).first() if moves and moves[-1].from_slot else None


def _is_slip(earlier: list[AppointmentEvent], canceled: AppointmentEvent) -> bool:
    """Whether who booked the visit canceled it within a moment, and no other side changed it."""
    is_alone = all(each.by == canceled.by for each in earlier)
    return is_alone and any(canceled.at - each.at < A_MOMENT for each in earlier[-1:])


def _told(visit: Appointment, latest: AppointmentEvent) -> tuple[set[Any], set[Any]]:
    """Return the keys of the earlier events of which the patient was told, or a message given up.

    That is by a message, or by staff on the telephone. A message that a process is sending, or was
    sending when it died, counts: the server may have accepted it already.
    """
    kinds = (BOOKED, MOVED, CANCELED, REMINDER)
    rows = OutgoingMessage.objects.filter(object_id=visit.pk, kind__in=kinds, cause__lt=latest.pk)
    told = {row.cause for row in rows if row.sent_at or row.settled_at or row.is_being_sent}
    return told, {row.cause for row in rows if row.given_up_at}
