"""The pictures of the docs: `make pictures` remakes them, and `make test` does not.

The clinic is that of the demo, on the day of all tests in a browser, so that a picture changes only
if its page does.
"""

from pathlib import Path

import pytest
from django.core.management import call_command
from playwright.sync_api import Page

from accounts.models import User
from appointment.demo import logins
from tests.browser.conftest import Visit
from tests.browser.pictures_folder import ROOT
from tests.browser.png import with_palette

FOLDER = ROOT / "docs" / "pictures"
MOST_BYTES = 100_000


@pytest.fixture
def demo(clock: None) -> None:
    """Make the clinic of the demo."""
    call_command("seed_demo", verbosity=0)


def save(page: Page, name: str) -> None:
    """Save what the screen shows as docs/pictures/<name>.png, small enough for a repository."""
    file: Path = FOLDER / f"{name}.png"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(with_palette(page.screenshot()))
    assert file.stat().st_size < MOST_BYTES


def test_the_list_of_visits(visit: Visit, demo: None) -> None:
    reception = User.objects.get(email=logins.RECEPTION.email)
    save(visit(reception, "/admin/appointment/appointment/"), "visits")
