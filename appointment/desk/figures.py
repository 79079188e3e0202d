"""Places, visits and use over a time: plots, tables and a file for spreadsheets."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.audit.models import AuditEvent
from appointment.desk.access import doctors_seen_by
from appointment.desk.figures_query import (
    DOCTOR,
    GROUPS,
    Figures,
    FiguresOfPeriod,
    NextFree,
    next_free_by_specialty,
    total_of,
)
from appointment.desk.pages import FIRST_DATE, LAST_DATE, DeskPage
from appointment.desk.plots import EMPTY, Bar, Kind, Plot
from doctor.models import Doctor
from extensions.spreadsheets import csv_text

MOST_DAYS = 731  # two years, one of them a leap year
A_DAY = timedelta(days=1)
GREEN, SKY, BLUE = "#009E73", "#56B4E9", "#0072B2"  # of Okabe and Ito
PLACES = (
    Kind(pgettext_lazy("places of a plot", "done"), GREEN),
    Kind(pgettext_lazy("places of a plot", "no-show"), "lines"),
    Kind(pgettext_lazy("places of a plot", "due"), SKY),
    Kind(pgettext_lazy("places of a plot", "offered"), "dots"),
    Kind(pgettext_lazy("places of a plot", "free"), EMPTY),
)
LEAD = (Kind(_("days from booking to visit, mean"), BLUE),)
NEXT = (Kind(_("days until the next free time"), BLUE),)
COLUMNS = (
    pgettext_lazy("column", "Places"),
    pgettext_lazy("column", "Held"),
    pgettext_lazy("column", "Booked"),
    pgettext_lazy("column", "Done"),
    pgettext_lazy("column", "No-show"),
    pgettext_lazy("column", "Canceled"),
    pgettext_lazy("column", "Use (%)"),
    pgettext_lazy("column", "Lead time (days)"),
)
DAY_FORMATS = ["%Y-%m-%d"]
NOT_A_DAY = {"invalid": _("This is not a date. Write it as 2026-12-01.")}


class FiguresForm(forms.Form):
    """The days of the figures, their groups and their format; empty means this month so far.

    `today`: the date at the desk's site.
    """

    by = forms.ChoiceField(choices=list(GROUPS.items()), required=False)
    format = forms.ChoiceField(choices=[("", "page"), ("csv", "CSV")], required=False)

    def __init__(self, data: Any, today: date) -> None:
        super().__init__(data)
        self.today = today
        for name in ("from", "to"):
            self.fields[name] = forms.DateField(
                required=False, input_formats=DAY_FORMATS, error_messages=NOT_A_DAY
            )

    def clean(self) -> dict[str, Any]:
        """Fill in the days that are missing; raises ValidationError for a range that is refused."""
        given = self.cleaned_data
        if self.errors:
            return given
        last = given["to"] or max(given["from"] or self.today, self.today)
        first = given["from"] or last.replace(day=1)
        if not FIRST_DATE <= first <= last < LAST_DATE:
            raise ValidationError(
                gettext("The first day is on or before the last, from 2000 to 2199.")
            )
        if (last - first).days >= MOST_DAYS:
            raise ValidationError(gettext("Choose two years at most."))
        return {**given, "from": first, "to": last, "by": given["by"] or DOCTOR}


class FiguresPage(DeskPage):
    """Places, visits and use over a time."""

    title = pgettext_lazy("page of the desk", "Figures")
    template_name = "desk/figures.html"
    kind = "desk.figures"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page, or send the file; 400 for parameters that make no sense."""
        if not self.form.is_valid():
            return self.page(400, self.template_name, **self.choices)
        if self.form.cleaned_data["format"]:
            return self.file()
        return self.page(**self.choices, **self.figures())

    @cached_property
    def form(self) -> FiguresForm:
        """The parameters of the URL."""
        today = self.site.today(self.at) if self.site else self.at.date()
        return FiguresForm(self.request.GET, today)

    @cached_property
    def doctors(self) -> list[Doctor]:
        """The doctors that the user can choose, by name."""
        return list(doctors_seen_by(self.user))

    @cached_property
    def chosen(self) -> dict[str, int | None]:
        """The keys of the site and the doctor; raises Http404 for those the user does not see."""
        seen: dict[str, list[Any]] = {"location": self.sites, "doctor": self.doctors}
        chosen = {name: self.key(name) for name in seen}
        for name, rows in seen.items():
            if chosen[name] is not None and chosen[name] not in {row.pk for row in rows}:
                raise Http404(gettext("There is no such row."))
        return chosen

    @property
    def choices(self) -> dict[str, Any]:
        """What the form of the page shows."""
        form, today = self.form, self.form.today
        known = form.cleaned_data if form.is_valid() else {}
        typed = {name: known.get(name) or form.data.get(name, "") for name in ("from", "to", "by")}
        days = {f"{name}_day": iso(typed[name]) for name in ("from", "to")}
        errors = [message for messages in form.errors.values() for message in messages]
        return {
            **self.chosen,
            **days,
            "by": typed["by"] or DOCTOR,
            "groups": GROUPS,
            "doctors": self.doctors,
            "errors": errors,
            "periods": [(words, self.link(*days)) for words, *days in periods(today)],
        }

    def link(self, first: date, last: date) -> str:
        """Return the query of the same figures for other days."""
        query = self.request.GET.copy()
        query.pop("format", None)
        query["from"], query["to"] = first.isoformat(), last.isoformat()
        return f"?{query.urlencode()}"

    @cached_property
    def rows(self) -> list[Figures]:
        """The figures of the period."""
        known = self.form.cleaned_data
        period = FiguresOfPeriod(self.user, known["from"], known["to"], known["by"], **self.chosen)
        return period.rows()

    def figures(self) -> dict[str, Any]:
        """Return the tables and the plots of the page."""
        known, total = self.form.cleaned_data, total_of(self.rows)
        free = next_free_by_specialty(self.user, self.at, **self.chosen)
        return {
            "first": known["from"],
            "last": known["to"],
            "group": GROUPS[known["by"]],
            "rows": self.rows,
            "total": total,
            "free": free,
            "csv": f"{self.link(known['from'], known['to'])}&format=csv",
            "plots": plots(self.rows, free),
        }

    def file(self) -> HttpResponse:
        """Return the table as CSV, and record the export."""
        known = self.form.cleaned_data
        self.record_page(action=AuditEvent.Action.EXPORT)
        header = [str(words) for words in (GROUPS[known["by"]], *COLUMNS)]
        days = f"{known['from']}-to-{known['to']}"
        name = f"figures-by-{known['by']}-{days}.csv"
        text = csv_text(header, map(cells, (*self.rows, total_of(self.rows))))
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)


