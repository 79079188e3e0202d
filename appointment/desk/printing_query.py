"""A doctor's day as the sheet of paper has it, read in three statements."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.db.models import Q
from django.utils.dateformat import format as format_date
from django.utils.translation import gettext, ngettext, pgettext, pgettext_lazy

from appointment.desk.cards import STATE_WORDS, VisitCard
from appointment.models import Appointment
from appointment.models.event import Status
from doctor.models import Doctor, Location, Slot, TimeOff
from doctor.models.booking_rules import places_left
from doctor.wall_time import Span, spans_of_days
from extensions.formats import TIME, date_text

ON_PAPER = {  # of the states of a card
    "done": STATE_WORDS["done"],
    "no-show": STATE_WORDS["no-show"],
    "waiting": pgettext_lazy("state of a visit", "arrived"),
}


@dataclass(frozen=True)
class Line:
    """A line of the sheet: a visit (`card`), or a span of time and what it is in words (`text`)."""

    start: datetime
    end: datetime
    text: str = ""
    card: VisitCard | None = None
    times: str = ""  # as the sheet shows them

    @property
    def order(self) -> tuple[Any, ...]:
        """Lines are sorted by time; at one time, visits come first and by name."""
        return (self.start, self.card is None, self.card.person if self.card else "", self.end)

    @property
    def born(self) -> str:
        """The birth date of the patient, or an empty string."""
        born = self.card and self.card.visit.patient and self.card.visit.patient.date_of_birth
        return date_text(born) if born else ""

    @property
    def notes(self) -> list[str]:
        """What staff have recorded of the visit, in words."""
        if self.card is None:
            return []
        state = str(ON_PAPER.get(self.card.state, ""))
        to_rebook = gettext("to rebook") if self.card.visit.needs_rebooking else ""
        return list(filter(None, (state, to_rebook)))


@dataclass(frozen=True)
class Sheet:
    """A doctor's day at one site."""

    location: Location
    lines: list[Line]

    @property
    def visits(self) -> int:
        """The number of visits on the sheet."""
        return sum(1 for line in self.lines if line.card)


@dataclass(frozen=True)
class DoctorsDay:
    """The visits, free times and leave of a doctor on one date, as a member of staff sees them.

    `user`: the member of staff; None for the doctor, who sees the own day at every site.
    `site`: where the sheet puts leave on a day without times and visits. `only`: primary key of
    the site whose sheet is wanted; None for one of each site.
    """

    user: Any
    doctor: Doctor
    day: date
    at: datetime
    site: Location | None = None
    only: int | None = None

    def sheets(self) -> list[Sheet]:
        """Return a sheet for each site where the doctor has times or visits, by name."""
        lines: dict[int, list[Line]] = {}
        locations: dict[int, Location] = {}
        for site, line in (*self._visits(), *self._free()):
            if self.only not in (None, site.pk):
                continue
            locations[site.pk] = site
            lines.setdefault(site.pk, []).extend(line)
        if not locations and self.site:
            locations[self.site.pk] = self.site
        for pk, leave in self._leave(locations.values()):
            lines.setdefault(pk, []).append(leave)
        by_name = sorted(locations.values(), key=lambda site: (site.name, site.pk))
        return [Sheet(site, with_times(lines.get(site.pk, []), site)) for site in by_name]

    def _seen(self, rows: Any) -> Any:
        return rows if self.user is None else rows.at_sites_of(self.user)

    def _visits(self) -> Iterator[tuple[Location, list[Line]]]:
        visits = self._seen(Appointment.objects.with_names())
        visits = visits.filter(doctor=self.doctor).on(self.day).exclude(status=Status.CANCELED)
        for visit in visits:
            line = Line(visit.starts_at, visit.ends_at, card=VisitCard(visit, self.at))
            yield visit.location, [line]

    def _free(self) -> Iterator[tuple[Location, list[Line]]]:
        """Yield the site of each time of the day, and a line if free time begins with it.

        Free times that follow one another are one line.
        """
        slots = self._seen(Slot.objects.select_related("location"))
        slots = slots.filter(doctor=self.doctor).of_sessions_on(self.day)
        rows: Any = slots.annotate(left=places_left(self.at)).order_by("starts_at", "pk")
        runs: list[tuple[Slot, datetime, int]] = []
        for slot in rows:
            left = slot.left if slot.is_open else 0
            same = runs and runs[-1][1:] == (slot.starts_at, left)
            if same and left and runs[-1][0].location_id == slot.location_id:
                runs[-1] = (runs[-1][0], slot.ends_at, left)
            else:
                runs.append((slot, slot.ends_at, left))
        for slot, end, left in runs:
            yield slot.location, [Line(slot.starts_at, end, free_text(left))] if left else []

    def _leave(self, sites: Iterable[Location]) -> Iterator[tuple[int, Line]]:
        """Yield each leave of the doctor and closure of these sites, within the day there.

        Without the reason, which is for staff alone: others may see the paper.
        """
        spans = self._spans(sites)
        leaves = TimeOff.objects.filter(Q(doctor=self.doctor) | Q(location__in=list(spans)))
        ends = [span for pair in spans.values() for span in pair]
        if not ends:
            return
        for leave in leaves.overlapping(min(ends), max(ends)):
            text = gettext("away") if leave.doctor_id else gettext("the site is closed")
            for pk, (start, end) in spans.items():
                first, last = max(start, leave.starts_at), min(end, leave.ends_at)
                if first < last and leave.location_id in (None, pk):
                    all_day = gettext("all day") if (first, last) == (start, end) else ""
                    yield pk, Line(first, last, text, times=all_day)

    def _spans(self, sites: Iterable[Location]) -> dict[int, Span]:
        """Map the key of each site to the start and end of the day there."""
        zones = {site.pk: site.time_zone for site in sites}
        spans = spans_of_days(self.day, self.day, zones)
        return {pk: span for span, pks in spans.items() for pk in pks}


def free_text(left: int) -> str:
    """Say how many places are free at each time."""
    if left == 1:
        return pgettext("a time", "free")
    text = ngettext(
        "%(number)d places free at each time", "%(number)d places free at each time", left
    )
    return text % {"number": left}


def with_times(lines: list[Line], site: Location) -> list[Line]:
    """Return the lines by time, with their times on the clock of the site.

    On a day on which the clocks change, each time names its zone.
    """
    ordered = sorted(lines, key=lambda line: line.order)
    clocks = {at.astimezone(site.zone).tzname() for line in lines for at in (line.start, line.end)}

    def shown(at: datetime) -> str:
        local = at.astimezone(site.zone)
        # Django's own format of a zone is empty in the hour that comes twice.
        return format_date(local, TIME) + (f" {local.tzname()}" if len(clocks) > 1 else "")

    return [
        replace(line, times=line.times or f"{shown(line.start)}-{shown(line.end)}")
        for line in ordered
    ]
