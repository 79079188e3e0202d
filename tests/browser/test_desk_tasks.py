"""The tasks of a reception at the desk, each for its price in clicks and pages."""

from dataclasses import dataclass
from datetime import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from doctor.models import Doctor, Location
from doctor.tests.factories import (
    DoctorFactory,
    LanguageFactory,
    LocationFactory,
    ScheduleFactory,
    SpecialtyFactory,
    day_ahead,
)
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.browser.conftest import Visit
from tests.browser.judge import assert_accessible, assert_fits
from tests.browser.price import Price
from tests.browser.prices import TASKS, assert_price, table
from tests.browser.watch import watch_of
from tests.live import ROOT


@dataclass(frozen=True)
class Clinic:
    """A site on a Tuesday at 10:00: two doctors, and two visits of the first one."""

    site: Location
    doctor: Doctor
    late: Appointment  # 09:30
    due: Appointment  # 11:00
    caller: Patient  # has no visit


@pytest.fixture
def clinic(clock: Any) -> Clinic:
    """Create the clinic, with more free times of today and of the next two days."""
    site = LocationFactory(name="Retiro", country="ES")
    doctor = DoctorFactory(first_name="Elena", last_name="Navarro")
    doctor.specialties.add(SpecialtyFactory(name="Cardiology"))
    here = {"doctor": doctor, "location": site}
    today = ScheduleFactory(**here, date=day_ahead(0), end_time=time(13))
    for day in (1, 2):
        ScheduleFactory(**here, date=day_ahead(day))
    other = DoctorFactory(first_name="Bruno", last_name="Costa")
    ScheduleFactory(doctor=other, location=site, date=day_ahead(0), end_time=time(12))
    slots = {slot.starts_at.astimezone(site.zone).time(): slot for slot in today.slots.all()}
    late, due = (
        AppointmentFactory(
            slot=slots[at], patient=PatientFactory(user=None, first_name=first, last_name=last)
        )
        for at, first, last in ((time(9, 30), "Hugo", "Teixeira"), (time(11), "Marta", "Vidal"))
    )
    caller = PatientFactory(user=None, first_name="Nora", last_name="Ibarra")
    return Clinic(site, doctor, late, due, caller)


def said(page: Page, *words: str) -> None:
    """Wait for the sentence that answers, and assert that it has these words."""
    for word in words:
        expect(page.locator("#said")).to_contain_text(word)


def card(page: Page, person: str) -> Any:
    """Return a visit in the grid of the day."""
    return page.locator(".card", has_text=person)


# --- Bookings -------------------------------------------------------------------------------------


def test_a_caller_is_booked_with_the_soonest_of_a_specialty(
    visit: Visit, staff: User, clinic: Clinic
) -> None:
    page = visit(staff, "/admin/desk/")
    assert_accessible(page)
    assert_fits(page)
    price = Price(page)
    page.get_by_role("link", name="New booking").click()
    page.locator("#person-search").fill("ibarra")
    page.locator("#people a").first.click()
    expect(page.locator("#patient")).to_have_value(str(clinic.caller.pk))
    page.locator("#who").fill("Cardiology")
    expect(page.locator(".booking-time", has_text="Costa")).to_have_count(0)
    page.locator(".booking-time", has_text="Navarro").first.click()
    said(page, "Nora Ibarra", "Navarro", "Retiro", "1 Dec 2026")
    assert_price(price, "book")
    assert_accessible(page)
    assert Appointment.objects.get(patient=clinic.caller).doctor == clinic.doctor


def test_a_new_caller_is_booked_on_the_same_page(visit: Visit, staff: User, clinic: Clinic) -> None:
    page = visit(staff, "/admin/desk/")
    price = Price(page)
    page.get_by_role("link", name="New booking").click()
    page.locator("#person-search").fill("Iris Blanco 17 May 1990")
    page.locator("#new-person").click()
    expect(page.locator("#new-last_name")).to_have_value("Blanco")
    page.locator("#reason").fill("Cough")
    page.locator(".booking-time").first.click()
    said(page, "Iris Blanco", "Retiro")
    assert_price(price, "book_new")
    assert Appointment.objects.get(patient__last_name="Blanco").reason == "Cough"


# --- The day --------------------------------------------------------------------------------------


def test_a_click_checks_in_concludes_and_takes_back(
    visit: Visit, staff: User, clinic: Clinic
) -> None:
    page = visit(staff, "/admin/desk/")
    price = Price(page)
    card(page, "Marta Vidal").get_by_role("button", name="Check in").click()
    said(page, "Marta Vidal", "Navarro", "11:00", "Retiro")
    expect(card(page, "Marta Vidal")).to_contain_text("waiting")
    assert_price(price, "check_in")
    price = Price(page)
    page.locator("#said-undo").click()
    expect(card(page, "Marta Vidal")).to_contain_text("due")
    assert_price(price, "undo")
    price = Price(page)
    card(page, "Hugo Teixeira").get_by_role("button", name="No-show").click()
    said(page, "Hugo Teixeira")
    expect(card(page, "Hugo Teixeira")).to_contain_text("no-show")
    assert_price(price, "no_show")
    page.locator("#said-undo").click()
    expect(card(page, "Hugo Teixeira")).to_contain_text("late")
    price = Price(page)
    card(page, "Hugo Teixeira").get_by_role("button", name="Done").click()
    expect(card(page, "Hugo Teixeira")).to_contain_text("done")
    assert_price(price, "done")


