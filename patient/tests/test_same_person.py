"""The admin asks before it saves a patient who may be there already."""

import pytest

from accounts.models import AuditEvent, User
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.admin_client import AdminClient, FormReader, page

pytestmark = pytest.mark.django_db

ADD = page(Patient, "add")
BORN = "1951-04-24"


@pytest.fixture
def reception(staff: User) -> AdminClient:
    return AdminClient(staff)


@pytest.fixture
def known() -> Patient:
    patient: Patient = PatientFactory(
        first_name="Lucía", last_name="Reed", date_of_birth=BORN, phone_number="+12125550132"
    )
    return patient


def typed(**more: str) -> dict[str, str]:
    return {"first_name": "LUCIA", "last_name": "reed", "date_of_birth": BORN, **more}


def test_the_same_name_and_birth_date_asks_and_can_be_confirmed(
    reception: AdminClient, known: Patient
) -> None:
    asked = reception.send(ADD, reception.open(ADD), **typed())
    text = asked.content.decode()
    assert "may be there already" in text
    assert page(known, "change") in text
    assert Patient.objects.count() == 1
    reads = AuditEvent.objects.filter(action="read", patient_id=known.pk)
    assert reads.exists()
    form = FormReader(text).sent
    reception.send(ADD, form, same_confirmed=str(known.pk))
    assert Patient.objects.count() == 2


def test_the_names_in_the_other_order_ask_too(reception: AdminClient, known: Patient) -> None:
    swapped = {"first_name": "Reed", "last_name": "Lucía", "date_of_birth": BORN}
    asked = reception.send(ADD, reception.open(ADD), **swapped)
    assert "may be there already" in asked.content.decode()


def test_the_same_phone_number_asks_whatever_the_name(
    reception: AdminClient, known: Patient
) -> None:
    asked = reception.send(ADD, last_name="Sanz", phone_number="+1 212 555 0132")
    assert "may be there already" in asked.content.decode()


@pytest.mark.parametrize(
    "other",
    [{"first_name": "Luz"}, {"last_name": "Reeds"}, {"date_of_birth": "1951-04-25"}],
    ids=str,
)
def test_another_person_is_saved_at_once(
    reception: AdminClient, known: Patient, other: dict[str, str]
) -> None:
    reception.send(ADD, reception.open(ADD), **typed(**other))
    assert Patient.objects.count() == 2


def test_a_confirmation_is_of_the_people_shown(reception: AdminClient, known: Patient) -> None:
    asked = reception.send(ADD, **typed(same_confirmed=str(known.pk + 99)))
    assert "may be there already" in asked.content.decode()


def test_a_change_of_the_name_asks_and_another_change_does_not(
    reception: AdminClient, known: Patient
) -> None:
    twin = PatientFactory(first_name="Luz", last_name="Reed", date_of_birth=BORN)
    reception.change(twin, address="Calle Mayor 1")
    asked = reception.change(twin, first_name="Lucía")
    assert "may be there already" in asked.content.decode()
    twin.refresh_from_db()
    assert (twin.first_name, twin.address) == ("Luz", "Calle Mayor 1")


def test_staff_who_may_only_add_patients_are_shown_no_other_patient(
    known: Patient, staff: User
) -> None:
    staff.groups.clear()
    staff.user_permissions.set(
        [*staff.user_permissions.model.objects.filter(codename__in=("add_patient",))]
    )
    client = AdminClient(User.objects.get(pk=staff.pk))
    client.send(ADD, **typed())
    assert Patient.objects.count() == 2
