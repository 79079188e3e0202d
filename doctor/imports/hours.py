"""The import of weekly hours from a file."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, ngettext, override
from django.utils.translation import gettext_lazy as _

from doctor.countries import writes_day_first
from doctor.exceptions import HoursOverlap, ScheduleInUse
from doctor.models import Doctor, Location, WeeklyHours
from doctor.models.weekly_hours import Weekday
from extensions.csv_files import Row
from extensions.exceptions import DomainError
from extensions.formats import day_text
from extensions.import_columns import Cell, ChoiceCell, Column, DateCell, NumberCell, TimeCell
from extensions.imports import CsvResource, Note
from extensions.text import fold

MOST_DAYS_LISTED = 3


class RowCell(Cell):
    """A row by what people call it; `rows` maps it, folded, to the row or to several rows."""

    empty = None

    def __init__(self, refusal: Any) -> None:
        super().__init__()
        self.refusal = refusal
        self.rows: dict[str, list[Any]] = {}

    def read(self, text: str, row: Mapping[str, str]) -> Any:
        found = self.find(text)
        if len(found) > 1:
            several = gettext("“%(name)s” means several. Write it exactly as it is there.")
            raise ValueError(several % {"name": text[:40]})
        if not found:
            raise ValueError(self.refusal % {"name": text[:40]})
        return found[0]

    def find(self, text: str) -> list[Any]:
        """Return the rows with this name: exactly, or else without case and accents."""
        return self.rows.get(text.strip()) or self.rows.get(fold(text)) or []


class HoursResource(CsvResource):
    """Weekly hours by their external id, published one doctor a transaction.

    `user`: the member of staff who imports, and who changes hours at the own sites only; None for
    a command. A row is checked by publishing it and rolling that back.
    """

    external_id = Column(_("The number of these hours in your other system. Required."), "H-1")
    doctor = Column(
        _("The doctor's external id or license number. Required."),
        "D-100",
        RowCell(_("There is no doctor with the external id or license number “%(name)s”.")),
    )
    location = Column(
        _("The name of the site. Required."),
        "Central clinic",
        RowCell(_("There is no site “%(name)s”.")),
    )
    weekday = Column(
        _("Monday to Sunday. Required."),
        "Monday",
        ChoiceCell({}, _("Write the weekday as a word: Monday."), None, dict(Weekday.choices)),
    )
    start = Column(
        _("On the clocks of the site. Required."), "09:00", TimeCell(), attribute="start_time"
    )
    end = Column(
        _("24:00 is the end of the day. Required."), "13:00", TimeCell(), attribute="end_time"
    )
    slot_minutes = Column(
        _("Minutes of a visit, 5 to 720; empty: one visit takes the whole session."),
        "30",
        NumberCell(None),
    )
    capacity = Column(_("Patients at the same time; empty is 1."), "1", NumberCell(1))
    valid_from = Column(_("The first day. Required."), "2027-01-04", DateCell())
    valid_until = Column(_("The last day; empty: until further notice."), "", DateCell())
    every_weeks = Column(_("2 is every other week; empty is 1."), "1", NumberCell(1))

    class Meta:
        model = WeeklyHours
        fields = (
            "external_id",
            "doctor",
            "location",
            "weekday",
            "start",
            "end",
            "slot_minutes",
            "capacity",
            "valid_from",
            "valid_until",
            "every_weeks",
        )
        import_id_fields = ("external_id",)
        skip_diff = True
        store_instance = True

    words = _("weekly hours")
    required = ("external_id", "doctor", "location", "weekday", "start", "end", "valid_from")
    is_checked_by_writing = True

    def __init__(self, user: Any = None) -> None:
        super().__init__()
        self.user = user
        doctors, locations = Doctor.objects.all(), Location.objects.all()
        if user is not None:
            doctors, locations = doctors.for_calendar_of(user), locations.at_sites_of(user)
        self.fields["doctor"].widget.rows = _by_names(
            (each, (each.external_id, each.license_number)) for each in doctors
        )
        self.fields["location"].widget.rows = _by_names((each, (each.name,)) for each in locations)
        self.fields["weekday"].widget.words = weekdays_by_name()
        for name in ("valid_from", "valid_until"):
            self.fields[name].widget.day_first = self._is_day_first

    def batches(self, rows: Iterable[Row]) -> Iterator[list[Row]]:
        """Yield the rows of each doctor; those that change stored hours come first.

        Their new times may make room for those of new hours.
        """
        every = list(rows)
        keys = [row.cells.get("external_id", "").strip() for row in every]
        stored = {
            *WeeklyHours.objects.exclude(external_id="").values_list("external_id", flat=True)
        }
        of_doctor: dict[Any, list[Row]] = defaultdict(list)
        for is_stored in (True, False):
            for key, row in zip(keys, every, strict=True):
                if (key in stored) is is_stored:
                    of_doctor[self._group(row)].append(row)
        yield from of_doctor.values()

    def _group(self, row: Row) -> Any:
        typed = row.cells.get("doctor", "")
        found = self.fields["doctor"].widget.find(typed)
        return found[0].pk if found else typed.strip()

    def load(self, rows: list[dict[str, str]]) -> None:
        """Read and lock the hours of the batch, and what their change locks."""
        keys = {row["external_id"].strip() for row in rows} - {""}
        hours = WeeklyHours.objects.filter(external_id__in=keys).exclude(external_id="")
        locations, doctors = (
            {each.pk for row in rows for each in self.fields[name].widget.find(row[name])}
            for name in ("location", "doctor")
        )
        found = hours.lock_calendars(locations, doctors)
        self.existing = {each.external_id: each for each in found}

    def label_of(self, cells: dict[str, str]) -> str:
        shown = [cells.get(name, "").strip() for name in ("doctor", "weekday", "start", "location")]
        return ", ".join(filter(None, shown)) or super().label_of(cells)

    def check_row(self, instance: Any, row: dict[str, str], is_new: bool) -> dict[str, Any]:
        """Refuse a change of hours at a site where the user does not work."""
        stored = instance.values_before["location"]
        if self.user is not None and not is_new and not self.user.works_at(stored.pk):
            return {"external_id": gettext("Hours at another site have this external id.")}
        return {}

    def validate_instance(
        self, instance: Any, errors: Any = None, validate_unique: Any = 1
    ) -> None:
        """Raise ValidationError for wrong or empty cells; the verb checks the rest."""
        empty = {
            each.attribute: [gettext("This column cannot be empty.")]
            for each in self.get_import_fields()
            if each.column_name in self.required and each.value(instance) in (None, "")
        }
        if found := empty | (errors or {}):
            raise ValidationError(found)

    def write(self, instance: Any, changes: dict[str, Any], is_new: bool) -> None:
        """Publish new hours, or revise stored ones."""
        if is_new:
            instance.publish()
        else:
            instance.revise(**changes)

    def notes_of(self, instance: Any) -> list[Note]:
        """Say which days get no session, and why."""
        skipped, text = instance.skipped, gettext("Left out: %(day)s. %(reason)s")
        notes = [
            Note(text % {"day": day_text(day), "reason": reason})
            for day, reason in skipped[:MOST_DAYS_LISTED]
        ]
        if len(skipped) > MOST_DAYS_LISTED:
            count = len(skipped) - MOST_DAYS_LISTED
            more = ngettext(
                "Left out: %(count)s more days.", "Left out: %(count)s more days.", count
            )
            notes.append(Note(more % {"count": count}))
        return notes

    def refusal_text(self, error: DomainError) -> str:
        """Name the hours that are in the way, or say how many visits are."""
        text = super().refusal_text(error)
        if isinstance(error, HoursOverlap):
            hours = WeeklyHours.objects.filter(pk__in=error.extra["weekly_hours"])
            seen = hours if self.user is None else hours.at_sites_of(self.user)
            names = [str(each) for each in seen.select_related("doctor", "location")]
            if len(names) < len(error.extra["weekly_hours"]):
                names.append(gettext("hours at another site"))
            in_the_way = gettext("In the way: %(hours)s.") % {"hours": "; ".join(names)}
            return f"{text} {in_the_way}"
        if isinstance(error, ScheduleInUse):
            count = len(error.extra["appointments"])
            in_the_way = gettext("Visits in the way: %(count)s.") % {"count": count}
            return f"{text} {in_the_way}"
        return text

    def _is_day_first(self, row: Mapping[str, str]) -> bool:
        """Whether the country of the row's site writes the day first."""
        found = self.fields["location"].widget.find(row.get("location", ""))
        return len(found) == 1 and writes_day_first(found[0].country)


@cache
def weekdays_by_name() -> dict[str, int]:
    """Map the names of the weekdays and their first three letters, in each language."""
    found: dict[str, int] = {}
    for language, _name in settings.LANGUAGES:
        with override(language):
            names = {str(day.label).casefold(): day.value for day in Weekday}
        found |= {word: day for name, day in names.items() for word in (name, name[:3])}
        found |= {fold(word): day for word, day in found.items()}
    return found


def _by_names(rows: Iterable[tuple[Any, tuple[str, ...]]]) -> dict[str, list[Any]]:
    """Map what people may write, exactly and folded, to the rows."""
    found: dict[str, dict[int, Any]] = defaultdict(dict)
    for row, names in rows:
        for name in filter(None, names):
            found[name][row.pk] = found[fold(name)][row.pk] = row
    return {name: list(rows.values()) for name, rows in found.items()}
