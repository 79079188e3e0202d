"""Who waits for a place, and which offers are open."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext, ngettext

from accounts.models import OutgoingMessage
from appointment.desk.cards import minutes
from appointment.desk.people import spoken_phone
from appointment.models import Offer, WaitlistEntry
from appointment.models.offer import with_state
from appointment.models.waitlist import today_everywhere
from doctor.models import Doctor, Location, Specialty
from extensions.formats import day_text, instant_text

MOST_ENTRIES = 200  # shown at once
MOST_OFFERS = 100
BY_WISH = ("doctor__last_name_key", "doctor__first_name_key", "specialty__name", "pk")


def open_offers(user: Any, at: datetime, sites: list[Location]) -> Any:
    """Return the offers that the user can answer now, of times at these sites, soonest over first.

    `sites`: among those that the user sees.
    """
    offers = Offer.objects.acceptable(at).answerable_by(user)
    return offers.filter(slot__location__in=sites).order_by("expires_at", "pk")


class Person:
    """A patient as the line shows one. `phone` is written for people, `tel` for a telephone.

    The rows below ask for it, and for each text, several times: they compute it once.
    """

    def __init__(self, patient: Any) -> None:
        self.name = patient.name
        self.tel = str(patient.phone_number)
        self.phone = spoken_phone(patient.phone_number)
        self.birth_year = str(patient.date_of_birth.year) if patient.date_of_birth else ""

    @property
    def shown(self) -> tuple[str, ...]:
        """All that the page shows of the patient."""
        return (self.name, self.phone, self.birth_year)


@dataclass(frozen=True)
class OfferRow:
    """An open offer, with its clock."""

    offer: Offer
    at: datetime

    @cached_property
    def person(self) -> Person:
        """The patient to whom the place is offered."""
        return Person(self.offer.entry.patient)

    @cached_property
    def start(self) -> str:
        """The time that is offered, on the clock of its site."""
        return instant_text(self.offer.slot.starts_at, self.offer.slot.location.zone)

    @cached_property
    def clock(self) -> str:
        """Until when it can be accepted, and the minutes left."""
        until = self.offer.expires_at.astimezone(self.offer.slot.location.zone)
        left = minutes(self.offer.expires_at - self.at)
        text = ngettext(
            "until %(time)s, %(minutes)d min left", "until %(time)s, %(minutes)d min left", left
        )
        return text % {"time": f"{until:%H:%M %Z}", "minutes": left}

    @cached_property
    def shown(self) -> tuple[Any, ...]:
        """All that the page shows of the offer."""
        where = (str(self.offer.slot.doctor), str(self.offer.slot.location), self.start)
        more = (self.clock, self.replaces, self.is_untold)
        return (self.offer.pk, self.person.shown, *where, *more)

    @property
    def is_untold(self) -> bool:
        """Whether the message about the offer has reached the patient by no channel."""
        return bool(getattr(self.offer, "is_untold", False))

    @cached_property
    def replaces(self) -> str:
        """The time of the visit that moves if the patient accepts; "" if none does."""
        visit = self.offer.entry.replaces
        return instant_text(visit.starts_at, visit.location.zone) if visit else ""


class Offers:
    """The open offers of these sites, in one statement, however many there are."""

    def __init__(self, user: Any, at: datetime, sites: list[Location]) -> None:
        self.user, self.at, self.sites = user, at, sites

    @cached_property
    def rows(self) -> list[OfferRow]:
        """The offers, the one that runs out first on top."""
        related = ("slot__doctor", "slot__location", "entry__patient", "entry__replaces__location")
        dead = OutgoingMessage.objects.not_reached("offer").filter(object_id=OuterRef("pk"))
        offers = open_offers(self.user, self.at, self.sites).select_related(*related)
        offers = offers.annotate(is_untold=Exists(dead))
        return [OfferRow(offer, self.at) for offer in offers[:MOST_OFFERS]]


@dataclass(frozen=True)
class EntryRow:
    """A person who waits."""

    entry: Any
    at: datetime
    clock: Location

    @cached_property
    def person(self) -> Person:
        """The patient."""
        return Person(self.entry.patient)

    @cached_property
    def wish(self) -> str:
        """The doctor or the specialty."""
        return str(self.entry.doctor or self.entry.specialty)

    @cached_property
    def days(self) -> str:
        """The days that fit, with the weekdays."""
        entry = self.entry
        first, last = day_text(entry.first_date), day_text(entry.last_date)
        both = gettext("%(first)s to %(last)s") % {"first": first, "last": last}
        span = first if first == last else both
        names = [str(name) for n, name in WEEKDAYS_ABBR.items() if entry.weekday_bits >> n & 1]
        return f"{span}, {', '.join(names)}" if names else span

    @cached_property
    def hours(self) -> str:
        """The times of day that fit; "" for any."""
        start, end = self.entry.start_time, self.entry.end_time
        times = {"start": start and f"{start:%H:%M}", "end": end and f"{end:%H:%M}"}
        if start and end:
            return gettext("from %(start)s until %(end)s") % times
        if start:
            return gettext("from %(start)s") % times
        return gettext("until %(end)s") % times if end else ""

    @cached_property
    def since(self) -> str:
        """When the patient joined, on the clock of the site that the user has chosen."""
        return instant_text(self.entry.created_at, self.clock.zone)

    @cached_property
    def days_waited(self) -> int:
        """How many days ago that was."""
        return (self.at - self.entry.created_at).days

    @cached_property
    def shown(self) -> tuple[Any, ...]:
        """All that the page shows of the entry."""
        entry, offers = self.entry, [(each.start, each.clock) for each in self.offers]
        place = (entry.pk, entry.position, entry.replaces_id, self.since, self.days_waited)
        return (*place, self.person.shown, self.wish, self.days, self.hours, offers)

    @cached_property
    def offers(self) -> list[OfferRow]:
        """The place that is offered now, if one is."""
        return [OfferRow(offer, self.at) for offer in self.entry.acceptable_offers]


class Line:
    """Who waits at the sites of the user, by doctor or specialty, at most MOST_ENTRIES.

    Those who wait for the same are in the order of joining.

    `doctor`, `specialty`: the keys of the ones waited for, if only these are asked for. The number
    of statements does not grow with the entries.
    """

    def __init__(
        self, user: Any, at: datetime, clock: Location, doctor: int | None, specialty: int | None
    ) -> None:
        self.user, self.at, self.clock = user, at, clock
        self.doctor, self.specialty = doctor, specialty

    @cached_property
    def found(self) -> Any:
        """The entries in line that the user sees, without a limit."""
        entries = WaitlistEntry.objects.at_sites_of(self.user, self.at)
        entries = entries.in_line(today_everywhere(self.at))
        if self.doctor:
            entries = entries.filter(doctor=self.doctor)
        return entries.filter(specialty=self.specialty) if self.specialty else entries

    @cached_property
    def rows(self) -> list[EntryRow]:
        """The entries with what people see of them."""
        shown = Offer.objects.answerable_by(self.user)
        entries = with_state(self.found, self.at, shown).order_by(*BY_WISH)[:MOST_ENTRIES]
        return [EntryRow(entry, self.at, self.clock) for entry in entries]

    @cached_property
    def number(self) -> int:
        """How many wait, shown or not."""
        return self.found.count() if len(self.rows) == MOST_ENTRIES else len(self.rows)

    @cached_property
    def wishes(self) -> list[tuple[str, list[tuple[str, str, bool]]]]:
        """The doctors and specialties that are waited for: parameter, key, words, chosen."""
        return [
            ("doctor", self._choices(Doctor, "doctor", self.doctor)),
            ("specialty", self._choices(Specialty, "specialty", self.specialty)),
        ]

    def _choices(self, model: Any, name: str, chosen: int | None) -> list[tuple[str, str, bool]]:
        entries = WaitlistEntry.objects.at_sites_of(self.user, self.at)
        entries = entries.in_line(today_everywhere(self.at)).order_by()
        rows: QuerySet[Any] = model.objects.filter(pk__in=entries.values(name))
        return [(str(row.pk), str(row), row.pk == chosen) for row in rows]