def test_a_visit_moves_and_is_canceled_with_a_reason(
    visit: Visit, staff: User, clinic: Clinic
) -> None:
    page = visit(staff, "/admin/desk/")
    price = Price(page)
    card(page, "Marta Vidal").get_by_role("link", name="Move").click()
    page.locator("#panel button[name=slot]").last.click()
    said(page, "Marta Vidal", "Navarro", "3 Dec 2026", "Retiro")
    assert_price(price, "move")
    page.locator("#said-undo").click()
    price = Price(page)
    card(page, "Marta Vidal").get_by_role("link", name="Cancel").click()
    page.get_by_role("button", name="Patient asked").click()
    said(page, "Marta Vidal", "canceled")
    assert_price(price, "cancel")
    assert Appointment.objects.get(pk=clinic.due.pk).status == "canceled"


def test_a_walk_in_is_checked_in_and_a_squeeze_in_has_a_place(
    visit: Visit, staff: User, clinic: Clinic
) -> None:
    page = visit(staff, "/admin/desk/")
    price = Price(page)
    page.locator("th", has_text="Navarro").get_by_role("link", name="Walk-in").click()
    page.locator("#person-search").fill("ibarra")
    page.locator("#people a").first.click()
    expect(page.locator("#patient")).to_have_value(str(clinic.caller.pk))
    page.get_by_role("button", name="Now").first.click()
    said(page, "Nora Ibarra", "Navarro", "Retiro")
    expect(card(page, "Nora Ibarra")).to_contain_text("waiting")
    assert_price(price, "walk_in")
    other = PatientFactory(user=None, first_name="Iris", last_name="Blanco")
    price = Price(page)
    page.locator("td", has_text="Marta Vidal").get_by_role("link", name="Squeeze in").click()
    expect(page.locator("#panel-heading")).to_contain_text("Squeeze in")
    page.locator("#person-search").fill("blanco")
    page.locator("#people a").first.click()
    expect(page.locator("#patient")).to_have_value(str(other.pk))
    page.locator("#because").fill("In pain")
    page.get_by_role("button", name="Squeeze in at").click()
    said(page, "Iris Blanco", "11:00", "Retiro")
    assert_price(price, "squeeze_in")
    assert Appointment.objects.get(patient=other).starts_at == clinic.due.starts_at


def test_keys_focus_and_typing_survive_what_the_page_reads_again(
    visit: Visit, staff: User, clinic: Clinic
) -> None:
    refresh = "htmx.trigger(document.body, 'desk-changed')"
    page = visit(staff, "/admin/desk/")
    page.keyboard.press("Shift+/")  # as on a German or Spanish keyboard
    page.keyboard.type("n/ib")
    clinic.due.check_in()
    page.evaluate(refresh)
    expect(card(page, "Marta Vidal")).to_contain_text("waiting")
    expect(page.locator("#day-search")).to_have_value("n/ib")
    expect(page.locator("#day-search")).to_be_focused()
    page.keyboard.press("Escape")
    card(page, "Marta Vidal").get_by_role("link", name="Move").click()
    page.locator(".panel-close").click()
    expect(card(page, "Marta Vidal").get_by_role("link", name="Move")).to_be_focused()
    page.locator("#keys").click()
    page.keyboard.press("/")
    expect(page.locator("#keys")).to_be_focused()
    watch_of(page).allow("status of 404|Error Code 404|ERR_INTERNET|failed request")
    watch_of(page).allow("console error")  # htmx names each failed request
    Appointment.objects.filter(pk=clinic.due.pk).delete()
    card(page, "Marta Vidal").get_by_role("button", name="Done").click()
    expect(page.locator("#refused")).to_be_visible()
    page.context.set_offline(True)
    page.evaluate(refresh)
    expect(page.locator("#offline")).to_be_visible()
    page.context.set_offline(False)
    page.evaluate(refresh)
    expect(page.locator("#offline")).to_be_hidden()


def test_two_desks_at_once_end_in_the_true_page(visit: Visit, staff: User, clinic: Clinic) -> None:
    first, second = visit(staff, "/admin/desk/"), visit(staff, "/admin/desk/")
    card(first, "Hugo Teixeira").get_by_role("button", name="Check in").click()
    expect(card(first, "Hugo Teixeira")).to_contain_text("waiting")
    card(second, "Hugo Teixeira").get_by_role("button", name="No-show").click()
    said(second, "The patient has checked in, so this is not a no-show.")
    expect(card(second, "Hugo Teixeira")).to_contain_text("waiting")
    assert Appointment.objects.get(pk=clinic.late.pk).checked_in_at is not None


