"""Dates in the admin: typed in no doubtful order, shown in one format, without another's clock."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.staticfiles import finders
from django.test import RequestFactory

from accounts.models import User
from appointment.models import AppointmentEvent, WaitlistEntry
from appointment.tests.factories import AppointmentFactory
from doctor.models import Location, Schedule, TimeOff, WeeklyHours
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory, day_ahead
from extensions.admin.dates import TypedDateField, TypedDateTimeField
from extensions.dates import REFUSALS
from extensions.formats import date_text, day_text, instant_text
from patient.models import MedicalHistory, Patient
from patient.tests.factories import PatientFactory
from tests.admin_client import AdminClient, form_errors, messages_of, page

pytestmark = pytest.mark.django_db
MISTAKABLE = str(REFUSALS["numbers"])
DAY = day_ahead(40)


@pytest.fixture
def staff_client(superuser: User) -> AdminClient:
    return AdminClient(superuser)


def numbers(day: date) -> str:
    """Write the date as 1/12/2026."""
    return f"{day.day}/{day.month}/{day.year}"


def session(place: Location, **typed: Any) -> dict[str, Any]:
    hours = {"start_time": "09:00", "end_time": "10:00", "capacity": "1", "is_active": "on"}
    return {"doctor": DoctorFactory().pk, "location": place.pk, **hours, **typed}


# --- Typed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [f"{DAY:%B %-d, %Y}", day_text(DAY)])
def test_a_session_takes_a_written_month_everywhere(staff_client: AdminClient, text: str) -> None:
    staff_client.send(page(Schedule, "add"), **session(LocationFactory(country="US"), date=text))
    assert Schedule.objects.get().date == DAY


def test_numbers_are_day_first_where_the_country_of_the_session_writes_so(
    staff_client: AdminClient,
) -> None:
    LocationFactory(country="US")
    typed = session(LocationFactory(country="ES"), date=numbers(DAY))
    staff_client.send(page(Schedule, "add"), **typed)
    assert Schedule.objects.get().date == DAY


@pytest.mark.parametrize("country", ["US", None])
def test_numbers_are_refused_where_the_country_of_the_session_writes_otherwise(
    staff_client: AdminClient, country: str | None
) -> None:
    LocationFactory(country="ES")
    typed = session(LocationFactory(country=country), date="12/13/2026")
    assert form_errors(staff_client.send(page(Schedule, "add"), **typed)) == [MISTAKABLE]
    assert not Schedule.objects.exists()


@pytest.mark.parametrize(
    ("countries", "read"),
    [
        (["ES", "DE", None], True),
        (["ES", "US"], False),
        ([None], False),
    ],
)
def test_a_date_of_birth_in_numbers_is_read_where_all_locations_write_the_day_first(
    staff_client: AdminClient, countries: list[str | None], read: bool
) -> None:
    for country in countries:
        LocationFactory(country=country)
    path = page(Patient, "add")
    typed = {**staff_client.open(path), "last_name": "Ruiz", "first_name": "Ana"}
    shown = staff_client.send(path, typed, date_of_birth="3/12/1984")
    if read:
        assert Patient.objects.get().date_of_birth == date(1984, 12, 3)
    else:
        assert form_errors(shown) == [MISTAKABLE]
        assert 'value="3/12/1984"' in shown.content.decode()


def test_leave_and_hours_and_waits_read_dates_in_the_same_way(staff_client: AdminClient) -> None:
    madrid = LocationFactory(country="ES")
    leave = {"starts_0": numbers(DAY), "starts_1": "09:00", "ends_0": f"{DAY:%-d %b %Y}"}
    owner = {"doctor": DoctorFactory().pk, "clock": madrid.pk}
    staff_client.send(page(TimeOff, "add"), **owner, **leave, ends_1="10:00")
    assert TimeOff.objects.get().starts_at.astimezone(madrid.zone).date() == DAY
    hours = session(madrid, weekday="0", every_weeks="1", valid_from=numbers(DAY))
    staff_client.send(page(WeeklyHours, "add"), **hours)
    assert WeeklyHours.objects.get().valid_from == DAY
    wait = {"patient": PatientFactory().pk, "doctor": DoctorFactory().pk}
    days = {"first_date": numbers(DAY), "last_date": f"{DAY:%B %-d %Y}"}
    staff_client.send(page(WaitlistEntry, "add"), **wait, **days)
    assert WaitlistEntry.objects.get().last_date == DAY


def test_an_entry_of_a_history_reads_dates_in_the_same_way_beside_its_patient(
    staff_client: AdminClient,
) -> None:
    patient = PatientFactory()
    LocationFactory(country="US")
    entry = {"kind": "condition", "description": "Asthma", "status": "active"}
    typed = {f"history-0-{name}": value for name, value in entry.items()}
    typed |= {"history-TOTAL_FORMS": "1", "history-0-diagnosed_on": "3/12/2024"}
    refused = staff_client.change(patient, **typed)
    assert MISTAKABLE in refused.content.decode()
    staff_client.change(patient, **{**typed, "history-0-diagnosed_on": "3 Dec 2024"})
    assert MedicalHistory.objects.get().diagnosed_on == date(2024, 12, 3)


def test_a_date_that_was_not_changed_stays(staff_client: AdminClient) -> None:
    patient = PatientFactory(date_of_birth=date(1984, 12, 3))
    assert staff_client.open(page(patient, "change"))["date_of_birth"] == ["1984-12-03"]
    staff_client.change(patient, first_name="Eva")
    patient.refresh_from_db()
    assert (patient.first_name, patient.date_of_birth) == ("Eva", date(1984, 12, 3))


def form_classes(superuser: User) -> Iterator[tuple[str, type[forms.ModelForm]]]:
    """Yield the form of every registered admin and of its inlines, to add and to change a row."""
    request = RequestFactory().get("/")
    request.user = superuser
    for model, model_admin in admin.site._registry.items():
        for change in (False, True):
            yield model._meta.label, model_admin.get_form(request, None, change=change)
        for inline in model_admin.get_inline_instances(request):
            yield inline.model._meta.label, inline.get_formset(request).form


def test_every_form_of_the_admin_has_these_fields_and_none_of_djangos(superuser: User) -> None:
    found = set()
    for label, form in form_classes(superuser):
        for name, field in form.base_fields.items():
            scripts = str(field.widget.media)
            if isinstance(field, (forms.DateField, forms.SplitDateTimeField, forms.DateTimeField)):
                found.add(f"{label}.{name}")
                assert isinstance(field, (TypedDateField, TypedDateTimeField)), f"{label}.{name}"
            if "DateTimeShortcuts" in scripts or isinstance(field, forms.TimeField):
                assert "extensions/wall_times.js" in scripts, f"{label}.{name}"
    assert {"doctor.Schedule.date", "patient.Patient.date_of_birth"} <= found
    assert {"patient.MedicalHistory.diagnosed_on", "doctor.TimeOff.starts"} <= found


# --- Shown ----------------------------------------------------------------------------------------


def test_pages_show_days_and_instants_in_one_format(staff_client: AdminClient) -> None:
    place = LocationFactory(time_zone="America/New_York")
    visit = AppointmentFactory(slot=ScheduleFactory(location=place).slots.first())
    visit.patient.revise(date_of_birth=date(1984, 12, 3))
    start = instant_text(visit.starts_at, place.zone)
    assert re.fullmatch(r"\w{3} \d{1,2} \w{3} 20\d\d, \d\d:\d\d \w+", start)
    lists = {Schedule: day_text(visit.date), type(visit): start, Patient: "3 Dec 1984"}
    for model, shown in lists.items():
        assert shown in staff_client.get(page(model)).content.decode()
    staff_client.change(visit, reason="Cough")
    log = LogEntry.objects.get()
    history = staff_client.get(page(visit, "history")).content.decode()
    assert instant_text(log.action_time, UTC) in history
    assert str(visit).endswith(start)
    event = AppointmentEvent(appointment=visit, kind="booked", at=visit.starts_at)
    assert str(event).endswith(start)


def test_leave_is_named_on_the_clock_on_which_it_was_typed(staff_client: AdminClient) -> None:
    doctor, place = DoctorFactory(), LocationFactory(time_zone="Asia/Tokyo")
    times = {"starts_0": DAY, "starts_1": "09:00", "ends_0": DAY, "ends_1": "10:00"}
    shown = staff_client.send(page(TimeOff, "add"), doctor=doctor.pk, clock=place.pk, **times)
    [said] = messages_of(shown)
    assert f"{day_text(DAY)}, 09:00 JST to {day_text(DAY)}, 10:00 JST" in said


def test_the_sessions_of_today_are_those_of_the_day_at_each_location(superuser: User) -> None:
    honolulu, kiritimati = (
        LocationFactory(time_zone=f"Pacific/{city}") for city in ("Honolulu", "Kiritimati")
    )
    with time_machine.travel(datetime(2026, 12, 1, 11, tzinfo=UTC), tick=False):
        here = ScheduleFactory(location=honolulu, date=date(2026, 12, 1))
        there = ScheduleFactory(location=kiritimati, date=date(2026, 12, 2))
        over = ScheduleFactory(location=kiritimati, date=date(2026, 12, 1))
        client = AdminClient(superuser)
        found = {
            when: {*client.get(page(Schedule), when=when).context["cl"].result_list}
            for when in ("today", "coming", "past")
        }
    assert found == {"today": {here, there}, "coming": {here, there}, "past": {over}}


def test_a_filter_by_an_instant_says_in_which_zone_its_days_are(staff_client: AdminClient) -> None:
    assert "By at (days in UTC)" in text_of(staff_client.get(page(AppointmentEvent)))


AMERICAN = re.compile(r"\d{1,2}/\d{1,2}/\d{2,4}|[ap]\.m\.|\b(?:Midnight|Noon)\b")


def test_no_page_shows_an_american_date_or_twelve_hours(staff_client: AdminClient) -> None:
    visit = AppointmentFactory(patient=PatientFactory(date_of_birth=date(1984, 12, 3)))
    staff_client.change(visit, reason="Cough")
    for model in (Schedule, Patient, type(visit), AppointmentEvent, User, LogEntry):
        if model in admin.site._registry:
            assert not AMERICAN.findall(text_of(staff_client.get(page(model))))
    assert date_text(date(1984, 12, 3)) in text_of(staff_client.get(page(Patient)))


def text_of(response: Any) -> str:
    """Return the text of a page, without its tags."""
    return re.sub(r"<[^>]+>", " ", response.content.decode())


def test_the_script_of_wall_times_is_served_and_loaded_after_djangos(
    staff_client: AdminClient,
) -> None:
    html = staff_client.get(page(Schedule, "add")).content.decode()
    ours, djangos = html.index("extensions/wall_times.js"), html.index("DateTimeShortcuts.js")
    assert djangos < ours
    script = Path(str(finders.find("extensions/wall_times.js"))).read_text()
    for name in ("addTimezoneWarning", "clockHours", "addClock", "addCalendar", "openCalendar"):
        assert f"shortcuts.{name}" in script
        assert name in Path(str(finders.find("admin/js/admin/DateTimeShortcuts.js"))).read_text()
    catalog = staff_client.get("/admin/jsi18n/").content.decode()
    assert re.search(r'"DATE_INPUT_FORMATS": \[\s*"%Y-%m-%d"\s*\]', catalog)
    assert '"FIRST_DAY_OF_WEEK": 1' in catalog
