"""Doctors, locations, specialties and languages in the admin."""

from typing import Any

import pytest
from django.db.models import Model

from accounts.models import User
from accounts.tests.factories import UserFactory
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import LocationInUse
from doctor.models import Doctor, Language, Location, Slot, Specialty
from doctor.tests.factories import (
    DoctorFactory,
    LanguageFactory,
    LocationFactory,
    ScheduleFactory,
    SpecialtyFactory,
)
from tests.admin_client import AdminClient, form_errors, messages_of, page

pytestmark = pytest.mark.django_db
DOCTOR = {"title": "Dr.", "first_name": "Ida", "last_name": "Lund", "license_number": "N-1"}


@pytest.fixture
def admin_client(superuser: User) -> AdminClient:
    return AdminClient(superuser)


@pytest.mark.parametrize(
    ("model", "typed", "change"),
    [
        (Specialty, {"name": "Cardiology", "code": "394579002"}, {"description": "Hearts."}),
        (Language, {"name": "Spanish", "tag": "es"}, {"tag": "es-MX"}),
        (Location, {"name": "Downtown", "time_zone": "Asia/Tokyo"}, {"address": "1-1 Chiyoda"}),
        (Doctor, {**DOCTOR, "accepts_patients": "on", "is_active": "on"}, {"bio": "Kind."}),
    ],
)
def test_the_directory_is_added_changed_and_deleted(
    admin_client: AdminClient, model: type[Model], typed: dict[str, Any], change: dict[str, str]
) -> None:
    admin_client.send(page(model, "add"), **typed)
    row = model._default_manager.get()
    admin_client.change(row, **change)
    row.refresh_from_db()
    [(field, value)] = change.items()
    assert getattr(row, field) == value
    admin_client.delete(row)
    assert not model._default_manager.exists()


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (SpecialtyFactory, "name"),
        (LanguageFactory, "tag"),
        (LocationFactory, "name"),
        (DoctorFactory, "license_number"),
    ],
)
def test_a_name_that_is_taken_is_reported(admin_client: AdminClient, make: Any, field: str) -> None:
    there, row = make(), make()
    assert form_errors(admin_client.change(row, **{field: getattr(there, field)}))


@pytest.mark.parametrize("field", ["accepts_patients", "is_active"])
def test_closing_a_doctor_closes_slots_and_keeps_booked_visits(
    admin_client: AdminClient, field: str
) -> None:
    visit = AppointmentFactory()
    admin_client.change(visit.doctor, **{field: []})
    assert set(Slot.objects.values_list("is_open")) == {(False,)}
    visit.refresh_from_db()
    assert visit.status == "scheduled"
    admin_client.change(visit.doctor, **{field: "on"})
    assert set(Slot.objects.values_list("is_open")) == {(True,)}


def test_a_doctor_has_specialties_and_languages(admin_client: AdminClient) -> None:
    specialties, languages = [SpecialtyFactory(), SpecialtyFactory()], [LanguageFactory()]
    doctor = DoctorFactory()
    admin_client.change(
        doctor,
        specialties=[specialty.pk for specialty in specialties],
        languages=[language.pk for language in languages],
    )
    assert set(doctor.specialties.all()) == set(specialties)
    assert set(doctor.languages.all()) == set(languages)
    admin_client.change(doctor, specialties=[])
    assert not doctor.specialties.exists()
    assert doctor.languages.exists()


def test_two_users_who_change_different_fields_of_a_doctor_both_succeed(
    admin_client: AdminClient, staff: User
) -> None:
    """One user adds the first language and stops new patients; the other edits the bio."""
    doctor, language = DoctorFactory(), LanguageFactory()
    path = page(doctor, "change")
    mine, theirs = admin_client.open(path), admin_client.open(path)
    admin_client.send(path, {**mine, "accepts_patients": []}, languages=[language.pk])
    admin_client.send(path, theirs, bio="Kind.")
    doctor.refresh_from_db()
    assert (doctor.bio, doctor.accepts_patients) == ("Kind.", False)
    assert list(doctor.languages.all()) == [language]


def test_a_refused_change_of_zone_is_reported(admin_client: AdminClient) -> None:
    location = ScheduleFactory().location
    refused = admin_client.change(location, time_zone="Asia/Tokyo", address="Typed")
    assert form_errors(refused) == [str(LocationInUse.message)]
    assert "Typed" in refused.content.decode()
    location.refresh_from_db()
    assert (location.time_zone, location.address) == ("Europe/Madrid", "")


def test_a_zone_that_does_not_exist_is_reported(admin_client: AdminClient) -> None:
    assert form_errors(admin_client.change(LocationFactory(), time_zone="Europe/Atlantis"))


@pytest.mark.parametrize("kind", ["doctor", "location"])
def test_rows_in_use_are_not_deleted_and_the_page_says_why(
    admin_client: AdminClient, kind: str
) -> None:
    visit = AppointmentFactory()
    row = getattr(visit, kind)
    html = admin_client.get(page(row, "delete")).content.decode()
    assert "cannot be deleted, because of:" in html
    assert str(visit.slot.schedule) in html
    assert str(visit) in html
    assert admin_client.delete(row).status_code == 200
    admin_client.delete_all(row)
    row.refresh_from_db()


def test_some_of_many_blocking_sessions_are_named_and_the_rest_counted(
    admin_client: AdminClient,
) -> None:
    doctor = ScheduleFactory(slot_minutes=5).doctor
    html = admin_client.get(page(doctor, "delete")).content.decode()
    assert html.count("Time: <a") == 10
    assert "14 more times" in html


def test_deleting_a_specialty_leaves_its_doctors(admin_client: AdminClient) -> None:
    doctor, specialty = DoctorFactory(), SpecialtyFactory()
    doctor.specialties.add(specialty)
    assert (
        "Doctor-specialty relationships: 1"
        in admin_client.get(page(specialty, "delete")).content.decode()
    )
    assert messages_of(admin_client.delete_all(specialty)) == ["Successfully deleted 1 specialty."]
    doctor.refresh_from_db()
    assert not doctor.specialties.exists()


def test_the_reception_sees_doctors_but_not_their_accounts(staff: User) -> None:
    doctor = DoctorFactory(user=UserFactory(email="secret@example.com"))
    html = AdminClient(staff).get(page(doctor, "change")).content.decode()
    assert doctor.license_number in html
    assert "secret@example.com" not in html


def test_a_doctor_is_found_by_name_license_and_specialty(admin_client: AdminClient) -> None:
    wanted = DoctorFactory(first_name="Ida", license_number="N-77")
    wanted.specialties.add(SpecialtyFactory(name="Cardiology"), SpecialtyFactory(name="Cardiac"))
    DoctorFactory()
    for term in ("ida", "n-77", "cardi", "cardi ida"):
        assert list(admin_client.get(page(Doctor), q=term).context["cl"].result_list) == [wanted]
