"""Staff find visits, entries, offers and free slots by patient, doctor, date and time together."""

from typing import Any

import pytest

from accounts.models import User
from appointment.models import Appointment, AppointmentEvent, WaitlistEntry
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from doctor.models import Location, Schedule
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    SpecialtyFactory,
    day_ahead,
)
from extensions.formats import date_text, instant_text
from patient.tests.factories import PatientFactory
from tests.admin_client import AdminClient, page

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

BORN = "1951-04-24"


@pytest.fixture
def reception(staff: User) -> AdminClient:
    return AdminClient(staff)


@pytest.fixture
def visit() -> Appointment:
    doctor = DoctorFactory(first_name="Conor", last_name="O\u2019Brien")
    known = {"first_name": "Lucía", "last_name": "Reed", "date_of_birth": BORN}
    patient = PatientFactory(**known, phone_number="+447911123456")
    place = LocationFactory(name="Clínica Córdoba")
    other = {"doctor": doctor, "date": day_ahead(4)}
    AppointmentFactory(slot=ScheduleFactory(**other).slots.first())
    AppointmentFactory(patient=patient, slot=ScheduleFactory(date=day_ahead(5)).slots.first())
    visit: Appointment = AppointmentFactory(
        patient=patient, slot=ScheduleFactory(doctor=doctor, location=place).slots.first()
    )
    return visit


def found(client: AdminClient, model: type[Any], typed: str) -> list[Any]:
    return list(client.get(page(model), q=typed).context["cl"].result_list)


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("Lucia Reed", 2),
        ("Reed, Lucía", 2),
        ("24/04/1951", 2),
        ("07911 123456", 2),
        ("Dr. Conor O'Brien", 2),
        ("obrien", 2),
        ("Reed O'Brien", 1),
        ("Dr. Conor O'Brien Lucia Reed", 1),
        ("Reed 24 April 1951 obrien", 1),
        ("Reed {day}", 1),
        ("{day} Reed", 1),
        ("obrien {written}", 1),
        ("{place}", 1),
        ("Reed {place}", 1),
        ("09:00", 3),
        ("Reed 09:00", 2),
        ("obrien 09:00", 2),
        ("Reed 09:30", 0),
        ("{start}", 1),
        ("Lucía Reed {start}", 1),
        ("Reed 09:00 XYZ", 0),
        ("Reed Nobody", 0),
        ("Reed O'Brien Reed Xyz", 0),
    ],
)
def test_a_visit_is_found_by_patient_doctor_and_date(
    reception: AdminClient, visit: Appointment, typed: str, number: int
) -> None:
    start = instant_text(visit.starts_at, visit.location.zone)
    named = {"place": visit.location.name, "start": start}
    text = typed.format(day=visit.date, written=date_text(visit.date), **named)
    rows = found(reception, Appointment, text)
    assert len(rows) == number
    assert not number or visit in rows


def test_a_visit_is_found_by_its_number(reception: AdminClient, visit: Appointment) -> None:
    assert visit in found(reception, Appointment, str(visit.pk))


def test_of_many_patients_of_a_name_the_first_are_searched_with_a_warning(
    reception: AdminClient, visit: Appointment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patient.models.patient.MANY_ELSEWHERE", 1)
    PatientFactory(first_name="Zoe", last_name="Reed")
    PatientFactory(first_name="Zoe", last_name="Reed")
    answer = reception.get(page(Appointment), q="reed")
    assert len(answer.context["cl"].result_list) == 2
    assert "Many people have such a name" in answer.content.decode()
    assert found(reception, Appointment, "reed obrien") == [visit]


def test_on_a_day_every_patient_of_a_common_name_is_searched(
    reception: AdminClient, visit: Appointment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patient.models.patient.MANY_ELSEWHERE", 1)
    PatientFactory(first_name="Ana", last_name="Reed")  # the first, who has no visit
    PatientFactory(first_name="Bea", last_name="Reed")
    assert found(reception, Appointment, "reed") == []
    answer = reception.get(page(Appointment), q=f"reed {visit.date}")
    assert list(answer.context["cl"].result_list) == [visit]
    assert "Many people have such a name" not in answer.content.decode()


def test_events_and_entries_are_found_by_the_patient_too(reception: AdminClient) -> None:
    patient = PatientFactory(first_name="Søren", last_name="Weiß", date_of_birth=BORN)
    entry = WaitlistEntryFactory(
        patient=patient, doctor=None, specialty=SpecialtyFactory(name="Öt")
    )
    WaitlistEntryFactory()
    AppointmentFactory(patient=patient)
    for typed in ("soren weiss", "Weiss 24.4.1951", "weiss ot"):
        assert found(reception, WaitlistEntry, typed) == [entry]
    assert len(found(reception, AppointmentEvent, "Weiss 24/04/1951")) == 1
    assert found(reception, AppointmentEvent, "07911 123456") == []  # its pages show no number


# --- Slots ----------------------------------------------------------------------------------------


def suggested(client: AdminClient, typed: str) -> list[int]:
    asked = {"app_label": "appointment", "model_name": "appointment", "field_name": "slot"}
    answer = client.get("/admin/autocomplete/", **asked, term=typed).json()
    return [int(each["id"]) for each in answer["results"]]


@pytest.mark.parametrize("zone", ["Europe/Madrid", "America/New_York", "Asia/Kathmandu"])
def test_the_box_for_slots_finds_a_doctor_and_a_time_at_the_location(
    reception: AdminClient, zone: str
) -> None:
    place = LocationFactory(name="Clínica Córdoba", time_zone=zone)
    session = ScheduleFactory(doctor=DoctorFactory(last_name="Navarro"), location=place)
    ScheduleFactory(location=LocationFactory(time_zone="Asia/Tokyo"))
    first, second = session.slots.order_by("starts_at")[:2]
    for typed in (
        "Navarro 09:00",
        "09:00 navarro",
        f"navarro {session.date} 9:00",
        "cordoba 09:00",
    ):
        assert suggested(reception, typed) == [first.pk], typed
    assert suggested(reception, "Navarro 09:30") == [second.pk]
    assert suggested(reception, f"Navarro {date_text(day_ahead(9))} 09:00") == []
    assert suggested(reception, "Navarro 08:59") == []


def test_sessions_and_locations_are_found_without_accents(reception: AdminClient) -> None:
    session = ScheduleFactory(
        doctor=DoctorFactory(last_name="Šarić"), location=LocationFactory(name="Málaga Ñ")
    )
    ScheduleFactory()
    for typed in ("saric", "malaga", f"SARIC {date_text(session.date)}", "malaga n saric"):
        assert found(reception, Schedule, typed) == [session]
    assert found(reception, Location, "MALAGA") == [session.location]
