"""The figures of the desk and a doctor's list on paper, in the browser."""

import re
from datetime import time
from pathlib import Path

from accounts.models import User
from appointment.tests.factories import AppointmentFactory
from doctor.tests.factories import ScheduleFactory, SpecialtyFactory, TimeOffFactory, day_ahead
from patient.tests.factories import PatientFactory
from tests.browser.conftest import Visit
from tests.browser.judge import assert_accessible, assert_fits
from tests.browser.price import Price
from tests.browser.prices import assert_price

PAGE_OF_PDF = re.compile(rb"/Type\s*/Page\b")


def test_the_figures_of_the_month_are_a_file_after_two_clicks(visit: Visit, staff: User) -> None:
    session = ScheduleFactory(date=day_ahead(0), doctor__last_name="=Navarro", doctor__title="")
    session.doctor.specialties.add(SpecialtyFactory())
    AppointmentFactory(slot=session.slots.first(), status="completed")
    page = visit(staff, "/admin/desk/")
    price = Price(page)
    page.get_by_role("link", name="Figures").click()
    with page.expect_download() as file:
        page.get_by_role("link", name="Download CSV").click()
    assert_price(price, "csv")
    assert file.value.suggested_filename == "figures-by-doctor-2026-12-01-to-2026-12-01.csv"
    assert "Elena =Navarro,4,1,1,1,0,0,25.0," in Path(file.value.path()).read_text()
    assert page.get_by_role("img", name="Places and what became of them").is_visible()
    assert_accessible(page)
    page.set_viewport_size({"width": 390, "height": 800})
    assert_fits(page)


def test_thirty_visits_fit_on_two_sheets_of_paper(visit: Visit, staff: User) -> None:
    hours = {"start_time": time(8), "end_time": time(20), "slot_minutes": 20}
    session = ScheduleFactory(date=day_ahead(0), **hours)
    for slot in session.slots.order_by("starts_at")[:30]:
        patient = PatientFactory(
            user=None,
            first_name="Maximiliana Concepci\u00f3n",
            last_name="Fern\u00e1ndez de la Torre",
            date_of_birth="1958-11-02",
            phone_number="+34612345678",
        )
        AppointmentFactory(slot=slot, patient=patient, reason="Follow-up, brings all pictures " * 3)
    end = session.slots.latest("starts_at").ends_at
    TimeOffFactory(doctor=session.doctor, starts_at=slot.ends_at, ends_at=end)
    page = visit(staff, "/admin/desk/", theme="dark")
    price = Price(page)
    page.get_by_role("link", name="Print", exact=True).click()
    page.wait_for_url("**/admin/desk/print/?**")
    assert page.get_by_role("row").count() == 2 + 30 + 1
    page.evaluate("() => { window.print = () => { document.title = 'printed' } }")
    page.get_by_role("button", name="Print").click()
    assert page.title() == "printed"
    assert (price.clicks, price.pages) == (2, 1)
    assert_accessible(page)
    assert 1 <= len(PAGE_OF_PDF.findall(page.pdf(prefer_css_page_size=True))) <= 2
    page.emulate_media(media="print")
    assert not page.get_by_role("navigation").is_visible()
    assert not page.get_by_role("link", name="Figures").is_visible()
    of = "([getComputedStyle(each).color, getComputedStyle(each).backgroundColor])"
    for part in (page.locator("body"), page.get_by_role("cell", name="08:20-08:40")):
        assert part.evaluate(f"each => {of}") == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
