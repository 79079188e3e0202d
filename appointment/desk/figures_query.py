"""The figures of a period: what was offered, booked, kept and missed.

The database adds up and returns a row a doctor, site or day. Days that are over have their totals
stored (`appointment.models.day_totals`); of the others, slots and visits are counted. A session and
a visit have a `date` at their location, so no statement converts a wall time. Python makes weeks
and months of the days.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import F, OuterRef, Subquery, Sum
from django.template.defaultfilters import floatformat
from django.utils.dateformat import format as format_date
from django.utils.translation import gettext, pgettext, pgettext_lazy

from appointment.models import Appointment, DayTotals, SummedDay
from appointment.models.day_totals import A_MILLISECOND, NUMBERS, OF_SLOTS, OF_VISITS, sums_by
from doctor.models import Doctor, Location, Schedule, Slot
from doctor.wall_time import earliest_date
from extensions.formats import date_text, instant_text

A_DAY = timedelta(days=1)
MOST_RUNS = 4  # of days that are counted, each with two statements
DOCTOR, SITE, WEEK, MONTH = "doctor", "site", "week", "month"
GROUPS = {
    DOCTOR: pgettext_lazy("column", "Doctor"),
    SITE: pgettext_lazy("column", "Site"),
    WEEK: pgettext_lazy("column", "Week"),
    MONTH: pgettext_lazy("column", "Month"),
}


@dataclass
class Figures:
    """The figures of one doctor, site, week or month, or of them all."""

    label: str
    start: date | None = None  # the first day of a week or month
    places: int = 0
    held: int = 0
    booked: int = 0
    done: int = 0
    no_show: int = 0
    canceled: int = 0
    waited: timedelta = field(default_factory=timedelta)  # from booking to visit, of all booked

    @property
    def use(self) -> float | None:
        """The share of the places that are held, in percent; None without a place."""
        return 100 * self.held / self.places if self.places else None

    @property
    def lead_days(self) -> float | None:
        """The mean number of days from booking to visit; None without a booked visit.

        A visit that staff enter after it has begun counts as booked at its start.
        """
        return max(self.waited / self.booked / A_DAY, 0.0) if self.booked else None

    @property
    def use_text(self) -> str:
        """The use as the page shows it."""
        if self.use is None:
            return "-"
        return gettext("%(percent)s%%") % {"percent": floatformat(self.use, 0)}

    @property
    def lead_text(self) -> str:
        """The lead time as the page shows it."""
        return floatformat(self.lead_days, 1) or "-"

    @property
    def due(self) -> int:
        """The booked visits of which nothing is recorded yet."""
        return self.booked - self.done - self.no_show

    @property
    def offered(self) -> int:
        """The places that are held for patients who wait."""
        return max(self.held - self.booked, 0)

    @property
    def free(self) -> int:
        """The places that no patient holds."""
        return max(self.places - self.held, 0)

    def add(self, **numbers: Any) -> None:
        """Add a row of the database."""
        for name, number in numbers.items():
            setattr(self, name, getattr(self, name) + number)


@dataclass(frozen=True)
class FiguresOfPeriod:
    """The figures from one date to another, both included, for a member of staff.

    `by`: one of GROUPS. `location` and `doctor` are primary keys, and narrow the figures. Staff of
    a site get those of their sites.
    """

    user: Any
    first: date
    last: date
    by: str = DOCTOR
    location: int | None = None
    doctor: int | None = None

    def rows(self) -> list[Figures]:
        """Return the figures in five statements at most: doctors and sites by name, else by time.

        A week or month without a time or visit has a row of zeros, a doctor or site has none.
        """
        found: dict[Any, Figures] = defaultdict(lambda: Figures(""))
        for row in self._sums():
            found[self._group_of(row.pop(self._column))].add(**row)
        labels = dict(self._labels(found))
        for group, label in labels.items():
            found[group].label = label
            found[group].start = group if isinstance(group, date) else None
        return [found[group] for group in labels]

    def _sums(self) -> Iterator[dict[str, Any]]:
        """Yield sums of the stored totals, and of the slots and visits of the days without them."""
        days = [self.first + n * A_DAY for n in range((self.last - self.first).days + 1)]
        summed = SummedDay.objects.current().filter(pk__range=(self.first, self.last))
        stored = set(summed.values_list("pk", flat=True))
        counted = [day for day in days if day not in stored]
        if stored:
            yield from self._stored(counted)
        for run in runs_of(counted):
            yield from self._counted(run)

    def _stored(self, left_out: list[date]) -> Iterator[dict[str, Any]]:
        totals = self._narrowed(DayTotals.objects.at_sites_of(self.user))
        totals = totals.filter(date__range=(self.first, self.last)).exclude(date__in=left_out)
        sums = {name: Sum(name) for name in NUMBERS}
        for row in sums_by(totals, (self._column,), **sums):
            yield {**row, "waited": int(row["waited"]) * A_MILLISECOND}

    def _counted(self, days: list[date]) -> Iterator[dict[str, Any]]:
        """Yield the sums of these days; all that lie between the first and the last, or some."""
        ends, all_days = (days[0], days[-1]), len(days) == (days[-1] - days[0]).days + 1
        slots = self._narrowed(Slot.objects.at_sites_of(self.user)).of_sessions_on(*ends)
        slots = slots.annotate(date=F("schedule__date"))
        visits = self._narrowed(Appointment.objects.at_sites_of(self.user)).filter(date__range=ends)
        for rows, sums in ((slots, OF_SLOTS), (visits, OF_VISITS)):
            these = rows if all_days else rows.filter(date__in=days)
            for row in sums_by(these, (self._column,), **sums):
                lead = row.pop("lead", None)
                yield {**row, "waited": lead * row["booked"] if lead else timedelta()}

    def _narrowed(self, rows: Any) -> Any:
        chosen = {"location": self.location, "doctor": self.doctor}
        return rows.filter(**{name: key for name, key in chosen.items() if key is not None})

    @property
    def _column(self) -> str:
        return {DOCTOR: "doctor", SITE: "location"}.get(self.by, "date")

    def _group_of(self, key: Any) -> Any:
        """Return the group of a row of the database: its key, or the first day of week or month."""
        if self.by == WEEK:
            return key - key.weekday() * A_DAY
        return key.replace(day=1) if self.by == MONTH else key

    def _labels(self, found: Iterable[Any]) -> Iterator[tuple[Any, str]]:
        """Yield each group with its name, in the order of the table."""
        if self.by in (DOCTOR, SITE):
            model: Any = Doctor if self.by == DOCTOR else Location
            yield from ((row.pk, str(row)) for row in model.objects.filter(pk__in=list(found)))
            return
        days = (self.first + n * A_DAY for n in range((self.last - self.first).days + 1))
        for group in dict.fromkeys(map(self._group_of, days)):
            if self.by == WEEK:
                yield group, gettext("Week of %(day)s") % {"day": date_text(group)}
            else:
                yield group, format_date(group, gettext("M Y"))


def total_of(rows: Iterable[Figures]) -> Figures:
    """Return the sum of the figures, as one row."""
    total = Figures(pgettext("all rows", "All"))
    for row in rows:
        total.add(**{name: getattr(row, name) for name in NUMBERS})
    return total


def runs_of(days: list[date]) -> list[list[date]]:
    """Return the days, which are sorted, in runs without a gap; as one run if they were many."""
    runs: list[list[date]] = []
    for day in days:
        if runs and day - runs[-1][-1] == A_DAY:
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs if len(runs) <= MOST_RUNS else [days]


@dataclass(frozen=True)
class NextFree:
    """The next time of a specialty that any patient can book; `slot` is None if there is none."""

    specialty: str
    slot: Slot | None
    at: datetime

    @property
    def start(self) -> str:
        """When it starts, on the clock of its site; empty if there is none."""
        slot = self.slot
        return instant_text(slot.starts_at, slot.location.zone) if slot else ""

    @property
    def days(self) -> float | None:
        """The days from now to that time."""
        return (self.slot.starts_at - self.at) / A_DAY if self.slot else None


def next_free_by_specialty(
    user: Any, at: datetime, location: int | None = None, doctor: int | None = None
) -> list[NextFree]:
    """Return the next free time of each specialty that doctors at these sites have, by name.

    The database looks for the next time of each doctor, by the index of the doctor's times, in
    three statements. `location` and `doctor` are primary keys, and narrow the times.
    """
    free = _next_free_of_doctors(user, at, location, doctor)
    slots = Slot.objects.select_related("doctor", "location").in_bulk(
        {pk for _, pk in free if pk is not None}
    )
    by_specialty: dict[str, list[Slot]] = defaultdict(list)
    for name, pk in free:
        by_specialty[name] += [slots[pk]] if pk in slots else []
    return [
        NextFree(name, min(found, key=lambda slot: (slot.starts_at, slot.pk), default=None), at)
        for name, found in sorted(by_specialty.items())
    ]


def _next_free_of_doctors(
    user: Any, at: datetime, location: int | None, doctor: int | None
) -> list[tuple[str, int | None]]:
    """Return (name of a specialty, key of the next free slot) of each doctor and specialty."""
    doctors = Doctor.objects.active().at_sites_of(user).filter(specialties__isnull=False)
    free = Slot.objects.at_sites_of(user).bookable(at).filter(doctor=OuterRef("pk"))
    if location is not None:
        coming = Schedule.objects.filter(location=location, date__gte=earliest_date(at))
        doctors = doctors.filter(pk__in=coming.values("doctor"))
        free = free.filter(location=location)
    if doctor is not None:
        doctors = doctors.filter(pk=doctor)
    first = Subquery(free.order_by("starts_at", "pk").values("pk")[:1])
    return list(doctors.order_by().values_list("specialties__name", first))
