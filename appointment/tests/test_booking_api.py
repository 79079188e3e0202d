"""POST /api/appointment/book/{doctor_id}/"""

from datetime import time, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.tests.factories import UserFactory
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Doctor, Slot
from doctor.tests.factories import DoctorFactory, ScheduleFactory, day_ahead
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.balance import assert_balanced
from tests.problems import assert_invalid, assert_problem

pytestmark = pytest.mark.django_db

MEMBERS = {
    "id", "status", "doctor", "location", "slot_id", "starts_at", "ends_at", "time_zone",
    "reason", "created_at", "canceled_at", "cancel_reason", "can_cancel", "can_reschedule",
    "patient", "checked_in_at", "moved",
}  # fmt: skip


@pytest.fixture
def client(patient: Patient, client_of) -> APIClient:
    return client_of(patient.user)


def book(client: APIClient, doctor: Doctor, **body: object) -> Any:
    return client.post(f"/api/appointment/book/{doctor.pk}/", body)


def book_slot(client: APIClient, slot: Slot, **body: object) -> Any:
    return book(client, slot.doctor, slot_id=slot.pk, **body)


def fill(*slots: Slot) -> None:
    for slot in slots:
        for _ in range(slot.capacity - slot.taken):
            AppointmentFactory(slot=slot)


def test_booking_a_slot_answers_the_appointment_and_its_location(client, patient: Patient) -> None:
    slot = ScheduleFactory(location__name="Centro").slots.all()[1]
    response = book_slot(client, slot, reason="Check-up")
    assert response.status_code == 201
    answer, day = response.json(), slot.schedule.date
    booked = Appointment.objects.get()
    zone = slot.location.zone
    assert set(answer) == MEMBERS
    assert answer == {
        "id": booked.pk,
        "status": "scheduled",
        "doctor": {"id": slot.doctor.pk, "name": slot.doctor.name},
        "location": {"id": slot.location.pk, "name": "Centro"},
        "slot_id": slot.pk,
        "starts_at": slot.starts_at.astimezone(zone).isoformat(),
        "ends_at": slot.ends_at.astimezone(zone).isoformat(),
        "time_zone": "Europe/Madrid",
        "reason": "Check-up",
        "created_at": booked.created_at.astimezone(zone).isoformat(timespec="seconds"),
        "canceled_at": None,
        "cancel_reason": "",
        "can_cancel": True,
        "can_reschedule": True,
        "patient": {"id": patient.pk, "name": patient.name},
        "checked_in_at": None,
        "moved": False,
    }
    assert answer["starts_at"].startswith(f"{day}T09:30:00+0")
    mine = f"/api/appointment/my-appointments/{booked.pk}/"
    assert response["Location"] == f"http://testserver{mine}"
    assert {**client.get(mine).json(), "events": None} == {**answer, "events": None}
    assert (booked.patient, booked.booked_by) == (patient, patient.user)
    assert_balanced(slot)


def test_a_session_gives_its_earliest_free_slot(client) -> None:
    session = ScheduleFactory()
    slots = list(session.slots.all())
    fill(slots[0], slots[1])
    answer = book(client, session.doctor, schedule_id=session.pk).json()
    assert (answer["slot_id"], answer["reason"]) == (slots[2].pk, "")
    for slot in slots:
        assert_balanced(slot)


def test_a_session_skips_slots_that_overlap_the_patients_own_visits(
    client, patient: Patient
) -> None:
    session = ScheduleFactory()
    slots = list(session.slots.all())
    elsewhere = ScheduleFactory(start_time=time(9, 15), end_time=time(9, 45), slot_minutes=None)
    AppointmentFactory(patient=patient, slot=elsewhere.slots.get())
    assert book(client, session.doctor, schedule_id=session.pk).json()["slot_id"] == slots[2].pk


def test_a_patient_who_books_a_session_repeatedly_gets_each_slot_once(client) -> None:
    session = ScheduleFactory(capacity=2)
    got = [book(client, session.doctor, schedule_id=session.pk) for _ in range(5)]
    assert [response.status_code for response in got] == [201] * 4 + [409]
    assert_problem(
        got[4], 409, "patient_overlap"
    )  # the only free places overlap the patient's visits


