"""The words of the messages about visits and offers, in the language that is active.

They name neither the reason of a visit nor anything medical: others may read a mail, and a subject
is read on a locked telephone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.text import Truncator
from django.utils.translation import gettext

from accounts.letters import Letter, plain, plain_lines
from appointment.messages.history import CANCELED, News
from appointment.models import Appointment, Offer
from doctor.models import Location
from extensions.formats import clock_text, instant_text, span_text

LONGEST_PLACE = 60  # characters of a location's name in a subject
Facts = tuple[tuple[str, list[str]], ...]


@dataclass(frozen=True)
class Details:
    """What a message is about: when, where, with whom, and whose visit it is."""

    patient: Any
    doctor: Any
    location: Location
    starts_at: datetime
    ends_at: datetime

    @classmethod
    def of(cls, visit: Appointment) -> "Details":
        """Return what a message about the visit is about."""
        return cls(visit.patient, visit.doctor, visit.location, visit.starts_at, visit.ends_at)

    @property
    def when(self) -> str:
        """The start on the clock of the location."""
        return instant_text(self.starts_at, self.location.zone)

    @property
    def place(self) -> str:
        """The name of the location, short enough for a subject."""
        return Truncator(plain(self.location.name)).chars(LONGEST_PLACE)

    @property
    def phone(self) -> str:
        """The telephone number of the location, or an empty string."""
        number = self.location.phone
        return number.as_international if number else ""

    @property
    def dependent(self) -> str:
        """The first name of a dependent, by whom the owner of the account knows whose visit it is.

        Empty for the owner.
        """
        named = self.patient.first_name or self.patient.last_name
        return plain(named) if self.patient.is_dependent else ""

    def facts(self) -> Facts:
        """Return who, when, with whom and where."""
        whose = [(gettext("Patient"), [self.dependent])] if self.dependent else []
        where = [plain(self.location.name), *plain_lines(self.location.address)]
        phone = [(gettext("Phone"), [self.phone])] if self.phone else []
        zone = self.location.zone
        return (
            *whose,
            (gettext("When"), [span_text(self.starts_at, self.ends_at, zone)]),
            (gettext("With"), [plain(self.doctor.name)]),
            (gettext("Where"), where),
            *phone,
        )

    def short(self, text: str, how: str = "") -> str:
        """Return the text of a message by SMS or push: what happened, to whom, and what to do.

        Without `how` it ends with the telephone number.
        """
        whose = f"{self.dependent}: " if self.dependent else ""
        return f"{whose}{text}. {how or self.phone}".rstrip()


def letter_of(
    kind: str, visit: Appointment, news: News, at: datetime, times: Iterable[str] = ()
) -> Letter:
    """Return the letter of this kind about the visit. `times`: other times, in words."""
    about = Details.of(visit)
    if kind == CANCELED:
        return _canceled(about, news, [*times])
    if news.is_back:
        heading = gettext("Your visit takes place after all")
        if about.dependent:
            heading = gettext("%(name)s's visit takes place after all")
            heading %= {"name": about.dependent}
        text = gettext("Its cancelation has been taken back.")
        return _standing(about, visit, at, gettext("Booked: %(when)s, %(place)s"), heading, text)
    if not news.is_new:
        return _moved(about, visit, news, at)
    heading = gettext("Your visit is booked")
    if about.dependent:
        heading = gettext("%(name)s's visit is booked") % {"name": about.dependent}
    return _standing(about, visit, at, gettext("Booked: %(when)s, %(place)s"), heading)


def reminder_letter(visit: Appointment, at: datetime) -> Letter:
    """Return the letter that reminds of the visit."""
    about = Details.of(visit)
    heading = gettext("Your visit is coming up")
    if about.dependent:
        heading = gettext("%(name)s's visit is coming up") % {"name": about.dependent}
    return _standing(about, visit, at, gettext("Reminder: %(when)s, %(place)s"), heading)


def _standing(
    about: Details, visit: Appointment, at: datetime, subject: str, heading: str, *texts: str
) -> Letter:
    """Return a letter about a visit that takes place."""
    subject %= {"when": about.when, "place": about.place}
    is_open = visit.can_cancel(at)
    return Letter(
        subject=subject,
        heading=heading,
        paragraphs=texts,
        facts=about.facts(),
        link=_client_page(f"visits/{visit.pk}"),
        button=gettext("See, move or cancel the visit") if is_open else gettext("See the visit"),
        notes=_how_to_change(about, visit, at),
        footer=_why(),
        short=about.short(subject),
    )


def _moved(about: Details, visit: Appointment, news: News, at: datetime) -> Letter:
    """Return the letter about a visit that has another time, doctor or place than before."""
    if news.keeps_wall_time:
        subject = gettext("Still at %(when)s, %(place)s")
        heading = gettext("Your visit keeps its time")
        if about.dependent:
            heading = gettext("%(name)s's visit keeps its time") % {"name": about.dependent}
        text = gettext(
            "The rules of the clocks there have changed. The time below is right by the clock at "
            "the location; a calendar may have shown another one."
        )
        return _standing(about, visit, at, subject, heading, text)
    subject = gettext("Moved to %(when)s, %(place)s")
    heading = gettext("Your visit has moved")
    if about.dependent:
        heading = gettext("%(name)s's visit has moved") % {"name": about.dependent}
    texts = []
    if news.moved_from:
        old = news.moved_from
        before = Details(visit.patient, old.doctor, old.location, old.starts_at, old.ends_at)
        text = gettext("It was on %(when)s with %(doctor)s, %(place)s.")
        texts = [
            text % {"when": before.when, "doctor": plain(before.doctor.name), "place": before.place}
        ]
    if not news.is_own:
        texts.append(gettext("The clinic has moved it. Tell us if the new time does not suit you."))
    return _standing(about, visit, at, subject, heading, *texts)


def _canceled(about: Details, news: News, times: list[str]) -> Letter:
    """Return the letter about a visit that does not take place, at the time the patient knows."""
    if news.moved_from and not news.is_own:
        old = news.moved_from
        about = Details(about.patient, old.doctor, old.location, old.starts_at, old.ends_at)
    subject = gettext("Canceled: %(when)s, %(place)s") % {"when": about.when, "place": about.place}
    heading = gettext("Your visit is canceled")
    if about.dependent:
        heading = gettext("%(name)s's visit is canceled") % {"name": about.dependent}
    known: dict[str, Any] = {
        "subject": subject,
        "heading": heading,
        "facts": about.facts(),
        "footer": _why(),
        "short": about.short(subject),
    }
    if news.is_own:
        text = gettext("You canceled it. There is nothing else to do.")
        return Letter(paragraphs=(text,), **known)
    text = gettext("The clinic had to cancel this visit. We are sorry.")
    if news.is_asked:
        text = gettext("We canceled it, as you asked us to.")
    again = gettext("Call %(phone)s for another time.") % {"phone": about.phone}
    notes = (again,) if about.phone else ()
    if times:
        some = gettext("These times are not held for you: they were free when we wrote this.")
        notes = (some, *notes)
    return Letter(
        paragraphs=(text,),
        list_title=gettext("Other times"),
        items=tuple(times),
        link=_client_page("book"),
        button=gettext("Book another time"),
        notes=notes,
        **known,
    )


def offer_letter(offer: Offer) -> Letter:
    """Return the letter about a place that is held for a patient in line."""
    slot, entry = offer.slot, offer.entry
    about = Details(entry.patient, slot.doctor, slot.location, slot.starts_at, slot.ends_at)
    zone = slot.location.zone
    days = {each.astimezone(zone).date() for each in (offer.created_at, offer.expires_at)}
    until = (clock_text if len(days) == 1 else instant_text)(offer.expires_at, zone)
    subject = gettext("Held for you until %(until)s: %(when)s, %(place)s")
    subject %= {"until": until, "when": about.when, "place": about.place}
    heading = gettext("A time is free for you")
    if about.dependent:
        heading = gettext("A time is free for %(name)s") % {"name": about.dependent}
    text = gettext("We hold it for you until %(until)s.")
    texts = [text % {"until": instant_text(offer.expires_at, zone)}]
    if entry.replaces:
        old = instant_text(entry.replaces.starts_at, entry.replaces.location.zone)
        text = gettext("If you take it, it replaces the visit on %(when)s.")
        texts.append(text % {"when": old})
    how = gettext("Take it in the app before then.")
    if about.phone:
        how = gettext("Take it in the app, or call %(phone)s, before then.")
        how %= {"phone": about.phone}
    no = gettext("If you do nothing, the time goes to the next in line, and you keep your place.")
    return Letter(
        subject=subject,
        heading=heading,
        paragraphs=tuple(texts),
        facts=about.facts(),
        link=_client_page(f"waitlist/{entry.pk}"),
        button=gettext("Take this time"),
        notes=(how, no),
        footer=_why(),
        short=about.short(subject, how),
    )


def time_text(starts_at: datetime, location: Location, doctor: str) -> str:
    """Return a free time in words: when, with whom and where."""
    text = gettext("%(when)s, %(doctor)s, %(place)s")
    when = instant_text(starts_at, location.zone)
    return text % {"when": when, "doctor": plain(doctor), "place": plain(location.name)}


def _how_to_change(about: Details, visit: Appointment, at: datetime) -> tuple[str, ...]:
    """Return how the patient moves or cancels the visit, and until when."""
    number = {"phone": about.phone}
    if not visit.can_cancel(at):
        late = gettext("If you cannot come, please tell us as soon as you can.")
        if about.phone:
            late = gettext("If you cannot come, please call %(phone)s as soon as you can.") % number
        return (gettext("It is too late to move or cancel it in the app."), late)
    match bool(settings.LINK_URL), bool(about.phone):
        case True, True:
            how = gettext(
                "To move or cancel it, use the link above or call %(phone)s, until %(until)s."
            )
        case True, False:
            how = gettext("You can move or cancel it by the link above until %(until)s.")
        case False, True:
            how = gettext("To move or cancel it, use the app or call %(phone)s, until %(until)s.")
        case _:
            how = gettext("You can move or cancel it in the app until %(until)s.")
    how %= {"until": instant_text(visit.cancel_until, about.location.zone), **number}
    if visit.cancel_until == visit.starts_at:
        return (how,)
    late = gettext("After that, please tell us if you cannot come.")
    if about.phone:
        late = gettext("After that, please call %(phone)s if you cannot come.") % number
    return (how, late)


def _client_page(path: str) -> str:
    """Return the address of a page of the clients, or an empty string without LINK_URL."""
    return f"{settings.LINK_URL}/{path}" if settings.LINK_URL else ""


def _why() -> str:
    return gettext(
        "You get this because you have an account at the clinic. In the app you choose which "
        "messages you get. Please do not reply: replies to this mail are not read."
    )
