"""The desk's pages of hours: a doctor's week, a new doctor, and the holidays of the sites."""

import re
from datetime import date, time, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import AuditEvent, User
from appointment.desk.hours_form import end_of, start_of
from appointment.tests.factories import AppointmentFactory
from doctor.models import Doctor, TimeOff, WeeklyHours
from doctor.models.week import WeekSession
from doctor.tests.factories import (
    LanguageFactory,
    LocationFactory,
    SiteStaffFactory,
    SpecialtyFactory,
    WeeklyHoursFactory,
)
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db

HOURS, NEW, HOLIDAYS = "/admin/desk/hours/", "/admin/desk/hours/new/", "/admin/desk/hours/holidays/"
MONDAY = date(2026, 11, 30)
JANUARY = date(2027, 1, 4)  # a Monday
TYPED: dict[str, list[tuple[str, ...]]] = {
    "0": [("09:00", "13:00", "30", "1"), ("14:00", "17:00", "30", "1")]
}


@pytest.fixture(autouse=True)
def monday_morning(settings: Any) -> Any:
    settings.HOURS_AHEAD_DAYS = 50
    with time_machine.travel("2026-11-30 08:00Z", tick=False):
        yield


@pytest.fixture
def desk(superuser: User) -> Client:
    client = Client()
    client.force_login(superuser)
    return client


@pytest.fixture
def hours() -> WeeklyHours:
    """Publish hours of Mondays, 09:00 to 11:00, from today on."""
    made: WeeklyHours = WeeklyHoursFactory(valid_from=MONDAY)
    return made


def path_of(hours: WeeklyHours) -> str:
    return f"{HOURS}{hours.doctor_id}/"


def form(week: dict[str, list[tuple[str, ...]]], **more: Any) -> dict[str, Any]:
    """Return the form with these rows by weekday, from tomorrow on."""
    rows = {
        f"{part}-{day}-{number}": text
        for day, sessions in week.items()
        for number, session in enumerate(sessions)
        for part, text in zip(("start", "end", "minutes", "places"), session, strict=True)
    }
    return {"from": "2026-12-01", **rows, **more}


def filled(desk: Client, path: str, **typed: Any) -> dict[str, Any]:
    """Return the form as the page shows it, with what is typed over it."""
    shown = desk.get(path).context
    return {"seen": shown["seen"], "location": shown["clinic"].pk, **typed}


# --- A week ---------------------------------------------------------------------------------------


def test_other_hours_from_january_leave_december_as_it_is(desk: Client, hours: WeeklyHours) -> None:
    week: Any = {"0": [("9", "1000", "30", "1"), ("23:00", "24:00", "30", "2")]}
    typed = filled(desk, path_of(hours), **form(week, **{"from": "2027-01-04", "copy-to": "1"}))
    december = list(hours.schedules.filter(date__lt=JANUARY).values())
    answer = desk.post(path_of(hours), {**typed, "save": "1"}, headers={"hx-request": "true"})
    assert "Monday, Tuesday 09:00-10:00 and 23:00-00:00." in answer.content.decode()
    assert answer["HX-Push-Url"].endswith("from=2027-01-04")
    hours.refresh_from_db()
    assert (hours.valid_until, hours.end_time) == (JANUARY - timedelta(days=1), time(11))
    assert list(hours.schedules.values()) == december
    new = WeeklyHours.objects.exclude(pk=hours.pk)
    assert set(new.values_list("weekday", "start_time", "end_time", "capacity", "valid_from")) == {
        (day, start, end, places, JANUARY)
        for day in (0, 1)
        for start, end, places in ((time(9), time(10), 1), (time(23), time(0), 2))
    }


