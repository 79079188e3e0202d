"""/api/patient/dependents/ and /api/patient/dependents/{id}/"""

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.tests.factories import UserFactory
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from patient.models import MAX_DEPENDENTS, MedicalHistory, Patient
from patient.tests.factories import DependentFactory, MedicalHistoryFactory
from tests.balance import assert_balanced
from tests.problems import assert_invalid, assert_problem
from tests.race_bodies import erase_all
from tests.threads import run_together

pytestmark = pytest.mark.django_db

DEPENDENTS = "/api/patient/dependents/"
PROFILE = "/api/patient/profile/"
LEO = {
    "first_name": "Leo",
    "last_name": "Ruiz",
    "date_of_birth": "2019-09-30",
    "sex": "male",
    "phone_number": "",
    "address": "Calle Mayor 1, Madrid",
    "preferred_language": "es",
    "emergency_contact_name": "Ana Ruiz",
    "emergency_contact_phone": "+34612345678",
}
NULL = ("date_of_birth", "sex", "preferred_language")  # null without a value
BLANK = {name: None if name in NULL else "" for name in LEO}
NAMES = {"first_name": "Leo", "last_name": "Ruiz"}


@pytest.fixture
def client(patient: Patient, client_of) -> APIClient:
    return client_of(patient.user)


@pytest.fixture
def child(patient: Patient) -> Patient:
    return DependentFactory(user=patient.user)


def path_of(person: Patient) -> str:
    return f"{DEPENDENTS}{person.pk}/"


def every_call(client: APIClient, path: str) -> list[Any]:
    """Return the responses to GET, PUT, PATCH and DELETE of the path of a person."""
    return [
        client.get(path),
        client.put(path, LEO),
        client.patch(path, {"last_name": ""}),
        client.delete(path),
    ]


# --- The user's own dependents ---


def test_a_dependent_is_made_read_and_listed(client: APIClient, patient: Patient) -> None:
    response = client.post(DEPENDENTS, LEO)
    assert response.status_code == 201
    leo = Patient.objects.dependents_of(patient.user).get()
    assert response.json() == {"id": leo.pk, **LEO}
    assert client.get(path_of(leo)).json() == response.json()
    assert client.get(DEPENDENTS).json()["results"] == [response.json()]


def test_only_the_names_are_required(client: APIClient) -> None:
    assert_invalid(client.post(DEPENDENTS, {}), "first_name", "last_name")
    answer = client.post(DEPENDENTS, NAMES).json()
    assert answer == {"id": answer["id"], **BLANK, **NAMES}


def test_put_resets_the_fields_it_leaves_out_and_patch_does_not(client: APIClient) -> None:
    made = client.post(DEPENDENTS, LEO).json()
    path = f"{DEPENDENTS}{made['id']}/"
    assert client.patch(path, {"address": ""}).json() == {**made, "address": ""}
    assert client.put(path, NAMES).json() == {**made, **BLANK, **NAMES}
    assert_invalid(client.put(path, {"sex": "male"}), "first_name", "last_name")
    assert_invalid(client.patch(path, {"date_of_birth": "1899-12-31"}), "date_of_birth")


def test_dependents_are_listed_by_name_in_pages(client: APIClient, patient: Patient) -> None:
    names = [("Sol", "Zoe"), ("Gil", "Eva"), ("Sol", "Ada"), ("Sol", "Ada")]
    people = [
        DependentFactory(user=patient.user, last_name=last, first_name=first)
        for last, first in names
    ]
    first = client.get(DEPENDENTS, {"page_size": 3}).json()
    second = client.get(DEPENDENTS, {"page_size": 3, "page": 2}).json()
    listed = [row["id"] for page in (first, second) for row in page["results"]]
    assert listed == [people[n].pk for n in (1, 2, 3, 0)]
    assert first["count"] == 4


def test_a_first_dependent_needs_no_profile_and_makes_none(client_of) -> None:
    user = UserFactory()
    assert client_of(user).post(DEPENDENTS, LEO).status_code == 201
    assert not Patient.objects.own_of(user).exists()
    assert_problem(client_of(user).get(PROFILE), 404, "not_found")
    assert client_of(user).post(PROFILE, NAMES).status_code == 201


def test_a_body_cannot_add_a_dependent_to_another_account_or_a_second_own_profile(
    client: APIClient, patient: Patient, other_patient: Patient
) -> None:
    sent = {"id": 9, "user": other_patient.user_id, "is_dependent": False}
    made = client.post(DEPENDENTS, {**LEO, **sent}).json()
    path = f"{DEPENDENTS}{made['id']}/"
    assert client.patch(path, sent).json() == client.put(path, {**LEO, **sent}).json() == made
    leo = Patient.objects.get(pk=made["id"])
    assert (leo.user, leo.is_dependent) == (patient.user, True)


# --- The limit of dependents ---


