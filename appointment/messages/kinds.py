"""The kinds of messages about visits and offers: when each is sent, and whether it still stands."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import translation

from accounts.letters import Letter
from accounts.messages import EMAIL, Message, MessageKind, PutOff
from appointment.calendars.visit import invitation
from appointment.messages.history import (
    A_MOMENT,
    BOOKED,
    CANCELED,
    MOVED,
    OFFER,
    REMINDER,
    news_of,
    overtaken,
)
from appointment.messages.letters import letter_of, offer_letter, reminder_letter, time_text
from appointment.messages.quiet import end_of_quiet
from appointment.messages.reach import Reach
from appointment.models import Appointment, Offer
from appointment.models.alternatives import AffectedVisit, with_alternatives
from appointment.models.event import Status
from doctor.models import Doctor, Location, TimeOff
from doctor.wall_time import hours_before

# A visit that staff have yet to give another time is not to be reminded of; asked again after this.
UNTIL_REBOOKED = timedelta(minutes=10)


class PatientMessage(MessageKind):
    """A message to the account that books for a patient; it chooses the channels."""

    is_chosen = True

    def find(self, row: Any, at: datetime) -> Any:
        """Return the visit or offer if the message still stands, else None; raises PutOff."""
        raise NotImplementedError

    def patient_of(self, found: Any) -> Any:
        """Return the patient of the visit or offer."""
        raise NotImplementedError

    def write(self, row: Any, found: Any, at: datetime) -> Letter | None:
        """Return the letter, in the active language; None if it is no news."""
        raise NotImplementedError

    def channels(self, row: Any, at: datetime) -> tuple[str, ...]:
        """Return the channels that the account has chosen and that reach it."""
        found = self.find(row, at)
        if found is None:
            return ()
        return Reach(self.patient_of(found), at).channels(self.chosen_as(row, found))

    def chosen_as(self, row: Any, found: Any) -> str:
        """Return the kind whose channels it leaves by."""
        return self.name

    def compose(self, row: Any, at: datetime) -> Message | None:
        """Return the message by the row's channel, in the language of the patient."""
        found = self.find(row, at)
        if found is None:
            return None
        reach, channel = Reach(self.patient_of(found), at), row.channel or EMAIL
        targets = reach.targets(channel)
        with translation.override(reach.language):
            letter = self.write(row, found, at)
            if letter is None:
                return None
            if channel != EMAIL:
                return letter.as_short_message(channel, targets)
            return letter.as_mail(targets[0], **self.parts_for_calendar(row, found, targets[0]))

    def parts_for_calendar(self, row: Any, found: Any, address: str) -> dict[str, Any]:
        """Return the further parts of the mail, by which a calendar keeps the visit."""
        return {}


class VisitMessage(PatientMessage):
    """A message about a visit."""

    about = "visit"

    def __init__(self, name: str, status: str = Status.SCHEDULED, *, is_needed: bool) -> None:
        self.name, self.status, self.is_needed = name, status, is_needed

    def find(self, row: Any, at: datetime) -> Appointment | None:
        """Return the visit if it is still as the message says, and its patient is not there yet.

        Raises PutOff in the quiet hours, if the visit begins after them. What answers the patient's
        own booking, move or cancelation goes at once: that person is awake.
        """
        visit = Appointment.objects.with_names().filter(pk=row.object_id).first()
        if visit is None or visit.status != self.status or not _is_open(visit, at):
            return None
        if overtaken(visit, row.cause) or not self.is_news(row, visit):
            return None
        quiet_until = end_of_quiet(visit.location, at)
        if quiet_until and quiet_until < visit.starts_at and not self.answers(row, visit):
            raise PutOff(quiet_until)
        return visit

    def patient_of(self, found: Any) -> Any:
        return found.patient

    def chosen_as(self, row: Any, found: Appointment) -> str:
        """Return `moved` for a booking that takes back what the patient knows: it is needed."""
        news = news_of(found, row.cause) if self.name == BOOKED else None
        return MOVED if news and not news.is_new else self.name

    def parts_for_calendar(self, row: Any, found: Any, address: str) -> dict[str, Any]:
        """Return the invitation as a form of the text, and as a file for clients that ignore it.

        Django adds the charset. A second text/calendar would be a second invitation (RFC 6047).
        """
        method, content = invitation(found, address, up_to=row.cause)
        form = (content.decode(), f"text/calendar; method={method}")
        name = "cancel.ics" if found.status == Status.CANCELED else "visit.ics"
        return {"alternatives": (form,), "attachments": ((name, content, "application/ics"),)}

    def is_news(self, row: Any, visit: Appointment) -> bool:
        """Whether the patient does not know it already."""
        return news_of(visit, row.cause) is not None

    def answers(self, row: Any, visit: Appointment) -> bool:
        """Whether the message answers what the patient has done."""
        news = news_of(visit, row.cause)
        return news is not None and news.is_own

    def write(self, row: Any, found: Any, at: datetime) -> Letter | None:
        """Return the letter; where the clinic cancels, with other times."""
        news = news_of(found, row.cause)
        if news is None:
            return None
        others = self.name == CANCELED and not news.is_own
        return letter_of(self.name, found, news, at, other_times(found, at) if others else ())