def test_what_is_wrong_is_said_beside_the_field_and_nothing_typed_is_lost(
    desk: Client, hours: WeeklyHours
) -> None:
    before = list(WeeklyHours.objects.values())
    rows: Any = [
        ("10:00", "09:00", "30", "1"),
        ("25:00", "\0", "9" * 23, "0"),
        ("13", "17", "", ""),
    ]
    page = desk.post(path_of(hours), form({"3": rows}, **{"from": "31 February 2027"}))
    shown = page.content.decode()
    for error in (
        "There is no such day.",
        "The end is not after the start.",
        "Type a time such as 09:00 or 9.",
        "Minutes of a visit: 5 to 720.",
        "Visits at a time: 1 to 1000.",
        "Type how many minutes a visit takes.",
    ):
        assert f"{error}</p>" in shown or f"{error} " in shown, error
    assert all(f'value="{text}"' in shown for text in ("25:00", "9" * 23, "10:00"))
    assert shown.count('aria-invalid="true"') == 7
    overlap = form({"3": [("9", "13", "30", "1"), ("12", "14", "30", "1")]})
    assert "It overlaps 09:00-13:00." in desk.post(path_of(hours), overlap).content.decode()
    assert list(WeeklyHours.objects.values()) == before


def test_visits_in_the_way_are_named_and_kept_only_when_that_is_ticked(
    desk: Client, hours: WeeklyHours
) -> None:
    slot = hours.schedules.order_by("date")[1].slots.order_by("starts_at").last()
    visit = AppointmentFactory(slot=slot, patient__phone_number="+34910123456")
    typed = filled(desk, path_of(hours), **form({"0": [("9", "10", "30", "1")]}))
    before = set(AuditEvent.objects.values_list("pk", flat=True))
    preview = desk.post(path_of(hours), {**typed, "preview": "1"}).content.decode()
    assert "Monday 09:00-11:00 becomes 09:00-10:00, 30 minutes a visit." in preview
    assert "Sessions to come: 7 changed." in preview
    assert visit.patient.name in preview
    assert "910" in preview
    events = AuditEvent.objects.exclude(pk__in=before)
    kinds = events.values_list("kind", "action", "patient_id")
    assert list(kinds) == [("desk.week_visits", "read", None)]
    refused = desk.post(path_of(hours), {**typed, "save": "1"}).content.decode()
    assert "keep them: they then stay at their times" in refused
    assert visit.patient.name in refused
    assert hours.schedules.count() == 8
    kept = desk.post(path_of(hours), {**typed, "save": "1", "keep": "on"}, follow=True)
    assert "1 visit must be rebooked." in kept.content.decode()
    visit.refresh_from_db()
    assert visit.needs_rebooking


def test_two_desks_that_save_one_week_learn_of_each_other(desk: Client, hours: WeeklyHours) -> None:
    first = filled(desk, path_of(hours), **form({"0": [("9", "10", "30", "1")]}))
    second = {**first, "end-0-0": "12"}
    desk.post(path_of(hours), {**first, "save": "1"})
    late = desk.post(path_of(hours), {**second, "save": "1"})
    assert "another user changed them" in late.content.decode()
    assert 'value="12"' in late.content.decode()
    assert WeeklyHours.objects.get().end_time == time(10)
    desk.post(path_of(hours), {**second, "seen": late.context["seen"], "save": "1"})
    assert WeeklyHours.objects.get().end_time == time(12)


def test_hours_elsewhere_that_are_in_the_way_are_named(desk: Client, hours: WeeklyHours) -> None:
    other = WeeklyHoursFactory(doctor=hours.doctor, weekday=1)
    typed = filled(desk, path_of(hours), **form({"1": [("10", "12", "30", "1")]}))
    said = desk.post(path_of(hours), {**typed, "preview": "1"}).content.decode()
    assert f"In the way: Tuesday 09:00-11:00, {other.doctor}, {other.location}, from" in said


def test_the_pages_of_hours_read_in_a_fixed_number_of_statements(
    desk: Client, hours: WeeklyHours
) -> None:
    def statements() -> list[int]:
        counts = []
        for path in (HOURS, path_of(hours)):
            with counted_statements() as found:
                assert desk.get(path).status_code == 200
            counts.append(len(found))
        return counts

    statements()
    few = statements()
    for weekday in range(1, 4):
        WeeklyHoursFactory(doctor=hours.doctor, location=hours.location, weekday=weekday)
        WeeklyHoursFactory(weekday=weekday, location=LocationFactory(country="ES"))
    assert statements() == few


