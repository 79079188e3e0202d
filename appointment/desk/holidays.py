"""The public holidays of a year, and the closures that the user makes of them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import reduce
from operator import or_
from typing import Any

from django.core.exceptions import BadRequest
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from appointment.desk.answers import Said
from appointment.desk.pages import DeskPage
from appointment.models import Appointment
from doctor.countries import country_names
from doctor.models import Location, TimeOff
from doctor.public_holidays import (
    FIRST_YEAR,
    LAST_YEAR,
    calendar_of,
    has_regional_holidays,
    public_holidays,
)
from doctor.wall_time import A_DAY, instant_of
from extensions.formats import day_text

ADD_CLOSURES = "doctor.add_timeoff"
DELETE_CLOSURES = "doctor.delete_timeoff"
KEYS = re.compile("[0-9]{1,18}(,[0-9]{1,18}){0,399}")  # of closures to take back, in a URL
YEARS_SHOWN = 3  # this one and the next ones
NEXT_YEAR_FROM = 7  # the month from which the page opens with the next year


@dataclass
class HolidayDay:
    """A public holiday, whether it is ticked, and the sites that are closed on it already."""

    day: date
    name: str
    closed: list[Location] = field(default_factory=list)
    closes_all: bool = False  # whether no site is left to be closed
    ticked: bool = True


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
    def lacks_regional_days(self) -> bool:
        """Whether no subdivision is given, though some have holidays of their own."""
        return not self.subdivision and has_regional_holidays(self.country)


class HolidayQuery:
    """The public holidays of a year at these sites, and which are entered: one statement.

    `sent`: the form, whose ticks stay as they were sent; else all days are ticked, and no site.
    """

    def __init__(self, sites: list[Location], year: int, at: datetime, sent: Any = None) -> None:
        self.year, self.at, self.sites, self.sent = year, at, sites, sent
        keys = set(sent.getlist("site")) if sent else set()
        self.ticked_sites = {site.pk for site in sites if str(site.pk) in keys}
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
            calendar.days = list(self._days(calendar, days or {}, closures))

    @property
    def years(self) -> list[int]:
        """The years to choose from."""
        this = self.at.year
        return sorted({self.year, *range(this, min(this + YEARS_SHOWN, LAST_YEAR + 1))})

    def _days(
        self, calendar: HolidayCalendar, days: dict[date, str], closures: dict[int, Any]
    ) -> Iterable[HolidayDay]:
        """Yield the holidays that are not over, each with the sites that are closed on it."""
        sites = calendar.sites
        ticked = {str(day) for day in days} if not self.sent else _ticked(self.sent, calendar)
        first = min(site.today(self.at) for site in sites) + A_DAY
        for day, name in days.items():
            if day >= first:
                closed = [site for site in sites if _is_closed(site, day, closures[site.pk])]
                closes_all = len(closed) == len(sites)
                is_ticked = str(day) in ticked and not closes_all
                yield HolidayDay(day, name, closed, closes_all, is_ticked)

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


def _ticked(sent: Any, calendar: HolidayCalendar) -> set[str]:
    """Return the dates of the calendar that are ticked in the form."""
    return set(sent.getlist(f"day-{calendar.key}"))


def _is_closed(site: Location, day: date, closures: list[tuple[datetime, datetime]]) -> bool:
    start, end = (instant_of(each, time(), site.zone) for each in (day, day + A_DAY))
    return any(first <= start and end <= last for first, last in closures)


def shown_year(typed: str | None, at: datetime) -> int:
    """Return the year that is typed, or this one, from July on the next; raises BadRequest."""
    if not typed:
        return min(at.year + (at.month >= NEXT_YEAR_FROM), LAST_YEAR)
    if not (typed.isascii() and typed.isdecimal() and len(typed) == 4):
        raise BadRequest(gettext("This is not a year of the desk. Write it as 2027."))
    if not FIRST_YEAR <= int(typed) <= LAST_YEAR:
        known = gettext("Holidays are known from %(first)d to %(last)d.")
        raise BadRequest(known % {"first": FIRST_YEAR, "last": LAST_YEAR})
    return int(typed)


class HolidaysPage(DeskPage):
    """The public holidays of a year, to be entered as closures of the sites that are ticked."""

    title = _("Holidays")
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
        if not said.refused and not request.htmx:  # type: ignore[attr-defined]
            return self.answer(said)
        holidays = self.query(request.POST)
        if not said.refused:
            holidays.ticked_sites = set()
        part = "desk/holidays_said.html" if request.htmx else ""  # type: ignore[attr-defined]
        return self.page(template=part, said=said, holidays=holidays, current="desk:hours")

    def query(self, sent: Any = None) -> HolidayQuery:
        """Read the holidays of the year that the request names; `sent` as in the query."""
        typed = self.request.GET.get("year") or self.request.POST.get("year")
        return HolidayQuery(self.sites, shown_year(typed, self.at), self.at, sent)

    def close_sites(self) -> Said:
        """Close each ticked site on the ticked days of its country, all in one transaction."""
        ticked = self.ticked_sites()
        days_of = {
            site: self.ticked_days(calendar, site)
            for calendar in self.query().calendars
            for site in calendar.sites
            if site.pk in ticked
        }
        if not days_of:
            return Said(gettext("Tick the sites that are closed on these days."), refused=True)
        return self.attempt(lambda: self.close(days_of))

    def ticked_sites(self) -> set[int]:
        """Return the keys of the ticked sites; raises Http404 for one the user does not see."""
        keys = {str(site.pk): site.pk for site in self.sites}
        typed = self.request.POST.getlist("site")
        if not keys.keys() >= set(typed):
            raise Http404(gettext("There is no such location."))
        return {keys[each] for each in typed}

    def ticked_days(self, calendar: HolidayCalendar, site: Location) -> dict[date, str]:
        """Return the ticked days of a calendar after today at the site, with their names."""
        ticked, today = _ticked(self.request.POST, calendar), site.today(self.at)
        days = (each for each in calendar.days if each.day > today and str(each.day) in ticked)
        return {each.day: each.name for each in days}

    def close(self, days_of: dict[Location, dict[date, str]]) -> Said:
        """Close the sites, and say so, with the number of visits that must be rebooked."""
        closures = TimeOff.objects.close_days(days_of, self.at)
        new = {site: [row.local_day() for row in rows] for site, rows in closures.items()}
        text = " ".join(closed_sentence(site, days) for site, days in new.items())
        undo = self.undo([row for rows in closures.values() for row in rows])
        on_days = [Q(location=site, date__in=days) for site, days in new.items()]
        hit = Appointment.objects.to_rebook().filter(reduce(or_, on_days)).count()
        if not hit:
            return Said(text, undo=undo)
        work_list = reverse("admin:appointment_worklistitem_changelist")
        links = ((work_list, gettext("Visits to rebook")),)
        return Said(f"{text} {must_be_rebooked(hit)}", undo=undo, links=links)

    def undo(self, closures: Sequence[TimeOff]) -> str:
        """Return the URL that takes these closures back, or "" for a user who may not."""
        keys = ",".join(str(row.pk) for row in closures)
        if not KEYS.fullmatch(keys) or not self.user.is_staff_with(DELETE_CLOSURES):
            return ""
        query = urlencode({"closures": keys, "year": str(closures[0].local_day().year)})
        return f"{reverse('desk:holidays_back')}?{query}"


class TakeBack(DeskPage):
    """Holidays that were just entered are taken back: the sites are open on these days again."""

    permission_to_change = DELETE_CLOSURES
    audited_model = TimeOff
    http_method_names = ("post",)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Take back the closures of `?closures=`, as far as they are there."""
        keys = request.GET.get("closures", "")
        if not KEYS.fullmatch(keys):
            raise Http404(gettext("There is no such closure."))
        return self.answer(self.attempt(lambda: self.reopen(set(map(int, keys.split(","))))))

    def reopen(self, keys: set[int]) -> Said:
        """Delete the closures of the user's sites, and say which sites are open again."""
        mine = TimeOff.objects.filter(pk__in=keys, location__in=[each.pk for each in self.sites])
        days_of: defaultdict[Location, list[date]] = defaultdict(list)
        for closure in mine.reopen(self.at):
            days_of[closure.location].append(closure.local_day())  # type: ignore[index]
        if not days_of:
            return Said(gettext("These holidays are taken back already."), refused=True)
        text = " ".join(reopened_sentence(site, days) for site, days in days_of.items())
        year = shown_year(self.request.GET.get("year"), self.at)
        url = f"{reverse('desk:holidays')}?{urlencode({'year': year})}"
        visits = gettext("Visits booked on these days take place.")
        return Said(f"{text} {visits}", then=url)


