"""Fixtures of the tests in a browser: the server, the clock, and pages that are watched.

The browser and what belongs to it live as long as the tests of this folder, not as long as the run:
Playwright leaves an event loop in its thread, and Django refuses the database to such a thread
unless DJANGO_ALLOW_ASYNC_UNSAFE is set. No other test runs with that variable.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.conf import settings
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from accounts.models import User
from tests.browser import chromium, price
from tests.browser.pictures_folder import picture
from tests.browser.served import Served
from tests.browser.watch import Watch

# Every test begins at this time of the sites that factories make: a Tuesday.
NOW = datetime(2026, 12, 1, 10, 0, tzinfo=ZoneInfo("Europe/Madrid"))
WIDTH, HEIGHT = 1280, 800
PATIENCE = 15_000  # milliseconds; what a test waits for comes at once unless the machine is busy
# In a page the clock starts at NOW and goes on: scripts measure by it how long nothing was typed.
DATE = """{{
    const ahead = {milliseconds} - Date.now();
    Date = class extends Date {{
        constructor(...given) {{ super(...(given.length ? given : [Date.now()])); }}
        static now() {{ return super.now() + ahead; }}
    }};
}}"""


class Visit(Protocol):
    """`visit(user, "/admin/")` opens a page as this user, in a browser of its own."""

    def __call__(
        self, user: User | None, path: str, *, width: int = WIDTH, theme: str = "light"
    ) -> Page:
        """Return the open page. Each call has cookies of its own, as another desk has."""


# --- Once for the tests of this folder ------------------------------------------------------------


@pytest.fixture(scope="package")
def browser_path() -> str:
    """Return the path of Chromium; skip the test, or fail it under BROWSER=required, without."""
    return chromium.path_or_end()


@pytest.fixture(scope="package")
def playwright(browser_path: str) -> Iterator[Playwright]:
    """Start Playwright, and allow Django the database in its thread."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as started:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield started
        connections.close_all()  # those of the thread with an event loop


@pytest.fixture(scope="package")
def browser(
    playwright: Playwright, browser_path: str, browser_type_launch_args: dict[str, Any]
) -> Iterator[Browser]:
    """Start the browser. Options of pytest-playwright, as `--headed`, have their effect."""
    arguments = {"executable_path": browser_path, "args": chromium.ARGUMENTS}
    expect.set_options(timeout=PATIENCE)
    started = playwright.chromium.launch(**{**browser_type_launch_args, **arguments})
    yield started
    started.close()


@pytest.fixture(scope="package")
def served(
    django_db_setup: None, no_query_for_each_row: None, quick_clients: None
) -> Iterator[Served]:
    """Serve the application in threads of this process."""
    server = Served()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="package")
def browser_context_args(served: Served) -> dict[str, Any]:
    """Return what all browsers have: the server's address, and the places of the clinic."""
    return {
        "base_url": served.url,
        "locale": "en-GB",
        "timezone_id": "Europe/Madrid",
        "reduced_motion": "reduce",  # a colour that fades in is not yet the one that axe judges
    }


# --- Each test ------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def clock(transactional_db: None) -> Iterator[time_machine.Traveller]:
    """Stop the clock of tests and server on Tuesday 1 December 2026 at 10:00 in Madrid.

    `clock.shift(timedelta(minutes=7))` and `clock.move_to(...)` set it.
    """
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def visit(
    served: Served, new_context: Callable[..., BrowserContext], request: pytest.FixtureRequest
) -> Iterator[Visit]:
    """Return `visit(user, path)`, which opens a page that is watched; a fault fails the test."""
    pages: list[Page] = []
    watches: list[Watch] = []

    def open_page(
        user: User | None, path: str, *, width: int = WIDTH, theme: str = "light"
    ) -> Page:
        viewport = {"width": width, "height": HEIGHT}
        context = new_context(viewport=viewport, color_scheme=theme)
        context.set_default_timeout(PATIENCE)
        watches.append(Watch(context, served.url))
        price.count(context)
        context.add_init_script(DATE.format(milliseconds=int(NOW.timestamp() * 1000)))
        if user is not None:
            sign_in(context, user, served.url)
        pages.append(context.new_page())
        pages[-1].goto(path)
        return pages[-1]

    yield open_page
    name = request.node.name.removeprefix("test_").replace("[chromium]", "")
    for number, page in enumerate(pages):
        picture(page, f"{name}-{number}" if number else name)
        page.context.close()
    served.wait_until_idle()
    faults = [fault for watch in watches for fault in watch.faults]
    assert not faults, "\n".join(["The browser noticed:", *faults])


def sign_in(context: BrowserContext, user: User, url: str) -> None:
    """Give the browser the cookie of a session of this user."""
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": url}])
