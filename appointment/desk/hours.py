"""The weekly hours of doctors: choose a doctor, change a week, and add a doctor with a week."""

import re
from dataclasses import replace
from datetime import date
from functools import cached_property
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext, pgettext, pgettext_lazy
from django_htmx.http import push_url

from accounts.models import User
from appointment.desk.answers import Said
from appointment.desk.holidays import holidays_for, must_be_rebooked
from appointment.desk.hours_form import TypedWeek, sessions_from, sessions_text
from appointment.desk.hours_query import (
    DoctorHours,
    DoctorList,
    Preview,
    SiteHours,
    hours_named,
    preview_of,
)
from appointment.desk.navigation import VIEW_HOURS
from appointment.desk.pages import DeskPage
from doctor.models import Doctor, Location, WeeklyHours
from doctor.models.week import Week, WeekChange, WeekSession, add_doctor
from doctor.models.weekly_hours import Weekday
from doctor.wall_time import A_DAY
from extensions.formats import day_text
from extensions.rest.converters import IdConverter

CHANGE_WEEK = (
    "doctor.add_weeklyhours",
    "doctor.change_weeklyhours",
    "doctor.delete_weeklyhours",
)
ADD_DOCTOR = ("doctor.add_doctor", *CHANGE_WEEK)
MOST_DAYS_LISTED = 10
LONGEST_UNDO = 2000  # characters of sessions in a URL, which servers limit


def holds(user: User, permissions: tuple[str, ...]) -> bool:
    """Return whether the user is staff who hold all of these permissions."""
    return all(user.is_staff_with(each) for each in permissions)


class HoursPage(DeskPage):
    """The doctors whose hours the user may look at, and the holidays of the sites."""

    title = pgettext_lazy("page of the desk", "Hours")
    template_name = "desk/hours.html"
    permission = VIEW_HOURS
    permission_to_change = VIEW_HOURS
    kind = "desk.hours"
    audited_model = WeeklyHours

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the doctors, those of `?q=` if it is given."""
        doctors = DoctorList(self.user, self.sites, self.at, request.GET.get("q", ""))
        return self.page(
            doctors=doctors,
            holidays=holidays_for(self),
            may_add_doctor=holds(self.user, ADD_DOCTOR),
        )


class WeekForm(DeskPage):
    """What the pages with a week have in common: who may send it, and how it is shown."""

    title = pgettext_lazy("page of the desk", "Hours")
    template_name = "desk/week.html"
    permission = VIEW_HOURS
    permission_to_change = CHANGE_WEEK[0]
    part = "desk/week_said.html"  # what htmx gets
    kind = "desk.week"
    audited_model: ClassVar[Any] = WeeklyHours

    def may_open(self) -> bool:
        """Whether the user may send this request; a change needs all permissions of hours."""
        return super().may_open() and (self.request.method != "POST" or self.may_save)

    @property
    def may_save(self) -> bool:
        """Whether the user may change the week."""
        return holds(self.user, CHANGE_WEEK)

    @cached_property
    def clinic(self) -> Location:
        """The site whose hours the page shows; raises Http404 while there is none."""
        if self.site is None:
            raise Http404(gettext("There is no location yet."))
        return self.site

    def show(self, typed: TypedWeek, said: Said | None = None, **more: Any) -> HttpResponse:
        """Show the form with what is typed: to htmx that part, else the page."""
        part = self.part if self.request.htmx else ""  # type: ignore[attr-defined]
        return self.page(template=part, said=said, typed=typed, **self.shown(typed), **more)

    def answer_saved(self, said: Said, doctor: Doctor, first: date) -> HttpResponse:
        """Show the week of the doctor as it stands now on the date, and its address."""
        everywhere = DoctorHours(doctor, self.user, self.at)
        typed = TypedWeek(everywhere.at_site(self.clinic).standing(first), first)
        url = week_url("desk:week", doctor, self.clinic, first)
        if not self.request.htmx:  # type: ignore[attr-defined]
            return self.answer(replace(said, then=url))
        week = self.week(doctor, everywhere, typed)
        return push_url(self.answer(said, "desk/week_said.html", typed=typed, **week), url)

    def week(self, doctor: Doctor, everywhere: DoctorHours, typed: TypedWeek) -> dict[str, Any]:
        """Return what the templates show of the doctor's week at the site."""
        hours, first = everywhere.at_site(self.clinic), typed.first_day
        return {
            "doctor": doctor,
            "clinic": self.clinic,
            "doctor_sites": everywhere.site_keys(),
            "may_save": self.may_save,
            "seen": hours.stamp(first),
            "first": first,
            "other_dates": hours.other_dates(first),
            "current": "desk:hours",
            "action": reverse("desk:week", args=[doctor.pk]),
        }

    def shown(self, typed: TypedWeek) -> dict[str, Any]:
        """Return what the templates show of the page, whatever was typed."""
        raise NotImplementedError


