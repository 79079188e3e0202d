"""GET /api/doctor/doctors/{doctor_id}/available-slots/?explain=true"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import UserFactory
from appointment.tests.factories import AppointmentFactory
from doctor.models import Doctor, Slot
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory
from patient.models import Patient
from patient.tests.factories import DependentFactory
from tests.problems import assert_invalid, assert_problem

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

MONDAY = date(2026, 11, 30)
Client = Callable[[User | None], APIClient]


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(datetime(2026, 11, 30, 8, 30, tzinfo=UTC), tick=False) as clock:
        yield clock


@pytest.fixture
def doctor() -> Doctor:
    """Return a doctor with slots at 09:00, 09:30, 10:00 and 10:30; it is 09:30 now."""
    return ScheduleFactory(date=MONDAY).doctor


def ask(client: APIClient, doctor: Doctor, **query: object) -> Any:
    return client.get(f"/api/doctor/doctors/{doctor.pk}/available-slots/", query)


def reported(client: APIClient, doctor: Doctor, **query: object) -> dict[str, Any]:
    """Map the wall time of each slot to the `reason` and `available` that the API shows."""
    answer = ask(client, doctor, explain="true", **query)
    assert answer.status_code == 200, answer.content
    slots = answer.json()["results"]
    return {slot["starts_at"][11:16]: (slot["reason"], slot["available"]) for slot in slots}


def test_every_slot_is_shown_with_the_first_reason_against_it(doctor: Doctor) -> None:
    last = doctor.slots.last()
    AppointmentFactory(slot=last)
    afternoon = {"start_time": time(12), "end_time": time(13)}
    ScheduleFactory(doctor=doctor, date=MONDAY, is_active=False, capacity=9, **afternoon)
    assert reported(APIClient(), doctor) == {
        "09:00": ("past", 0),
        "09:30": ("past", 0),
        "10:00": (None, 1),
        "10:30": ("full", 0),
        "12:00": ("closed", 0),
        "12:30": ("closed", 0),
    }


def test_an_explained_slot_has_the_fields_of_a_listed_one_and_a_reason(doctor: Doctor) -> None:
    listed = ask(APIClient(), doctor).json()
    explained = ask(APIClient(), doctor, explain="true").json()
    free = [slot for slot in explained["results"] if slot["reason"] is None]
    assert free == [{**slot, "reason": None} for slot in listed["results"]]
    assert {**explained, "results": []} == {**listed, "results": []}


def test_notice_horizon_and_limit_of_the_location_are_reported(patient: Patient, client_of) -> None:
    place = LocationFactory(min_notice_minutes=45, horizon_days=1, max_live_per_patient=1)
    doctor = DoctorFactory()
    for day, hour in ((0, 9), (1, 11), (2, 12)):
        on, start, end = MONDAY + timedelta(days=day), time(hour, 30), time(hour + 1)
        ScheduleFactory(doctor=doctor, location=place, date=on, start_time=start, end_time=end)
    ScheduleFactory(
        doctor=doctor, location=place, date=MONDAY, start_time=time(10), end_time=time(10, 30)
    )
    client = client_of(patient.user)
    expected = {
        "09:30": ("past", 0),
        "10:00": ("too_soon", 0),
        "11:30": (None, 1),
        "12:30": ("too_far", 0),
    }
    assert reported(client, doctor) == reported(APIClient(), doctor) == expected
    AppointmentFactory(
        patient=patient,
        slot=ScheduleFactory(
            location=place, date=MONDAY, start_time=time(15), end_time=time(17)
        ).slots.first(),
    )
    assert reported(client, doctor) == {**expected, "11:30": ("too_many", 0)}
    assert reported(APIClient(), doctor) == expected


def test_the_reasons_for_a_signed_in_user_are_the_users_own(
    doctor: Doctor, patient: Patient, client_of
) -> None:
    *_, ten, half_past = doctor.slots.all()
    Slot.objects.filter(doctor=doctor).update(capacity=2)
    AppointmentFactory(patient=patient, slot=ten)
    other = ScheduleFactory(
        date=MONDAY, start_time=time(10, 45), end_time=time(11), slot_minutes=15
    )
    AppointmentFactory(patient=patient, slot=other.slots.get())
    own = reported(client_of(patient.user), doctor)
    assert own["10:00"] == ("already_booked", 0)
    assert own["10:30"] == ("patient_overlap", 0)
    for everybody in (APIClient(), client_of(UserFactory())):
        explained = reported(everybody, doctor)
        assert (explained["10:00"], explained["10:30"]) == ((None, 1), (None, 2))
    assert half_past.capacity == 1


def test_a_dependent_of_the_caller_is_chosen_by_patient(
    doctor: Doctor, patient: Patient, other_patient: Patient, client_of
) -> None:
    child = DependentFactory(user=patient.user)
    AppointmentFactory(patient=child, slot=doctor.slots.last())
    Slot.objects.filter(doctor=doctor).update(capacity=2)
    parent, stranger = client_of(patient.user), client_of(other_patient.user)
    assert reported(parent, doctor)["10:30"] == (None, 1)
    assert reported(parent, doctor, patient=patient.pk)["10:30"] == (None, 1)
    assert reported(parent, doctor, patient=child.pk)["10:30"] == ("already_booked", 0)
    for client, pk in (
        (stranger, child.pk),
        (stranger, 10**9),
        (APIClient(), child.pk),
        (parent, other_patient.pk),
        (parent, 2**63),
        (parent, -1),
    ):
        for explain in ("true", "false"):
            answer = ask(client, doctor, explain=explain, patient=pk)
            assert_problem(answer, 404, "not_found")


def test_the_plain_list_is_the_same_for_every_caller(
    doctor: Doctor, patient: Patient, client_of
) -> None:
    Slot.objects.filter(doctor=doctor).update(capacity=2)
    AppointmentFactory(patient=patient, slot=doctor.slots.last())
    mine = client_of(patient.user)
    answers = [ask(APIClient(), doctor).json(), ask(mine, doctor).json()]
    answers += [ask(mine, doctor, explain="false", patient=patient.pk).json()]
    assert answers[0] == answers[1] == answers[2]
    assert all("reason" not in slot for slot in answers[0]["results"])


def test_an_invalid_boolean_is_400(doctor: Doctor) -> None:
    for junk in ("junk", "1", "0", "yes", "on", "\0", "truee", " true"):
        assert_invalid(ask(APIClient(), doctor, explain=junk), "explain")
    for junk in ("x", "1.5", "1e400", "\0"):
        assert_invalid(ask(APIClient(), doctor, explain="true", patient=junk), "patient")
    assert reported(APIClient(), doctor, date=MONDAY).keys() == {"09:00", "09:30", "10:00", "10:30"}


def test_explaining_reads_no_slot_as_an_object(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("a slot was loaded as an object")

    monkeypatch.setattr(Slot, "from_db", refuse)
    assert len(reported(APIClient(), doctor)) == 4


def test_a_doctor_without_a_session_has_nothing_to_explain(patient: Patient, client_of) -> None:
    assert reported(client_of(patient.user), DoctorFactory()) == {}
