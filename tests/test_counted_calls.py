"""Every call under /api/ counts once towards the limit of its user or its address."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.db import OperationalError
from django.test import Client, RequestFactory
from rest_framework.request import Request
from rest_framework.test import APIClient
from rest_framework.throttling import SimpleRateThrottle

from accounts.authentication import IgnoreCredentials, TokenAuthentication
from accounts.models import AuditEvent, User
from accounts.tests.factories import UserFactory
from accounts.views import LoginView, VerifyEmailView
from extensions.db.cache import increment_counters
from extensions.rest import throttling
from extensions.rest.permissions import IsStaffWithModelPermission
from extensions.rest.throttling import UserThrottle, count_call
from tests.problems import assert_problem
from tests.routes import api_routes, api_views
from tests.sample_data import SampleData, call, rolled_back

pytestmark = pytest.mark.django_db

LIMIT = 3
LANGUAGES = "/api/doctor/languages/"
PROFILE = "/api/patient/profile/"
HOURS = "/api/doctor/weekly-hours/"
WRONG = {"HTTP_AUTHORIZATION": f"Token {'0' * 64}"}
LARGE = b" " * (512 * 1024 + 1)

# What a stranger may get without any limit of its own, by the status of the answer.
REFUSALS_OF_STRANGERS: dict[str, tuple[int, Callable[[APIClient], Any]]] = {
    "a page": (200, lambda client: client.get(LANGUAGES)),
    "a wrong token": (401, lambda client: client.get(PROFILE, **WRONG)),
    "a wrong token at a public path": (401, lambda client: client.get(LANGUAGES, **WRONG)),
    "no token": (401, lambda client: client.get(PROFILE)),
    "an unknown path": (404, lambda client: client.get("/api/secret/")),
    "the path of all": (404, lambda client: client.get("/api")),
    "an unknown row": (404, lambda client: client.get(f"{LANGUAGES}999/")),
    "a missing slash": (301, lambda client: client.get(LANGUAGES.rstrip("/"))),
    "a wrong method": (405, lambda client: client.post("/api/docs/")),
    "a format": (406, lambda client: client.get(LANGUAGES, HTTP_ACCEPT="image/png")),
    "a page number": (404, lambda client: client.get(f"{LANGUAGES}?page=9")),
    "a query": (400, lambda client: client.get(f"{LANGUAGES}?page_size=x")),
    "a query given twice": (400, lambda client: client.get(f"{LANGUAGES}?page=1&page=1")),
    "a format of the query": (406, lambda client: client.get(f"{LANGUAGES}?format=xml")),
    "a host": (400, lambda client: client.get(LANGUAGES, HTTP_HOST="evil.example")),
    "a large body": (
        413,
        lambda client: client.generic("POST", "/api/auth/login/", LARGE, "application/json"),
    ),
    "a charset": (
        415,
        lambda client: client.generic("POST", LANGUAGES, b"{}", "application/json; charset=rot13"),
    ),
}
REFUSALS_OF_USERS: dict[str, tuple[int, Callable[[APIClient], Any]]] = {
    "a page": (200, lambda client: client.get(LANGUAGES)),
    "no permission": (403, lambda client: client.get(HOURS)),
    "an unknown row": (404, lambda client: client.get("/api/appointment/my-appointments/999/")),
    "a wrong method": (405, lambda client: client.delete("/api/patient/export/")),
    "a query given twice": (400, lambda client: client.get(f"{PROFILE}?a=1&a=1")),
    "a format": (406, lambda client: client.get(PROFILE, HTTP_ACCEPT="image/png")),
    "a format of the query": (406, lambda client: client.get(f"{PROFILE}?format=xml")),
    "not JSON": (400, lambda client: client.generic("POST", PROFILE, b"{", "application/json")),
    "an incomplete body": (400, lambda client: client.post(PROFILE, {})),
    "a media type": (415, lambda client: client.generic("POST", PROFILE, b"x", "text/plain")),
}


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(datetime(2026, 11, 23, 12, tzinfo=UTC), tick=False) as clock:
        yield clock


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """Set the limit of users and addresses to LIMIT calls a minute, and no other."""
    rates = dict.fromkeys(SimpleRateThrottle.THROTTLE_RATES)
    rates |= {"user": f"{LIMIT}/minute", "anon": f"{LIMIT}/minute"}
    monkeypatch.setattr(SimpleRateThrottle, "THROTTLE_RATES", rates)
    return rates


@pytest.fixture
def counted(limits: dict[str, str | None], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list of the keys that calls add to. No call reaches a limit."""
    keys: list[str] = []

    def note(counters: list[tuple[str, int]]) -> list[int]:
        keys.extend(key for key, _ in counters)
        return [1] * len(counters)

    monkeypatch.setattr(throttling, "increment_counters", note)
    return keys


