"""A user lists, reads, cancels and books visits for the family and for no other patient."""

from functools import partial
from typing import Any

import pytest
from rest_framework.test import APIClient

from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Slot
from doctor.tests.factories import ScheduleFactory
from patient.models import Patient
from patient.tests.factories import DependentFactory
from tests.balance import assert_balanced
from tests.problems import assert_invalid, assert_problem

pytestmark = pytest.mark.django_db

MINE = "/api/appointment/my-appointments/"


@pytest.fixture
def client(patient: Patient, client_of) -> APIClient:
    return client_of(patient.user)


@pytest.fixture
def child(patient: Patient) -> Patient:
    return DependentFactory(user=patient.user)


def book_for(client: APIClient, slot: Slot, patient_id: int) -> Any:
    body = {"slot_id": slot.pk, "patient_id": patient_id}
    return client.post(f"/api/appointment/book/{slot.doctor_id}/", body)


def test_a_user_lists_and_filters_visits_of_the_whole_family(
    client: APIClient, patient: Patient, child: Patient
) -> None:
    mine, childs = AppointmentFactory(patient=patient), AppointmentFactory(patient=child)
    strangers = AppointmentFactory(patient=DependentFactory())

    def found(**query: object) -> set[int]:
        return {row["id"] for row in client.get(MINE, query).json()["results"]}

    assert found() == {mine.pk, childs.pk}
    assert found(patient=child.pk) == found(patient=child.pk, upcoming="true") == {childs.pk}
    assert found(patient=patient.pk) == {mine.pk}
    assert found(patient=child.pk, status="canceled") == set()
    for absent in (strangers.patient_id, 10**22, -1):
        assert found(patient=absent) == set()
    assert_invalid(client.get(MINE, {"patient": "x"}), "patient")


def test_a_dependents_visit_is_read_and_canceled(client: APIClient, child: Patient) -> None:
    visit = AppointmentFactory(patient=child)
    assert client.get(f"{MINE}{visit.pk}/").status_code == 200
    assert client.post(f"/api/appointment/cancel/{visit.pk}/").json()["status"] == "canceled"


def test_a_strangers_dependents_visit_is_absent(client: APIClient) -> None:
    visit = AppointmentFactory(patient=DependentFactory())
    assert_problem(client.get(f"{MINE}{visit.pk}/"), 404, "not_found")
    assert_problem(client.post(f"/api/appointment/cancel/{visit.pk}/"), 404, "not_found")
    visit.refresh_from_db()
    assert visit.status == "scheduled"


def test_a_visit_of_another_family_member_is_no_conflict(patient: Patient, child: Patient) -> None:
    """Two patients of one account may have visits at one time; overlaps count per patient."""
    mine = AppointmentFactory(patient=patient)
    slot = mine.slot
    slot.resize(2)
    childs = Appointment(patient=child, slot=slot).book()
    assert (childs.starts_at, childs.status) == (mine.starts_at, "scheduled")


def test_a_carer_books_for_a_dependent_but_not_for_a_stranger(
    patient: Patient, child: Patient, other_patient: Patient
) -> None:
    slot = ScheduleFactory(capacity=3).slots.first()
    book = partial(Appointment.objects.book_own, patient.user, slot.doctor_id, slot_id=slot.pk)
    assert book(patient_id=child.pk).patient == child
    assert book().patient == patient
    strangers = DependentFactory(user=other_patient.user)
    for stranger in (other_patient.pk, strangers.pk, 2**63 - 1):
        with pytest.raises(Patient.DoesNotExist):
            book(patient_id=stranger)
    assert_balanced(slot)
    assert slot.appointments.count() == 2


def test_a_user_books_for_a_dependent(client: APIClient, child: Patient) -> None:
    slot = ScheduleFactory().slots.first()
    answer = book_for(client, slot, child.pk).json()
    assert answer["patient"] == {"id": child.pk, "name": child.name}
    assert Appointment.objects.get().patient == child


def test_booking_for_a_stranger_answers_as_for_an_absent_patient(
    client: APIClient,
) -> None:
    slot, theirs = ScheduleFactory().slots.first(), DependentFactory()
    refused = book_for(client, slot, theirs.pk)
    assert_problem(refused, 404, "not_found")
    assert refused.json() == book_for(client, slot, theirs.pk + 10**6).json()
    assert not Appointment.objects.exists()
