"""/api/patient/profile/ and /api/patient/profile/{id}/"""

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import UserFactory
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.names import READABLE, UNDIALABLE, UNREADABLE
from tests.problems import assert_invalid, assert_problem
from tests.threads import run_together

pytestmark = pytest.mark.django_db

PROFILE = "/api/patient/profile/"
ANA = {
    "first_name": "Ana",
    "last_name": "Ruiz",
    "date_of_birth": "1990-05-17",
    "sex": "female",
    "phone_number": "+34612345678",
    "address": "Calle Mayor 1, Madrid",
    "preferred_language": "es",
    "emergency_contact_name": "Luis Ruiz",
    "emergency_contact_phone": "+34612345679",
}
NULL = ("date_of_birth", "sex", "preferred_language")  # null without a value
BLANK = {name: None if name in NULL else "" for name in ANA}
NAMES = {"first_name": "Ana", "last_name": "Ruiz"}


@pytest.fixture
def user() -> User:
    return UserFactory()


@pytest.fixture
def client(user: User, client_of) -> APIClient:
    return client_of(user)


def test_a_profile_is_made_read_and_found_by_its_id(user: User, client: APIClient) -> None:
    response = client.post(PROFILE, ANA)
    assert response.status_code == 201
    profile = {"id": Patient.objects.get(user=user).pk, **ANA}
    assert response.json() == profile
    assert client.get(PROFILE).json() == profile
    assert client.get(f"{PROFILE}{profile['id']}/").json() == profile


def test_only_the_names_are_required(client: APIClient) -> None:
    assert_invalid(client.post(PROFILE, {}), "first_name", "last_name")
    answer = client.post(PROFILE, NAMES).json()
    assert answer == {"id": answer["id"], **BLANK, **NAMES}


def test_a_profile_that_does_not_exist_is_not_read_or_changed(client: APIClient) -> None:
    for response in (
        client.get(PROFILE),
        client.put(PROFILE, ANA),
        client.patch(PROFILE, ANA),
        client.delete(PROFILE),
    ):
        assert_problem(response, 404, "not_found")
    assert not Patient.objects.exists()


def test_a_second_profile_is_409_and_changes_nothing(client: APIClient) -> None:
    first = client.post(PROFILE, ANA).json()
    assert_problem(client.post(PROFILE, {**ANA, "sex": "male"}), 409, "profile_exists")
    assert client.get(PROFILE).json() == first


@pytest.mark.parametrize("by_id", [False, True])
def test_put_resets_the_fields_it_leaves_out(by_id: bool, client: APIClient) -> None:
    made = client.post(PROFILE, ANA).json()
    path = f"{PROFILE}{made['id']}/" if by_id else PROFILE
    eva = {"first_name": "Eva", "last_name": "Gil"}
    response = client.put(path, eva)
    assert response.status_code == 200
    assert response.json() == client.get(path).json() == {**made, **BLANK, **eva}
    assert_invalid(client.put(path, {"sex": "male"}), "first_name", "last_name")


@pytest.mark.parametrize("by_id", [False, True])
def test_patch_changes_only_the_fields_it_names(by_id: bool, client: APIClient) -> None:
    made = client.post(PROFILE, ANA).json()
    path = f"{PROFILE}{made['id']}/" if by_id else PROFILE
    response = client.patch(path, {"address": "Elsewhere", "date_of_birth": None})
    assert response.status_code == 200
    assert response.json() == {**made, "address": "Elsewhere", "date_of_birth": None}
    assert client.patch(path, {}).json() == response.json()


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("first_name", [None, "x" * 151, "a\0b", [], {}, True, *UNREADABLE]),
        ("last_name", ["", " ", None, "x" * 151, *UNREADABLE]),
        ("date_of_birth", ["", "junk", "1899-12-31", "9999-12-31", "0001-01-01", 1990, []]),
        ("sex", ["x", 1, [], "Female"]),
        ("phone_number", ["x", "612345678", "+34", "+" + "9" * 40, None, *UNDIALABLE]),
        ("address", ["x" * 4001, None, []]),
        ("preferred_language", ["x", "español", "e s", "x" * 36]),
        ("emergency_contact_name", ["x" * 301, None, *UNREADABLE]),
        ("emergency_contact_phone", ["x", "612345678", None, *UNDIALABLE]),
    ],
)
def test_a_field_that_is_wrong_is_400(field: str, wrong: list[Any], client: APIClient) -> None:
    made = client.post(PROFILE, ANA).json()
    for value in wrong:
        assert_invalid(client.patch(PROFILE, {field: value}), field)
        assert_invalid(client.put(PROFILE, {**ANA, field: value}), field)
    assert client.get(PROFILE).json() == made


