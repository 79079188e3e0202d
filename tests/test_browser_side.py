"""Every page comes with security headers, and keeps to its Content-Security-Policy."""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from tests.admin_client import AdminClient, page
from tests.routes import FILES, api_routes
from tests.sample_data import SampleData, call, rolled_back

pytestmark = pytest.mark.django_db
BROWSER = {"accept": "text/html"}
DOCUMENTS = ("/", "/api/docs/", "/api-auth/login/", "/admin/login/", "/api/nowhere/", "/nowhere/")
READING = [
    route for route, methods in api_routes().items() if "GET" in methods and route not in FILES
]
# What clients may store, and for how long.
STORED = {
    "/api/doctor/doctors/{doctor_id}/available-slots/": "no-cache",
    "/api/appointment/my-appointments/{id}/calendar.ics": "private, no-cache",
    "/api/appointment/calendar-feeds/{secret}.ics": "private, max-age=300",
}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "object-src": "'none'",
    "frame-ancestors": "'none'",
}


class Breaches(HTMLParser):
    """A parser that collects what a page's Content-Security-Policy forbids."""

    def __init__(self, html: str, style_attributes: bool) -> None:
        super().__init__()
        self.found: list[str] = []
        self.style_attributes = style_attributes
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = dict(attrs)
        data_only = given.get("type") == "application/json"
        if tag == "style" or (tag == "script" and not given.get("src") and not data_only):
            self.found.append(f"<{tag}>")
        if tag in {"base", "object", "embed", "iframe"}:
            self.found.append(f"<{tag}>")
        self.found += [f"{name}={value}" for name, value in attrs if self._breaks(name, value)]

    def _breaks(self, name: str, value: str | None) -> bool:
        if name == "style":
            return not self.style_attributes
        if name in {"src", "action"}:
            return (
                (value or "").strip().lower().startswith(("http:", "https:", "//", "javascript:"))
            )
        scripted = name == "href" and (value or "").strip().lower().startswith("javascript:")
        return name.startswith("on") or scripted


def policy_of(answer: Any) -> dict[str, str]:
    """Map each directive of the response's Content-Security-Policy to its value."""
    parts = answer["Content-Security-Policy"].split("; ")
    return {name: value for name, _, value in (part.partition(" ") for part in parts)}


def assert_kept_and_not_stored(path: str, answer: Any) -> None:
    """Assert that the page has the policy and keeps to it, and that no cache may store it."""
    of_framework = path.startswith(("/api/", "/api-auth/"))
    style = {"style-src-attr": "'unsafe-inline'"} if of_framework else {}
    assert policy_of(answer) == {**POLICY, **style}, path
    assert "no-store" in answer["Cache-Control"], path
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["X-Frame-Options"] == "DENY"
    assert "geolocation=()" in answer["Permissions-Policy"]
    if answer["Content-Type"].startswith("text/html"):
        assert Breaches(answer.content.decode(), bool(style)).found == [], path


def admin_pages() -> Iterator[str]:
    """Yield admin paths: pages without a model, each model's list and a form, one delete page."""
    yield from (
        "/admin/records/",
        "/admin/password_change/",
        "/admin/second-factor/",
        "/admin/jsi18n/",
    )
    for model in admin.site._registry:
        yield page(model)
        row = model._default_manager.first()
        yield page(row, "change") if row else page(model, "add")
    yield page(model, "add")
    yield page(row or model, "delete" if row else "add")


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_public_page_obeys_its_content_security_policy(path: str) -> None:
    assert_kept_and_not_stored(path, Client().get(path, headers=BROWSER))


@pytest.mark.parametrize("path", ["/api/doctor/doctors/", "/api/nowhere/", "/healthz"])
def test_json_carries_no_policy_of_pages(path: str, db: None) -> None:
    answer = Client().get(path)
    assert "json" in answer["Content-Type"]
    assert "Content-Security-Policy" not in answer
    assert "Permissions-Policy" not in answer
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_the_docs_page_keeps_no_token_in_the_browser() -> None:
    script = Client().get("/api/docs/?script=", headers={"accept": "*/*"}).content.decode()
    assert '"persistAuthorization": false' in script


def test_the_script_of_the_docs_page_is_a_file_and_not_inline() -> None:
    script = Client().get("/api/docs/?script=", headers={"accept": "*/*"})
    assert script["Content-Type"].startswith("application/javascript")
    assert "SwaggerUIBundle(" in script.content.decode()
    assert (
        'src="/api/docs/?script="' in Client().get("/api/docs/", headers=BROWSER).content.decode()
    )


def test_every_page_of_the_admin_obeys_its_content_security_policy(sample_data: SampleData) -> None:
    admin_client = AdminClient(sample_data.accounts["superuser"])
    statuses = set()
    for path in admin_pages():
        answer = admin_client.get(path)
        statuses.add(answer.status_code)
        assert_kept_and_not_stored(path, answer)
    assert statuses <= {200, 302, 403}  # two lead back to the list, since no row is chosen


def test_every_page_of_the_browsable_api_obeys_its_content_security_policy(
    sample_data: SampleData,
) -> None:
    for route in READING:
        client = Client(headers=BROWSER)
        client.force_login(sample_data.accounts[sample_data.person_for("GET", route)])
        answer = client.get(sample_data.path(route))
        assert answer["Content-Type"].startswith("text/html")
        assert_kept_and_not_stored(route, answer)


def test_no_answer_of_the_api_may_be_stored_by_any_cache(sample_data: SampleData) -> None:
    """But for the free slots of a doctor, which are the same for everybody, and calendar files."""
    for route, methods in api_routes().items():
        method = max(methods)
        for client in (sample_data.client("anonymous"), sample_data.client_for(method, route)):
            with rolled_back():
                answer = call(
                    client, method, sample_data.path(route), sample_data.body(method, route)
                )
            expected = STORED.get(route, "") if "ETag" in answer else "no-store"
            assert answer["Cache-Control"] == expected, (method, route, answer.status_code)
            assert "Content-Security-Policy" not in answer


@pytest.mark.parametrize(
    ("html", "breaches"),
    [
        ("<script>x</script>", ["<script>"]),
        ('<script src="/x.js"></script><script type="application/json">1</script>', []),
        ('<script src="https://elsewhere.example/x.js"></script>', ["src=https://elsewhere"]),
        ('<a onclick="x()" href=" JavaScript:x()">', ["onclick=x()", "href= JavaScript:x()"]),
        ('<p style="color: red">', ["style=color: red"]),
        ("<style>p {}</style><base href='//x'>", ["<style>", "<base>"]),
    ],
)
def test_the_policy_check_detects_what_a_policy_forbids(html: str, breaches: list[str]) -> None:
    found = Breaches(html, style_attributes=False).found
    assert len(found) == len(breaches)
    assert all(seen.startswith(breach) for seen, breach in zip(found, breaches, strict=True))
