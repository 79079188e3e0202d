"""A call of the API without a session passes the middleware of pages untouched."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client, RequestFactory, override_settings
from rest_framework.test import APIClient

from accounts.models import User
from config.page_middleware import needs_session
from doctor.tests.factories import PublishedScheduleFactory
from tests.routes import routes
from tests.statements import counted_statements

OWN_ACCOUNT = "/api/auth/profile/"
ORIGIN = "https://app.example"


@pytest.fixture
def signed_in(staff: User) -> Client:
    """Return a client that sends the session cookie of this member of staff."""
    client = Client()
    client.force_login(staff)
    return client


def reads_of_sessions(client: Client, **headers: Any) -> int:
    with counted_statements() as found:
        response = client.get(OWN_ACCOUNT, **headers)
    assert response.status_code == 200
    return sum("django_session" in sql for sql in found)


def test_a_call_with_a_session_s_cookie_is_that_of_its_user(signed_in: Client, staff: User) -> None:
    assert signed_in.get(OWN_ACCOUNT).json()["email"] == staff.email
    assert reads_of_sessions(signed_in) == 1


def test_a_call_with_a_token_has_no_session_and_is_that_of_the_token_s_user(
    signed_in: Client, patient: Any
) -> None:
    for scheme in ("Token", "token"):
        token = {"HTTP_AUTHORIZATION": f"{scheme} {patient.user.issue_token()[0]}"}
        response = signed_in.get(OWN_ACCOUNT, **token)
        assert response.json()["email"] == patient.user.email
        assert not hasattr(response.wsgi_request, "session")


def test_another_scheme_of_authorization_leaves_the_session_in_force(signed_in: Client) -> None:
    assert reads_of_sessions(signed_in, HTTP_AUTHORIZATION="Basic cHJveHk6cHJveHk=") == 1


@pytest.mark.django_db
def test_a_call_without_a_cookie_has_no_session_and_a_page_has_one() -> None:
    client = APIClient()
    assert not hasattr(client.get("/api/doctor/doctors/").wsgi_request, "session")
    assert hasattr(client.get("/admin/login/").wsgi_request, "session")


def test_the_cookie_of_another_site_is_no_session(signed_in: Client) -> None:
    signed_in.cookies["other"] = signed_in.cookies.pop(settings.SESSION_COOKIE_NAME).value
    assert signed_in.get(OWN_ACCOUNT).status_code == 401


# --- No way around --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 403),
        ("", 403),
        ("Basic cHJveHk6cHJveHk=", 403),
        ("Bearer x", 403),
        ("tokenx", 403),
        ("Tokens x", 403),
        ("Token\tx", 401),
        (" Token x", 401),
        ("Token", 401),
        ("token ", 401),
        ("TOKEN x", 401),
        ("Token x", 401),
    ],
)
def test_no_header_lets_a_session_write_without_its_csrf_token(
    staff: User, authorization: str | None, status: int
) -> None:
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(staff)
    header = {} if authorization is None else {"HTTP_AUTHORIZATION": authorization}
    response = browser.put(OWN_ACCOUNT, {"first_name": "Eva", "last_name": "Gil"}, **header)
    assert response.status_code == status
    assert User.objects.get(pk=staff.pk).first_name == staff.first_name


@pytest.mark.parametrize(
    "path", ["/{}", "/API/auth/profile/", "/api/.{}", "/api/../{}", "/api{}", "/x/..{}", "{};"]
)
def test_no_other_spelling_of_a_path_reaches_its_view(signed_in: Client, path: str) -> None:
    for of_view in (OWN_ACCOUNT, "/admin/"):
        assert signed_in.get("/", PATH_INFO=path.format(of_view)).status_code == 404


def test_every_page_outside_of_the_api_has_its_session(rf: RequestFactory) -> None:
    pages = [path for path in routes() if not path.startswith("/api/")]
    assert len(pages) > 100
    for path in pages:
        assert needs_session(rf.get(path, HTTP_AUTHORIZATION="Token x")), path


@pytest.mark.django_db
@override_settings(CORS_ALLOWED_ORIGINS=[ORIGIN])
def test_free_slots_are_the_same_answer_for_a_session_and_for_nobody(signed_in: Client) -> None:
    slot = PublishedScheduleFactory().slots.first()
    path = f"/api/doctor/doctors/{slot.doctor_id}/available-slots/"
    of_nobody = Client().get(path, headers={"Origin": ORIGIN})
    of_session = signed_in.get(path, headers={"Origin": ORIGIN})
    unchanged = signed_in.get(path, headers={"Origin": ORIGIN, "If-None-Match": of_nobody["ETag"]})
    assert (of_nobody.status_code, of_session.status_code) == (200, 200)
    assert unchanged.status_code == 304
    assert of_nobody.content == of_session.content
    for answer in (of_nobody, of_session, unchanged):
        assert answer["ETag"] == of_nobody["ETag"]
        assert answer["Cache-Control"] == "no-cache"
        assert answer["Access-Control-Allow-Origin"] == ORIGIN
        assert {"accept", "origin"} <= set(answer["Vary"].lower().split(", "))
        assert not answer.cookies
