"""What a call costs in statements: the same however many rows there are."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import UserFactory
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Doctor, Slot
from doctor.tests.factories import (
    DoctorFactory,
    LanguageFactory,
    LocationFactory,
    ScheduleFactory,
    SpecialtyFactory,
    day_ahead,
)
from patient.models import Patient
from patient.tests.factories import MedicalHistoryFactory, PatientFactory
from tests.statements import counted_statements

ROWS = 50
pytestmark = pytest.mark.django_db


def doctor_with_everything() -> Doctor:
    """A doctor of two specialties and languages with a session."""
    doctor = DoctorFactory()
    doctor.specialties.add(*SpecialtyFactory.create_batch(2))
    doctor.languages.add(*LanguageFactory.create_batch(2))
    ScheduleFactory(doctor=doctor)
    return doctor


def statements_of(client: APIClient, path: str) -> tuple[int, int]:
    """How many statements a GET makes, and how many rows it answers."""
    with counted_statements() as statements:
        response = client.get(path)
    assert response.status_code == 200
    return len(statements), len(response.json()["results"])


def of_one_specialty() -> tuple[str, Callable[[], Any]]:
    specialty = SpecialtyFactory()
    path = f"/api/doctor/by-specialty/{specialty.pk}/?page_size=100"
    return path, lambda: doctor_with_everything().specialties.add(specialty)


def of_one_doctor() -> tuple[str, Callable[[], Any]]:
    doctor, location, days = DoctorFactory(), LocationFactory(), iter(range(1, ROWS + 2))
    path = f"/api/doctor/doctors/{doctor.pk}/available-slots/?to={day_ahead(60)}"

    def one_more() -> None:
        date = day_ahead(next(days))
        ScheduleFactory(doctor=doctor, location=location, date=date, slot_minutes=None)

    return path, one_more


PUBLIC_LISTS: dict[str, Callable[[], tuple[str, Callable[[], Any]]]] = {
    "doctors": lambda: ("/api/doctor/doctors/?page_size=100", doctor_with_everything),
    "specialties": lambda: ("/api/doctor/specialties/?page_size=100", SpecialtyFactory),
    "languages": lambda: ("/api/doctor/languages/?page_size=100", LanguageFactory),
    "locations": lambda: ("/api/doctor/locations/?page_size=100", LocationFactory),
    "schedules": lambda: ("/api/doctor/schedules/?page_size=100", ScheduleFactory),
    "by-specialty": of_one_specialty,
    "available-slots": of_one_doctor,
}


@pytest.mark.parametrize("name", PUBLIC_LISTS)
def test_a_public_list_costs_the_same_with_1_and_with_50_rows(
    client_of: Callable[[User | None], APIClient], name: str
) -> None:
    path, one_more = PUBLIC_LISTS[name]()
    one_more()
    few, shown = statements_of(client_of(None), path)
    assert shown == 1
    for _ in range(ROWS - 1):
        one_more()
    many, shown = statements_of(client_of(None), path)
    assert shown == ROWS
    assert many == few


@pytest.mark.parametrize(
    ("path", "one_more"),
    [
        ("/api/appointment/my-appointments/?page_size=100", AppointmentFactory),
        ("/api/patient/medical-history/?page_size=100", MedicalHistoryFactory),
    ],
)
def test_a_list_of_ones_own_costs_the_same_with_1_and_with_50_rows(
    client_of: Callable[[User | None], APIClient], patient: Patient, path: str, one_more: Any
) -> None:
    client, days = client_of(patient.user), iter(range(1, ROWS + 1))

    def add() -> None:
        of_day = {"slot": ScheduleFactory(date=day_ahead(next(days))).slots.first()}
        one_more(patient=patient, **(of_day if one_more is AppointmentFactory else {}))

    add()
    few, shown = statements_of(client, path)
    assert shown == 1
    for _ in range(ROWS - 1):
        add()
    many, shown = statements_of(client, path)
    assert shown == ROWS
    assert many == few


def test_free_slots_cost_three_statements_at_most_and_no_object_of_a_slot(
    client_of: Callable[[User | None], APIClient],
    patient: Patient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    doctor = ScheduleFactory().doctor
    monkeypatch.setattr(Slot, "from_db", None)  # making a slot of a row would fail
    path = f"/api/doctor/doctors/{doctor.pk}/available-slots/"
    assert statements_of(client_of(None), path) == (2, 4)
    assert statements_of(client_of(patient.user), path) == (3, 4)


@pytest.mark.parametrize("by", ["slot_id", "schedule_id"])
@pytest.mark.parametrize("has_profile", [True, False])
def test_booking_costs_ten_statements_at_most_the_tokens_included(
    client_of: Callable[[User | None], APIClient], by: str, has_profile: bool
) -> None:
    user = PatientFactory().user if has_profile else UserFactory()
    schedule, client = ScheduleFactory(), client_of(user)
    wanted = {"slot_id": schedule.slots.first().pk, "schedule_id": schedule.pk}
    with counted_statements() as statements:
        path = f"/api/appointment/book/{schedule.doctor_id}/"
        response = client.post(path, {by: wanted[by]})
    assert response.status_code == 201
    assert Appointment.objects.count() == 1
    assert len(statements) <= 10, statements