def test_each_site_is_of_its_staff_and_made_up_keys_and_dates_are_refused(
    hours: WeeklyHours, staff: User
) -> None:
    elsewhere = WeeklyHoursFactory(valid_from=MONDAY)
    both = WeeklyHoursFactory(doctor=hours.doctor, weekday=4)
    SiteStaffFactory(user=staff, location=hours.location)
    client = Client()
    client.force_login(staff)
    page = client.get(path_of(hours)).content.decode()
    assert str(hours.location) in page
    assert str(both.location) not in page
    assert "An administrator changes these hours." in page
    assert "New doctor" not in client.get(HOURS).content.decode()
    named = f"{path_of(hours)}?location="
    for absent in (path_of(elsewhere), f"{named}{both.location_id}", f"{named}{10**22}"):
        assert client.get(absent).status_code == 404, absent
    for wrong in ("?from=9999-12-31", "?from=x", "?from=%00"):
        assert client.get(path_of(hours) + wrong).status_code == 400
    assert [client.get(NEW).status_code, client.post(path_of(hours)).status_code] == [403, 403]


@pytest.mark.parametrize("text", ["09:00", "9", "0900", "9:00", "900", "9.00", " 9 "])
def test_a_time_may_be_typed_in_many_ways(text: str) -> None:
    assert start_of(text) == end_of(text) == time(9)
    assert end_of("24:00") == end_of("0:00") == end_of("24") == time(0)


def as_shown(desk: Client, path: str, **typed: Any) -> dict[str, Any]:
    """Return the form with the rows that the page shows, and what is typed over them."""
    html = desk.get(path).content.decode()
    rows = dict(re.findall(r'name="([a-z]+-[0-6]-[0-9]+)" value="([^"]*)"', html))
    return filled(desk, path, **{"from": "2026-12-01", **rows, **typed})


def test_a_week_of_many_sessions_and_of_seconds_is_not_changed_by_saving_it(
    desk: Client, hours: WeeklyHours
) -> None:
    place = {"doctor": hours.doctor, "location": hours.location, "slot_minutes": 30}
    for hour in range(8, 21):
        WeeklyHoursFactory(**place, weekday=2, start_time=time(hour), end_time=time(hour, 45))
    WeeklyHoursFactory(**place, weekday=3, start_time=time(8, 0, 30), end_time=time(9, 0, 30))
    before = list(WeeklyHours.objects.values())
    typed = as_shown(desk, path_of(hours), save="1")
    said = desk.post(path_of(hours), typed, follow=True).content.decode()
    assert "These hours stood already." in said
    assert list(WeeklyHours.objects.values()) == before


def test_what_is_typed_in_a_row_without_a_time_stays_in_that_row(
    desk: Client, hours: WeeklyHours
) -> None:
    typed = as_shown(desk, path_of(hours), **{"end-0-0": "x", "minutes-0-1": "17", "save": "1"})
    page = desk.post(path_of(hours), typed).content.decode()
    assert 'name="minutes-0-1" value="17"' in page
    assert "Monday, session 2:" not in page.partition('role="status"')[2].partition("</div>")[0]


def test_a_week_that_is_sent_twice_is_saved_once(desk: Client, hours: WeeklyHours) -> None:
    typed = as_shown(desk, path_of(hours), **{"end-0-0": "10", "save": "1"})
    said = [desk.post(path_of(hours), typed, follow=True).content.decode() for _ in range(2)]
    assert ["stood already" in each for each in said] == [False, True]
    assert "another user" not in said[1]
    assert WeeklyHours.objects.get().end_time == time(10)


def test_a_saved_week_is_taken_back_unless_it_has_changed_since(
    desk: Client, hours: WeeklyHours
) -> None:
    path, script = path_of(hours), {"hx-request": "true"}
    late = ("23:00", "24:00", "", "3")
    typed = filled(desk, path, **form({"0": [("9", "10", "20", "2")], "4": [late]}))
    undo = desk.post(path, {**typed, "save": "1"}, headers=script).context["said"].undo
    answer = desk.post(undo, headers=script)
    assert answer["HX-Redirect"].startswith(path)
    assert "as before the change: Monday 09:00-11:00." in desk.get(path).content.decode()
    assert WeekSession.of(WeeklyHours.objects.get()) == WeekSession.of(hours)
    undo = desk.post(path, {**typed, "seen": "", "save": "1"}, headers=script).context["said"]
    assert undo.refused
    typed = filled(desk, path, **typed)
    typed["seen"] = desk.get(path).context["seen"]
    undo = desk.post(path, {**typed, "save": "1"}, headers=script).context["said"].undo
    WeeklyHours.objects.get(weekday=4).revise(capacity=4)
    refused = desk.post(undo, headers=script).content.decode()
    assert "Nothing is saved" in refused
    assert WeeklyHours.objects.count() == 2
    for wrong in ("x", "0-090000-990000-30-1", "0-090000-100000-30-1." * 2, "\0", "7" * 3000):
        assert desk.post(f"{path}take-back/", query_params={"week": wrong}).status_code == 400


