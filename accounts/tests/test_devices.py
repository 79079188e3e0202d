"""/api/auth/devices/ and /api/auth/logout-all/"""

from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
import time_machine
from django.apps import apps
from django.test import Client
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.authentication import TokenAuthentication
from accounts.models import Device, User
from accounts.models.device import device_name
from accounts.tests.factories import PASSWORD, UserFactory
from tests.problems import assert_problem
from tests.threads import run_together

pytestmark = pytest.mark.django_db

DEVICES = "/api/auth/devices/"
LOGOUT_ALL = "/api/auth/logout-all/"
PROFILE = "/api/auth/profile/"
START = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def user() -> User:
    return UserFactory(email="ana@example.com")


def signed_in(user: User, user_agent: str) -> APIClient:
    """Return a client that signed in with this User-Agent."""
    client = APIClient(HTTP_USER_AGENT=user_agent)
    answer = client.post("/api/auth/login/", {"email": user.email, "password": PASSWORD})
    client.credentials(HTTP_AUTHORIZATION=f"Token {answer.json()['token']}")
    return client


def status(client: APIClient) -> int:
    return client.get(PROFILE).status_code


def test_a_device_is_listed_with_its_name_its_times_and_whether_it_is_this_one(user: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        signed_in(user, "Clinic/2.1 (Android 15)")
        clock.shift(timedelta(hours=2))
        page = signed_in(user, "curl/8").get(DEVICES).json()
    assert page["count"] == 2
    laptop, phone = page["results"]
    assert phone == {
        "id": Device.objects.earliest("pk").pk,
        "name": "Clinic/2.1 (Android 15)",
        "created": "2026-11-23T12:00:00Z",
        "last_used": "2026-11-23T12:00:00Z",
        "expiry": "2026-12-07T12:00:00Z",
        "current": False,
    }
    assert (laptop["name"], laptop["current"]) == ("curl/8", True)


def test_the_list_shows_no_part_of_a_token(user: User) -> None:
    said = signed_in(user, "curl/8").get(DEVICES).content.decode()
    token = AuthToken.objects.get()
    assert token.digest not in said
    assert token.token_key not in said


def test_the_list_holds_the_user_s_own_unexpired_devices(user: User, client_of) -> None:
    client = client_of(user)  # before the token that expires, since a login deletes expired ones
    client_of(UserFactory())
    with time_machine.travel(datetime.now(UTC) - timedelta(days=30)):
        user.issue_token()
    assert Device.objects.filter(token__user=user).count() == 2
    assert client.get(DEVICES).json()["count"] == 1


def test_a_use_is_recorded_at_most_hourly(user: User, client_of) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client = client_of(user)
        for day in range(10, 90, 10):
            clock.move_to(START + timedelta(days=day))
            assert status(client) == 200
            assert Device.objects.get().last_used_at == START + timedelta(days=day)
        clock.shift(timedelta(minutes=60))
        assert status(client) == 200
        assert Device.objects.get().last_used_at == START + timedelta(days=80)


def test_a_revoked_device_and_no_other_loses_access_at_once(user: User) -> None:
    phone, laptop = signed_in(user, "phone"), signed_in(user, "laptop")
    pk = Device.objects.get(name="phone").pk
    assert laptop.delete(f"{DEVICES}{pk}/").status_code == 204
    assert (status(phone), status(laptop)) == (401, 200)
    assert_problem(laptop.delete(f"{DEVICES}{pk}/"), 404, "not_found")


def test_a_device_of_another_user_is_404(user: User, client_of) -> None:
    theirs = client_of(user)
    answer = client_of(UserFactory()).delete(f"{DEVICES}{Device.objects.earliest('pk').pk}/")
    assert_problem(answer, 404, "not_found")
    assert status(theirs) == 200


def test_signing_out_everywhere_ends_every_token_and_session_of_that_user_alone(
    user: User, client_of
) -> None:
    phone, laptop, browser, stranger = client_of(user), client_of(user), Client(), Client()
    browser.force_login(user)
    stranger.force_login(UserFactory())
    assert phone.post(LOGOUT_ALL).status_code == 204
    assert [status(client) for client in (phone, laptop, browser)] == [401, 401, 401]
    assert status(stranger) == 200
    browser.force_login(User.objects.get(pk=user.pk))
    assert status(browser) == 200, "the user can sign in again"


def test_a_session_signs_out_everywhere_too(user: User, client_of) -> None:
    phone, browser = client_of(user), Client()
    browser.force_login(user)
    assert browser.post(LOGOUT_ALL).status_code == 204
    assert (status(phone), status(browser)) == (401, 401)


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("", "Unknown device"),
        (" \t ", "Unknown device"),
        ("Clinic/2.1\n (Android\x0015)", "Clinic/2.1 (Android 15)"),
        ("x" * 500, "x" * 100),
        ("caf\xe9 \x85 \xad", "caf\xe9"),
    ],
)
def test_a_device_name_is_one_line_of_printable_characters(user_agent: str, name: str) -> None:
    assert device_name(user_agent) == name


def test_a_token_of_older_code_is_listed_once_it_has_been_used_for_an_hour(user: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        token, plain = AuthToken.objects.create(user=user)
        clock.shift(timedelta(minutes=61))
        client = APIClient(HTTP_AUTHORIZATION=f"Token {plain}")
        assert [each["current"] for each in client.get(DEVICES).json()["results"]] == [True]
    assert Device.objects.get().token_id == token.pk


def test_the_migration_gives_each_token_its_row(user: User) -> None:
    tokens = [AuthToken.objects.create(user=user)[0] for _ in range(3)]
    user.issue_token()
    import_module("accounts.migrations.0005_devices_of_tokens").add(apps, None)
    assert Device.objects.count() == 4
    assert Device.objects.filter(token__in=tokens).count() == 3


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_uses_that_race_a_logout_and_a_revocation_leave_no_device(client_of) -> None:
    user = UserFactory()
    client = client_of(user)
    pk = Device.objects.get().pk
    calls = (
        lambda: client.post(LOGOUT_ALL).status_code,
        lambda: client.delete(f"{DEVICES}{pk}/").status_code,
        lambda: client.post("/api/auth/logout/").status_code,
        lambda: client.get(PROFILE).status_code,
    )
    with time_machine.travel(datetime.now(UTC) + timedelta(days=1)):
        outcomes = run_together(8, lambda number: calls[min(number, 3)]())
    assert set(outcomes) <= {200, 204, 401, 404}
    assert not AuthToken.objects.exists()
    assert not Device.objects.exists()


def test_a_use_does_not_restore_a_token_revoked_meanwhile(user: User, client_of) -> None:
    client_of(user)
    read_before = AuthToken.objects.select_related("device").get()
    Device.objects.get().revoke()
    with time_machine.travel(datetime.now(UTC) + timedelta(days=1)):
        TokenAuthentication().renew_token(read_before)
    assert not AuthToken.objects.exists()
    assert not Device.objects.exists()
