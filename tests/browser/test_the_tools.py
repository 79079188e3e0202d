"""The tools of these tests notice what they are made for."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.urls import path
from playwright.sync_api import Page

from accounts.models import User
from config import urls
from tests.browser import chromium
from tests.browser.conftest import Visit
from tests.browser.judge import assert_accessible, assert_fits, violations
from tests.browser.png import chunks_of, data_of, rows_of, with_palette
from tests.browser.price import Price
from tests.browser.watch import watch_of

PAGE = """<!doctype html><html lang="en"><title>Page</title><main><h1>Page</h1>
<a href="?again">link</a> <a href="file">file</a> <button type="button">button</button>
<label><input type="checkbox"> box</label>
<label>choice <select><option>one<option>two</select></label>{more}</main></html>"""
BAD = '<img src="/favicon.ico"><hr width="2000">'  # no text says what the picture shows


def answer_page(request: Any, more: str = "") -> HttpResponse:
    """Answer with the page of these tests, and with more on it."""
    return HttpResponse(PAGE.format(more=more))


def answer_file(request: Any) -> HttpResponse:
    """Answer with a file to download."""
    return HttpResponse("1", headers={"Content-Disposition": "attachment; filename=one.csv"})


def fail(request: Any) -> HttpResponse:
    """Raise what no view catches."""
    raise ValueError("a mistake in a view")


urlpatterns = [
    path("tools/", answer_page),
    path("tools/bad/", answer_page, {"more": BAD}),
    path("tools/file", answer_file),
    path("tools/fails", fail),
    *urls.urlpatterns,
]
handler500 = urls.handler500
pytestmark = pytest.mark.urls(__name__)

FAULTS = {
    "console.warn('strange')": "console warning: strange",
    "console.error('bad')": "console error: bad",
    "setTimeout(() => { throw new Error('broken') })": "exception: broken",
    "document.head.append(Object.assign(document.createElement('style'), {textContent: 'a {}'}))": (
        "console error: .*Content Security Policy"
    ),
    "fetch('fails')": "status 500: GET .*/fails",
    "fetch('refused').catch(() => {})": "failed request: GET .*/refused",
    # The last one, since the page goes there.
    "location.assign('http://elsewhere.example/x')": "request to another host: http://elsewhere",
}


def faults_of(page: Page, script: str) -> Iterator[str]:
    """Run the script in a page, and yield the faults that the watch has noticed soon after."""
    watch = watch_of(page)
    page.goto("/tools/")
    assert watch.faults == []
    page.evaluate(f"() => {{ {script} }}")
    for _ in range(100):
        if not watch.faults:
            page.wait_for_timeout(20)  # handles what the browser reports
    page.wait_for_timeout(20)
    yield from [*watch.faults]
    watch.faults.clear()


def test_the_watch_notices_each_kind_of_fault(visit: Visit) -> None:
    page = visit(None, "/tools/")
    page.route("**/refused", lambda route: route.abort("connectionrefused"))
    page.route("http://elsewhere.example/**", lambda route: route.fulfill(body="elsewhere"))
    for script, expected in FAULTS.items():
        faults = list(faults_of(page, script))
        assert any(re.match(expected, fault) for fault in faults), (script, faults)


def test_a_fault_that_a_test_expects_is_none(visit: Visit) -> None:
    page = visit(None, "/tools/")
    watch_of(page).allow("the server responded with a status of 404")
    page.goto("/nowhere/")


def test_a_price_counts_clicks_and_pages_but_neither_keys_nor_files(visit: Visit) -> None:
    page = visit(None, "/tools/")
    price = Price(page)
    page.get_by_role("button").click()
    page.get_by_role("button").press("Enter")
    assert (price.clicks, price.pages) == (1, 0)
    page.get_by_text("box").click()
    assert (price.clicks, price.pages) == (2, 0)
    page.get_by_role("combobox").select_option("two")  # a person clicks the list, then the option
    assert (price.clicks, price.pages) == (4, 0)
    with page.expect_download():
        page.get_by_role("link", name="file").click()
    assert (price.clicks, price.pages) == (5, 0)
    page.get_by_role("link", name="link").press("Enter")
    page.wait_for_url("**/?again")
    with page.expect_navigation():
        page.get_by_role("link", name="link").click()
    assert (price.clicks, price.pages) == (6, 2)
    assert (Price(page).clicks, Price(page).pages) == (0, 0)


def test_a_picture_without_words_and_a_wide_page_are_found(visit: Visit) -> None:
    page = visit(None, "/tools/")
    assert_accessible(page)
    assert_fits(page)
    page.goto("/tools/bad/")
    assert [line.partition(":")[0] for line in violations(page)] == ["image-alt"]
    with pytest.raises(AssertionError, match="wider than the screen"):
        assert_fits(page)


def test_each_desk_has_a_session_of_its_own(visit: Visit, staff: User, superuser: User) -> None:
    first, second = visit(staff, "/admin/"), visit(superuser, "/admin/")
    first.goto("/api/auth/profile/")
    second.goto("/api/auth/profile/")
    assert staff.email in first.content()
    assert superuser.email in second.content()
    assert second.evaluate("new Date().toISOString()").startswith("2026-12-01T09:00")


def test_a_missing_browser_is_said_or_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    monkeypatch.delenv("BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match="NO BROWSER"):
        chromium.path_or_end()
    chromium.main()
    assert "NO BROWSER" in capsys.readouterr().out
    monkeypatch.setenv("BROWSER", "required")
    with pytest.raises((pytest.fail.Exception, pytest.skip.Exception)) as ended:
        chromium.path_or_end()
    assert ended.type is pytest.fail.Exception


def test_a_picture_keeps_its_pixels_with_a_palette(visit: Visit) -> None:
    width, height = 120, 60
    clip: Any = {"x": 0, "y": 0, "width": width, "height": height}
    png = visit(None, "/tools/").screenshot(clip=clip)
    smaller = with_palette(png)
    assert [name for name, _ in chunks_of(smaller)] == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    colors = list(batched(dict(chunks_of(smaller))[b"PLTE"], 3))
    rows = [row[1:] for row in batched(data_of(smaller), width + 1)]
    assert len(colors) > 2
    assert len(rows) == height
    assert [b"".join(colors[place] for place in row) for row in rows] == rows_of(png)


def batched(data: bytes, size: int) -> Iterator[bytes]:
    """Yield the data in pieces of this size."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
