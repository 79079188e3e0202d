"""The week of a doctor as it is typed: rows of sessions by weekday, each with its errors."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from functools import partial
from itertools import pairwise
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appointment.desk.hours_query import SiteHours
from doctor.countries import writes_day_first
from doctor.models import WeeklyHours
from doctor.models.week import WeekSession
from doctor.models.weekly_hours import Weekday
from doctor.wall_time import MIDNIGHT, validate_date
from extensions.dates import parse_date

FEWEST_ROWS, MOST_ROWS = 2, 12  # of a day; an empty one is added, up to the most
PARTS = ("start", "end", "minutes", "places")
MINUTES = 30  # of a visit, where nothing tells what is usual
AN_HOUR = 60
MINUTES_RANGE, PLACES_RANGE = (5, 720), (1, 1000)
TIME = re.compile(r"([0-9]{1,2})(?:[:.h]?([0-9]{2})(?:[:.]([0-9]{2}))?)?")
SESSION = re.compile(r"([0-6])-([0-9]{6})-([0-9]{6})-([0-9]{1,4})-([0-9]{1,4})")
NO_TIME = _("Type a time such as 09:00 or 9.")


def parse_time(text: str) -> tuple[int, int, int]:
    """Return the hour, minute and second that a text means; 24:00 is a time too.

    09:00, 9:00, 9.00, 0900, 900 and 9 mean the same. Seconds (09:00:30) are rare: hours that came
    by the API may have them. Raises ValidationError for anything else.
    """
    found = TIME.fullmatch(text.strip())
    hour, minute, second = map(int, found.groups("0")) if found else (99, 0, 0)
    if (hour, minute, second) != (24, 0, 0) and (hour > 23 or minute > 59 or second > 59):
        raise ValidationError(NO_TIME)
    return hour, minute, second


def start_of(text: str) -> time:
    """Return the time at which a session starts; raises ValidationError."""
    hour, minute, second = parse_time(text)
    if hour == 24:
        raise ValidationError(gettext("A session starts before midnight."))
    return time(hour, minute, second)


def end_of(text: str) -> time:
    """Return the time at which a session ends; 24:00 and 00:00 are midnight at the day's end."""
    hour, minute, second = parse_time(text)
    return time(hour % 24, minute, second)


def number_of(text: str, bounds: tuple[int, int], refusal: str) -> int:
    """Return a whole number within the bounds; raises ValidationError.

    `refusal`: its sentence, with the places %(least)d and %(most)d.
    """
    least, most = bounds
    typed = text.strip()
    if not re.fullmatch("[0-9]{1,6}", typed) or not least <= int(typed) <= most:
        raise ValidationError(refusal, params={"least": least, "most": most})
    return int(typed)


@dataclass
class TypedSession:
    """A row of the form: what is typed into its four fields, and what is wrong with it."""

    weekday: int
    number: int
    start: str = ""
    end: str = ""
    minutes: str = ""
    places: str = "1"
    errors: list[str] = field(default_factory=list)
    wrong: set[str] = field(default_factory=set)  # the fields that the errors are about
    session: WeekSession | None = None

    @property
    def label(self) -> str:
        """The name of the row for a screen reader, such as Monday, session 1."""
        known = {"weekday": Weekday(self.weekday).label, "number": self.number + 1}
        return capfirst(gettext("%(weekday)s, session %(number)d") % known)

    @property
    def is_used(self) -> bool:
        """Whether a time is typed; a row without one is no session."""
        return bool(self.start.strip() or self.end.strip())

    def refuse(self, message: str, *fields: str) -> None:
        """Say that these fields are wrong, and why."""
        self.errors.append(message)
        self.wrong |= {*fields}

    def check(self, unchanged: set[WeekSession]) -> None:
        """Set `session`, or say what is wrong.

        `unchanged`: the sessions that stand. One of them may be a single long visit; a new one has
        its minutes typed, since an empty field is more often forgotten than meant.
        """
        start, end = self._read("start", start_of), self._read("end", end_of)
        minutes = self._read("minutes", _minutes) if self.minutes.strip() else None
        places = self._read("places", _places) if self.places.strip() else 1
        if self.errors or start is None or end is None or places is None:
            return
        session = WeekSession(self.weekday, start, end, minutes, places)
        if session.minutes <= 0:
            self.refuse(gettext("The end is not after the start."), "end")
        elif minutes and minutes > session.minutes:
            self.refuse(gettext("The session is shorter than a visit."), "minutes")
        elif not minutes and session.minutes > AN_HOUR and session not in unchanged:
            self.refuse(gettext("Type how many minutes a visit takes."), "minutes")
        else:
            self.session = session

    def _read(self, name: str, read: Any) -> Any:
        try:
            return read(getattr(self, name))
        except ValidationError as error:
            self.refuse(" ".join(error.messages), name)
        return None