@pytest.mark.parametrize("nothing", [None, "", " "])
@pytest.mark.parametrize("field", ["sex", "preferred_language"])
def test_a_choice_without_a_value_is_null_and_is_written_as_null_or_blank(
    field: str, nothing: str | None, client: APIClient
) -> None:
    client.post(PROFILE, ANA)
    assert client.patch(PROFILE, {field: nothing}).json()[field] is None
    assert getattr(Patient.objects.get(), field) == ""
    assert client.get(PROFILE).json()[field] is None
    put = client.put(PROFILE, {**ANA, field: nothing})
    assert (put.status_code, put.json()[field]) == (200, None)


def test_a_birth_may_be_today_and_not_after_tomorrow_in_any_zone(client: APIClient) -> None:
    client.post(PROFILE, ANA)
    today = timezone.now().date()
    assert client.patch(PROFILE, {"date_of_birth": str(today)}).status_code == 200
    later = today.replace(year=today.year + 1, day=1)
    assert_invalid(client.patch(PROFILE, {"date_of_birth": str(later)}), "date_of_birth")


def test_a_phone_number_is_kept_as_e164(client: APIClient) -> None:
    client.post(PROFILE, NAMES)
    answer = client.patch(PROFILE, {"phone_number": "+34 612 34 56 78"}).json()
    assert answer["phone_number"] == client.get(PROFILE).json()["phone_number"] == "+34612345678"


@pytest.mark.parametrize(
    "typed",
    ["+34 612 34 56 78", "(+34) 612-345-678", "+34.612.345.678", "+34\u00a0612\u2011345\u2011678"],
)
def test_spaces_and_hyphens_of_a_phone_number_are_no_loss(typed: str, client: APIClient) -> None:
    answer = client.post(PROFILE, {**NAMES, "phone_number": typed})
    assert (answer.status_code, answer.json()["phone_number"]) == (201, "+34612345678")


@pytest.mark.parametrize("name", READABLE)
def test_a_name_of_any_script_is_kept_as_it_was_sent(name: str, client: APIClient) -> None:
    answer = client.post(PROFILE, {"first_name": "", "last_name": name})
    assert (answer.status_code, answer.json()["last_name"]) == (201, name)
    assert Patient.objects.get().name == name


def test_an_address_of_4000_characters_fits(client: APIClient) -> None:
    assert client.post(PROFILE, {**ANA, "address": "x" * 4000}).status_code == 201


def test_id_user_and_unknown_fields_in_a_body_change_nothing(client: APIClient) -> None:
    stranger = PatientFactory()
    sent = {"id": stranger.pk, "user": stranger.user.pk, "history": [], "junk": None}
    made = client.post(PROFILE, {**ANA, **sent}).json()
    assert made["id"] != stranger.pk
    assert client.patch(PROFILE, sent).json() == made
    assert client.put(PROFILE, {**ANA, **sent}).json() == made
    assert Patient.objects.get(user=stranger.user) == stranger


def test_another_patients_profile_is_absent(
    patient: Patient, other_patient: Patient, client_of
) -> None:
    client, path = client_of(patient.user), f"{PROFILE}{other_patient.pk}/"
    before = Patient.objects.values().get(pk=other_patient.pk)
    for response in (
        client.get(path),
        client.put(path, ANA),
        client.patch(path, {"last_name": ""}),
        client.delete(path),
    ):
        assert_problem(response, 404, "not_found")
    assert Patient.objects.values().get(pk=other_patient.pk) == before


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_one_of_several_simultaneous_profiles_is_made(client_of) -> None:
    user = UserFactory()
    clients = [client_of(user) for _ in range(5)]
    responses = run_together(5, lambda n: clients[n].post(PROFILE, ANA))
    statuses = sorted(getattr(response, "status_code", 0) for response in responses)
    assert statuses == [201, 409, 409, 409, 409]
    assert Patient.objects.count() == 1
