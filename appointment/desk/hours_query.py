"""What the pages of weekly hours read, each in a fixed number of statements."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any

from django.utils.translation import gettext, ngettext_lazy

from accounts.models import User
from appointment.desk.cards import VisitCard
from appointment.models import Appointment
from doctor.exceptions import HoursOverlap
from doctor.models import Doctor, Location, WeeklyHours
from doctor.models.week import WeekChange, stamp_of, standing_on
from doctor.wall_time import A_DAY, earliest_date
from extensions.formats import day_text, instant_text
from extensions.search import typed_terms

MOST_DOCTORS = 300
MOST_VISITS = 200  # that a preview names
# How many coming sessions a change removes, changes and adds.
REMOVED = ngettext_lazy("%(number)d removed", "%(number)d removed", "number")
CHANGED = ngettext_lazy("%(number)d changed", "%(number)d changed", "number")
ADDED = ngettext_lazy("%(number)d added", "%(number)d added", "number")


@dataclass
class DoctorLine:
    """A doctor of the list, and the sites where the doctor has hours."""

    doctor: Doctor
    sites: list[Location] = field(default_factory=list)


class DoctorList:
    """The doctors whose hours the user may look at, by name, in two statements."""

    def __init__(self, user: User, sites: list[Location], at: datetime, typed: str = "") -> None:
        self.typed = typed[:200].replace("\0", "").strip()
        self.sites = {site.pk: site for site in sites}
        self.user, self.at = user, at

    @cached_property
    def lines(self) -> list[DoctorLine]:
        """The active doctors of whose name or specialty each word that is typed begins one."""
        doctors: Any = Doctor.objects.for_calendar_of(self.user).active()
        if self.typed:
            doctors = doctors.matching(typed_terms(self.typed))
        lines = {doctor.pk: DoctorLine(doctor) for doctor in doctors[: MOST_DOCTORS + 1]}
        coming = WeeklyHours.objects.at_sites_of(self.user).filter(doctor__in=lines)
        pairs = coming.valid_on_or_after(earliest_date(self.at)).order_by()
        for doctor, site in pairs.values_list("doctor", "location").distinct():
            if site in self.sites:
                lines[doctor].sites.append(self.sites[site])
        return list(lines.values())[:MOST_DOCTORS]

    @property
    def are_more(self) -> bool:
        """Whether the list is cut off: the user types a name."""
        return len(self.lines) == MOST_DOCTORS


class DoctorHours:
    """The hours of a doctor at the sites of the user that have not ended, in one statement."""

    def __init__(self, doctor: Doctor, user: User, at: datetime) -> None:
        self.at = at
        rows = WeeklyHours.objects.at_sites_of(user).filter(doctor=doctor)
        coming = rows.valid_on_or_after(earliest_date(at))
        self.every = list(coming.order_by("start_time", "pk"))

    def site_keys(self) -> set[int]:
        """Return the keys of the sites where the doctor has hours."""
        return {row.location_id for row in self.every}

    def at_site(self, site: Location) -> "SiteHours":
        """Return those at this site."""
        rows = [row for row in self.every if row.location_id == site.pk]
        return SiteHours(rows, site, site.today(self.at) + A_DAY)


@dataclass(frozen=True)
class SiteHours:
    """The hours of a doctor at a site, and the date that is tomorrow there."""

    rows: list[WeeklyHours]
    site: Location
    tomorrow: date

    def opening(self) -> date:
        """Return the date on which the page opens.

        That is tomorrow, or the date on which the first hours begin, if none stand tomorrow.
        """
        begins = [row.valid_from for row in self.rows if row.valid_from > self.tomorrow]
        nothing = not standing_on(self.rows, self.tomorrow)
        return min(begins) if begins and nothing else self.tomorrow

    def standing(self, first: date) -> list[WeeklyHours]:
        """Return the hours that stand on the date."""
        return standing_on(self.rows, first)

    def stamp(self, first: date) -> str:
        """Return the stamp of the hours that stand on the date."""
        return stamp_of(self.standing(first))

    def other_dates(self, first: date) -> list[date]:
        """Return tomorrow and the later dates from which other hours stand, without this date."""
        begin = {row.valid_from for row in self.rows}
        after = {row.valid_until + A_DAY for row in self.rows if row.valid_until}
        later = {day for day in begin | after if day > self.tomorrow}
        return sorted({self.tomorrow, *later} - {first})


@dataclass
class Preview:
    """What a change would do, in words, and the visits that it hits."""

    change: WeekChange
    visits: list[tuple[str, VisitCard]]  # with their times on the clock of the site

    @property
    def counts(self) -> str:
        """How many coming sessions are removed, changed and added."""
        change = self.change
        numbers = (
            (change.sessions_removed, REMOVED),
            (change.sessions_changed, CHANGED),
            (change.sessions_added, ADDED),
        )
        counts = [words % {"number": number} for number, words in numbers if number]
        return ", ".join(counts) or gettext("no change")

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not self.change.sentences

    @property
    def more_visits(self) -> int:
        """How many visits are concerned that the page does not name."""
        return len(self.change.appointments) - len(self.visits)


def preview_of(change: WeekChange, user: User, at: datetime) -> Preview:
    """Read the first visits that a change hits, with their names, in one statement."""
    keys = change.appointments[:MOST_VISITS]
    if not keys:
        return Preview(change, [])
    visits = Appointment.objects.at_sites_of(user).filter(pk__in=keys).with_names()
    cards = [VisitCard(visit, at) for visit in visits.order_by("starts_at", "pk")]
    return Preview(change, [(_time(card.visit), card) for card in cards])


def _time(visit: Appointment) -> str:
    return instant_text(visit.starts_at, visit.location.zone)


@contextmanager
def hours_named(user: User) -> Iterator[None]:
    """Name the weekly hours that are in the way of a change, as far as the user sees them."""
    try:
        yield
    except HoursOverlap as error:
        rows = WeeklyHours.objects.at_sites_of(user).filter(pk__in=error.extra["weekly_hours"])
        found = rows.select_related("doctor", "location")
        from_day = gettext("%(hours)s, from %(day)s")
        days = [(hours, day_text(hours.valid_from)) for hours in found]
        named = "; ".join(from_day % {"hours": hours, "day": day} for hours, day in days)
        in_the_way = gettext("In the way: %(hours)s.") % {"hours": named}
        message = f"{error.staff_message} {in_the_way}" if named else str(error.staff_message)
        raise HoursOverlap(staff_message=message) from error