def _minutes(text: str) -> int:
    return number_of(text, MINUTES_RANGE, gettext("Minutes of a visit: %(least)d to %(most)d."))


def _places(text: str) -> int:
    return number_of(text, PLACES_RANGE, gettext("Visits at a time: %(least)d to %(most)d."))


@dataclass
class TypedDay:
    """A weekday of the form: its rows, and the hours that the form only shows."""

    number: int
    rows: list[TypedSession]
    fixed: list[WeeklyHours] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name of the weekday."""
        return str(Weekday(self.number).label)


class TypedWeek:
    """The form of a week: the date from which it holds, and the sessions of each weekday."""

    def __init__(self, standing: Sequence[WeeklyHours], first: date) -> None:
        """Make the form that shows these hours, which stand on this date."""
        self.first, self.first_day, self.first_error = first.isoformat(), first, ""
        self.keep, self.copy_from, self.copy_to = False, 0, set[int]()
        self.days = [TypedDay(number, []) for number in Weekday.values]
        self._stand_on(standing)
        for hours in sorted(standing, key=lambda row: row.start_time):
            if hours.every_weeks == 1:
                rows = self.days[hours.weekday].rows
                rows.append(_typed(hours, len(rows)))
        self._add_empty_rows()

    def read(self, data: Any, hours: SiteHours) -> None:
        """Take over what was typed, copy the days that are ticked, and check all of it."""
        self.first, self.keep = data.get("from", "").strip(), "keep" in data
        for day in self.days:
            day.rows = list(_rows_in(data, day.number))
        self._copy(data)
        self._read_date(hours)
        if not self.first_error:
            self._stand_on(hours.standing(self.first_day))
        for day in self.days:
            _check(day, self.standing)
        if not self.errors:
            self.copy_to = set()
        self._add_empty_rows()

    @property
    def sessions(self) -> list[WeekSession]:
        """The sessions that are typed, without errors."""
        rows = (row for day in self.days for row in day.rows)
        return [row.session for row in rows if row.session]

    @property
    def errors(self) -> list[str]:
        """What is wrong, with the place, in the order of the page."""
        first = (
            [gettext("From: %(error)s") % {"error": self.first_error}] if self.first_error else []
        )
        rows = (row for day in self.days for row in day.rows)
        return first + [f"{row.label}: {error}" for row in rows for error in row.errors]

    def _add_empty_rows(self) -> None:
        """Let each day have an empty row at its end, and as many rows as are shown at least."""
        for day in self.days:
            while len(day.rows) < MOST_ROWS and (
                len(day.rows) < FEWEST_ROWS or day.rows[-1].is_used
            ):
                day.rows.append(TypedSession(day.number, len(day.rows), minutes=self.minutes))

    def _copy(self, data: Any) -> None:
        """Give the ticked days the rows of the day that is copied."""
        days = {str(number): number for number in Weekday.values}
        self.copy_from = days.get(data.get("copy-from", ""), 0)
        self.copy_to = {days[to] for to in data.getlist("copy-to") if to in days} - {self.copy_from}
        for to in self.copy_to:
            self.days[to].rows = [
                TypedSession(to, row.number, *(getattr(row, part) for part in PARTS))
                for row in self.days[self.copy_from].rows
            ]

    def _stand_on(self, standing: Sequence[WeeklyHours]) -> None:
        """Show the hours that the form does not change, and remember the sessions that stand."""
        weekly = [row for row in standing if row.every_weeks == 1]
        self.standing = {WeekSession.of(row) for row in weekly}
        self.minutes = _usual_minutes(weekly)
        for day in self.days:
            rarer = (row for row in standing if row.every_weeks > 1)
            day.fixed = [row for row in rarer if row.weekday == day.number]

    def _read_date(self, hours: SiteHours) -> None:
        try:
            day_first = partial(writes_day_first, hours.site.country)
            self.first_day = parse_date(self.first, day_first)
            validate_date(self.first_day)
            if self.first_day < hours.tomorrow:
                raise ValidationError(gettext("Use a date after today."))
        except ValidationError as error:
            self.first_error = " ".join(error.messages)


def _typed(hours: WeeklyHours, number: int) -> TypedSession:
    """Return the row that shows these hours; midnight at the end of the day is 24:00."""
    end = "24:00" if hours.end_time == MIDNIGHT else _time_text(hours.end_time)
    minutes = "" if hours.slot_minutes is None else str(hours.slot_minutes)
    texts = (_time_text(hours.start_time), end, minutes, str(hours.capacity))
    return TypedSession(hours.weekday, number, *texts)


def sessions_text(sessions: Iterable[WeekSession]) -> str:
    """Return the sessions as a text for a URL, which `sessions_from` reads."""
    return ".".join(
        f"{each.weekday}-{each.start_time:%H%M%S}-{each.end_time:%H%M%S}"
        f"-{each.slot_minutes or 0}-{each.capacity}"
        for each in sessions
    )


def sessions_from(text: str) -> list[WeekSession]:
    """Return the sessions of such a text; raises ValueError for any other text."""
    sessions = []
    for each in text.split(".") if text else ():
        found = SESSION.fullmatch(each)
        if not found:
            raise ValueError(each)
        weekday, *walls, minutes, places = found.groups()
        start, end = (time(int(wall[:2]), int(wall[2:4]), int(wall[4:])) for wall in walls)
        sessions.append(WeekSession(int(weekday), start, end, int(minutes) or None, int(places)))
    return sessions


def _time_text(wall: time) -> str:
    return f"{wall:%H:%M:%S}" if wall.second else f"{wall:%H:%M}"


def _usual_minutes(hours: Iterable[WeeklyHours]) -> str:
    counted = Counter(row.slot_minutes for row in hours if row.slot_minutes)
    return str(counted.most_common(1)[0][0] if counted else MINUTES)


def _rows_in(data: Mapping[str, str], weekday: int) -> Iterable[TypedSession]:
    """Yield the rows of a weekday that were sent, in order, those without a time included.

    A page of a day with many sessions has more rows than MOST_ROWS: one that was not read would
    end its session.
    """
    sent = re.compile(rf"(?:{'|'.join(PARTS)})-{weekday}-([0-9]{{1,4}})")
    numbers = {int(found[1]) for name in data if (found := sent.fullmatch(name))}
    for number, row in enumerate(sorted(numbers)):
        start, end, minutes, places = (data.get(f"{part}-{weekday}-{row}", "") for part in PARTS)
        yield TypedSession(weekday, number, start, end, minutes, places)


def _check(day: TypedDay, standing: set[WeekSession]) -> None:
    """Check the rows of a day, and that no two of them overlap."""
    for row in day.rows:
        if row.is_used:
            row.check(standing)
    good = sorted(
        (row for row in day.rows if row.session),
        key=lambda row: row.session.extent,  # type: ignore[union-attr]
    )
    for before, after in pairwise(good):
        if before.session.shared_minutes(after.session):  # type: ignore[union-attr,arg-type]
            times = before.session.times_text  # type: ignore[union-attr]
            after.refuse(gettext("It overlaps %(times)s.") % {"times": times}, "start", "end")