# --- A new doctor ---------------------------------------------------------------------------------


def test_a_new_doctor_is_saved_with_a_week_or_not_at_all(desk: Client) -> None:
    site, specialty, language = LocationFactory(), SpecialtyFactory(), LanguageFactory()
    typed = form(TYPED, **{"copy-to": ["1", "2", "3"], "location": site.pk})
    typed |= {"title": "Dr.", "first_name": "Ana", "last_name": "Pérez", "license_number": "L-1"}
    typed |= {"specialties": [specialty.pk], "languages": [language.pk]}
    clash = desk.post(NEW, {**typed, "from": "2026-11-30"})
    assert "Use a date after today." in clash.content.decode()
    assert not Doctor.objects.exists()
    answer = desk.post(NEW, typed, headers={"hx-request": "true"})
    said = "Monday, Tuesday, Wednesday, Thursday 09:00-13:00 and 14:00-17:00."
    assert said in answer.content.decode()
    doctor = Doctor.objects.get()
    assert [*doctor.specialties.all(), *doctor.languages.all()] == [specialty, language]
    assert doctor.weekly_hours.count() == 8
    assert doctor.slots.filter(is_open=True).exists()
    again = desk.post(NEW, typed).content.decode()
    assert "Dr. Ana Pérez has this license number already." in again
    assert 'value="14:00"' in again
    assert Doctor.objects.count() == 1


def test_a_new_doctor_needs_no_hours_and_made_up_specialties_are_refused(desk: Client) -> None:
    LocationFactory()
    typed = form({}, last_name="Pérez", license_number="L-1")
    for key in (str(10**22), "9" * 5000, "x", "\0", "0"):
        page = desk.post(NEW, {**typed, "specialties": key})
        assert (page.status_code, Doctor.objects.count()) == (200, 0), key
    said = desk.post(NEW, typed, follow=True).content.decode()
    assert "Pérez is entered, without weekly hours." in said
    Doctor.objects.get().revise(is_active=False)
    assert "no longer active" in desk.get(f"{HOURS}{Doctor.objects.get().pk}/").content.decode()


def test_staff_of_a_site_choose_no_specialty_of_a_new_doctor(staff: User) -> None:
    site, specialty = LocationFactory(), SpecialtyFactory()
    SiteStaffFactory(user=staff, location=site)
    staff.user_permissions.set(Permission.objects.exclude(codename="view_all_sites"))
    client = Client()
    client.force_login(staff)
    typed = {"last_name": "Pérez", "license_number": "L-1", "specialties": [specialty.pk]}
    desk = client.post(NEW, form(TYPED, location=site.pk, **typed))
    assert desk.status_code == 302
    assert Doctor.objects.get().specialties.count() == 0


# --- Holidays -------------------------------------------------------------------------------------