class WeekPage(WeekForm):
    """The week of a doctor at a site, which is changed from a date on."""

    def get(self, request: HttpRequest, doctor_id: int) -> HttpResponse:
        """Show the hours that stand on `?from=`, by default tomorrow."""
        opening = self.hours.opening()
        first = self.date("from") if "from" in request.GET else opening
        return self.show(TypedWeek(self.hours.standing(first), first))

    def post(self, request: HttpRequest, doctor_id: int) -> HttpResponse:
        """Show what would change, or save; what is wrong is said beside the field."""
        typed = TypedWeek((), self.hours.tomorrow)
        typed.read(request.POST, self.hours)
        if typed.errors:
            return self.show(typed, wrong(typed))
        return self.preview(typed) if "preview" in request.POST else self.save(typed)

    # --- What the page is about ---

    @cached_property
    def doctor(self) -> Doctor:
        """The doctor that the URL names; raises Http404 for one whom the user does not see."""
        doctors = Doctor.objects.for_calendar_of(self.user)
        return get_object_or_404(doctors, pk=self.kwargs["doctor_id"])

    @cached_property
    def everywhere(self) -> DoctorHours:
        """The hours of the doctor at all sites of the user."""
        return DoctorHours(self.doctor, self.user, self.at)

    @cached_property
    def clinic(self) -> Location:
        """The site that is named, else the first where the doctor has hours, else any."""
        site = super().clinic
        keys = self.everywhere.site_keys()
        if self.named_site or not keys or site.pk in keys:
            return site
        return next(each for each in self.sites if each.pk in keys)

    @property
    def named_site(self) -> str | None:
        """The site that the request names, if it names one."""
        return self.request.GET.get("location") or self.request.POST.get("location")

    @cached_property
    def hours(self) -> SiteHours:
        """The hours of the doctor at the site."""
        return self.everywhere.at_site(self.clinic)

    def shown(self, typed: TypedWeek) -> dict[str, Any]:
        """Return the doctor, the site, and what else the templates show."""
        return self.week(self.doctor, self.everywhere, typed)

    # --- Preview and save ---

    def preview(self, typed: TypedWeek, said: Said | None = None) -> HttpResponse:
        """Show what the change would do; a preview that names patients is recorded."""
        found: list[Preview] = []
        tried = self.attempt(lambda: self._look(typed, found))
        if any(preview.visits for preview in found):
            self.record_page("desk.week_visits")
        refused = tried if tried.refused else None
        return self.show(typed, said or refused, preview=found[0] if found else None)

    def _look(self, typed: TypedWeek, found: list[Preview]) -> Said:
        week = Week(self.doctor, self.clinic)
        with hours_named(self.user):
            change = week.preview(typed.first_day, typed.sessions, at=self.at)
        found.append(preview_of(change, self.user, self.at))
        return Said("")

    def save(self, typed: TypedWeek) -> HttpResponse:
        """Save the week, or say why not and show what would change."""
        said = self.attempt(lambda: self._change(typed))
        if said.refused:
            return self.preview(typed, said)
        return self.answer_saved(said, self.doctor, typed.first_day)

    def _change(self, typed: TypedWeek) -> Said:
        week, seen = Week(self.doctor, self.clinic), self.request.POST.get("seen")
        first, sessions = typed.first_day, typed.sessions
        with hours_named(self.user):
            change = week.change(first, sessions, at=self.at, keep=typed.keep, seen=seen)
        said = saved_sentence(change, self.doctor, self.clinic, typed)
        earlier = sessions_text(change.before or ())
        if change.before is None or len(earlier) > LONGEST_UNDO:
            return said
        place = (self.doctor, self.clinic, first)
        return replace(
            said, undo=week_url("desk:week_back", *place, seen=change.stamp, week=earlier)
        )


