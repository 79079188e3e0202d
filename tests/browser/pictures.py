"""The pictures of the docs: `make pictures` remakes them, and `make test` does not.

The clinic is that of `tests/browser/clinic.py`, at 10:00 on the day of all tests in a browser, so
that a picture changes only if its page does.
"""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.clinic import Clinic
from tests.browser.conftest import Visit
from tests.browser.mails import OF_ACCOUNTS, every_mail, side_by_side
from tests.browser.pictures_folder import ROOT
from tests.browser.png import with_palette
from tests.browser.test_desk_pages import check_a_file

FOLDER = ROOT / "docs" / "pictures"
MOST_BYTES = 100_000
TALL = {"width": 1280, "height": 1000}  # room for the longest mail


@pytest.fixture
def clinic(clock: Any, settings: Any) -> Clinic:
    """Create the clinic, with patients who were seen in November."""
    settings.HOURS_AHEAD_DAYS = 9
    clinic = Clinic.open()
    clinic.look_back(weeks=4)
    return clinic


def save(shown: Page | Locator, name: str) -> None:
    """Save what the screen shows as docs/pictures/<name>.png, small enough for a repository."""
    file: Path = FOLDER / f"{name}.png"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(with_palette(shown.screenshot()))
    assert file.stat().st_size < MOST_BYTES


def test_the_day(visit: Visit, clinic: Clinic) -> None:
    save(visit(clinic.admin, "/admin/desk/"), "day")
    page = visit(clinic.admin, "/admin/desk/", theme="dark")
    page.locator(".card", has_text="Jorge Teixeira").get_by_role("link", name="Move").click()
    expect(page.locator("#panel")).to_contain_text("Move: Jorge Teixeira")
    save(page, "day-dark")


def test_a_new_booking(visit: Visit, clinic: Clinic) -> None:
    page = visit(clinic.admin, "/admin/desk/book/")
    page.locator("#person-search").fill("ferrer")
    page.locator("#people a").first.click()
    expect(page.locator("#patient")).not_to_have_value("")
    page.locator("#who").fill("General practice")
    expect(page.locator(".booking-time", has_text="Molina")).to_have_count(0)
    save(page, "booking")
    page.locator(".booking-time").nth(3).click()
    expect(page.locator("#said")).to_contain_text("is booked")
    save(page, "booked")


def test_a_doctor_who_is_away(visit: Visit, clinic: Clinic) -> None:
    page = visit(clinic.admin, f"/admin/desk/away/?leave={clinic.leave.pk}")
    expect(page.locator("#move-all")).to_be_visible()
    save(page, "away")


def test_the_hours_of_a_week(visit: Visit, clinic: Clinic) -> None:
    page = visit(clinic.admin, f"/admin/desk/hours/{clinic.doctors['Navarro'].pk}/")
    page.locator("#start-4-0").fill("9")
    page.locator("#end-4-0").fill("12")
    page.locator("#week-preview").click()
    expect(page.locator(".week-preview")).to_be_visible()
    save(page, "hours")


def test_the_figures(visit: Visit, clinic: Clinic) -> None:
    save(visit(clinic.admin, "/admin/desk/figures/?from=2026-11-01&to=2026-11-30"), "figures")


def test_a_sheet_of_paper(visit: Visit, clinic: Clinic) -> None:
    page = visit(clinic.admin, f"/admin/desk/print/?doctor={clinic.doctors['Navarro'].pk}")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 720, "height": 480})  # the width of A4 between its margins
    save(page, "print")


def test_the_day_of_a_doctor(visit: Visit, clinic: Clinic) -> None:
    page = visit(clinic.own, "/admin/desk/mine/")
    page.locator("#history-" + str(clinic.visit("Navarro", "10:00").pk)).click()
    expect(page.locator("#panel")).to_contain_text("Penicillin")
    save(page, "mine")


def test_the_check_of_a_file(visit: Visit, clinic: Clinic) -> None:
    page = visit(clinic.admin, "/admin/desk/")
    check_a_file(page)
    save(page, "import")


def test_the_list_of_visits(visit: Visit, clinic: Clinic) -> None:
    save(visit(clinic.admin, "/admin/appointment/appointment/"), "visits")


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("es", "dark")])
def test_the_mails(new_context: Any, clinic: Clinic, language: str, theme: str) -> None:
    mails = every_mail(clinic, language)
    other = {"light": "dark", "dark": "light"}[theme]
    shown = {
        f"mails-{language}-{theme}": (theme, ("booked", "moved", "canceled"), 390),
        f"mails-more-{language}-{other}": (other, ("offer", "reminder", "daysheet"), 390),
        f"mails-account-{language}-{theme}": (theme, OF_ACCOUNTS, 390),
        f"mail-wide-{language}": ("light", ("moved",), 700),
    }
    for name, (scheme, kinds, width) in shown.items():
        page = new_context(color_scheme=scheme, viewport=TALL).new_page()
        page.set_content(side_by_side([mails[kind] for kind in kinds], width))
        for frame in page.frames[1:]:
            expect(frame.locator("h1")).to_be_visible()
        save(page.locator("main"), name)
        page.context.close()