@pytest.mark.usefixtures("limits")
@pytest.mark.parametrize("kind", REFUSALS_OF_STRANGERS)
def test_whatever_a_stranger_gets_counts_towards_the_limit_of_the_address(
    kind: str, client_of
) -> None:
    status, ask = REFUSALS_OF_STRANGERS[kind]
    client = APIClient()
    assert [ask(client).status_code for _ in range(LIMIT)] == [status] * LIMIT
    refused = ask(client)
    assert (refused.status_code, refused.json()["code"]) == (429, "throttled")
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert_problem(client.get(LANGUAGES), 429, "throttled")
    assert client_of(UserFactory()).get(LANGUAGES).status_code == 200
    assert client.get(LANGUAGES, REMOTE_ADDR="192.0.2.7").status_code == 200


@pytest.mark.usefixtures("limits")
@pytest.mark.parametrize("kind", REFUSALS_OF_USERS)
def test_whatever_a_user_gets_counts_towards_the_limit_of_the_user(kind: str, client_of) -> None:
    status, ask = REFUSALS_OF_USERS[kind]
    client = client_of(UserFactory())
    assert [ask(client).status_code for _ in range(LIMIT)] == [status] * LIMIT
    assert_problem(ask(client), 429, "throttled")
    assert_problem(client.get(LANGUAGES), 429, "throttled")
    assert APIClient().get(LANGUAGES).status_code == 200