class TakeBack(WeekPage):
    """The change of a week is taken back: the sessions before it stand again.

    Refused if other hours stand by now, and if a visit was booked that would lose its time.
    """

    http_method_names = ("post",)

    def post(self, request: HttpRequest, doctor_id: int) -> HttpResponse:
        """Let the sessions of `?week=` stand from `?from=` on."""
        try:
            sessions = sessions_from(request.GET.get("week", ""))
        except ValueError as error:
            raise BadRequest(gettext("These are no sessions of a week.")) from error
        return self.answer(self.attempt(lambda: self._back(self.date("from"), sessions)))

    def _back(self, first: date, sessions: list[WeekSession]) -> Said:
        seen = self.request.GET.get("seen", "")
        with hours_named(self.user):
            Week(self.doctor, self.clinic).change(first, sessions, at=self.at, seen=seen)
        text = gettext(
            "%(doctor)s, %(location)s, from %(day)s on, as before the change: %(hours)s."
        )
        url = week_url("desk:week", self.doctor, self.clinic, first)
        return Said(text % week_values(self.doctor, self.clinic, first, sessions), then=url)


# --- A new doctor ---------------------------------------------------------------------------------


class RowsField(forms.ModelMultipleChoiceField):
    """Rows that are ticked; a key that no column can hold is none of them."""

    def clean(self, value: Any) -> Any:
        for key in value or ():
            if not re.fullmatch(IdConverter.regex, key):
                code = "invalid_pk_value"
                raise forms.ValidationError(self.error_messages[code], code, {"pk": key[:40]})
        return super().clean(value)


class DoctorForm(forms.ModelForm):
    """The fields of a new doctor. Staff of a site choose no specialties, as in the admin."""

    class Meta:
        model = Doctor
        fields = ("title", "first_name", "last_name", "license_number", "specialties", "languages")
        field_classes = {"specialties": RowsField, "languages": RowsField}
        widgets = {
            "specialties": forms.CheckboxSelectMultiple,
            "languages": forms.CheckboxSelectMultiple,
        }

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if user.sites is not None:
            del self.fields["specialties"]

    @property
    def related(self) -> dict[str, Any]:
        """The specialties and languages that are ticked."""
        return {
            name: self.cleaned_data[name]
            for name in ("specialties", "languages")
            if name in self.fields
        }

    def clean_license_number(self) -> str:
        """Name the doctor who has this license number already."""
        number: str = self.cleaned_data["license_number"]
        for doctor in Doctor.objects.filter(license_number=number):
            text = gettext("%(doctor)s has this license number already.")
            raise forms.ValidationError(text, "unique", {"doctor": str(doctor)})
        return number


class NewDoctorPage(WeekForm):
    """A new doctor, with weekly hours at a site."""

    template_name = "desk/new_doctor.html"
    permission = ADD_DOCTOR[0]
    permission_to_change = ADD_DOCTOR[0]
    part = "desk/new_doctor_said.html"
    kind = "desk.new_doctor"
    audited_model = Doctor

    def may_open(self) -> bool:
        """Whether the user may add both doctors and hours."""
        return super().may_open() and self.may_save

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the empty form."""
        return self.show(self.typed)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Save the doctor and the hours, or say what is wrong beside the field."""
        self.typed.read(request.POST, self.no_hours)
        if not self.form.is_valid() or self.typed.errors:
            return self.show(self.typed, wrong(self.typed, self.form))
        said = self.attempt(self._add)
        if said.refused:
            return self.show(self.typed, said)
        return self.answer_saved(said, self.form.instance, self.typed.first_day)

    @cached_property
    def no_hours(self) -> SiteHours:
        """The hours of a doctor who has none yet."""
        return SiteHours([], self.clinic, self.clinic.today(self.at) + A_DAY)

    @cached_property
    def typed(self) -> TypedWeek:
        """The form of the week."""
        return TypedWeek((), self.no_hours.tomorrow)

    @cached_property
    def form(self) -> DoctorForm:
        """The form of the doctor."""
        return DoctorForm(self.request.POST or None, user=self.user)

    def shown(self, typed: TypedWeek) -> dict[str, Any]:
        """Return the form of the doctor and the site."""
        return {
            "form": self.form,
            "clinic": self.clinic,
            "may_save": True,
            "current": "desk:hours",
            "action": reverse("desk:new_doctor"),
        }

    def _add(self) -> Said:
        typed, doctor = self.typed, self.form.instance
        first, sessions = typed.first_day, typed.sessions
        related = self.form.related
        change = add_doctor(doctor, self.clinic, first, sessions, at=self.at, **related)
        if not sessions:
            text = gettext("%(doctor)s is entered, without weekly hours.")
            return Said(text % {"doctor": doctor})
        return saved_sentence(change, doctor, self.clinic, typed)


