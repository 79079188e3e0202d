"""/api/patient/medical-history/ for a family: the owner of an entry, and who may use it."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.tests.factories import UserFactory
from patient.models import MedicalHistory, Patient
from patient.tests.factories import DependentFactory, MedicalHistoryFactory, PatientFactory
from tests.problems import assert_invalid, assert_problem
from tests.test_access import absent_key_like, assert_same_but_for_instance

pytestmark = pytest.mark.django_db

HISTORY = "/api/patient/medical-history/"
NUTS = {"kind": "allergy", "description": "Nuts"}


@pytest.fixture
def client(patient: Patient, client_of) -> APIClient:
    return client_of(patient.user)


@pytest.fixture
def child(patient: Patient) -> Patient:
    return DependentFactory(user=patient.user)


def path_of(entry: MedicalHistory) -> str:
    return f"{HISTORY}{entry.pk}/"


def test_an_entry_is_made_for_the_user_or_for_a_named_dependent(
    client: APIClient, patient: Patient, child: Patient
) -> None:
    for named, person in (
        ({}, patient),
        ({"patient_id": child.pk}, child),
        ({"patient_id": patient.pk}, patient),
    ):
        answer = client.post(HISTORY, {**NUTS, **named})
        assert answer.status_code == 201
        assert answer.json()["patient"] == {"id": person.pk, "name": person.name}
        assert "patient_id" not in answer.json()
        assert person.history.filter(pk=answer.json()["id"]).exists()


def test_an_entry_for_a_dependent_makes_no_own_profile(client_of) -> None:
    child = DependentFactory()
    client = client_of(child.user)
    assert client.post(HISTORY, {**NUTS, "patient_id": child.pk}).status_code == 201
    assert not Patient.objects.own_of(child.user).exists()
    assert client.post(HISTORY, NUTS).json()["patient"]["id"] != child.pk
    assert Patient.objects.own_of(child.user).exists()


def test_a_strangers_patient_answers_exactly_as_an_absent_one(
    client: APIClient, other_patient: Patient
) -> None:
    strangers: list[Any] = [
        other_patient,
        DependentFactory(user=other_patient.user),
        PatientFactory(user=None),
    ]
    for stranger in strangers:
        answers = [
            client.post(HISTORY, {**NUTS, "patient_id": key})
            for key in (stranger.pk, absent_key_like(stranger.pk, Patient))
        ]
        assert_same_but_for_instance(*answers)
        assert_problem(answers[0], 404, "not_found")
    assert not MedicalHistory.objects.exists()


@pytest.mark.parametrize("wrong", ["", "x", None, -1, 2**63, 1.5, [], {}, "a\0b"])
def test_an_invalid_patient_id_is_400(wrong: Any, client: APIClient) -> None:
    assert_invalid(client.post(HISTORY, {**NUTS, "patient_id": wrong}), "patient_id")


def test_an_entry_stays_with_its_patient(
    client: APIClient, patient: Patient, child: Patient
) -> None:
    entry = MedicalHistoryFactory(patient=child)
    for key in (patient.pk, PatientFactory().pk, "x"):
        sent = {**NUTS, "patient_id": key, "patient": {"id": patient.pk}}
        for answer in (client.put(path_of(entry), sent), client.patch(path_of(entry), sent)):
            assert answer.json()["patient"]["id"] == child.pk
    entry.refresh_from_db()
    assert (entry.patient, entry.description) == (child, "Nuts")


def test_a_dependents_entry_is_read_changed_and_deleted(client: APIClient, child: Patient) -> None:
    entry = MedicalHistoryFactory(patient=child)
    assert client.get(path_of(entry)).json()["patient"] == {"id": child.pk, "name": child.name}
    assert client.patch(path_of(entry), {"notes": "Mild"}).json()["notes"] == "Mild"
    assert client.delete(path_of(entry)).status_code == 204
    assert not child.history.exists()


def test_the_history_of_a_family_is_filtered_by_patient(
    client: APIClient, patient: Patient, child: Patient
) -> None:
    mine, childs = [MedicalHistoryFactory(patient=person) for person in (patient, child)]
    strangers = MedicalHistoryFactory(patient=DependentFactory())

    def found(**query: object) -> list[int]:
        return [row["id"] for row in client.get(HISTORY, query).json()["results"]]

    assert found() == [childs.pk, mine.pk]
    assert found(patient=child.pk) == found(patient=child.pk, kind="allergy") == [childs.pk]
    assert found(patient=patient.pk) == [mine.pk]
    assert found(patient=child.pk, kind="surgery") == []
    for absent in (strangers.patient_id, 10**22, -1, 2**63 - 1):
        assert_problem(client.get(HISTORY, {"patient": absent}), 404, "not_found")
    assert_invalid(client.get(HISTORY, {"patient": "x"}), "patient")


def test_a_strangers_dependents_entry_is_absent(client: APIClient) -> None:
    entry = MedicalHistoryFactory(patient=DependentFactory())
    for answer in (
        client.get(path_of(entry)),
        client.put(path_of(entry), NUTS),
        client.patch(path_of(entry), {"notes": "mine"}),
        client.delete(path_of(entry)),
    ):
        assert_problem(answer, 404, "not_found")
    assert client.get(HISTORY).json()["results"] == []
    assert client.get(HISTORY, {"patient": entry.patient_id}).status_code == 404


def test_the_history_moves_with_a_dependent_who_grew_up(
    client: APIClient, patient: Patient, child: Patient, client_of
) -> None:
    entry, account = MedicalHistoryFactory(patient=child), UserFactory()
    child.revise(user=account, is_dependent=False)
    assert_problem(client.get(path_of(entry)), 404, "not_found")
    assert client_of(account).get(path_of(entry)).status_code == 200