@pytest.mark.usefixtures("limits")
def test_a_user_over_the_limit_is_refused_before_permissions_are_checked(
    client_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(UserFactory())
    assert [client.get(HOURS).status_code for _ in range(LIMIT)] == [403] * LIMIT
    monkeypatch.setattr(IsStaffWithModelPermission, "has_permission", None)
    assert_problem(client.get(HOURS), 429, "throttled")


@pytest.mark.usefixtures("limits")
@pytest.mark.parametrize(
    ("view", "path"), [(LoginView, "login"), (VerifyEmailView, "verify-email")]
)
def test_a_stranger_over_the_limit_is_refused_before_the_view_runs(
    view: Any, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = APIClient()
    assert [client.get("/api/secret/").status_code for _ in range(LIMIT)] == [404] * LIMIT
    monkeypatch.setattr(view, "post", None)
    assert_problem(client.post(f"/api/auth/{path}/", {}), 429, "throttled")


@pytest.mark.usefixtures("limits")
def test_calls_of_a_session_and_of_a_token_count_for_the_same_user(client_of) -> None:
    user, browser = UserFactory(), Client()
    browser.force_login(user)
    assert [browser.get(LANGUAGES).status_code for _ in range(LIMIT)] == [200] * LIMIT
    assert_problem(client_of(user).get(LANGUAGES), 429, "throttled")


@pytest.mark.usefixtures("limits")
def test_pages_outside_the_api_are_not_counted(client: Client) -> None:
    assert {client.get("/healthz").status_code for _ in range(LIMIT + 2)} == {200}
    assert {client.get("/admin/login/").status_code for _ in range(LIMIT + 2)} == {200}


@pytest.mark.parametrize("person", ["anonymous", "other"])
def test_every_call_of_every_route_counts_once(
    person: str, sample_data: SampleData, counted: list[str]
) -> None:
    client = sample_data.client(person)
    account, views = sample_data.accounts.get(person), api_views()
    for route, offered in api_routes().items():
        for method in (*sorted(offered), "OPTIONS", "TRACE"):
            counted.clear()
            with rolled_back():
                call(client, method, sample_data.path(route), sample_data.body(method, route))
            ignores_token = views[route].cls.authentication_classes == (IgnoreCredentials,)
            is_known = account and not ignores_token
            expected = f"throttle_user_{account.pk}" if is_known else "throttle_anon_127.0.0.1"
            assert counted == [expected], (method, route)


def test_a_booking_is_counted_toward_both_of_its_limits_at_once(
    limits: dict[str, str | None], client_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits["booking"] = "2/minute"
    counted, count = [], increment_counters

    def note(counters: list[tuple[str, int]]) -> list[int]:
        counted.append([key for key, _ in counters])
        return count(counters)

    monkeypatch.setattr(throttling, "increment_counters", note)
    user = UserFactory()
    client = client_of(user)
    statuses = [client.post("/api/appointment/book/1/", {}).status_code for _ in range(3)]
    assert statuses == [400, 400, 429]
    assert counted == [[f"throttle_user_{user.pk}", f"throttle_booking_{user.pk}"]] * 3


def test_the_first_authentication_class_of_every_view_counts_the_call() -> None:
    first = {path: view.cls.authentication_classes[0] for path, view in api_views().items()}
    assert len(first) > 30
    assert set(first.values()) == {TokenAuthentication, IgnoreCredentials}


@pytest.mark.usefixtures("limits")
def test_the_second_attempt_of_a_view_after_a_deadlock_is_the_same_call(
    counted: list[str],
) -> None:
    http, user = RequestFactory().get(LANGUAGES), UserFactory.build(pk=7)
    for _ in range(3):
        request = Request(http)
        request.user = user
        count_call(http, user)
        assert UserThrottle().allow_request(request, None)
    assert counted == ["throttle_user_7"]
    count_call(RequestFactory().get(LANGUAGES), user)
    assert counted == ["throttle_user_7"] * 2


@pytest.mark.usefixtures("limits")
def test_an_answer_that_needs_no_database_stands_without_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(counters: list[tuple[str, int]]) -> list[int]:
        raise OperationalError("connection refused")

    monkeypatch.setattr(throttling, "increment_counters", refuse)
    assert_problem(APIClient().get("/api/secret/"), 404, "not_found")
    assert_problem(APIClient().get(LANGUAGES), 503, "unavailable")


# --- Permanent events of refused calls ------------------------------------------------------------


def refused(client: APIClient, calls: int) -> int:
    """Ask for another person's visit this number of times, and return how many events remain."""
    for _ in range(calls):
        assert client.get("/api/appointment/my-appointments/999/").status_code == 404
    return AuditEvent.objects.filter(outcome="denied").count()


@pytest.mark.parametrize("scope", ["denials", "denials_daily"])
def test_refused_calls_of_a_user_leave_no_more_events_than_the_limit(
    scope: str, limits: dict[str, str | None], client_of, caplog: pytest.LogCaptureFixture
) -> None:
    limits.update(dict.fromkeys(limits) | {scope: "2/day"})
    user: User = UserFactory()
    assert refused(client_of(user), calls=4) == 2
    assert caplog.text.count(f"not in the audit trail: account {user.pk}, ") == 2
    assert refused(client_of(UserFactory()), calls=1) == 3


def test_refused_calls_of_many_accounts_of_an_address_leave_no_more_events_than_the_limit(
    limits: dict[str, str | None], client_of
) -> None:
    limits.update(dict.fromkeys(limits) | {"denials_address": "2/day"})
    assert [refused(client_of(UserFactory()), calls=1) for _ in range(4)] == [1, 2, 2, 2]


def test_the_limits_on_permanent_events_bound_a_day(settings: Any) -> None:
    assert settings.RATES["denials_daily"] == "1000/day"
    assert settings.RATES["denials_address"] == "10000/day"