def test_a_years_holidays_close_the_ticked_sites_once_and_tell_the_visits(
    desk: Client, hours: WeeklyHours, settings: Any
) -> None:
    madrid = LocationFactory(country="ES", subdivision="ES-M")
    berlin = LocationFactory(country="DE", subdivision="DE-BE", time_zone="Europe/Berlin")
    WeeklyHoursFactory(location=madrid, valid_from=MONDAY, weekday=2)  # Epiphany is a Wednesday
    slot = madrid.slots.get(
        starts_at__date=date(2027, 1, 6), starts_at__hour=8, starts_at__minute=0
    )
    visit = AppointmentFactory(slot=slot)
    page = desk.get(HOLIDAYS, {"year": "2027"})
    assert "Wed 6 Jan 2027, Epiphany" in page.content.decode()
    assert f'/admin/doctor/location/{hours.location_id}/change/">{hours.location}' in (
        page.content.decode()
    )
    sent: dict[str, Any] = {"year": "2027", "site": [madrid.pk, berlin.pk]}
    for calendar in page.context["holidays"].calendars:
        sent[f"day-{calendar.key}"] = [each.day.isoformat() for each in calendar.days]
    sent["day-DE-BE"].remove("2027-10-03")
    answer = desk.post(HOLIDAYS, sent, headers={"hx-request": "true"}).content.decode()
    assert "1 visit must be rebooked." in answer
    visit.refresh_from_db()
    assert visit.needs_rebooking
    closed = TimeOff.objects.get(location=madrid, reason="Epiphany")
    assert closed.starts_at.astimezone(madrid.zone).isoformat() == "2027-01-06T00:00:00+01:00"
    assert not TimeOff.objects.filter(reason="German Unity Day").exists()
    before = TimeOff.objects.count()
    again = desk.post(HOLIDAYS, sent, headers={"hx-request": "true"}).content.decode()
    assert "nothing new to enter" in again
    assert "closed already" in again
    assert TimeOff.objects.count() == before == 21
    for path in (f"{HOLIDAYS}?year=x", f"{HOLIDAYS}?year=9999", f"{HOURS}?year=20x7"):
        assert desk.get(path).status_code == 400
    assert desk.post(HOLIDAYS, {"site": [10**22]}).status_code == 404
    assert "Tick the sites" in desk.post(HOLIDAYS).content.decode()


def test_ticks_stay_after_a_refusal_and_each_site_closes_on_days_that_are_to_come_there(
    desk: Client, superuser: User
) -> None:
    LocationFactory(country="LK")
    home = {"country": "US", "subdivision": "US-NY"}
    west = LocationFactory(**home, time_zone="Pacific/Honolulu")
    east = LocationFactory(**home, time_zone="Pacific/Kiritimati")  # it is Christmas there
    sent = {"year": "2026", "day-US-NY": ["2026-12-25", "2026-12-31"]}
    with time_machine.travel("2026-12-24 12:00Z", tick=False):
        desk.force_login(superuser)
        for more in ({}, {"HTTP_HX_REQUEST": "true"}):
            page = desk.post(HOLIDAYS, sent, **more).content.decode()
            assert "Tick the sites" in page
            assert page.count('" checked') == 1  # New Year's Eve is no holiday
        desk.post(HOLIDAYS, {**sent, "site": [west.pk, east.pk]})
        unknown = "No public holidays of 2027 are known for Sri Lanka"
        assert unknown in desk.get(HOLIDAYS, {"year": "2027"}).content.decode()
    assert [row.location for row in TimeOff.objects.all()] == [west]


def test_entered_holidays_are_taken_back_and_the_visits_take_place(
    staff: User, hours: WeeklyHours
) -> None:
    site, elsewhere = hours.location, LocationFactory(country="ES")
    site.revise(country="ES")
    SiteStaffFactory(user=staff, location=site)
    desk = Client()
    desk.force_login(staff)
    visit = AppointmentFactory(slot=hours.schedules.get(date=date(2026, 12, 7)).slots.first())
    TimeOff.objects.close_days({elsewhere: {date(2026, 12, 8): "x"}}, visit.starts_at)
    foreign = TimeOff.objects.get()
    TimeOff.objects.close_days({site: {date(2026, 12, 7): "x"}}, visit.created_at)
    sent = {"year": "2026", "site": [site.pk], "day-ES": ["2026-12-08", "2026-12-25"]}
    said = desk.post(HOLIDAYS, sent, headers={"hx-request": "true"}).context["said"]
    assert TimeOff.objects.count() == 4
    both = f"{said.undo.partition('&')[0]}%2C{foreign.pk}"
    answer = desk.post(both, follow=True).content.decode()
    assert "no longer closed on 2 public holidays, Tue 8 Dec 2026 to Fri 25 Dec 2026." in answer
    assert {row.pk for row in TimeOff.objects.filter(location=elsewhere)} == {foreign.pk}
    assert TimeOff.objects.count() == 2
    again = desk.post(said.undo, headers={"hx-request": "true"}).content.decode()
    assert "taken back already" in again
    for wrong in ("", "x", "1,,2", "9" * 30, "1," * 500 + "1"):
        assert desk.post(f"{HOLIDAYS}take-back/?closures={wrong}").status_code == 404
