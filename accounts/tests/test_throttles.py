"""The limits on calls that the production settings define, tried at a tenth of their size."""

import runpy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from rest_framework.test import APIClient
from rest_framework.throttling import SimpleRateThrottle

from accounts.models import User
from accounts.tests.factories import UserFactory
from tests.problems import assert_problem

pytestmark = pytest.mark.django_db

LANGUAGES = "/api/doctor/languages/"
REGISTER = "/api/auth/register/"


IN_PRODUCTION = {
    "user": "600/minute",
    "anon": "600/minute",
    "booking": "60/minute",
    "login": "120/minute",
    "password": "10/minute",
    "register": "60/hour",
    "mail": "60/hour",
}


@pytest.fixture
def of_production(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the limits of the production settings, which the suite's settings turn off."""
    monkeypatch.setenv("THROTTLE", "on")
    in_service = runpy.run_path(str(settings.BASE_DIR / "config" / "settings.py"))
    rates: dict[str, str] = in_service["REST_FRAMEWORK"]["DEFAULT_THROTTLE_RATES"]
    return rates


@pytest.fixture(autouse=True)
def rates(monkeypatch: pytest.MonkeyPatch, of_production: dict[str, str]) -> dict[str, str]:
    """Apply a tenth of the limits of production, so that a test makes a tenth of the calls."""
    rates = {scope: a_tenth(rate) for scope, rate in of_production.items()}
    monkeypatch.setattr(SimpleRateThrottle, "THROTTLE_RATES", rates)
    return rates


def a_tenth(rate: str) -> str:
    """Return the rate with a tenth of its calls in the same period."""
    calls, period = rate.split("/")
    assert int(calls) % 10 == 0, rate
    return f"{int(calls) // 10}/{period}"


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(datetime(2026, 11, 23, 12, tzinfo=UTC), tick=False) as clock:
        yield clock


def use_up(calls: int, call: Callable[[int], Any]) -> None:
    """Make `calls` calls and check that none is throttled."""
    assert 429 not in {call(number).status_code for number in range(calls)}


def assert_throttled(response: Any, most: int) -> None:
    assert_problem(response, 429, "throttled")
    assert 1 <= int(response["Retry-After"]) <= most


def test_the_limits_of_production_are_ten_times_those_tried_here(
    of_production: dict[str, str], rates: dict[str, str]
) -> None:
    assert IN_PRODUCTION.items() <= of_production.items()
    assert rates["user"] == "60/minute"


def test_a_user_has_60_calls_a_minute_with_any_tokens(client_of, clock) -> None:
    user = UserFactory()
    phone, laptop, stranger = client_of(user), client_of(user), client_of(UserFactory())
    use_up(30, lambda _: phone.delete(LANGUAGES))
    use_up(30, lambda _: laptop.delete(LANGUAGES))
    assert_throttled(phone.get("/api/auth/profile/"), most=60)
    assert_throttled(laptop.delete(LANGUAGES), most=60)
    assert stranger.get(LANGUAGES).status_code == 200
    assert APIClient().get(LANGUAGES).status_code == 200
    clock.shift(timedelta(seconds=61))
    assert phone.get(LANGUAGES).status_code == 200


def test_an_anonymous_address_has_60_calls_a_minute_with_any_headers(clock) -> None:
    client = APIClient()
    use_up(60, lambda n: client.delete(LANGUAGES, HTTP_X_FORWARDED_FOR=f"198.51.100.{n}"))
    assert_throttled(client.get(LANGUAGES, HTTP_X_FORWARDED_FOR="203.0.113.1"), most=60)
    assert_throttled(client.post("/api/auth/login/", {}), most=60)
    assert client.get(LANGUAGES, REMOTE_ADDR="192.0.2.7").status_code == 200
    clock.shift(timedelta(seconds=61))
    assert client.get(LANGUAGES).status_code == 200


def test_an_address_has_6_registrations_an_hour_with_any_headers(client_of, clock) -> None:
    use_up(6, lambda n: APIClient().post(REGISTER, {}, HTTP_X_FORWARDED_FOR=f"198.51.100.{n}"))
    assert_throttled(APIClient().post(REGISTER, {}), most=3600)
    assert_throttled(client_of(UserFactory()).post(REGISTER, {}), most=3600)
    assert APIClient().post(REGISTER, {}, REMOTE_ADDR="192.0.2.7").status_code == 400
    assert APIClient().get(LANGUAGES).status_code == 200
    clock.shift(timedelta(minutes=61))
    assert APIClient().post(REGISTER, {}).status_code == 400


def test_a_throttled_registration_creates_no_account() -> None:
    use_up(6, lambda _: APIClient().post(REGISTER, {}))
    ana = {
        "email": "a@example.com",
        "password": "correct horse",
        "first_name": "A",
        "last_name": "R",
    }
    assert_throttled(APIClient().post(REGISTER, ana), most=3600)
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("path", "limit", "most"),
    [
        ("/api/appointment/book/1/", 6, 60),
        ("/api/appointment/reschedule/1/", 6, 60),
        ("/api/auth/change-password/", 1, 60),
        ("/api/auth/delete-account/", 1, 60),
        ("/api/auth/verify-email/", 6, 3600),
        ("/api/auth/login/", 12, 60),
        ("/api/auth/password-reset/", 6, 3600),
    ],
)
def test_some_calls_have_another_limit(path: str, limit: int, most: int, client_of) -> None:
    client = client_of(UserFactory())
    use_up(limit, lambda _: client.post(path, {"token": "x"}))
    assert_throttled(client.post(path, {}), most=most)
    assert client.get("/api/auth/profile/").status_code == 200


def test_throttle_off_lifts_every_limit(
    monkeypatch: pytest.MonkeyPatch, rates: dict[str, str]
) -> None:
    monkeypatch.setenv("THROTTLE", "off")
    lifted = runpy.run_path(str(settings.BASE_DIR / "config" / "settings.py"))
    assert lifted["REST_FRAMEWORK"]["DEFAULT_THROTTLE_RATES"] == dict.fromkeys(rates)
    assert lifted["AXES_ENABLED"] is False


@pytest.mark.parametrize("page", ["/admin/login/", "/api-auth/login/"])
def test_logins_by_form_and_by_api_count_together(client: Client, page: str) -> None:
    client.defaults["REMOTE_ADDR"] = "203.0.113.9"
    for number in range(12):
        name = {"username": f"nobody{number}@example.com", "password": "wrong"}
        assert client.post(page, name).status_code == 200
    refused = client.post(page, {"username": "nobody@example.com", "password": "wrong"})
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 61
    assert client.get(page).status_code == 200


def test_a_user_has_6_acceptances_of_offers_a_minute(client_of) -> None:
    client, accept = client_of(UserFactory()), "/api/appointment/waitlist/1/accept/"
    use_up(6, lambda _: client.post(accept))
    assert_throttled(client.post(accept), most=60)
    assert_throttled(client.post("/api/appointment/book/1/", {}), most=60)
