"""`check_invariants` names rows whose keys or words are wrong (I7), and `repair_names` mends."""

from io import StringIO

import pytest
from django.core import serializers
from django.core.management import call_command
from django.db import connection

from accounts.tests.factories import UserFactory
from appointment.tests.test_check_invariants import verdict
from doctor.models import Doctor
from doctor.tests.factories import DoctorFactory
from patient.models import Patient, PatientWord
from patient.models.word import PatientWordQuerySet
from patient.tests.factories import PatientFactory

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def by_sql(statement: str) -> None:
    """Write as code of the release before, which knows neither keys nor words."""
    with connection.cursor() as cursor:
        cursor.execute(statement)


def repair(*options: str) -> str:
    said = StringIO()
    call_command("repair_names", *options, stdout=said)
    return said.getvalue()


BROKEN = {
    "UPDATE patient_patient SET last_name = 'Łuk'": "I7 Patient",
    "UPDATE patient_patient SET date_of_birth = '1951-04-24'": "I7 Patient",
    "UPDATE patient_patient SET first_name_key = 'x'": "I7 Patient",
    "DELETE FROM patient_patientword": "I7 Patient",
    "UPDATE accounts_user SET last_name = 'Łuk' WHERE first_name = 'Ana'": "I7 User",
    "UPDATE doctor_doctor SET title = 'Prof.'": "I7 Doctor",
    "DELETE FROM patient_patient": "I7 PatientWord",
}


@pytest.mark.parametrize("statement", BROKEN)
def test_what_sql_has_written_is_named_and_mended(statement: str) -> None:
    PatientFactory(first_name="Ana", last_name="Reed")
    UserFactory(first_name="Ana", last_name="Reed")
    DoctorFactory()
    assert verdict()[0] == 0
    by_sql(statement)
    status, said = verdict()
    assert (status, BROKEN[statement] in said) == (1, True)
    assert " to mend" in repair("--dry-run")
    assert verdict()[0] == 1
    repair()
    assert verdict()[0] == 0
    assert "1 " not in repair()


def test_a_name_that_changes_between_two_reads_is_no_false_alarm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A colleague changes the name between the reads of the row and of its words, twice."""
    patient = PatientFactory(first_name="Ana", last_name="Reed")
    names, wrong = ["Luz", "Mia"], PatientWordQuerySet.wrong

    def changed_meanwhile(words: PatientWordQuerySet, patients: list[Patient]) -> set[int]:
        if names:
            Patient.objects.filter(pk=patient.pk).update(first_name=names.pop())
        return wrong(words, patients)

    monkeypatch.setattr(PatientWordQuerySet, "wrong", changed_meanwhile)
    assert verdict()[0] == 0
    assert not names


def test_a_fixture_without_words_is_named_and_mended() -> None:
    """Django loads fixtures as they are, without the code that folds names."""
    row = {"model": "patient.patient", "fields": {"last_name": "Łuk"}}
    for loaded in serializers.deserialize("python", [row]):
        loaded.save()
    assert "I7 Patient" in verdict()[1]
    repair()
    assert verdict()[0] == 0
    assert Patient.objects.get().last_name_key == "luk"


def test_old_code_inserts_a_row_without_a_key_and_the_next_save_mends_it() -> None:
    by_sql(
        "INSERT INTO patient_patient (is_dependent, first_name, last_name, sex, phone_number, "
        "address, preferred_language, emergency_contact_name, emergency_contact_phone) "
        "VALUES (FALSE, 'Ana', 'Łuk', '', '', '', '', '', '')"
    )
    patient = Patient.objects.get()
    assert patient.last_name_key == ""
    patient.revise(first_name="Zoë")
    patient.refresh_from_db()
    assert (patient.last_name_key, patient.first_name_key) == ("luk", "zoe")
    assert PatientWord.objects.filter(patient=patient).count() == 2
    assert not Doctor.objects.exists()
