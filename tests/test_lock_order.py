"""Every verb locks in the one order of DESIGN section 4, so that no two wait for each other.

Read from the statements themselves: a race meets a wrong order only now and then. On PostgreSQL,
since SQLite has one lock for all.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory
from patient.tests.factories import MedicalHistoryFactory, PatientFactory

pytestmark = [pytest.mark.django_db, pytest.mark.only_on("postgres")]

ORDER = [
    "accounts_user",
    "doctor_location",
    "doctor_doctor",
    "patient_patient",
    "doctor_slot",
    "appointment_appointment",
]
LOCK = re.compile(r'^SELECT .* FROM "(\w+)" .*FOR (NO KEY )?UPDATE', re.DOTALL)
WRITE = re.compile(r'^(?:UPDATE|DELETE FROM) "(\w+)"')
Verb = Callable[[], object]


def statements(verb: Verb) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        verb()
    return [query["sql"] for query in captured]


def locked_by(verb: Verb) -> list[str]:
    """The tables of which it locks or changes rows, each where it first does."""
    matches = (LOCK.match(sql) or WRITE.match(sql) for sql in statements(verb))
    tables = dict.fromkeys(match[1] for match in matches if match)
    return [table for table in tables if table in ORDER]


def booking() -> Verb:
    slot, patient = ScheduleFactory().slots.first(), PatientFactory()
    return Appointment(patient=patient, slot=slot).book


def own_booking() -> Verb:
    slot, patient = ScheduleFactory().slots.first(), PatientFactory()
    book = Appointment.objects.book_own
    return lambda: book(patient.user, slot.doctor_id, schedule_id=slot.schedule_id)


def publishing() -> Verb:
    schedule = ScheduleFactory.build(doctor=DoctorFactory(), location=LocationFactory())
    return schedule.publish


def revising() -> Verb:
    schedule, doctor = AppointmentFactory().slot.schedule, DoctorFactory()
    schedule.slots.get(taken=1).appointments.get().cancel()
    return lambda: schedule.revise(slot_minutes=60, doctor=doctor, location=LocationFactory())


def closing() -> Verb:
    doctor = ScheduleFactory().doctor
    doctor.accepts_patients = False
    return doctor.publish


def erasing() -> Verb:
    visit = AppointmentFactory()
    MedicalHistoryFactory(patient=visit.patient)
    return visit.patient.erase


def amending() -> Verb:
    visit = AppointmentFactory()
    return lambda: visit.amend("Test results")


def moving() -> Verb:
    location = LocationFactory()
    location.time_zone = "America/New_York"
    return location.publish


def of_a_visit(verb: str, after: timedelta = timedelta(0)) -> Callable[[], Verb]:
    def prepared() -> Verb:
        visit = AppointmentFactory()
        return lambda: getattr(visit, verb)(at=visit.starts_at + after)

    return prepared


BEFORE = -timedelta(hours=1)
VERBS: dict[str, tuple[Callable[[], Verb], list[str]]] = {
    "book": (booking, ["accounts_user", "patient_patient", "doctor_slot"]),
    "book_own": (own_booking, ["accounts_user", "patient_patient", "doctor_slot"]),
    "cancel": (of_a_visit("cancel", BEFORE), ["doctor_slot", "appointment_appointment"]),
    "complete": (of_a_visit("complete"), ["appointment_appointment"]),
    "mark_no_show": (of_a_visit("mark_no_show"), ["appointment_appointment"]),
    "discard": (
        lambda: AppointmentFactory().discard,
        ["doctor_slot", "appointment_appointment"],
    ),
    "amend": (amending, ["appointment_appointment"]),
    "erase": (
        erasing,
        ["accounts_user", "patient_patient", "doctor_slot", "appointment_appointment"],
    ),
    "publish": (publishing, ["doctor_location", "doctor_doctor", "doctor_slot"]),
    "revise": (
        revising,
        ["doctor_location", "doctor_doctor", "doctor_slot", "appointment_appointment"],
    ),
    "unpublish": (
        lambda: ScheduleFactory().unpublish,
        ["doctor_location", "doctor_doctor", "doctor_slot", "appointment_appointment"],
    ),
    "doctor.publish": (closing, ["doctor_doctor", "doctor_slot"]),
    "location.publish": (moving, ["doctor_location"]),
}


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_locks_these_tables_in_this_order(name: str) -> None:
    prepare, tables = VERBS[name]
    assert tables == sorted(tables, key=ORDER.index)
    assert locked_by(prepare()) == tables


@pytest.mark.parametrize("name", VERBS)
def test_rows_are_locked_by_key_and_without_stopping_foreign_keys(name: str) -> None:
    locks = [sql for sql in statements(VERBS[name][0]()) if LOCK.match(sql)]
    assert [sql for sql in locks if "FOR NO KEY UPDATE" not in sql] == []
    assert [sql for sql in locks if "ORDER BY" not in sql and " LIMIT " not in sql] == []


def test_a_session_is_read_anew_once_its_calendars_are_locked() -> None:
    sql = statements(revising())
    locked = next(n for n, each in enumerate(sql) if LOCK.match(each) and "doctor_doctor" in each)
    read = next(n for n, each in enumerate(sql) if '"doctor_schedule"."capacity"' in each)
    assert locked < read


def test_all_slots_of_a_person_are_locked_in_one_statement() -> None:
    patient: Any = PatientFactory()
    for hour in (8, 12, 16):
        schedule = ScheduleFactory(start_time=f"{hour:02}:00", end_time=f"{hour + 2}:00")
        AppointmentFactory(patient=patient, slot=schedule.slots.first())
    locks = [sql for sql in statements(patient.erase) if LOCK.match(sql) and "doctor_slot" in sql]
    assert "IN (" in locks[0]
    assert len(re.findall(r"\d+", locks[0].partition("IN (")[2].partition(")")[0])) == 3
