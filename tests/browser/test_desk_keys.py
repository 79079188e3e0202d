"""The keyboard at the desk, and what the refresh leaves alone."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.tests.factories import ScheduleFactory, day_ahead
from patient.tests.factories import PatientFactory
from tests.browser.conftest import Visit

# Number what a person can use: links, buttons, fields and boxes that scroll, unless hidden.
NUMBER = """() => [...document.querySelectorAll(
    'a[href], button:enabled, input:enabled, select, textarea, summary, [tabindex="0"]'
)].filter(each => each.type !== 'hidden' && each.checkVisibility()).map((each, number) =>
    each.dataset.number = number).length"""
FOCUSED = "() => Number(document.activeElement.dataset.number ?? -1)"


@pytest.fixture
def due(clock: Any) -> Appointment:
    """Create a visit of today at 09:30, beside two free times."""
    session = ScheduleFactory(date=day_ahead(0), doctor__last_name="Navarro")
    person = PatientFactory(user=None, first_name="Hugo", last_name="Teixeira")
    visit: Appointment = AppointmentFactory(slot=session.slots.all()[1], patient=person)
    return visit


def test_the_keys_search_book_and_change_the_day(
    visit: Visit, staff: User, due: Appointment
) -> None:
    page = visit(staff, "/admin/desk/")
    page.keyboard.press("/")
    search = page.get_by_placeholder("Find a person")
    expect(search).to_be_focused()
    page.keyboard.type("n/")  # a key that is typed does nothing else
    expect(search).to_have_value("n/")
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/admin/desk/?*date=2026-12-02*")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**/admin/desk/?*date=2026-12-01*")
    page.keyboard.press("n")
    page.wait_for_url("**/admin/desk/book/")
    expect(page.locator("#person-search")).to_be_focused()


def test_tab_reaches_everything_on_the_day(visit: Visit, staff: User, due: Appointment) -> None:
    page = visit(staff, "/admin/desk/")
    number = page.evaluate(NUMBER)
    reached = set()
    for _ in range(number + 10):  # a date field has several stops
        page.keyboard.press("Tab")
        reached.add(page.evaluate(FOCUSED))
    assert set(range(number)) <= reached
    outline = "() => getComputedStyle(document.activeElement).outlineStyle"
    page.locator(f"#v{due.pk}-check-in").focus()
    page.keyboard.press("Tab")
    assert page.evaluate(outline) == "solid"


def test_what_is_typed_stays_when_the_day_reads_itself_again(
    visit: Visit, staff: User, due: Appointment, settings: Any
) -> None:
    settings.DESK_REFRESH_SECONDS = 0.2
    page = visit(staff, "/admin/desk/")
    page.get_by_role("link", name="Free").first.click()
    expect(page.locator("#panel-heading")).to_be_visible()
    page.locator("#panel [name=reason]").fill("Cough")
    search = page.get_by_placeholder("Find a person")
    search.press_sequentially("tei")
    due.check_in(by=staff)  # at another desk
    expect(page.locator(".card", has_text="Teixeira")).to_contain_text("waiting")
    expect(search).to_be_focused()
    assert typed_of(page) == ("tei", "Cough")
    page.keyboard.type("x")
    expect(search).to_have_value("teix")


def typed_of(page: Page) -> tuple[str, str]:
    """Return what stands in the search and in the reason of the panel."""
    search = page.get_by_placeholder("Find a person")
    return search.input_value(), page.locator("#panel [name=reason]").input_value()
