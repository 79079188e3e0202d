"""POST /api/appointment/reschedule/{appointment_id}/"""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts.models import User
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from appointment.tests.rescheduling import assert_unmoved, free, late, moved
from doctor.tests.factories import DoctorFactory, ScheduleFactory, TimeOffFactory, day_ahead
from patient.models import Patient
from patient.tests.factories import DependentFactory
from tests.balance import assert_balanced
from tests.problems import assert_invalid, assert_problem
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(patient: Patient, client_of: Any) -> APIClient:
    made: APIClient = client_of(patient.user)
    return made


@pytest.fixture
def visit(patient: Patient) -> Appointment:
    booked: Appointment = AppointmentFactory(patient=patient)
    return booked


def reschedule(client: APIClient, visit: Appointment, slot: object) -> Any:
    return client.post(f"/api/appointment/reschedule/{visit.pk}/", {"slot_id": slot})


def detail(client: APIClient, visit: Appointment) -> Any:
    return client.get(f"/api/appointment/my-appointments/{visit.pk}/").json()


def test_the_answer_is_the_same_appointment_at_its_new_time(client, visit: Appointment) -> None:
    before, new = detail(client, visit), free(location__time_zone="America/New_York")
    response = reschedule(client, visit, new.pk)
    assert response.status_code == 200
    zone = new.location.zone
    assert response.json() == {
        **{name: value for name, value in before.items() if name != "events"},
        "doctor": {"id": new.doctor.pk, "name": new.doctor.name},
        "location": {"id": new.location.pk, "name": new.location.name},
        "slot_id": new.pk,
        "starts_at": new.starts_at.astimezone(zone).isoformat(),
        "ends_at": new.ends_at.astimezone(zone).isoformat(),
        "time_zone": "America/New_York",
        "moved": True,
        "created_at": visit.created_at.astimezone(zone).isoformat(timespec="seconds"),
    }
    for slot in (visit.slot, new):
        assert_balanced(slot)


def test_the_detail_shows_the_move_on_the_clocks_of_the_new_location(client, visit) -> None:
    new = free(location__time_zone="Asia/Tokyo")
    reschedule(client, visit, new.pk)
    shown = detail(client, visit)
    reported = shown["events"][-1]
    assert reported == {
        "kind": "rescheduled",
        "at": moved(visit).at.astimezone(new.location.zone).isoformat(timespec="seconds"),
        "by": "patient",
        "from_status": "scheduled",
        "to_status": "scheduled",
        "from_slot": visit.slot_id,
        "to_slot": new.pk,
        "undoes": None,
    }


def test_a_dependents_visit_is_moved_by_the_carer(client, patient: Patient) -> None:
    visit = AppointmentFactory(patient=DependentFactory(user=patient.user))
    new = free()
    assert reschedule(client, visit, new.pk).status_code == 200
    assert moved(visit).by == "patient"


def test_its_own_slot_is_already_booked(client, visit: Appointment) -> None:
    assert_problem(reschedule(client, visit, visit.slot_id), 409, "already_booked")
    assert_unmoved(visit)


def test_a_full_slot_comes_with_alternatives(client, visit: Appointment) -> None:
    full, *others = ScheduleFactory(date=day_ahead(5)).slots.all()
    AppointmentFactory(slot=full)
    problem = assert_problem(reschedule(client, visit, full.pk), 409, "slot_full")
    assert [slot["id"] for slot in problem["alternatives"]] == [slot.pk for slot in others]
    listed = client.get(f"/api/doctor/slots/?doctor={full.doctor_id}").json()
    assert problem["alternatives"] == listed["results"][:3]
    assert_unmoved(visit)


@pytest.mark.parametrize(
    ("rule", "value", "code"),
    [
        ("min_notice_minutes", 30 * 24 * 60, "too_soon"),
        ("horizon_days", 1, "too_far"),
        ("max_live_per_patient", 0, "too_many_appointments"),
    ],
)
def test_the_new_locations_rules_apply_to_the_new_slot(client, visit, rule, value, code) -> None:
    new = free()
    new.location.revise(**{rule: value})
    assert_problem(reschedule(client, visit, new.pk), 409, code)
    assert_unmoved(visit)


