"""The pages beside the desk: the admin's own, the browsable API, and the API's document."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from accounts.tests.factories import PASSWORD
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Schedule
from doctor.tests.factories import ScheduleFactory
from patient.models import Patient
from tests.admin_client import page as path_of
from tests.browser.conftest import Visit
from tests.browser.judge import assert_accessible, assert_fits
from tests.browser.watch import watch_of

LOADED = "the server responded with a status of 405"  # a page with a form alone answers GET so


@pytest.fixture
def session(clock: Any) -> Schedule:
    """Create a session of four free times in three days."""
    session: Schedule = ScheduleFactory()
    return session


@pytest.fixture
def paths(session: Schedule) -> list[str]:
    """Return the paths of the admin's pages about visits: list, one visit, and a new one."""
    visit = AppointmentFactory(slot=session.slots.last())
    return [path_of(Appointment), path_of(visit, "change"), path_of(Appointment, "add")]


def assert_good(page: Page) -> None:
    """Assert what every page must be."""
    assert_accessible(page)
    assert_fits(page)


# --- The admin's own pages ------------------------------------------------------------------------


def test_a_receptionist_signs_in_by_typing(visit: Visit, staff: User) -> None:
    page = visit(None, "/admin/")
    assert_good(page)
    page.get_by_label("E-mail").fill(staff.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Password").press("Enter")
    expect(page.locator("#user-tools")).to_contain_text(staff.first_name, ignore_case=True)


def test_the_pages_of_visits_in_the_admin_are_accessible(
    visit: Visit, superuser: User, paths: list[str]
) -> None:
    page = visit(superuser, "/admin/records/")
    assert_good(page)
    for path in paths:
        page.goto(path)
        assert_good(page)


# --- The browsable API ----------------------------------------------------------------------------


def test_the_form_of_the_browsable_api_books(
    visit: Visit, patient: Patient, session: Schedule
) -> None:
    page = visit(None, "/api-auth/login/")
    watch_of(page).allow(LOADED)
    assert_good(page)
    page.get_by_label("E-mail").fill(patient.user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Password").press("Enter")
    page.wait_for_url("**/")
    page.goto(f"/api/appointment/book/{session.doctor_id}/")
    assert_good(page)
    page.get_by_label("Slot id").fill(str(session.slots.first().pk))
    page.get_by_label("Reason", exact=True).fill("By hand")
    page.get_by_role("button", name="POST").click()
    expect(page.locator(".response-info")).to_contain_text("HTTP 201 Created")
    expect(page.locator(".response-info")).to_contain_text("By hand")
    assert Appointment.objects.get().patient == patient
    assert_good(page)


# --- The page of the API's document ---------------------------------------------------------------


def test_swagger_ui_authorizes_with_a_token_and_executes_a_call(
    visit: Visit, patient: Patient
) -> None:
    page = visit(None, "/api/docs/")
    page.get_by_role("button", name="Authorize").click()
    scheme = page.locator(".auth-container", has_text="token (apiKey)")
    scheme.locator("input").fill(f"Token {patient.user.issue_token()[0]}")
    scheme.locator("button.authorize").click()
    page.get_by_role("button", name="Close").last.click()
    call = page.locator("#operations-auth-auth_profile_retrieve")
    call.locator(".opblock-summary-control").click()
    call.get_by_role("button", name="Try it out").click()
    call.get_by_role("button", name="Execute").click()
    expect(call.locator(".live-responses-table .response-col_status").last).to_have_text("200")
    expect(call.locator(".live-responses-table")).to_contain_text(patient.user.email)
    assert_good(page)


# --- Other widths, and the dark -------------------------------------------------------------------


@pytest.mark.widths
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_the_pages_beside_the_desk_fit_every_screen(
    visit: Visit, superuser: User, paths: list[str], width: int, theme: str
) -> None:
    page = visit(superuser, "/admin/records/", width=width, theme=theme)
    for path in (*paths, "/", "/api/doctor/doctors/"):
        page.goto(path)
        assert_good(page)
    page.goto("/api/docs/")
    page.locator(".opblock").last.wait_for()
    assert_good(page)
