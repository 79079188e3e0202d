"""Patients in Spanish: the pages of the admin, and errors over the API."""

from typing import Any

import pytest
from django.utils import timezone
from django.utils.translation import override

from accounts.models import User
from patient.models import MedicalHistory, Patient
from patient.models.patient import MAX_DEPENDENTS
from patient.tests.factories import DependentFactory, PatientFactory
from tests.admin_client import AdminClient, page

pytestmark = pytest.mark.django_db
SPANISH = {"HTTP_ACCEPT_LANGUAGE": "es"}
PROFILE, DEPENDENTS = "/api/patient/profile/", "/api/patient/dependents/"
NAMES = {"first_name": "Leo", "last_name": "Ruiz"}


def test_the_pages_of_a_patient_speak_spanish(superuser: User, patient: Patient) -> None:
    client = AdminClient(superuser)
    client.client.defaults |= SPANISH
    record = page(patient, "change").removesuffix("change/")
    other = PatientFactory(user=None)
    expected = {
        page(Patient): ["Pacientes", "fecha de nacimiento", "persona a cargo"],
        f"{record}change/": ["Teléfono del contacto de emergencia", "Fusionar con otro registro"],
        f"{record}delete/": ["¿Eliminar «", "Las próximas citas se cancelan"],
        f"{record}merge/?other={other.pk}": ["Citas: 0", "Conservar el otro registro"],
        f"{record}deceased/": ["se cancelan 0 citas próximas", "Marcar el fallecimiento"],
        f"{record}claim-code/": ["Dar un código"],
        page(MedicalHistory): ["Historial médico"],
    }
    for path, texts in expected.items():
        shown = client.get(path).content.decode()
        assert [text for text in texts if text not in shown] == [], path


def test_a_patient_is_named_in_the_language_of_the_page() -> None:
    patient = PatientFactory.build(last_name="Ruiz", marked_deceased_at=timezone.now())
    assert str(patient) == "Ana Ruiz, deceased"
    with override("es"):
        assert str(patient) == "Ana Ruiz, falleció"


def test_refusals_over_the_api_are_in_spanish(client_of: Any, patient: Patient) -> None:
    client = client_of(patient.user)
    again = client.post(PROFILE, NAMES, **SPANISH)
    assert (again.status_code, again.json()["detail"]) == (409, "Ya tiene un perfil; modifíquelo.")
    DependentFactory.create_batch(MAX_DEPENDENTS, user=patient.user)
    [error] = client.post(DEPENDENTS, NAMES, **SPANISH).json()["errors"]
    assert error["detail"] == "Una cuenta reserva para un máximo de 20 personas a cargo."
    assert (error["code"], error["params"]) == ("too_many_dependents", {"limit": MAX_DEPENDENTS})
