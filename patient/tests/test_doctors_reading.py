"""The doctor who treats a patient reads their medical history, and no other doctor does."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import AuditEvent, User
from accounts.tests.factories import SuperuserFactory, UserFactory
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Doctor
from doctor.tests.factories import DoctorFactory, ScheduleFactory
from patient.models import MedicalHistory, Patient
from patient.tests.factories import MedicalHistoryFactory
from tests.problems import assert_problem

pytestmark = pytest.mark.django_db

HISTORY = "/api/patient/medical-history/"


@pytest.fixture
def entry(patient: Patient) -> MedicalHistory:
    return MedicalHistoryFactory(patient=patient)


@pytest.fixture
def visit(patient: Patient, doctor_user: User) -> Appointment:
    """Return a coming visit of the patient to the doctor."""
    return AppointmentFactory(
        patient=patient, slot=ScheduleFactory(doctor=doctor_user.doctor).slots.first()
    )


@pytest.fixture
def doctor(doctor_user: User, client_of: Any) -> APIClient:
    return client_of(doctor_user)


def moved_to(visit: Appointment, ended_ago: timedelta, **changes: Any) -> None:
    """Set in the row that the visit ended this long ago; a negative time lies in the future."""
    ends_at = timezone.now() - ended_ago
    times = {"starts_at": ends_at - timedelta(minutes=20), "ends_at": ends_at}
    Appointment.objects.filter(pk=visit.pk).update(**times, **changes)


def asked(client: APIClient, patient: Patient) -> Any:
    return client.get(HISTORY, {"patient": patient.pk})


def test_a_doctor_with_a_coming_visit_reads_the_history_and_the_read_is_recorded(
    doctor: APIClient, doctor_user: User, visit: Appointment, entry: MedicalHistory
) -> None:
    found = asked(doctor, entry.patient)
    assert [row["id"] for row in found.json()["results"]] == [entry.pk]
    event = AuditEvent.objects.first()
    assert (event.kind, event.action, event.outcome) == (
        "patient.medicalhistory",
        "read",
        "allowed",
    )
    assert (event.actor, event.role, event.patient_id) == (doctor_user, "doctor", entry.patient_id)


def test_a_doctor_reads_an_empty_history_and_the_read_is_recorded(
    doctor: APIClient, visit: Appointment
) -> None:
    assert asked(doctor, visit.patient).json()["results"] == []
    assert AuditEvent.objects.first().patient_id == visit.patient_id


@pytest.mark.parametrize(
    ("days", "changes", "status"),
    [
        (29, {"status": "completed"}, 200),
        (29, {"status": "scheduled"}, 200),
        (31, {"status": "completed"}, 404),
        (31, {"status": "scheduled"}, 404),
        (29, {"status": "no_show"}, 404),
        (29, {"status": "canceled", "canceled_at": timezone.now()}, 404),
        (-2, {"status": "canceled", "canceled_at": timezone.now()}, 404),
    ],
)
def test_only_a_coming_visit_or_one_of_the_last_30_days_opens_the_history(
    days: int,
    changes: dict[str, Any],
    status: int,
    doctor: APIClient,
    visit: Appointment,
    entry: MedicalHistory,
) -> None:
    moved_to(visit, timedelta(days=days), **changes)
    assert asked(doctor, entry.patient).status_code == status


def test_a_doctor_who_is_not_active_reads_nothing(
    doctor: APIClient, visit: Appointment, entry: MedicalHistory
) -> None:
    Doctor.objects.filter(pk=visit.doctor_id).update(is_active=False)
    assert_problem(asked(doctor, entry.patient), 404, "not_found")


def test_staff_another_doctor_and_another_patient_get_the_answer_of_an_absent_patient(
    visit: Appointment, entry: MedicalHistory, other_patient: Patient, client_of: Any
) -> None:
    another = DoctorFactory(user=UserFactory()).user
    for user in (another, other_patient.user, SuperuserFactory()):
        client = client_of(user)
        anothers, absent = [
            client.get(HISTORY, {"patient": key}) for key in (entry.patient_id, 999_999)
        ]
        assert_problem(anothers, 404, "not_found")
        assert anothers.content == absent.content


def test_a_doctor_may_read_the_list_but_change_nothing(
    doctor: APIClient, visit: Appointment, entry: MedicalHistory
) -> None:
    path = f"{HISTORY}{entry.pk}/"
    for method in ("get", "put", "patch", "delete"):
        assert getattr(doctor, method)(path).status_code == 404
    new = {"kind": "allergy", "description": "Pollen", "patient_id": entry.patient_id}
    assert doctor.post(HISTORY, new).status_code == 404
    assert doctor.get(HISTORY).json()["count"] == 0


def test_a_doctor_who_is_a_patient_has_their_own_list(
    doctor: APIClient, doctor_user: User, visit: Appointment, entry: MedicalHistory
) -> None:
    doctor.post(HISTORY, {"kind": "allergy", "description": "Pollen"})
    own = doctor_user.patients.get()
    assert [row["patient"]["id"] for row in doctor.get(HISTORY).json()["results"]] == [own.pk]
    assert asked(doctor, own).json()["count"] == 1
    assert AuditEvent.objects.first().role == "patient"


@pytest.mark.parametrize("blank", ["?patient=", "?patient=%20"])
def test_a_doctor_who_names_no_patient_reads_no_history_of_others(
    doctor: APIClient, visit: Appointment, entry: MedicalHistory, blank: str
) -> None:
    assert doctor.get(HISTORY + blank).json()["count"] == 0


@pytest.mark.parametrize("spelling", ["{}.0", "{}.", "1_0", "\uff11", "+{}"])
def test_a_key_in_a_query_is_plain_digits(patient: Patient, client_of: Any, spelling: str) -> None:
    client = client_of(patient.user)
    answer = client.get(HISTORY, {"patient": spelling.format(patient.pk)})
    assert_problem(answer, 400, "validation_error")


def test_the_event_of_a_refused_read_names_the_patient_and_no_entry(
    patient: Patient, client_of: Any
) -> None:
    client_of(UserFactory()).get(HISTORY, {"patient": patient.pk})
    event = AuditEvent.objects.get(outcome="denied")
    assert (event.object_id, event.patient_id) == (None, patient.pk)
