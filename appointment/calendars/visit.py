"""One visit as a calendar file: to publish, to invite its patient by mail, to cancel.

All texts are in the active language. docs/calendars.md says what is in an entry.
"""

import uuid
from datetime import datetime
from email.utils import parseaddr
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import quote

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext
from icalendar import Event, vCalAddress

from accounts.languages import supported
from accounts.letters import plain, plain_lines
from appointment.models import Appointment, Status
from doctor.models import Location
from extensions.formats import instant_text
from extensions.icalendar import Span, calendar_file, date_stamp
from patient.models import Patient

PRODUCT = "-//Clinic appointments//Visits//EN"
# The namespace of all UIDs. It never changes: calendars know an entry by its UID.
UIDS = uuid.UUID("5d2c0c1e-8f3b-4b0e-9a35-1a7c3f0d9b52")

PLAIN_IN_ADDRESSES = "@!$'*+-./=^_`{|}~"  # RFC 6068, section 2: the rest is percent-encoded


class Method(StrEnum):
    """What a calendar does with a file (RFC 5546, section 1.4)."""

    PUBLISH = "PUBLISH"  # adds the entries, or replaces them
    REQUEST = "REQUEST"  # invites the attendee, or moves what the attendee was invited to
    CANCEL = "CANCEL"  # takes the entry away


class Revision(NamedTuple):
    """Which state of a visit an entry shows: calendars replace a lower `sequence` by a higher one.

    `sequence`: number of events so far that changed the entry (`changing_calendars`). `at`: instant
    of the latest of them, or of the booking.
    """

    sequence: int
    at: datetime

    @classmethod
    def read_with(cls, visit: Any) -> "Revision":
        """Return the revision of a visit that `with_revisions` has read in the same statement."""
        return cls(visit.sequence, visit.revised_at)

    @classmethod
    def of(cls, visit: Appointment, up_to: int | None = None) -> "Revision":
        """Read the revision of the visit, or the one just after the event with the key `up_to`."""
        sequence, at = visit.events.up_to(up_to).revision()
        return cls(sequence, at or visit.created_at)


def invitation(visit: Appointment, address: str, up_to: int | None = None) -> tuple[Method, bytes]:
    """Return the file of a mail that tells the patient of the visit, and its method.

    REQUEST with the patient's address as the attendee; CANCEL for a visit that is canceled. `up_to`
    is the key of the event that the mail tells of. One statement.
    """
    method = Method.CANCEL if visit.status == Status.CANCELED else Method.REQUEST
    return method, visit_file(visit, method, Revision.of(visit, up_to), address)


def visit_file(visit: Appointment, method: Method, revision: Revision, address: str = "") -> bytes:
    """Return the file of one visit, which has its doctor, location and patient loaded."""
    event = visit_entry(visit, revision)
    if address:
        event.add("attendee", _attendee(address))
    return calendar_file(PRODUCT, method, [(event, span_of(visit))])


def visit_entry(visit: Appointment, revision: Revision) -> Event:
    """Return the VEVENT of a visit for its patient, without its times and an attendee."""
    names = {"doctor": plain(visit.doctor.name), "location": plain(visit.location.name)}
    event = plain_entry(visit, revision, uid_of(visit))
    event.add("summary", gettext("Visit, %(doctor)s, %(location)s") % names)
    event.add("description", "\n".join(_sentences(visit)))
    return event


def plain_entry(visit: Appointment, revision: Revision, uid: uuid.UUID) -> Event:
    """Return a VEVENT without texts about people: which visit, of which revision, where.

    Nothing in it depends on the present instant, so the same revision gives the same bytes.
    """
    is_canceled = visit.status == Status.CANCELED
    event = Event()
    event.add("uid", str(uid))
    event.add("dtstamp", date_stamp(revision.at))
    event.add("created", date_stamp(visit.created_at))
    event.add("last-modified", date_stamp(revision.at))
    event.add("sequence", revision.sequence)
    event.add("status", "CANCELLED" if is_canceled else "CONFIRMED")
    event.add("transp", "TRANSPARENT" if is_canceled else "OPAQUE")
    event.add("class", "PRIVATE")
    event.add("location", _place(visit.location))
    event.add("organizer", _organizer(visit.location))
    return event


def uid_of(visit: Appointment, *, of_doctor: bool = False) -> uuid.UUID:
    """Return the UID of the visit's entry, which no move, setting or new address changes.

    The entry in the doctor's feed has another one: it says other things, and both may be in one
    calendar.
    """
    name = f"{visit.pk} {date_stamp(visit.created_at).isoformat()}"
    return uuid.uuid5(UIDS, f"doctor {name}" if of_doctor else name)


def called(patient: Patient) -> str:
    """Return the first name of a dependent, or the only one."""
    return patient.first_name or patient.last_name


def span_of(visit: Appointment) -> Span:
    """Return the time of the visit on the clock of its location."""
    return Span(visit.starts_at, visit.ends_at, visit.location.zone)


def language_of(*tags: str | None) -> str:
    """Return the clinic's language for the first of these BCP 47 tags that has one, as in messages.

    Else the active language. `tags`: what the patient prefers, then the language of the account.
    """
    found = filter(None, (supported(tag) for tag in tags if tag))
    return next(found, translation.get_language() or settings.LANGUAGE_CODE)


def _sentences(visit: Appointment) -> list[str]:
    """Return what the entry tells the patient: for whom it is, and how to cancel or move it."""
    first = []
    if visit.patient and visit.patient.is_dependent:
        first = [gettext("For %(name)s.") % {"name": plain(called(visit.patient))}]
    if visit.status == Status.CANCELED:
        return [*first, gettext("This visit has been canceled.")]
    until = instant_text(visit.cancel_until, visit.location.zone)
    return [
        *first,
        _way_to_change(visit),
        gettext("This is possible until %(until)s.") % {"until": until},
    ]


def _way_to_change(visit: Appointment) -> str:
    """Return how the patient cancels or moves the visit: with an account, and by phone."""
    phone = visit.location.phone
    has_account = visit.patient is not None and visit.patient.user_id is not None
    known: dict[str, Any] = {"phone": phone.as_international if phone else ""}
    if phone and has_account:
        text = gettext("To cancel or move this visit, sign in to your account or call %(phone)s.")
    elif phone:
        text = gettext("To cancel or move this visit, call %(phone)s.")
    elif has_account:
        text = gettext("To cancel or move this visit, sign in to your account.")
    else:
        text = gettext("To cancel or move this visit, speak to the reception.")
    return text % known


def _place(location: Location) -> str:
    """Return the name and the address on one line."""
    lines = [plain(location.name), *plain_lines(location.address)]
    return ", ".join(line.strip(" ,") for line in lines if line.strip(" ,"))


def _organizer(location: Location) -> vCalAddress:
    """Return the address that the clinic's mails come from, under the name of the location."""
    organizer = _mail_to(parseaddr(settings.DEFAULT_FROM_EMAIL)[1])
    organizer.params["CN"] = plain(location.name)
    return organizer


def _attendee(address: str) -> vCalAddress:
    """Return the patient as an attendee who has accepted, and is asked for no answer."""
    attendee = _mail_to(address)
    attendee.params |= {"ROLE": "REQ-PARTICIPANT", "PARTSTAT": "ACCEPTED", "RSVP": "FALSE"}
    return attendee


def _mail_to(address: str) -> vCalAddress:
    return vCalAddress(f"mailto:{quote(address, safe=PLAIN_IN_ADDRESSES)}")