def test_a_session_with_a_free_slot_only_where_the_patient_is_busy_is_an_overlap(
    client, patient: Patient
) -> None:
    session = ScheduleFactory()
    first, *rest = session.slots.all()
    fill(*rest)
    busy = ScheduleFactory(end_time=time(9, 30))
    AppointmentFactory(patient=patient, slot=busy.slots.get())
    assert_problem(book(client, session.doctor, schedule_id=session.pk), 409, "patient_overlap")
    assert_balanced(first)


def test_a_session_without_a_free_slot_says_why(client) -> None:
    full, past = ScheduleFactory(), ScheduleFactory(date=day_ahead(-3))
    closed = ScheduleFactory(is_active=False)
    fill(*full.slots.all())
    for session, code in ((full, "slot_full"), (past, "slot_in_past"), (closed, "slot_closed")):
        assert_problem(book(client, session.doctor, schedule_id=session.pk), 409, code)


def test_a_session_half_over_gives_a_slot_that_has_not_begun(patient: Patient, client_of) -> None:
    session = ScheduleFactory()
    slots = list(session.slots.all())
    with time_machine.travel(slots[1].starts_at, tick=False):
        client = client_of(patient.user)
        answer = book(client, session.doctor, schedule_id=session.pk).json()
    assert answer["slot_id"] == slots[2].pk


def test_the_first_of_several_reasons_by_the_contract_is_reported(
    patient: Patient, client_of
) -> None:
    """After each refusal the test removes the reported reason; the API then reports the next."""
    session, busy = ScheduleFactory(slot_minutes=None), ScheduleFactory(slot_minutes=None)
    slot, other = session.slots.get(), busy.slots.get()
    before, own = (
        slot.starts_at - timedelta(hours=1),
        AppointmentFactory(patient=patient, slot=slot),
    )
    session.revise(is_active=False)
    with time_machine.travel(slot.starts_at, tick=False) as clock:
        client = client_of(patient.user)
        assert_problem(book_slot(client, slot), 409, "already_booked")
        own.cancel(at=before)
        session.revise(is_active=True)
        fill(slot)
        session.revise(is_active=False)
        overlapping = AppointmentFactory(patient=patient, slot=other)
        assert_problem(book_slot(client, slot), 409, "patient_overlap")
        overlapping.cancel(at=before)
        assert_problem(book_slot(client, slot), 409, "slot_closed")
        session.revise(is_active=True)
        assert_problem(book_slot(client, slot), 409, "slot_in_past")
        clock.move_to(before)
        assert_problem(book_slot(client, slot), 409, "slot_full")
    assert_balanced(slot)


def test_a_doctor_who_accepts_no_patients_is_closed(client) -> None:
    slot = ScheduleFactory().slots.all()[0]
    slot.doctor.accepts_patients = False
    slot.doctor.publish()
    assert_problem(book_slot(client, slot), 409, "slot_closed")
    assert_problem(book(client, slot.doctor, schedule_id=slot.schedule.pk), 409, "slot_closed")


def test_a_slot_begins_to_be_past_at_its_start(patient: Patient, client_of) -> None:
    slot = ScheduleFactory().slots.all()[0]
    with time_machine.travel(slot.starts_at, tick=False) as clock:
        client = client_of(patient.user)
        assert_problem(book_slot(client, slot), 409, "slot_in_past")
        clock.shift(timedelta(seconds=-1))
        assert book_slot(client, slot).status_code == 201


def test_a_canceled_slot_can_be_booked_again(client) -> None:
    slot = ScheduleFactory().slots.all()[0]
    first = book_slot(client, slot).json()
    assert_problem(book_slot(client, slot), 409, "already_booked")
    client.post(f"/api/appointment/cancel/{first['id']}/")
    assert book_slot(client, slot).json()["id"] != first["id"]
    assert_balanced(slot)


def test_visits_that_touch_do_not_overlap(client) -> None:
    for slot in ScheduleFactory().slots.all():
        assert book_slot(client, slot).status_code == 201


def test_a_full_slot_comes_with_the_next_three_that_the_patient_can_have(
    client, patient: Patient
) -> None:
    session = ScheduleFactory(end_time=time(12))
    slots = list(session.slots.all())
    fill(slots[1], slots[3])
    busy = ScheduleFactory(start_time=time(10), end_time=time(10, 30))
    AppointmentFactory(patient=patient, slot=busy.slots.get())  # overlaps slots[2]
    problem = assert_problem(book_slot(client, slots[1]), 409, "slot_full")
    listed = client.get(f"/api/doctor/slots/?doctor={session.doctor.pk}").json()
    by_id = {slot["id"]: slot for slot in listed["results"]}
    assert problem["alternatives"] == [by_id[slots[n].pk] for n in (4, 5, 0)]
    for alternative in problem["alternatives"]:
        assert book(client, session.doctor, slot_id=alternative["id"]).status_code == 201
    assert_problem(book_slot(client, slots[1]), 409, "slot_full")


