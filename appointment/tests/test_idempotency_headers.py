"""The content and the access log of replayed and refused answers."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import AuditEvent
from appointment.tests.rescheduling import free
from appointment.tests.retries import KEY, assert_replayed, book
from doctor.models import Slot
from patient.models import Patient
from tests.problems import assert_problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(patient: Patient, client_of: Any) -> APIClient:
    made: APIClient = client_of(patient.user)
    return made


@pytest.fixture
def slot() -> Slot:
    return free(capacity=3)


def test_an_answer_given_again_is_a_read_of_its_patient(client, patient, slot: Slot) -> None:
    assert_replayed(lambda: book(client, slot))
    [read] = AuditEvent.objects.filter(action="read")
    assert (read.patient_id, read.role, read.kind) == (
        patient.pk,
        "patient",
        "appointment.appointment",
    )


def test_an_invalid_key_is_refused_with_the_format_of_a_key(client, slot: Slot) -> None:
    answer = book(client, slot, "a key")
    assert answer.json()["errors"][0]["detail"] == "Use 1 to 255 visible characters of ASCII."


def test_a_form_with_a_repeated_field_differs_if_either_value_differs(client, slot) -> None:
    def sent(text: str) -> Any:
        form = f"slot_id={slot.pk}&reason={text}&reason=b"
        kind = "application/x-www-form-urlencoded"
        return client.post(
            f"/api/appointment/book/{slot.doctor_id}/",
            form,
            content_type=kind,
            headers={"Idempotency-Key": KEY},
        )

    assert sent("a").status_code == 201
    assert_problem(sent("c"), 422, "idempotency_key_reused")