# --- Addresses and sentences ----------------------------------------------------------------------


def week_url(name: str, doctor: Doctor, clinic: Location, first: date, **more: str) -> str:
    """Return the URL with this name about the doctor's week at a site, from a date on."""
    place = {"location": str(clinic.pk), "from": first.isoformat(), **more}
    return f"{reverse(name, args=[doctor.pk])}?{urlencode(place)}"


def wrong(typed: TypedWeek, form: DoctorForm | None = None) -> Said:
    """Return the sentence that names all that is wrong with what was typed."""
    of_doctor = form.errors if form else {}
    errors = [
        f"{_label(form, name)}: {' '.join(map(str, texts))}" for name, texts in of_doctor.items()
    ]
    return Said(" ".join([gettext("Nothing is saved yet."), *errors, *typed.errors]), refused=True)


def _label(form: Any, name: str) -> str:
    return str(form[name].label) if name in form.fields else gettext("Doctor")


def saved_sentence(change: WeekChange, doctor: Doctor, clinic: Location, typed: TypedWeek) -> Said:
    """Return the sentence that says which week the doctor has now, and what follows from it."""
    text = gettext("%(doctor)s, %(location)s, from %(day)s on: %(hours)s.")
    sentences = [text % week_values(doctor, clinic, typed.first_day, typed.sessions)]
    if not change.sentences:
        return Said(" ".join([*sentences, gettext("These hours stood already.")]))
    number = len(change.appointments)
    if number:
        sentences.append(must_be_rebooked(number))
    if change.skipped:
        left_out = [f"{day_text(day)} ({reason})" for day, reason in change.skipped]
        sentences.append(left_out_sentence(left_out))
    work_list = reverse("admin:appointment_worklistitem_changelist")
    links = ((work_list, gettext("Visits to rebook")),) if number else ()
    return Said(" ".join(sentences), links=links)


def week_values(
    doctor: Doctor, clinic: Location, first: date, sessions: list[WeekSession]
) -> dict[str, str]:
    """Return the values of a sentence about the week of a doctor from a date on."""
    hours = week_text(sessions)
    known = {"doctor": str(doctor), "location": str(clinic), "day": day_text(first)}
    return {**known, "hours": hours}


def left_out_sentence(days: list[str]) -> str:
    """Return the sentence that names the days that are left out, and how many more there are."""
    more, listed = len(days) - MOST_DAYS_LISTED, "; ".join(days[:MOST_DAYS_LISTED])
    if more <= 0:
        return gettext("Left out: %(days)s.") % {"days": listed}
    text = ngettext(
        "Left out: %(days)s and %(number)d more days.",
        "Left out: %(days)s and %(number)d more days.",
        more,
    )
    return text % {"days": listed, "number": more}


def week_text(sessions: list[WeekSession]) -> str:
    """Return the sessions of a week in words; days that have the same are named together."""
    by_day: dict[int, list[str]] = {}
    for session in sorted(sessions, key=lambda each: (each.weekday, each.start_time)):
        by_day.setdefault(session.weekday, []).append(session.times_text)
    by_times: dict[str, list[str]] = {}
    for day, times in by_day.items():
        joined = pgettext("between times", " and ").join(times)
        by_times.setdefault(joined, []).append(str(Weekday(day).label))
    week = [f"{', '.join(days)} {times}" for times, days in by_times.items()]
    return "; ".join(week) or gettext("no hours")