def test_without_an_alternative_the_list_is_empty(client) -> None:
    slot = ScheduleFactory(slot_minutes=None).slots.get()
    fill(slot)
    assert assert_problem(book_slot(client, slot), 409, "slot_full")["alternatives"] == []


def test_only_listed_slots_can_be_booked(client_of) -> None:
    session = ScheduleFactory()
    slots = list(session.slots.all())
    fill(slots[2])
    path = f"/api/doctor/doctors/{session.doctor.pk}/available-slots/"
    listed = {row["id"] for row in APIClient().get(path).json()["results"]}
    for slot in slots:
        response = book_slot(client_of(PatientFactory().user), slot)
        assert response.status_code == (201 if slot.pk in listed else 409)


def test_a_first_booking_makes_the_profile_from_the_accounts_names(client_of) -> None:
    user = UserFactory(first_name="Eva", last_name="Gil")
    slots = ScheduleFactory().slots.all()
    client = client_of(user)
    for slot in slots[:2]:
        assert book_slot(client, slot).status_code == 201
    assert Patient.objects.get(user=user).name == "Eva Gil"


def test_a_booking_that_fails_makes_no_profile(client_of) -> None:
    slot = ScheduleFactory(date=day_ahead(-2)).slots.all()[0]
    user = UserFactory()
    assert_problem(book_slot(client_of(user), slot), 409, "slot_in_past")
    assert not Patient.objects.filter(user=user).exists()


def test_a_slot_or_session_of_another_doctor_is_404(client) -> None:
    session, other = ScheduleFactory(), ScheduleFactory()
    theirs = other.slots.all()[0]
    absent = Doctor(pk=999_999_999)
    hidden = ScheduleFactory(doctor=DoctorFactory(is_active=False))
    for doctor, body in (
        (session.doctor, {"slot_id": theirs.pk}),
        (session.doctor, {"schedule_id": other.pk}),
        (session.doctor, {"slot_id": 2**63 - 1}),
        (session.doctor, {"schedule_id": 0}),
        (absent, {"slot_id": theirs.pk}),
        (hidden.doctor, {"slot_id": hidden.slots.all()[0].pk}),
        (hidden.doctor, {"schedule_id": hidden.pk}),
    ):
        assert_problem(book(client, doctor, **body), 404, "not_found")
    assert not Appointment.objects.exists()


@pytest.mark.parametrize("name", ["slot_id", "schedule_id"])
def test_an_invalid_id_is_400(name: str, client) -> None:
    doctor = DoctorFactory()
    refused: list[object] = ["x", "", None, -1, 1.5, 10**22, 1e300, [], {}, True, "9" * 5000, "\0"]
    for junk in refused:
        assert_invalid(book(client, doctor, **{name: junk}), name)


def test_a_body_must_name_either_a_slot_or_a_session(client) -> None:
    slot = ScheduleFactory().slots.all()[0]
    both = {"slot_id": slot.pk, "schedule_id": slot.schedule.pk}
    assert_invalid(book(client, slot.doctor, **both), "non_field_errors")
    assert_invalid(book(client, slot.doctor, reason="Cough"), "non_field_errors")


def test_a_reason_has_at_most_500_characters(client) -> None:
    first, second, *_ = ScheduleFactory().slots.all()
    assert book_slot(client, first, reason="x" * 500).status_code == 201
    refused: list[object] = ["x" * 501, None, [], "a\0b"]
    for wrong in refused:
        assert_invalid(book_slot(client, second, reason=wrong), "reason")


def test_state_and_unknown_fields_in_a_body_change_nothing(client, patient: Patient) -> None:
    slot = ScheduleFactory().slots.all()[0]
    other = PatientFactory()
    sent = {"id": 9, "status": "completed", "patient": other.pk}
    answer = book_slot(client, slot, **sent, canceled_at=str(timezone.now()), junk=1).json()
    assert (answer["status"], answer["canceled_at"]) == ("scheduled", None)
    assert Appointment.objects.get().patient == patient
