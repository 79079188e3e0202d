"""POST /api/auth/change-password/"""

import pytest
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import PASSWORD, UserFactory
from tests.problems import assert_invalid, assert_problem
from tests.threads import run_together

pytestmark = pytest.mark.django_db

CHANGE = "/api/auth/change-password/"
PROFILE = "/api/auth/profile/"
NEW = "staple battery horse"


@pytest.fixture
def user() -> User:
    return UserFactory(email="ana@example.com")


def change(client: APIClient, old: object = PASSWORD, new: object = NEW):
    return client.post(CHANGE, {"old_password": old, "new_password": new})


def login(password: str) -> int:
    body = {"email": "ana@example.com", "password": password}
    return APIClient().post("/api/auth/login/", body).status_code


def test_the_new_password_signs_in_and_the_old_one_no_longer(user: User, client_of) -> None:
    response = change(client_of(user))
    assert response.status_code == 200
    assert set(response.json()) == {"user", "token", "expiry"}
    assert (login(NEW), login(PASSWORD)) == (200, 401)


def test_a_change_ends_earlier_tokens_and_returns_a_new_one(user: User, client_of) -> None:
    devices = [client_of(user) for _ in range(3)]
    stranger = client_of(UserFactory())
    session = change(devices[0]).json()
    for device in devices:
        assert_problem(device.get(PROFILE), 401, "authentication_failed")
    devices[0].credentials(HTTP_AUTHORIZATION=f"Token {session['token']}")
    assert devices[0].get(PROFILE).json() == session["user"]
    assert stranger.get(PROFILE).status_code == 200


def test_a_wrong_old_password_changes_nothing(user: User, client_of) -> None:
    client = client_of(user)
    assert_invalid(change(client, old="wrong"), "old_password")
    assert client.get(PROFILE).status_code == 200
    assert (login(PASSWORD), login(NEW)) == (200, 401)


@pytest.mark.parametrize("weak", ["short", "password1", "1029384756012", "ana@example.com"])
def test_a_weak_new_password_changes_nothing(weak: str, user: User, client_of) -> None:
    client = client_of(user)
    assert_invalid(change(client, new=weak), "new_password")
    assert client.get(PROFILE).status_code == 200
    assert login(PASSWORD) == 200


def test_both_passwords_are_required(user: User, client_of) -> None:
    client = client_of(user)
    assert_invalid(client.post(CHANGE, {}), "old_password", "new_password")
    assert_invalid(change(client, old="", new=None), "old_password", "new_password")


def test_a_new_password_is_stored_as_typed(user: User, client_of) -> None:
    assert change(client_of(user), new="  spaces around me  ").status_code == 200
    assert login("  spaces around me  ") == 200


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_one_of_several_simultaneous_changes_succeeds(client_of) -> None:
    user = UserFactory(email="ana@example.com")
    devices = [client_of(user) for _ in range(6)]
    responses = run_together(6, lambda n: change(devices[n], new=f"{NEW} {n}"))
    statuses = [getattr(response, "status_code", response) for response in responses]
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 400, 401}  # 401 if the winner ended the token first
    winner = statuses.index(200)
    assert [login(f"{NEW} {n}") for n in range(6)] == [
        200 if n == winner else 401 for n in range(6)
    ]
    assert login(PASSWORD) == 401


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_only_the_winner_of_a_race_holds_a_token(client_of) -> None:
    user = UserFactory(email="ana@example.com")
    devices = [client_of(user) for _ in range(4)]
    responses = run_together(4, lambda n: change(devices[n]))
    assert [getattr(response, "status_code", response) for response in responses].count(200) == 1
    assert AuthToken.objects.filter(user=user).count() == 1