def closed_sentence(site: Location, days: list[date]) -> str:
    """Return the sentence that says on how many days a site is closed now, and from when to when.

    `days`: those that are new, in order.
    """
    if not days:
        return gettext("%(location)s: nothing new to enter.") % {"location": site}
    text = ngettext(
        "%(location)s is closed on %(number)d public holiday, %(days)s.",
        "%(location)s is closed on %(number)d public holidays, %(days)s.",
        len(days),
    )
    return text % {"location": site, "number": len(days), "days": days_text(days)}


def reopened_sentence(site: Location, days: list[date]) -> str:
    """Return the sentence that says on how many days a site is open again."""
    text = ngettext(
        "%(location)s is no longer closed on %(number)d public holiday, %(days)s.",
        "%(location)s is no longer closed on %(number)d public holidays, %(days)s.",
        len(days),
    )
    return text % {"location": site, "number": len(days), "days": days_text(days)}


def must_be_rebooked(number: int) -> str:
    """Return the sentence about so many visits that have lost their time."""
    text = ngettext(
        "%(number)d visit must be rebooked.", "%(number)d visits must be rebooked.", number
    )
    return text % {"number": number}


def days_text(days: list[date]) -> str:
    """Return the first and the last of these days in words."""
    first, last = day_text(days[0]), day_text(days[-1])
    if first == last:
        return first
    return gettext("%(first)s to %(last)s") % {"first": first, "last": last}


def holidays_for(page: DeskPage) -> HolidayQuery | None:
    """Return the holidays for the page of hours, or None for users who may enter no closure."""
    if not page.user.is_staff_with(ADD_CLOSURES):
        return None
    return HolidayQuery(page.sites, shown_year(page.request.GET.get("year"), page.at), page.at)
