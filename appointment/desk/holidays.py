"""The public holidays of a year, and the closures that the user makes of them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import reduce
from operator import or_
from typing import Any

from django.core.exceptions import BadRequest
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.template.defaultfilters import pluralize
from django.urls import reverse

from appointment.desk.answers import Said
from appointment.desk.pages import DeskPage
from appointment.models import Appointment
from doctor.countries import country_names
from doctor.models import Location, TimeOff
from doctor.public_holidays import FIRST_YEAR, LAST_YEAR, calendar_of, public_holidays
from doctor.wall_time import A_DAY, instant_of
from extensions.formats import day_text

ADD_CLOSURES = "doctor.add_timeoff"
CHANGE_SITES = "doctor.change_location"
YEARS_SHOWN = 3  # this one and the next ones
NEXT_YEAR_FROM = 7  # the month from which the page opens with the next year


@dataclass
class HolidayDay:
    """A public holiday, and the sites that are closed on it already."""

    day: date
    name: str
    closed: list[Location] = field(default_factory=list)

    def closes_all(self, sites: list[Location]) -> bool:
        """Whether none of these sites is left to be closed."""
        return len(self.closed) == len(sites)


@dataclass
class HolidayCalendar:
    """Sites of one country and subdivision, and their public holidays from tomorrow on."""

    country: str
    subdivision: str
    sites: list[Location]
    days: list[HolidayDay] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The name of its fields in the form, such as ES-MD."""
        return self.subdivision or self.country

    @property
    def name(self) -> str:
        """The country and the subdivision."""
        country = country_names().get(self.country, self.country)
        return f"{country} ({self.subdivision})" if self.subdivision else country

    @property
    def is_of_the_country(self) -> bool:
        """Whether a subdivision is given, but has no holidays of its own."""
        return bool(self.subdivision) and calendar_of(self.country, self.subdivision) is None

    @property
    def open_days(self) -> list[HolidayDay]:
        """The days on which not all sites are closed already."""
        return [each for each in self.days if not each.closes_all(self.sites)]


class HolidayQuery:
    """The public holidays of a year at these sites, and which are entered: one statement."""

    def __init__(self, sites: list[Location], year: int, at: datetime) -> None:
        self.year, self.at, self.sites = year, at, sites
        grouped: defaultdict[tuple[str, str], list[Location]] = defaultdict(list)
        for site in sites:
            grouped[site.country or "", site.subdivision or ""].append(site)
        self.without_country = grouped.pop(("", ""), [])
        every = [HolidayCalendar(*key, sites) for key, sites in sorted(grouped.items())]
        found = [(each, public_holidays(*_codes(each), year)) for each in every]
        self.unknown = [each for each, days in found if days is None]
        self.calendars = [each for each, days in found if days is not None]
        closures = self._closures()
        for calendar, days in found:
            calendar.days = list(self._days(calendar.sites, days or {}, closures))

    @property
    def years(self) -> list[int]:
        """The years to choose from."""
        this = self.at.year
        return sorted({self.year, *range(this, min(this + YEARS_SHOWN, LAST_YEAR + 1))})

    def _days(
        self, sites: list[Location], days: dict[date, str], closures: dict[int, Any]
    ) -> Iterable[HolidayDay]:
        """Yield the holidays that are not over, each with the sites that are closed on it."""
        first = min(site.today(self.at) for site in sites) + A_DAY
        for day, name in days.items():
            if day >= first:
                closed = [site for site in sites if _is_closed(site, day, closures[site.pk])]
                yield HolidayDay(day, name, closed)

    def _closures(self) -> "defaultdict[int, list[tuple[datetime, datetime]]]":
        """Read the closures of these sites in the year, by site."""
        closures: defaultdict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
        first = datetime(self.year, 1, 1, tzinfo=UTC)
        rows = TimeOff.objects.filter(location__in=self.sites)
        rows = rows.overlapping(first - 2 * A_DAY, first + 370 * A_DAY)
        for site, start, end in rows.values_list("location", "starts_at", "ends_at"):
            closures[site].append((start, end))
        return closures


def _codes(calendar: HolidayCalendar) -> tuple[str, str | None]:
    return calendar.country, calendar.subdivision or None


def _is_closed(site: Location, day: date, closures: list[tuple[datetime, datetime]]) -> bool:
    start, end = (instant_of(each, time(), site.zone) for each in (day, day + A_DAY))
    return any(first <= start and end <= last for first, last in closures)