@pytest.mark.parametrize("rule", ["min_notice_minutes", "horizon_days", "max_live_per_patient"])
def test_the_old_locations_rules_do_not_apply_to_the_new_slot(
    client, visit: Appointment, rule: str
) -> None:
    visit.location.revise(**{rule: 30 * 24 * 60 if "min" in rule else 0})
    assert reschedule(client, visit, free().pk).status_code == 200


def test_the_deadline_is_that_of_the_old_location(client, visit: Appointment) -> None:
    new = free()
    new.location.revise(cancel_deadline_minutes=30 * 24 * 60)
    late(visit, new)
    assert detail(client, visit)["can_reschedule"] is False
    assert_problem(reschedule(client, visit, new.pk), 409, "cancel_deadline_passed")
    visit.location.revise(cancel_deadline_minutes=None)
    assert detail(client, visit)["can_reschedule"] is True
    assert reschedule(client, visit, new.pk).status_code == 200


def test_a_visit_that_leave_affects_moves_after_the_deadline(client, visit: Appointment) -> None:
    late(visit, visit.slot)
    TimeOffFactory(doctor=visit.doctor)
    assert detail(client, visit)["can_reschedule"] is True
    assert reschedule(client, visit, free().pk).status_code == 200


def test_the_limit_does_not_count_the_visit_that_moves(client, patient: Patient) -> None:
    here, there, *_ = ScheduleFactory(location__max_live_per_patient=1).slots.all()
    visit = AppointmentFactory(patient=patient, slot=here)
    assert reschedule(client, visit, there.pk).status_code == 200
    assert_balanced(there)


def test_a_visit_that_has_begun_cannot_be_moved(patient: Patient, visit, client_of) -> None:
    new = free()
    with time_machine.travel(visit.starts_at, tick=False) as clock:
        client = client_of(patient.user)
        assert detail(client, visit)["can_reschedule"] is False
        assert_problem(reschedule(client, visit, new.pk), 409, "not_cancelable")
        clock.shift(timedelta(seconds=-1))
        assert detail(client, visit)["can_reschedule"] is True
        assert reschedule(client, visit, new.pk).status_code == 200


def test_slots_that_the_public_does_not_see_are_absent(client, visit: Appointment) -> None:
    hidden = free(doctor=DoctorFactory(is_active=False))
    for unseen in (hidden.pk, 0, 999_999_999, 2**63 - 1):
        assert_problem(reschedule(client, visit, unseen), 404, "not_found")
    assert_unmoved(visit)


def test_another_patients_appointment_is_absent_for_every_other_user_but_staff(
    client, other_patient: Patient, doctor_user: User, client_of
) -> None:
    theirs, new = AppointmentFactory(patient=other_patient), free()
    for caller in (client, client_of(doctor_user)):
        assert_problem(reschedule(caller, theirs, new.pk), 404, "not_found")
    assert_problem(reschedule(client, Appointment(pk=999_999_999), new.pk), 404, "not_found")
    assert_unmoved(theirs)


@pytest.mark.parametrize("wrong", [None, "", "soon", 1.5, -1, 2**63, [], {}, True])
def test_an_invalid_slot_key_is_reported(client, visit: Appointment, wrong: object) -> None:
    assert_invalid(reschedule(client, visit, wrong), "slot_id")
    assert_unmoved(visit)


def test_other_fields_in_a_body_change_nothing(client, visit: Appointment) -> None:
    new = free()
    forged = {"slot_id": new.pk, "status": "completed", "patient": 1, "by": "staff"}
    answer = client.post(f"/api/appointment/reschedule/{visit.pk}/", forged).json()
    assert (answer["status"], answer["slot_id"]) == ("scheduled", new.pk)
    assert moved(visit).override_reason == ""


def test_the_cost_of_a_move_does_not_grow_with_the_visits(client, patient: Patient) -> None:
    def cost(days: int) -> int:
        visit = AppointmentFactory(patient=patient, slot=free(days, capacity=3))
        new = free(days + 1, capacity=3)
        with counted_statements() as statements:
            assert reschedule(client, visit, new.pk).status_code == 200
        return len(statements)

    cost(10)  # not counted: the first call may also renew the token's expiry
    little = cost(20)
    for days in range(40, 46):
        AppointmentFactory(patient=patient, slot=free(days))
    assert cost(30) == little