def test_a_list_on_paper_is_two_clicks_away(visit: Visit, staff: User, clinic: Clinic) -> None:
    page = visit(staff, "/admin/desk/")
    price = Price(page)
    page.locator("th", has_text="Navarro").get_by_role("link", name="Print").click()
    expect(page.get_by_role("row", name="Marta Vidal")).to_be_visible()
    page.evaluate("() => { window.print = () => { document.title = 'printed' } }")
    page.get_by_role("button", name="Print").click()
    assert page.title() == "printed"
    assert_price(price, "paper")


# --- Leave, hours, the waitlist -------------------------------------------------------------------


def test_all_visits_of_a_doctor_who_is_ill_move_to_their_first_times(
    visit: Visit, staff: User, clinic: Clinic
) -> None:
    page = visit(staff, "/admin/desk/")
    price = Price(page)
    page.get_by_role("link", name="Away").click()
    expect(page.locator("#who")).to_be_focused()
    page.keyboard.type("Navarro")
    expect(page.locator("#when-rest")).to_contain_text("1 visit")
    page.locator("#when-rest").click()
    page.locator("#move-all").click()
    assert_accessible(page)
    page.locator("#move-all-yes").click()
    said(page, "moved")
    assert_price(price, "ill")
    clinic.due.refresh_from_db()
    assert clinic.due.date == day_ahead(1)


def test_a_new_doctor_has_hours_and_other_hours_from_january(
    visit: Visit, superuser: User, clinic: Clinic
) -> None:
    LanguageFactory(name="Spanish")
    page = visit(superuser, "/admin/desk/")
    price = Price(page)
    page.get_by_role("link", name="Hours", exact=True).first.click()
    page.get_by_role("link", name="New doctor").click()
    for name, value in {
        "title": "Dr.", "first_name": "Ana", "last_name": "Prueba", "license_number": "LP-1"
    }.items():  # fmt: skip
        page.locator(f"#id_{name}").fill(value)
    page.get_by_text("Cardiology").click()
    page.get_by_text("Spanish").click()
    for place, value in {
        "start-0-0": "9", "end-0-0": "13", "start-0-1": "14", "end-0-1": "17"
    }.items():  # fmt: skip
        page.locator(f"#{place}").fill(value)
    for day in (1, 2, 3):
        page.locator(f"#copy-to-{day}").click()
    page.locator("#week-save").click()
    said(page, "Ana Prueba", "Retiro")
    assert_price(price, "new_doctor")
    page.goto("/admin/desk/")
    price = Price(page)
    page.get_by_role("link", name="Hours", exact=True).first.click()
    page.locator(".hours-list").get_by_text("Ana Prueba").click()
    page.locator("#from").fill("2027-01-04")
    page.locator("#end-0-0").fill("12")
    page.locator("#week-preview").click()
    expect(page.locator(".week-preview")).to_be_visible()
    page.locator("#week-save").click()
    said(page, "Ana Prueba", "Jan 2027")
    assert_price(price, "hours")
    assert_accessible(page)


def test_the_holidays_of_a_year_are_entered_for_two_sites(
    visit: Visit, superuser: User, clinic: Clinic
) -> None:
    LocationFactory(name="Atocha", country="ES")
    page = visit(superuser, "/admin/desk/")
    price = Price(page)
    page.get_by_role("link", name="Hours", exact=True).first.click()
    for box in page.locator("input[name=site]").all():
        box.click()
    page.locator("#holidays-save").click()
    said(page, "Atocha", "Retiro")
    assert_price(price, "holidays")


def test_an_open_offer_is_accepted_from_the_day(visit: Visit, staff: User, clinic: Clinic) -> None:
    page = visit(staff, "/admin/desk/")
    full = ScheduleFactory(
        doctor=clinic.doctor, location=clinic.site, date=day_ahead(5), end_time=time(9, 30)
    )
    taken = AppointmentFactory(slot=full.slots.get())
    for slot in clinic.doctor.slots.exclude(pk=taken.slot.pk).filter(taken=0):
        AppointmentFactory(slot=slot)
    WaitlistEntryFactory(patient=clinic.caller, doctor=clinic.doctor)
    taken.cancel()
    page.reload()
    price = Price(page)
    page.get_by_role("link", name="1 offer open").click()
    page.get_by_role("button", name="Accept for Nora Ibarra").click()
    said(page, "Nora Ibarra", "Navarro", "Retiro")
    assert_price(price, "offer")
    expect(page.locator("#open-offers")).to_have_count(0)
    assert Appointment.objects.get(patient=clinic.caller).slot == taken.slot


# --- The table ------------------------------------------------------------------------------------


def test_no_task_costs_more_than_its_price(visit: Visit) -> None:
    assert [
        task.words
        for task in TASKS.values()
        if task.clicks > task.most_clicks or task.pages > task.most_pages
    ] == []
    assert table() in (ROOT / "docs" / "desk.md").read_text()
