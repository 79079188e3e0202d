"""/api/auth/profile/"""

import pytest

from accounts.models import User
from accounts.tests.factories import UserFactory
from tests.names import UNREADABLE
from tests.problems import assert_invalid, assert_problem

pytestmark = pytest.mark.django_db

PROFILE = "/api/auth/profile/"


@pytest.fixture
def user() -> User:
    return UserFactory(email="ana@example.com", first_name="Ana", last_name="Ruiz")


def test_the_profile_shows_the_account_and_nothing_more(user: User, client_of) -> None:
    assert client_of(user).get(PROFILE).json() == {
        "id": user.pk,
        "email": "ana@example.com",
        "first_name": "Ana",
        "last_name": "Ruiz",
        "is_staff": False,
        "doctor": None,
        "date_joined": user.date_joined.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "language": None,
    }


def test_the_profile_of_a_doctor_names_the_doctor(doctor_user: User, client_of) -> None:
    assert client_of(doctor_user).get(PROFILE).json()["doctor"] == doctor_user.doctor.pk


def test_the_profile_of_staff_says_so(staff: User, client_of) -> None:
    assert client_of(staff).get(PROFILE).json()["is_staff"] is True


def test_put_replaces_both_names_and_patch_changes_one(user: User, client_of) -> None:
    client = client_of(user)
    put = client.put(PROFILE, {"first_name": "Eva", "last_name": "Gil"})
    assert (put.status_code, put.json()["first_name"], put.json()["last_name"]) == (
        200,
        "Eva",
        "Gil",
    )
    assert client.patch(PROFILE, {"last_name": "Sanz"}).json()["first_name"] == "Eva"
    user.refresh_from_db()
    assert user.name == "Eva Sanz"


def test_put_needs_both_names(user: User, client_of) -> None:
    assert_invalid(client_of(user).put(PROFILE, {"first_name": "Eva"}), "last_name")


@pytest.mark.parametrize("name", ["first_name", "last_name"])
@pytest.mark.parametrize("value", [None, "x" * 151, "a\0b", ["Eva"], {}, *UNREADABLE])
def test_an_invalid_name_is_refused(name: str, value: object, user: User, client_of) -> None:
    assert_invalid(client_of(user).patch(PROFILE, {name: value}), name)
    user.refresh_from_db()
    assert user.name == "Ana Ruiz"


def test_a_last_name_is_enough(user: User, client_of) -> None:
    client = client_of(user)
    answer = client.patch(PROFILE, {"first_name": "", "last_name": "Suharto"})
    assert answer.status_code == 200
    assert (answer.json()["first_name"], answer.json()["last_name"]) == ("", "Suharto")
    assert_invalid(client.patch(PROFILE, {"last_name": " "}), "last_name")


@pytest.mark.parametrize("method", ["put", "patch"])
def test_only_the_names_can_be_written(method: str, user: User, client_of) -> None:
    before = User.objects.values().get()
    rise = {
        "id": 99,
        "email": "eva@example.com",
        "password": "x",
        "is_staff": True,
        "is_superuser": True,
        "is_active": False,
        "doctor": 1,
        "date_joined": "2000-01-01T00:00:00Z",
        "junk": [],
    }
    names = {"first_name": "Ana", "last_name": "Ruiz"}
    assert getattr(client_of(user), method)(PROFILE, {**rise, **names}).status_code == 200
    assert User.objects.values().get() == before


@pytest.mark.parametrize("method", ["post", "delete"])
def test_the_profile_offers_neither_post_nor_delete(method: str, user: User, client_of) -> None:
    assert_problem(getattr(client_of(user), method)(PROFILE), 405, "method_not_allowed")


@pytest.mark.parametrize("who", ["staff", "doctor_user", "superuser"])
@pytest.mark.parametrize("method", ["put", "patch"])
def test_those_who_work_here_do_not_change_their_names(
    who: str, method: str, client_of, request: pytest.FixtureRequest
) -> None:
    user: User = request.getfixturevalue(who)
    before = (user.first_name, user.last_name)
    names = {"first_name": "Mallory", "last_name": "Ruiz"}
    answer = getattr(client_of(user), method)(PROFILE, names)
    problem = assert_problem(answer, 403, "permission_denied")
    assert problem["detail"] == "An administrator changes the names of staff and doctors."
    user.refresh_from_db()
    assert (user.first_name, user.last_name) == before
