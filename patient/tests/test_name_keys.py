"""Every way to write a name, birth date or phone number keeps what the patient is found by true."""

from collections.abc import Callable
from datetime import date
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import F

from accounts.tests.factories import UserFactory
from doctor.models import Doctor
from doctor.tests.factories import DoctorFactory
from extensions.search import typed_terms
from patient.models import Patient, PatientWord
from patient.tests.factories import PatientFactory

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def by_save(patient: Patient) -> None:
    patient.last_name = "Łuk"
    patient.save()


def by_save_of_one_column(patient: Patient) -> None:
    patient.last_name = "Łuk"
    patient.save(update_fields=["last_name"])


def by_bulk_update(patient: Patient) -> None:
    patient.last_name = "Łuk"
    Patient.objects.bulk_update([patient], ["last_name"])


def by_column(patient: Patient) -> None:
    Patient.objects.update(address="Łuk")
    Patient.objects.filter(last_name="Reed").update(last_name=F("address"))


WRITES: dict[str, Callable[[Patient], object]] = {
    "save": by_save,
    "save_one_column": by_save_of_one_column,
    "update": lambda patient: Patient.objects.filter(pk=patient.pk).update(last_name="Łuk"),
    "update_of_all": lambda patient: Patient.objects.update(last_name="Łuk"),
    "bulk_update": by_bulk_update,
    "update_from_another_column": by_column,
    "update_of_a_key": lambda patient: Patient.objects.update(last_name="Łuk", last_name_key="x"),
    "revise": lambda patient: patient.revise(last_name="Łuk"),
    "update_or_create": lambda patient: Patient.objects.update_or_create(
        pk=patient.pk, defaults={"last_name": "Łuk"}
    ),
}


def found(typed: str) -> list[int]:
    columns = Patient.objects.all().search_columns
    condition = Patient.objects.search_condition(typed_terms(typed), columns)
    return [] if condition is None else [each.pk for each in Patient.objects.filter(condition)]


def is_true() -> bool:
    return not Patient.wrongly_folded(list(Patient.objects.all()))


@pytest.mark.parametrize("way", WRITES)
def test_no_write_changes_a_name_without_its_key(way: str) -> None:
    patient = PatientFactory(first_name="Ana", last_name="Reed")
    WRITES[way](patient)
    stored = Patient.objects.get()
    assert (stored.last_name, stored.last_name_key, stored.first_name_key) == ("Łuk", "luk", "ana")
    assert (found("reed"), found("ana luk")) == ([], [patient.pk])
    assert is_true()


def test_no_write_changes_a_key_alone() -> None:
    PatientFactory(first_name="Ana", last_name="Reed")
    Patient.objects.update(last_name_key="zzz")
    assert Patient.objects.get().last_name_key == "reed"


def test_rows_inserted_at_once_have_keys_and_words() -> None:
    Patient.objects.bulk_create([Patient(last_name="Öz"), Patient(last_name="Reed")])
    assert [each.last_name_key for each in Patient.objects.all()] == ["oz", "reed"]
    assert len(found("oz")) == 1
    assert is_true()


def test_a_birth_date_and_a_phone_number_are_words_too() -> None:
    patient = PatientFactory(phone_number="+12125550132")
    patient.revise(date_of_birth=date(1951, 4, 24), phone_number="+447911123456")
    assert found("24/04/1951") == found("07911 123456") == [patient.pk]
    assert found("212-555-0132") == []


def test_the_profile_that_a_first_booking_makes_is_found() -> None:
    own = Patient.objects.lock_for(UserFactory(first_name="Zoë", last_name="Ruiz"))
    assert found("zoe ruiz") == [own.pk]


def test_an_erased_patient_leaves_no_word() -> None:
    patient = PatientFactory(first_name="Ana", last_name="Reed")
    patient.erase()
    assert not PatientWord.objects.exists()


def test_a_change_of_nothing_that_is_searched_writes_no_word() -> None:
    patient = PatientFactory()
    before = set(PatientWord.objects.values_list("pk", flat=True))
    patient.revise(address="Calle Mayor 1")
    patient.save()
    assert set(PatientWord.objects.values_list("pk", flat=True)) == before


def test_the_longest_names_fit_the_index() -> None:
    """U+FDFA decomposes to 18 characters, and a name has 150."""
    PatientFactory(first_name="\ufdfa " * 75, last_name="\U0001f600" * 150)
    PatientFactory(first_name="ab-" * 50, last_name="x'y " * 37)
    assert is_true()
    assert len(found("\U0001f600" * 150)) == 1


@pytest.mark.parametrize("title", ["Dr.", ""])
def test_a_doctors_keys_follow_too(title: str) -> None:
    doctor = DoctorFactory(title="Prof.", last_name="Reed")
    Doctor.objects.filter(pk=doctor.pk).update(title=title, last_name="O'Brien")
    assert not Doctor.wrongly_folded(list(Doctor.objects.all()))
    assert bool(Doctor.objects.matching(typed_terms("Dr. OBrien"))) is bool(title)
    doctor.refresh_from_db()
    doctor.revise(first_name="Zoë")
    assert Doctor.objects.get().first_name_key == "zoe"


# --- The migration --------------------------------------------------------------------------------


def test_the_migration_folds_what_has_no_key_and_goes_on_where_it_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As an old release left the rows, and as an interrupted run of the migration did."""
    [path] = Path(__file__).parents[1].glob("migrations/*_fold_names.py")
    migration = import_module(f"patient.migrations.{path.stem}")
    monkeypatch.setattr(migration, "PATIENTS", 2)
    for name in ("Łuk", "Reed", "O'Brien", "Öz", "Sanz"):
        PatientFactory(last_name=name, phone_number="+447911123456")
    PatientWord.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE patient_patient SET last_name_key = '' WHERE last_name <> 'Sanz'")
    old_apps = MigrationExecutor(connection).loader.project_state().apps
    migration.fold_names(old_apps, SimpleNamespace(connection=connection))
    wrong = Patient.wrongly_folded(list(Patient.objects.all()))
    assert wrong == {Patient.objects.get(last_name="Sanz").pk}
    assert len(found("07911 123456")) == 4
    assert found("obrien")
