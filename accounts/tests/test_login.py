"""POST /api/auth/login/, and the limit on guessing passwords."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import PASSWORD, UserFactory
from tests.problems import assert_invalid, assert_problem

pytestmark = pytest.mark.django_db

LOGIN = "/api/auth/login/"


@pytest.fixture
def ana() -> User:
    return UserFactory(email="ana@example.com")


@pytest.fixture
def lock_out(settings) -> None:
    """Turn the lock-out on, which the suite's THROTTLE=off turns off."""
    settings.AXES_ENABLED = True


def login(email: str = "ana@example.com", password: str = PASSWORD, **headers: Any):
    return APIClient().post(LOGIN, {"email": email, "password": password}, **headers)


def guess(times: int, email: str = "ana@example.com", **headers: Any) -> None:
    """Send `times` wrong passwords and check that each is answered with 401."""
    for _ in range(times):
        assert_problem(login(email, "wrong", **headers), 401, "authentication_failed")


def assert_locked_out(response) -> None:
    assert_problem(response, 429, "throttled")
    assert 1 <= int(response["Retry-After"]) <= 60


def test_login_answers_the_user_a_token_and_its_expiry(ana: User) -> None:
    response = login()
    assert response.status_code == 200
    assert set(response.json()) == {"user", "token", "expiry"}
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {response.json()['token']}")
    assert client.get("/api/auth/profile/").json() == response.json()["user"]


@pytest.mark.parametrize("email", ["ANA@example.com", " ana@Example.COM "])
def test_the_case_of_the_address_does_not_matter(ana: User, email: str) -> None:
    assert login(email).status_code == 200


def test_a_wrong_password_an_unknown_address_and_a_closed_account_get_one_answer(ana: User) -> None:
    UserFactory(email="closed@example.com", is_active=False)
    wrong, unknown = login(password="wrong"), login("nobody@example.com")
    closed = login("closed@example.com")
    assert_problem(wrong, 401, "authentication_failed")
    assert wrong.content == unknown.content == closed.content
    for answer in (wrong, unknown, closed):
        del answer.headers["X-Request-ID"]
    assert wrong.headers == unknown.headers == closed.headers
    assert wrong["WWW-Authenticate"] == "Token"


@pytest.mark.parametrize("name", ["email", "password"])
def test_both_fields_are_required(ana: User, name: str) -> None:
    assert_invalid(login(**{name: ""}), name)
    assert_invalid(APIClient().post(LOGIN, {"email": "a", "password": "b", name: None}), name)


@pytest.mark.parametrize("header", ["Token junk", "Token \xe9", "Bearer x"])
def test_a_bad_authorization_header_is_ignored(ana: User, header: str) -> None:
    assert login(HTTP_AUTHORIZATION=header).status_code == 200


def test_signing_in_on_a_second_device_keeps_the_first_signed_in(ana: User, client_of) -> None:
    first = client_of(ana)
    assert login().status_code == 200
    assert first.get("/api/auth/profile/").status_code == 200


def test_a_login_sets_last_login(ana: User) -> None:
    login()
    ana.refresh_from_db()
    assert ana.last_login is not None


def test_ten_wrong_passwords_lock_out_the_right_one_too(ana: User, lock_out: None) -> None:
    guess(10)
    assert_locked_out(login(password="wrong"))
    assert_locked_out(login())


def test_an_unknown_address_is_locked_out_like_a_known_one(lock_out: None) -> None:
    guess(10, "nobody@example.com")
    assert_locked_out(login("nobody@example.com"))


def test_another_account_and_another_address_are_not_locked_out(ana: User, lock_out: None) -> None:
    UserFactory(email="luis@example.com")
    guess(10)
    assert login("luis@example.com").status_code == 200
    assert login(REMOTE_ADDR="192.0.2.7").status_code == 200
    assert_locked_out(login())


@pytest.mark.usefixtures("ana", "lock_out")
def test_guesses_during_a_lock_out_do_not_prolong_it() -> None:
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        guess(10)
        clock.move_to(now + timedelta(seconds=59))
        assert_locked_out(login())
        clock.move_to(now + timedelta(seconds=61))
        assert login().status_code == 200


def test_a_right_password_resets_the_count(ana: User, lock_out: None) -> None:
    guess(9)
    assert login().status_code == 200
    guess(9)
    assert login().status_code == 200


@pytest.mark.usefixtures("ana", "lock_out")
@pytest.mark.parametrize("header", ["HTTP_USER_AGENT", "HTTP_X_FORWARDED_FOR", "HTTP_CLIENT_IP"])
def test_no_header_allows_more_guesses(header: str) -> None:
    for number in range(10):
        guess(1, **{header: f"192.0.2.{number}"})
    assert_locked_out(login(**{header: "192.0.2.99"}))


@pytest.mark.usefixtures("ana", "lock_out")
def test_no_spelling_of_the_address_gives_more_guesses() -> None:
    for email in ("ana@example.com", "ANA@example.com", " ana@EXAMPLE.com", "\uff21NA@example.com"):
        guess(2, email)
    guess(2)
    assert_locked_out(login())


@pytest.mark.usefixtures("ana", "lock_out")
def test_password_guesses_by_form_count_like_those_by_json() -> None:
    for _ in range(10):
        body = {"email": "ana@example.com", "password": "wrong"}
        assert APIClient().post(LOGIN, body, format="multipart").status_code == 401
    assert_locked_out(login())


def test_throttle_off_lifts_the_lock_out(ana: User) -> None:
    guess(12)
    assert login().status_code == 200
