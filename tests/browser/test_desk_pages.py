"""Every page and panel of the desk with the day of a clinic: accessible, and never too wide."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.clinic import PEOPLE_TO_IMPORT, Clinic
from tests.browser.conftest import Visit
from tests.browser.judge import assert_accessible, assert_fits

RAW = "+1212555"  # a phone number that is not written in groups


@pytest.fixture
def clinic(clock: Any, settings: Any) -> Clinic:
    """Create the clinic."""
    settings.HOURS_AHEAD_DAYS = 9
    return Clinic.open()


def assert_good(page: Page) -> None:
    """Assert what every page must be.

    The day is scrolled to its start: axe-core counts a button that the heads of the columns cover
    in part as too small.
    """
    page.evaluate("for (const box of document.querySelectorAll('.day-box')) box.scrollTo(0, 0)")
    assert_accessible(page)
    assert_fits(page)


def assert_all_good(page: Page, paths: list[str]) -> None:
    """Open each page, and the check of a file; assert what every page must be."""
    for path in paths:
        page.goto(path)
        assert_good(page)
        assert RAW not in page.inner_text("body"), path
    check_a_file(page)
    assert_good(page)


def check_a_file(page: Page) -> None:
    """Open the page that imports, and let it check a file of patients."""
    page.goto("/admin/desk/import/")
    page.get_by_role("radio", name="Patients").check()
    file = {"name": "patients.csv", "mimeType": "text/csv", "buffer": PEOPLE_TO_IMPORT.encode()}
    page.set_input_files("#import-file", files=[file])
    page.get_by_role("button", name="Check the file").click()
    expect(page.locator("#said")).to_contain_text("Nothing is written yet")


def pages_of_staff(clinic: Clinic) -> list[str]:
    """Return the paths of the pages of the desk that the tests of its tasks do not judge."""
    visit, slot = clinic.visit("Navarro", "10:20"), clinic.slots["Navarro", "10:40"]
    doctor = f"doctor={visit.doctor_id}&location={clinic.site.pk}"
    line = f"line/{clinic.waiting.pk}"
    paths = (
        f"people/{visit.patient_id}/",
        f"visits/{visit.pk}/cancel/",
        f"visits/{visit.pk}/move/",
        f"walk-in/?{doctor}&patient={visit.patient_id}",
        f"free/?slot={slot.pk}&new=1",
        f"squeeze-in/?slot={visit.slot_id}",
        "search/?q=ro",
        f"away/visits/{clinic.to_rebook.pk}/",
        f"{line}/accept/",
        f"{line}/take-off/",
        "hours/",
        "hours/new/",
    )
    return [f"/admin/desk/{path}" for path in paths]


def all_pages_of_staff(clinic: Clinic) -> list[str]:
    """Return the paths of all pages of the desk."""
    known = clinic.visit("Navarro", "10:20")
    paths = (
        "",
        "?date=2026-12-02",
        "?date=2026-12-25",
        f"book/?patient={known.patient_id}&who=Neurology",
        "book/",
        "away/",
        f"away/?leave={clinic.leave.pk}",
        "line/",
        "calls/",
        f"hours/{known.doctor_id}/",
        "hours/holidays/",
        "figures/?from=2026-11-01&to=2026-12-31",
        "figures/?by=week",
        f"print/?doctor={known.doctor_id}",
        "import/",
    )
    return [*(f"/admin/desk/{path}" for path in paths), *pages_of_staff(clinic)]


def test_pages_and_panels_of_the_desk_are_accessible(visit: Visit, clinic: Clinic) -> None:
    page = visit(clinic.admin, "/admin/desk/line/")
    assert_good(page)
    assert_all_good(page, pages_of_staff(clinic))


def test_the_own_day_of_a_doctor_and_a_history_are_accessible(visit: Visit, clinic: Clinic) -> None:
    page = visit(clinic.own, "/admin/")
    page.locator("#history-" + str(clinic.visit("Navarro", "10:20").pk)).click()
    expect(page.locator("#panel")).to_contain_text("Penicillin")
    assert_good(page)


@pytest.mark.widths
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_the_pages_of_the_desk_fit_every_screen(
    visit: Visit, clinic: Clinic, width: int, theme: str
) -> None:
    page = visit(clinic.admin, "/admin/desk/", width=width, theme=theme)
    assert_all_good(page, all_pages_of_staff(clinic))
    own = visit(clinic.own, "/admin/desk/mine/", width=width, theme=theme)
    own.locator("#history-" + str(clinic.visit("Navarro", "10:20").pk)).click()
    expect(own.locator("#panel")).to_contain_text("Penicillin")
    assert_good(own)
