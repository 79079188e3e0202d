"""API tokens: when they expire, what revokes them, and how they are stored."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.authentication import TokenAuthentication
from accounts.models import User
from accounts.tests.factories import UserFactory
from tests.problems import assert_problem
from tests.statements import counted_statements
from tests.threads import run_together

pytestmark = pytest.mark.django_db

PROFILE = "/api/auth/profile/"
LOGOUT = "/api/auth/logout/"
START = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ClientOf = Callable[[User | None], APIClient]


@pytest.fixture
def user() -> User:
    return UserFactory()


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as clock:
        yield clock


def status(client: APIClient) -> int:
    return client.get(PROFILE).status_code


def test_a_token_expires_after_14_idle_days(user: User, client_of: ClientOf, clock) -> None:
    client = client_of(user)
    clock.move_to(START + timedelta(days=14) - SECOND)
    assert status(client) == 200
    clock.shift(timedelta(days=14) - SECOND)
    assert status(client) == 200
    clock.shift(timedelta(days=14))
    assert_problem(client.get(PROFILE), 401, "authentication_failed")


def test_a_token_in_daily_use_expires_after_90_days(user: User, client_of: ClientOf, clock) -> None:
    client = client_of(user)
    for day in range(10, 90, 10):
        clock.move_to(START + timedelta(days=day))
        assert status(client) == 200
    assert AuthToken.objects.get().expiry == START + timedelta(days=90)
    clock.move_to(START + timedelta(days=90) - SECOND)
    assert status(client) == 200
    clock.shift(SECOND)
    assert status(client) == 401


def test_the_expiry_is_written_at_most_hourly(user: User, client_of: ClientOf, clock) -> None:
    client = client_of(user)
    clock.shift(timedelta(minutes=60))
    with counted_statements() as statements:
        assert status(client) == 200
    assert not [sql for sql in statements if sql.startswith("UPDATE")]
    assert AuthToken.objects.get().expiry == START + timedelta(days=14)
    clock.shift(timedelta(minutes=1))
    assert status(client) == 200
    assert AuthToken.objects.get().expiry == START + timedelta(days=14, minutes=61)


@pytest.mark.parametrize(
    "header",
    [
        "Token",
        "Token ",
        "Token a b",
        "Token " + "0" * 64,
        "Token " + "0" * 63,
        "Token " + "a" * 100_000,
        "Token \xe9\xff",
        "Token " + "☃".encode().decode("latin-1"),
        "Token " + "\0" * 64,
        "Token " + "0" * 63 + "\n",
        "Token ' OR 1=1 --",
        "Token 0x" + "f" * 62,
    ],
)
def test_a_malformed_token_is_401(header: str) -> None:
    response = APIClient().get(PROFILE, HTTP_AUTHORIZATION=header)
    assert_problem(response, 401, "authentication_failed")
    assert response["WWW-Authenticate"] == "Token"


@pytest.mark.parametrize("header", ["", "Bearer abc", "Basic YTpi", "\xe9"])
def test_another_scheme_counts_as_no_login(header: str) -> None:
    response = APIClient().get(PROFILE, HTTP_AUTHORIZATION=header)
    assert_problem(response, 401, "not_authenticated")


def test_part_of_a_token_or_more_than_it_does_not_sign_in(user: User) -> None:
    token, _ = user.issue_token()
    for wrong in (token[:-1], token + "0", token.upper(), token[:15], token[::-1]):
        response = APIClient().get(PROFILE, HTTP_AUTHORIZATION=f"Token {wrong}")
        assert_problem(response, 401, "authentication_failed")


def test_logout_ends_this_token_at_once_and_no_other(user: User, client_of: ClientOf) -> None:
    here, elsewhere = client_of(user), client_of(user)
    response = here.post(LOGOUT)
    assert (response.status_code, response.content) == (204, b"")
    assert (status(here), status(elsewhere)) == (401, 200)
    assert_problem(here.post(LOGOUT), 401, "authentication_failed")


def test_a_deactivated_account_loses_access_at_once(user: User, client_of: ClientOf) -> None:
    client = client_of(user)
    User.objects.update(is_active=False)
    assert_problem(client.get(PROFILE), 401, "authentication_failed")


def test_a_refresh_does_not_bring_back_a_token_that_was_logged_out_meanwhile(
    user: User, client_of: ClientOf, clock
) -> None:
    client = client_of(user)
    read_before = AuthToken.objects.get()
    client.post(LOGOUT)
    clock.shift(timedelta(days=1))
    TokenAuthentication().renew_token(read_before)
    assert not AuthToken.objects.exists()


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_reads_that_race_a_logout_are_answered_and_leave_no_token(client_of: ClientOf) -> None:
    client = client_of(UserFactory())
    with time_machine.travel(datetime.now(UTC) + timedelta(days=1)):
        calls = (lambda: client.post(LOGOUT), lambda: client.get(PROFILE))
        outcomes = run_together(8, lambda number: calls[number % 4 > 0]().status_code)
    assert set(outcomes) <= {200, 204, 401}
    assert not AuthToken.objects.exists()


def test_only_the_digest_of_a_token_is_stored(user: User) -> None:
    token, _ = user.issue_token()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM knox_authtoken")
        [row] = cursor.fetchall()
    assert token not in " ".join(map(str, row))
    assert len(AuthToken.objects.get().digest) == 128
    assert len(token) == 64


def test_a_call_with_a_token_sets_no_cookie(user: User, client_of: ClientOf) -> None:
    client = client_of(user)
    client.force_login(user)  # the client also has a session
    for response in (client.get(PROFILE), client.patch(PROFILE, {}), client.get("/api/none/")):
        assert not response.cookies
