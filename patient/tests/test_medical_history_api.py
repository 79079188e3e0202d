"""/api/patient/medical-history/"""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.tests.factories import UserFactory
from patient.models import MedicalHistory, Patient
from patient.tests.factories import MedicalHistoryFactory, PatientFactory
from tests.problems import assert_invalid, assert_problem

pytestmark = pytest.mark.django_db

HISTORY = "/api/patient/medical-history/"
PENICILLIN = {
    "kind": "allergy",
    "description": "Penicillin",
    "status": "resolved",
    "diagnosed_on": "2012-03-01",
    "notes": "Rash within the hour.",
}


@pytest.fixture
def client(patient: Patient, client_of) -> APIClient:
    return client_of(patient.user)


def path_of(entry: MedicalHistory) -> str:
    return f"{HISTORY}{entry.pk}/"


def test_an_entry_is_made_and_read(client: APIClient, patient: Patient) -> None:
    response = client.post(HISTORY, PENICILLIN)
    assert response.status_code == 201
    entry = patient.history.get()
    stamp = entry.created_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    person = {"id": patient.pk, "name": patient.name}
    shown = {"id": entry.pk, "patient": person, **PENICILLIN, "created_at": stamp}
    assert {**response.json(), "updated_at": None} == {**shown, "updated_at": None}
    assert client.get(path_of(entry)).json() == response.json()
    assert client.get(HISTORY).json()["results"] == [response.json()]


def test_only_kind_and_description_are_required(client: APIClient) -> None:
    assert_invalid(client.post(HISTORY, {}), "kind", "description")
    answer = client.post(HISTORY, {"kind": "surgery", "description": "Knee"}).json()
    assert (answer["status"], answer["diagnosed_on"], answer["notes"]) == ("active", None, "")


def test_a_person_has_at_most_500_entries(client: APIClient, patient: Patient) -> None:
    MedicalHistoryFactory.create_batch(2, patient=PatientFactory())  # another's do not count
    entry = MedicalHistoryFactory.build(patient=patient)
    rows = [MedicalHistory(patient=patient, kind=entry.kind, description="x") for _ in range(499)]
    MedicalHistory.objects.bulk_create(rows)
    assert client.post(HISTORY, PENICILLIN).status_code == 201
    refused = client.post(HISTORY, PENICILLIN)
    assert_invalid(refused, "non_field_errors")
    assert refused.json()["errors"][0]["code"] == "too_many_entries"
    with pytest.raises(ValidationError):
        MedicalHistory(patient=patient, kind=entry.kind, description="x").add()
    assert patient.history.count() == 500


def test_notes_have_at_most_2000_characters(client: APIClient) -> None:
    assert client.post(HISTORY, {**PENICILLIN, "notes": "x" * 2000}).status_code == 201
    assert_invalid(client.post(HISTORY, {**PENICILLIN, "notes": "x" * 2001}), "notes")


def test_a_first_entry_makes_the_profile_from_the_accounts_names(client_of) -> None:
    user = UserFactory(first_name="Eva", last_name="Gil")
    assert client_of(user).post(HISTORY, PENICILLIN).status_code == 201
    assert Patient.objects.get(user=user).name == "Eva Gil"


def test_put_resets_the_fields_it_leaves_out_and_patch_does_not(client: APIClient) -> None:
    made = client.post(HISTORY, PENICILLIN).json()
    path = f"{HISTORY}{made['id']}/"
    patched = client.patch(path, {"description": "Penicillin V"}).json()
    assert patched == {
        **made,
        "description": "Penicillin V",
        "updated_at": patched["updated_at"],
    }
    put = client.put(path, {"kind": "condition", "description": "Asthma"}).json()
    defaults = {"status": "active", "diagnosed_on": None, "notes": ""}
    new = {"kind": "condition", "description": "Asthma", "updated_at": put["updated_at"]}
    assert put == {**made, **defaults, **new}
    assert client.get(path).json() == put


