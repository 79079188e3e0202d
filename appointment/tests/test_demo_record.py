"""The demo adds a doctor's read and an emergency access to its patient's access log."""

from typing import Any

import pytest
from django.utils import timezone

from accounts.tests.factories import StaffFactory, UserFactory
from appointment.demo import examples
from appointment.demo.logins import DOCTOR, PATIENT, RECEPTION
from patient.tests.factories import PatientFactory

pytestmark = pytest.mark.django_db


def test_the_log_of_the_demos_patient_has_one_doctor_and_one_emergency(client_of: Any) -> None:
    assert not examples.add_record_reads(timezone.now())
    UserFactory(email=DOCTOR.email, first_name="Elena", last_name="Vidal")
    StaffFactory(email=RECEPTION.email, first_name="Robin", last_name="Ferrer")
    own = PatientFactory(user=UserFactory(email=PATIENT.email))
    assert examples.add_record_reads(timezone.now())
    assert not examples.add_record_reads(timezone.now())
    log = client_of(own.user).get("/api/patient/access-log/").json()["results"]
    assert [(row["by"]["name"], row["action"], row["emergency"]) for row in log] == [
        ("Robin Ferrer", "read", True),
        ("Elena Vidal", "read", False),
    ]
