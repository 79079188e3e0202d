"""The browsable API, as a person with a session in a browser sees it."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from accounts.tests.factories import PASSWORD
from appointment.models import Appointment
from doctor.models import Schedule
from tests.bodies import flat
from tests.routes import FILES, api_routes
from tests.sample_data import SampleData

pytestmark = pytest.mark.django_db

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
READING = [
    route for route, methods in api_routes().items() if "GET" in methods and route not in FILES
]
WRITING_ONLY = [
    route
    for route, methods in api_routes().items()
    if "GET" not in methods and methods != {"DELETE"}
]


def browser(user: User | None = None) -> Client:
    """Return a client that accepts HTML, has to send CSRF tokens, and is signed in as `user`."""
    client = Client(enforce_csrf_checks=True, headers=BROWSER)
    if user is not None:
        client.force_login(user)
    return client


def page_of(answer: Any, status: int = 200) -> str:
    """Return the HTML of a response, which must be an HTML page with this status."""
    assert answer.status_code == status, answer.content[:500]
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    page: str = answer.content.decode()
    assert "<html" in page
    return page


def csrf_token(page: str) -> str:
    """Return the CSRF token in the forms of the page."""
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page) or re.search(
        r'csrfToken["\']?: *["\'](\w+)', page
    )
    assert found, "no form of the page carries a CSRF token"
    return found[1]


# Lists of choices: forms of REST framework have no input for one; the raw form takes it.
OF_CHOICES = {"events"}


def form_fields(page: str) -> set[str]:
    """Return the names of all inputs of the page."""
    return set(re.findall(r'<(?:input|select|textarea)[^>]*\bname="([\w.]+)"', page))


# --- Pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", READING)
@pytest.mark.parametrize("person", ["owner", "superuser"])
def test_every_route_is_a_page_for_a_browser(
    person: str, route: str, sample_data: SampleData
) -> None:
    client, path = browser(sample_data.accounts[person]), sample_data.path(route)
    as_data = client.get(path, headers={"accept": "application/json"}).status_code
    page = page_of(client.get(path), as_data)
    assert "Clinic appointments" in page
    assert sample_data.accounts[person].email in page
    assert as_data == 200 or person != sample_data.person_for("GET", route)


@pytest.mark.parametrize("route", READING)
def test_every_route_is_a_page_for_a_stranger(route: str, sample_data: SampleData) -> None:
    client, path = browser(), sample_data.path(route)
    page = page_of(client.get(path), client.get(path, headers={"accept": "*/*"}).status_code)
    assert "/api-auth/login/" in page


@pytest.mark.parametrize("route", WRITING_ONLY)
def test_a_route_without_get_shows_its_form(route: str, sample_data: SampleData) -> None:
    person = sample_data.accounts[sample_data.person_for("POST", route)]
    page = page_of(browser(person).get(sample_data.path(route)), 405)
    body = sample_data.body("POST", route) or {}
    assert set(flat(body)) <= form_fields(page)


@pytest.mark.parametrize("person", ["owner", "staff", "superuser"])
@pytest.mark.parametrize("route", READING)
def test_the_forms_of_a_page_have_every_field_that_can_be_written(
    person: str, route: str, sample_data: SampleData
) -> None:
    client = browser(sample_data.accounts[person])
    answer = client.get(sample_data.path(route))
    offered = api_routes()[route] & {"POST", "PUT"}
    only_reads = {
        "/schedules/": ("owner",),
        "/weekly-hours/": ("owner", "staff"),
        "/auth/profile/": ("staff", "superuser"),
    }
    may_write = not any(part in route and person in who for part, who in only_reads.items())
    if offered and answer.status_code == 200 and may_write:
        body = sample_data.body("PUT", route) or {}
        assert set(flat(body)) - OF_CHOICES <= form_fields(page_of(answer))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/appointment/my-appointments/999999999/", 404),
        ("GET", "/api/doctor/doctors/999999999/", 404),
        ("GET", "/api/doctor/doctors/?page=99", 404),
        ("GET", "/api/doctor/doctors/?page=x", 400),
        ("GET", "/api/doctor/doctors/?specialty=x", 400),
        ("GET", "/api/doctor/schedules/?from=junk", 400),
        ("GET", "/api/nothing/", 404),
        ("GET", "/api/", 404),
        ("GET", "/api/auth/logout/", 405),
        ("DELETE", "/api/doctor/doctors/", 405),
    ],
)
@pytest.mark.parametrize("signed_in", [True, False])
def test_an_error_is_a_page_for_a_browser(
    signed_in: bool, method: str, path: str, status: int, sample_data: SampleData
) -> None:
    client = Client(headers=BROWSER)
    if signed_in:
        client.force_login(sample_data.accounts["owner"])
    elif "/my-" in path or "/logout/" in path:
        status = 401
    page = page_of(client.generic(method, path), status)
    assert "Traceback (most" not in page


# --- Forms ----------------------------------------------------------------------------------------


def submit(client: Client, path: str, fields: dict[str, Any]) -> Any:
    """Open the page and post these fields with the CSRF token of its form."""
    answer = client.get(path)
    token = csrf_token(answer.content.decode())
    return client.post(path, {"csrfmiddlewaretoken": token, **fields})


def test_forms_of_the_browsable_api_book_and_cancel(sample_data: SampleData) -> None:
    client = browser(sample_data.accounts["other"])
    slot = sample_data.session.slots.earliest("starts_at")
    path = sample_data.path("/api/appointment/book/{doctor_id}/")
    fields = {"slot_id": slot.pk, "schedule_id": "", "reason": "By hand"}
    page = page_of(submit(client, path, fields), 201)
    assert "By hand" in page
    visit = Appointment.objects.get(slot=slot, patient__user=sample_data.accounts["other"])
    assert visit.booked_by == sample_data.accounts["other"]
    assert "already_booked" in page_of(submit(client, path, fields), 409)
    cancel = f"/api/appointment/cancel/{visit.pk}/"
    page_of(submit(client, cancel, {"reason": ""}), 200)
    visit.refresh_from_db()
    assert visit.status == "canceled"


def test_a_form_with_impossible_values_shows_the_error_on_its_page(sample_data: SampleData) -> None:
    client = browser(sample_data.accounts["owner"])
    path = sample_data.path("/api/appointment/book/{doctor_id}/")
    page = page_of(submit(client, path, {"slot_id": "x", "reason": ""}), 400)
    assert "A valid integer is required." in page


def test_a_form_edits_the_profile(sample_data: SampleData) -> None:
    client = browser(sample_data.accounts["owner"])
    path = "/api/patient/profile/"
    fields = {**(sample_data.body("PUT", path) or {}), "first_name": "Eva-by-hand"}
    token = csrf_token(client.get(path).content.decode())
    answer = client.put(  # the page's script sends this for the form of a PUT
        path,
        "&".join(f"{name}={str(value).replace('+', '%2B')}" for name, value in fields.items()),
        content_type="application/x-www-form-urlencoded",
        headers={"x-csrftoken": token},
    )
    assert "Eva-by-hand" in page_of(answer)
    assert "Eva-by-hand" in page_of(client.get(path))


def test_a_form_publishes_a_session(sample_data: SampleData) -> None:
    client = browser(sample_data.accounts["superuser"])
    page = page_of(submit(client, "/api/doctor/schedules/", sample_data.hours()), 201)
    assert "total_slots" in page
    assert Schedule.objects.filter(date=sample_data.hours()["date"]).count() == 1


@pytest.mark.parametrize(
    "route",
    [route for route, methods in api_routes().items() if "POST" in methods],
)
def test_a_session_without_its_csrf_token_writes_nothing(
    route: str, sample_data: SampleData
) -> None:
    client, path = browser(sample_data.accounts["superuser"]), sample_data.path(route)
    before = Appointment.objects.count(), Schedule.objects.count(), User.objects.count()
    sent = sample_data.body("POST", route) or {}
    answer = client.post(path, {name: value or "" for name, value in sent.items()})
    of_no_session = ("/register/", "/login/", "/password-reset/", "/password-reset/confirm/")
    if route.endswith(of_no_session):
        assert answer.status_code in (200, 201, 202)
    else:
        page_of(answer, 403)
        assert before == (
            Appointment.objects.count(),
            Schedule.objects.count(),
            User.objects.count(),
        )


# --- Login and logout -----------------------------------------------------------------------------


def test_a_user_signs_in_and_out_by_the_pages_of_api_auth(sample_data: SampleData) -> None:
    client, owner = browser(), sample_data.accounts["owner"]
    login = client.get("/api-auth/login/?next=/api/auth/profile/")
    fields = {
        "csrfmiddlewaretoken": csrf_token(page_of(login)),
        "username": owner.email.upper(),
        "next": "/api/auth/profile/",
    }
    page_of(client.post("/api-auth/login/", {**fields, "password": "wrong"}))
    page_of(client.get("/api/auth/profile/"), 401)
    signed_in = client.post("/api-auth/login/", {**fields, "password": PASSWORD})
    assert (signed_in.status_code, signed_in["Location"]) == (302, "/api/auth/profile/")
    page = page_of(client.get("/api/auth/profile/"))
    assert owner.email in page
    signed_out = client.post("/api-auth/logout/", {"csrfmiddlewaretoken": csrf_token(page)})
    assert signed_out.status_code in (200, 302)
    page_of(client.get("/api/auth/profile/"), 401)


def test_the_logout_of_the_api_ends_the_session(sample_data: SampleData) -> None:
    client = browser(sample_data.accounts["owner"])
    token = csrf_token(client.get("/api/auth/profile/").content.decode())
    page = page_of(client.post("/api/auth/logout/", {"csrfmiddlewaretoken": token}))
    assert "HTTP 204 No Content" in page  # a browser would not show a bare 204 as a page
    page_of(client.get("/api/auth/profile/"), 401)


def test_an_inactive_user_cannot_sign_in(sample_data: SampleData) -> None:
    client, owner = browser(), sample_data.accounts["owner"]
    User.objects.filter(pk=owner.pk).update(is_active=False)
    token = csrf_token(page_of(client.get("/api-auth/login/")))
    fields = {"csrfmiddlewaretoken": token, "username": owner.email, "password": PASSWORD}
    page_of(client.post("/api-auth/login/", fields))
    page_of(client.get("/api/auth/profile/"), 401)


def test_a_visitor_signs_in_by_a_link_in_the_language_of_the_page() -> None:
    page = page_of(browser().get("/api/doctor/doctors/", HTTP_ACCEPT_LANGUAGE="es"))
    assert '<a href="/api-auth/login/?next=/api/doctor/doctors/">Iniciar sesión</a>' in page