def test_a_change_moves_updated_at_and_not_created_at(client: APIClient, client_of) -> None:
    made = client.post(HISTORY, PENICILLIN).json()
    later = timezone.now() + timedelta(minutes=5)
    with time_machine.travel(later, tick=False):
        changed = client.patch(f"{HISTORY}{made['id']}/", {"notes": ""}).json()
    assert changed["created_at"] == made["created_at"]
    assert changed["updated_at"] == later.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_deleted_entry_is_gone(client: APIClient, patient: Patient) -> None:
    entry = MedicalHistoryFactory(patient=patient)
    response = client.delete(path_of(entry))
    assert (response.status_code, response.content) == (204, b"")
    assert_problem(client.get(path_of(entry)), 404, "not_found")
    assert not MedicalHistory.objects.exists()


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("kind", ["", "x", None, 1, []]),
        ("description", ["", " ", None, "x" * 4001, [], "a\0b"]),
        ("status", ["", "x", None, 1]),
        ("diagnosed_on", ["", "junk", "9999-12-31", "0001-01-01", 2012, []]),
        ("notes", [None, "x" * 4001, {}]),
    ],
)
def test_a_field_that_is_wrong_is_400(field: str, wrong: list[Any], client: APIClient) -> None:
    made = client.post(HISTORY, PENICILLIN).json()
    path = f"{HISTORY}{made['id']}/"
    for value in wrong:
        assert_invalid(client.post(HISTORY, {**PENICILLIN, field: value}), field)
        assert_invalid(client.put(path, {**PENICILLIN, field: value}), field)
        assert_invalid(client.patch(path, {field: value}), field)
    assert client.get(path).json() == made


def test_read_only_and_unknown_fields_in_a_body_change_nothing(
    client: APIClient, other_patient: Patient
) -> None:
    made = client.post(HISTORY, PENICILLIN).json()
    old = "2000-01-01T00:00:00Z"
    sent = {"id": 9, "patient": other_patient.pk, "created_at": old, "updated_at": old, "junk": 1}
    changed = client.patch(f"{HISTORY}{made['id']}/", sent).json()
    assert {**changed, "updated_at": ""} == {**made, "updated_at": ""}
    assert changed["updated_at"] != old
    again = client.post(HISTORY, {**PENICILLIN, **sent}).json()
    assert old not in again.values()
    assert not other_patient.history.exists()


def test_the_history_is_filtered_by_kind_and_status(client: APIClient, patient: Patient) -> None:
    allergy = MedicalHistoryFactory(patient=patient)
    surgery = MedicalHistoryFactory(patient=patient, kind="surgery", status="resolved")

    def found(**query: str) -> list[int]:
        return [row["id"] for row in client.get(HISTORY, query).json()["results"]]

    assert found() == [surgery.pk, allergy.pk]  # latest first
    assert found(kind="allergy") == found(status="active") == [allergy.pk]
    assert found(kind="surgery", status="resolved") == [surgery.pk]
    assert found(kind="medication") == found(kind="allergy", status="resolved") == []


@pytest.mark.parametrize("name", ["kind", "status"])
def test_a_filter_value_that_is_not_a_choice_is_400(name: str, client: APIClient) -> None:
    for junk in ("x", "ACTIVE", "0", "\0", "allergy,surgery"):
        assert_invalid(client.get(HISTORY, {name: junk}), name)


def test_another_patients_entry_is_absent(client: APIClient, other_patient: Patient) -> None:
    entry = MedicalHistoryFactory(patient=other_patient)
    for response in (
        client.get(path_of(entry)),
        client.put(path_of(entry), PENICILLIN),
        client.patch(path_of(entry), {"notes": "mine"}),
        client.delete(path_of(entry)),
    ):
        assert_problem(response, 404, "not_found")
    assert client.get(HISTORY).json()["results"] == []
    entry.refresh_from_db()
    assert entry.notes == ""