def iso(day: Any) -> str:
    """Return a date as a field of the browser reads it; a text as it was typed."""
    return day.isoformat() if isinstance(day, date) else day


def periods(today: date) -> Iterator[tuple[str, date, date]]:
    """Yield the periods that a click chooses: words, first and last day."""
    month = today.replace(day=1)
    last_month = month - A_DAY
    year = today.replace(month=1, day=1)
    yield gettext("This month so far"), month, today
    yield gettext("Last month"), last_month.replace(day=1), last_month
    yield gettext("This year so far"), year, today
    yield gettext("Last year"), year.replace(year=year.year - 1), year - A_DAY


def cells(row: Figures) -> list[Any]:
    """Return a row of the file; a week or month is written as its first day."""
    counts = [row.places, row.held, row.booked, row.done, row.no_show, row.canceled]
    means = [None if mean is None else round(mean, 1) for mean in (row.use, row.lead_days)]
    return [row.start.isoformat() if row.start else row.label, *counts, *means]


def plots(rows: Iterable[Figures], free: Iterable[NextFree]) -> dict[str, Plot]:
    """Return the plots of the page by name."""
    places, lead = [], []
    for row in rows:
        parts = (row.done, row.no_show, row.due, row.offered, row.free)
        places.append(Bar(row.label, parts, use_note(row.use)))
        days = row.lead_days
        lead.append(Bar(row.label, (days or 0,), "-" if days is None else days_note(days)))
    return {
        "places": Plot("places", gettext("Places and what became of them"), PLACES, places),
        "lead": Plot("lead", gettext("Days from booking to visit"), LEAD, lead),
        "free": Plot("free", gettext("Next free time by specialty"), NEXT, map(bar_of, free)),
    }


def bar_of(next_free: NextFree) -> Bar:
    """Return the bar of a specialty: how many days its patients wait."""
    start = next_free.start or gettext("no free time")
    return Bar(next_free.specialty, (next_free.days or 0,), start)


def use_note(use: float | None) -> str:
    """Return the share of the held places in words."""
    if use is None:
        return gettext("no places")
    return gettext("%(use)s%% held") % {"use": f"{use:.0f}"}


def days_note(days: float) -> str:
    """Return a number of days in words, with one decimal."""
    shown = number_format(f"{days:.1f}", 1)
    return ngettext("%(days)s days", "%(days)s days", round(days)) % {"days": shown}