class Reminder(VisitMessage):
    """A message some hours before a visit, by the clock of its location."""

    def __init__(self) -> None:
        super().__init__(REMINDER, is_needed=False)

    def find(self, row: Any, at: datetime) -> Appointment | None:
        """Return the visit as of any message; None if the location reminds of no visit any more.

        Raises PutOff if the location reminds later by now, and while the visit is to be rebooked:
        it cannot take place as it is.
        """
        place = Location.objects.filter(appointments=row.object_id).first()
        if place is None or not place.reminder_hours:
            return None
        visit = super().find(row, at)
        if visit and (due := hours_before(visit.starts_at, place.reminder_hours, place.zone)) > at:
            raise PutOff(due)
        if visit and visit.needs_rebooking:
            raise PutOff(at + UNTIL_REBOOKED)
        return visit

    def parts_for_calendar(self, row: Any, found: Any, address: str) -> dict[str, Any]:
        return {}  # the calendar has the visit already

    def write(self, row: Any, found: Any, at: datetime) -> Letter | None:
        return reminder_letter(found, at)

    def is_news(self, row: Any, visit: Appointment) -> bool:
        return True

    def answers(self, row: Any, visit: Appointment) -> bool:
        return False


class OfferMessage(PatientMessage):
    """A place is held for a patient in line, for a short time; it knows no quiet hours."""

    name = OFFER
    about = "offer"
    is_urgent = True

    def find(self, row: Any, at: datetime) -> Offer | None:
        """Return the offer if it can be accepted."""
        related = ("slot__location", "slot__doctor", "entry__patient", "entry__replaces__location")
        offers = Offer.objects.acceptable(at).filter(pk=row.object_id).select_related(*related)
        return next((each for each in offers if not each.entry.patient.is_deceased), None)

    def patient_of(self, found: Any) -> Any:
        return found.entry.patient

    def write(self, row: Any, found: Any, at: datetime) -> Letter | None:
        return offer_letter(found)


def other_times(visit: Appointment, at: datetime) -> list[str]:
    """Return up to three free times instead of a canceled visit, in words.

    Of the same doctor, or of those who share a specialty; the time of the visit itself is left out.
    Where the doctor's day was canceled, its patients get different times.
    """
    own = TimeOff(doctor=visit.doctor, starts_at=visit.starts_at, ends_at=visit.ends_at)
    among = _canceled_with(visit, at)
    [affected] = with_alternatives([visit], at, user=None, planned_leave=own, among=among)
    rows = affected.alternatives
    doctors = Doctor.objects.in_bulk({row["doctor"] for row in rows})
    places = Location.objects.in_bulk({row["location"] for row in rows})
    times = []
    for row in rows:
        starts_at = datetime.fromisoformat(row["starts_at"])
        times.append(time_text(starts_at, places[row["location"]], doctors[row["doctor"]].name))
    return times


def _canceled_with(visit: Appointment, at: datetime) -> list[AffectedVisit]:
    """Return the coming visits of its doctor that were canceled with it, itself included."""
    canceled_at = visit.canceled_at or at
    moment = (canceled_at - A_MOMENT, canceled_at + A_MOMENT)
    visits = Appointment.objects.filter(
        doctor=visit.doctor, status=Status.CANCELED, starts_at__gt=at, canceled_at__range=moment
    )
    return [AffectedVisit(*row) for row in visits.values_list(*AffectedVisit._fields)]


def _is_open(visit: Appointment, at: datetime) -> bool:
    """Whether its patient lives, is known, and does not stand at the desk already."""
    if visit.patient is None or visit.patient.is_deceased:
        return False
    return visit.starts_at > at and visit.checked_in_at is None


KINDS = (
    VisitMessage(BOOKED, is_needed=False),
    VisitMessage(MOVED, is_needed=True),
    VisitMessage(CANCELED, Status.CANCELED, is_needed=True),
    Reminder(),
    OfferMessage(),
)
