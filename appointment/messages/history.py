"""What a patient has heard of a visit, and what has happened to it since."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
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

    It is no news that a visit was booked and canceled within a moment by the same side, that a
    cancelation was undone before the patient knew of it, or that a visit was moved back to where
    the patient knows it.
    """
    events = AppointmentEvent.objects.filter(CHANGES, appointment=visit.pk, pk__lte=cause)
    known = list(events.order_by("-pk"))
    if not known or known[0].pk != cause:
        return None
    history = _History(visit, known)
    if history.latest.kind == Kind.CANCELED:
        return _news_of_cancelation(history)
    if history.said_canceled:
        return News(history.latest, is_back=True)
    return _news_of_visit(history)


class _History:
    """The events of a visit up to the latest one, the last first, and which the patient knows."""

    def __init__(self, visit: Appointment, events: list[AppointmentEvent]) -> None:
        self.visit = visit
        self.latest, *self.earlier = events
        told, given_up = _messages_before(visit, self.latest)
        self.tried = bool(told or given_up)
        booked = {each.pk for each in self.earlier if each.kind == Kind.BOOKED}
        self.told = told | (booked & given_up)  # who books knows of it: see `not_told`

    @cached_property
    def untold(self) -> list[AppointmentEvent]:
        """The events since the last one of which the patient was told."""
        return list(takewhile(lambda event: not self._is_told(event), self.earlier))

    @cached_property
    def unknown(self) -> list[AppointmentEvent]:
        """Those since the last one that was told, or that the patient has done themselves."""
        return list(takewhile(lambda event: not self._is_own(event), self.untold))

    @property
    def last_told(self) -> AppointmentEvent | None:
        """The last event of which the patient was told."""
        return next(iter(self.earlier[len(self.untold) :]), None)

    @property
    def said_canceled(self) -> bool:
        """Whether the last that the patient was told is that the visit is canceled."""
        return self.last_told is not None and self.last_told.kind == Kind.CANCELED

    def _is_own(self, event: AppointmentEvent) -> bool:
        """Whether the patient did it, where the latest event is the clinic's."""
        return event.by == Role.PATIENT and self.latest.by != Role.PATIENT

    def _is_told(self, event: AppointmentEvent) -> bool:
        """Whether the patient was told: by a message, by staff, or by canceling the visit.

        A message of more than a day ago was sent, or staff were asked to call.
        """
        is_undone = event.kind == Kind.CANCELED != self.latest.kind
        is_old = event.at < self.latest.at - A_DAY
        return event.pk in self.told or is_old or (is_undone and self._is_own(event))


def _news_of_cancelation(history: _History) -> News | None:
    """Return the news that the visit is canceled, at the time at which the patient knows it."""
    is_slip = not (history.tried or history.last_told) and _is_slip(history)
    if history.said_canceled or is_slip:
        return None
    return News(history.latest, moved_from=_slot_before(_moves(history.unknown)))


def _news_of_visit(history: _History) -> News | None:
    """Return the news that the visit is booked or moved."""
    latest, untold, unknown = history.latest, history.untold, history.unknown
    knows_visit = history.last_told or unknown != untold
    news = _news_of_moves(history.visit, [latest, *unknown]) if knows_visit else None
    if news is None and history.last_told:
        return _news_of_moves(history.visit, [latest, *untold])
    return news or News(latest, is_new=True)


def _news_of_moves(visit: Appointment, events: list[AppointmentEvent]) -> News | None:
    """Return these events, the last first, as one move from where the patient knows the visit."""
    moves = _moves(events)
    if not moves:
        return None
    before = _slot_before(moves)
    news = News(events[0], moves=moves, moved_from=before)
    is_back = before is not None and visit.has_times_of(before) and not news.keeps_wall_time
    return None if is_back else news


def _moves(events: list[AppointmentEvent]) -> tuple[AppointmentEvent, ...]:
    return tuple(event for event in events if event.kind in MOVES)


def _slot_before(moves: tuple[AppointmentEvent, ...]) -> Slot | None:
    """Return the slot from which the first of these events, the last first, moved the visit."""
    slots = Slot.objects.select_related("location", "doctor")
    return slots.filter(pk=moves[-1].from_slot).first() if moves and moves[-1].from_slot else None


def _is_slip(history: _History) -> bool:
    """Whether the side that booked the visit canceled it within a moment, with no other change."""
    canceled, earlier = history.latest, history.earlier
    is_alone = all(each.by == canceled.by for each in earlier)
    return is_alone and any(canceled.at - each.at < A_MOMENT for each in earlier[-1:])


def _messages_before(visit: Appointment, latest: AppointmentEvent) -> tuple[set[Any], set[Any]]:
    """Return the keys of the earlier events that the patient was told, or a message given up.

    Told is by a message, or by staff on the telephone. A message that a process is sending, or was
    sending when it died, counts: the server may have accepted it already.
    """
    kinds = (BOOKED, MOVED, CANCELED, REMINDER)
    rows = OutgoingMessage.objects.filter(object_id=visit.pk, kind__in=kinds, cause__lt=latest.pk)
    told = {row.cause for row in rows if row.sent_at or row.settled_at or row.is_being_sent}
    return told, {row.cause for row in rows if row.given_up_at}