def test_one_dependent_too_many_is_400(client: APIClient, patient: Patient) -> None:
    DependentFactory.create_batch(MAX_DEPENDENTS, user=patient.user)
    problem = assert_problem(client.post(DEPENDENTS, LEO), 400, "validation_error")
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [
        ("non_field_errors", "too_many_dependents")
    ]
    assert client.get(DEPENDENTS).json()["count"] == MAX_DEPENDENTS
    client.delete(path_of(Patient.objects.dependents_of(patient.user)[0]))
    assert client.post(DEPENDENTS, LEO).status_code == 201


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_one_of_two_simultaneous_requests_for_the_last_dependent_succeeds(client_of) -> None:
    user = UserFactory()
    DependentFactory.create_batch(MAX_DEPENDENTS - 1, user=user)
    clients = [client_of(user) for _ in range(2)]
    answers = run_together(2, lambda n: clients[n].post(DEPENDENTS, LEO))
    assert sorted(getattr(answer, "status_code", 0) for answer in answers) == [201, 400]
    assert Patient.objects.dependents_of(user).count() == MAX_DEPENDENTS


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_simultaneous_requests_make_one_own_profile_beside_the_dependents(client_of) -> None:
    user = UserFactory()
    DependentFactory(user=user)
    clients = [client_of(user) for _ in range(4)]
    entry = {"kind": "allergy", "description": "Pollen"}

    def own_profile(n: int) -> Any:
        path, body = [("profile", NAMES), ("medical-history", entry)][n % 2]
        return clients[n].post(f"/api/patient/{path}/", body)

    answers = run_together(4, own_profile)
    assert {getattr(answer, "status_code", 0) for answer in answers} <= {201, 409}
    assert Patient.objects.own_of(user).count() == 1
    assert Patient.objects.dependents_of(user).count() == 1


# --- Dependents of other accounts ---


def test_a_strangers_dependent_is_absent(client: APIClient, other_patient: Patient) -> None:
    theirs = DependentFactory(user=other_patient.user)
    before = Patient.objects.values().get(pk=theirs.pk)
    for path in (path_of(theirs), f"{PROFILE}{theirs.pk}/"):
        for answer in every_call(client, path):
            assert_problem(answer, 404, "not_found")
    assert client.get(DEPENDENTS).json()["results"] == []
    assert Patient.objects.values().get(pk=theirs.pk) == before


def test_two_carers_each_see_their_own_dependents(
    patient: Patient, other_patient: Patient, child: Patient, client_of
) -> None:
    theirs = DependentFactory(user=other_patient.user)
    for user, person in ((patient.user, child), (other_patient.user, theirs)):
        rows = client_of(user).get(DEPENDENTS).json()["results"]
        assert [row["id"] for row in rows] == [person.pk]


def test_the_own_profile_is_no_dependent_and_a_dependent_is_no_profile(
    client: APIClient, patient: Patient, child: Patient
) -> None:
    for path in (path_of(patient), f"{PROFILE}{child.pk}/"):
        for answer in every_call(client, path):
            assert_problem(answer, 404, "not_found")
    assert client.get(PROFILE).json()["id"] == patient.pk
    assert set(Patient.objects.cared_for_by(patient.user)) == {patient, child}


def test_a_former_carer_no_longer_sees_a_dependent_who_grew_up(
    client: APIClient, child: Patient
) -> None:
    child.revise(user=UserFactory(), is_dependent=False)
    for answer in every_call(client, path_of(child)):
        assert_problem(answer, 404, "not_found")


# --- Erasing one of a family ---


def visits_of(*people: Patient) -> list[Appointment]:
    return [AppointmentFactory(patient=person, reason="A cough") for person in people]


@pytest.mark.parametrize("who", ["dependent", "own"])
def test_erasing_one_of_a_family_erases_no_other_member(
    who: str, client: APIClient, patient: Patient, child: Patient
) -> None:
    gone, kept = (child, patient) if who == "dependent" else (patient, child)
    [lost, stays] = visits_of(gone, kept)
    for person in (gone, kept):
        MedicalHistoryFactory(patient=person)
    path = path_of(child) if who == "dependent" else PROFILE
    assert client.delete(path).status_code == 204
    assert_problem(client.get(path), 404, "not_found")
    assert Patient.objects.get() == kept == MedicalHistory.objects.get().patient
    for visit in (lost, stays):
        visit.refresh_from_db()
        assert_balanced(visit.slot)
    assert (lost.status, lost.patient, lost.reason) == ("canceled", None, "")
    assert (stays.status, stays.patient, stays.reason) == ("scheduled", kept, "A cough")


def test_a_dependent_is_erased_by_the_caller(
    client: APIClient, patient: Patient, child: Patient
) -> None:
    [visit] = visits_of(child)
    client.delete(path_of(child))
    assert visit.events.get(kind="canceled").actor == patient.user
    visit.refresh_from_db()
    assert visit.booked_by is None  # the account would show whose dependent it was


def test_a_family_of_one_account_is_erased_together(patient: Patient, child: Patient) -> None:
    visits = visits_of(patient, child)
    erase_all([child, patient])
    assert not Patient.objects.exists()
    for visit in visits:
        assert_balanced(visit.slot)
