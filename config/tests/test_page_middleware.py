"""A call of the API without a session passes the middleware of pages untouched."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from tests.statements import counted_statements

OWN_ACCOUNT = "/api/auth/profile/"


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