def shown_year(typed: str | None, at: datetime) -> int:
    """Return the year that is typed, or this one, from July on the next; raises BadRequest."""
    if not typed:
        return min(at.year + (at.month >= NEXT_YEAR_FROM), LAST_YEAR)
    if not (typed.isascii() and typed.isdecimal() and len(typed) == 4):
        raise BadRequest("This is not a year of the desk. Write it as 2027.")
    if not FIRST_YEAR <= int(typed) <= LAST_YEAR:
        raise BadRequest(f"Holidays are known from {FIRST_YEAR} to {LAST_YEAR}.")
    return int(typed)


class HolidaysPage(DeskPage):
    """The public holidays of a year, to be entered as closures of the sites that are ticked."""

    title = "Holidays"
    template_name = "desk/holidays.html"
    permission = ADD_CLOSURES
    permission_to_change = ADD_CLOSURES
    kind = "desk.holidays"
    audited_model = TimeOff

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the holidays of `?year=`; htmx asks for that part alone."""
        part = "desk/holidays_form.html" if request.htmx else ""  # type: ignore[attr-defined]
        return self.page(template=part, holidays=self.query(), current="desk:hours")

    def post(self, request: HttpRequest) -> HttpResponse:
        """Close the ticked sites on the ticked days."""
        said = self.close_sites()
        return self.answer(said, "desk/holidays_said.html", holidays=self.query())

    def query(self) -> HolidayQuery:
        """Read the holidays of the year that the request names."""
        typed = self.request.GET.get("year") or self.request.POST.get("year")
        return HolidayQuery(self.sites, shown_year(typed, self.at), self.at)

    def close_sites(self) -> Said:
        """Close each ticked site on the ticked days of its country, all in one transaction."""
        ticked = self.ticked_sites()
        days_of = {
            site: self.ticked_days(calendar)
            for calendar in self.query().calendars
            for site in calendar.sites
            if site.pk in ticked
        }
        if not days_of:
            return Said("Tick the sites that are closed on these days.", refused=True)
        return self.attempt(lambda: self.close(days_of))

    def ticked_sites(self) -> set[int]:
        """Return the keys of the ticked sites; raises Http404 for one the user does not see."""
        keys = {str(site.pk): site.pk for site in self.sites}
        typed = self.request.POST.getlist("site")
        if not keys.keys() >= set(typed):
            raise Http404("There is no such location.")
        return {keys[each] for each in typed}

    def ticked_days(self, calendar: HolidayCalendar) -> dict[date, str]:
        """Return the ticked days of a calendar, with their names."""
        ticked = set(self.request.POST.getlist(f"day-{calendar.key}"))
        return {each.day: each.name for each in calendar.days if each.day.isoformat() in ticked}

    def close(self, days_of: dict[Location, dict[date, str]]) -> Said:
        """Close the sites, and say so, with the number of visits that must be rebooked."""
        new = TimeOff.objects.close_days(days_of, self.at)
        text = " ".join(closed_sentence(site, days) for site, days in new.items())
        on_days = [Q(location=site, date__in=days) for site, days in new.items()]
        hit = Appointment.objects.to_rebook().filter(reduce(or_, on_days)).count()
        if not hit:
            return Said(text)
        text += f" {hit} visit{pluralize(hit)} must be rebooked."
        work_list = reverse("admin:appointment_worklistitem_changelist")
        return Said(text, links=((work_list, "Visits to rebook"),))


def closed_sentence(site: Location, days: list[date]) -> str:
    """Return the sentence that says on how many days a site is closed now, and from when to when.

    `days`: those that are new, in order.
    """
    if not days:
        return f"{site}: nothing new to enter."
    holidays = f"{len(days)} public holiday{pluralize(len(days))}"
    return f"{site} is closed on {holidays}, {days_text(days)}."


def days_text(days: list[date]) -> str:
    """Return the first and the last of these days in words."""
    first, last = day_text(days[0]), day_text(days[-1])
    return first if first == last else f"{first} to {last}"


def holidays_for(page: DeskPage) -> HolidayQuery | None:
    """Return the holidays for the page of hours, or None for users who may enter no closure."""
    if not page.user.is_staff_with(ADD_CLOSURES):
        return None
    return HolidayQuery(page.sites, shown_year(page.request.GET.get("year"), page.at), page.at)
