"""POST /api/appointment/cancel/{appointment_id}/"""

from datetime import timedelta

import pytest
import time_machine
from rest_framework.test import APIClient

from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.tests.factories import ScheduleFactory, day_ahead
from patient.models import Patient
from tests.balance import assert_balanced
from tests.problems import assert_invalid, assert_problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(patient: Patient, client_of) -> APIClient:
    return client_of(patient.user)


@pytest.fixture
def visit(patient: Patient) -> Appointment:
    return AppointmentFactory(patient=patient)


def cancel(client: APIClient, visit: Appointment, body: object = None):
    return client.post(f"/api/appointment/cancel/{visit.pk}/", body)


def test_canceling_answers_the_appointment_and_frees_its_place(client, visit: Appointment) -> None:
    shown = client.get(f"/api/appointment/my-appointments/{visit.pk}/").json()
    response = cancel(client, visit, {"reason": "I have a cold."})
    assert response.status_code == 200
    answer = response.json()
    changes = {
        "status": "canceled",
        "cancel_reason": "I have a cold.",
        "canceled_at": answer["canceled_at"],
        "can_cancel": False,
        "can_reschedule": False,
    }
    shown.pop("events")
    assert answer == {**shown, **changes}
    visit.refresh_from_db()
    assert visit.canceled_at is not None
    at = visit.canceled_at.astimezone(visit.location.zone)
    assert answer["canceled_at"] == at.isoformat(timespec="seconds")
    again = client.get(f"/api/appointment/my-appointments/{visit.pk}/").json()
    assert [event["kind"] for event in again.pop("events")] == ["booked", "canceled"]
    assert again == answer
    assert visit.slot.taken == 0
    assert_balanced(visit.slot)


@pytest.mark.parametrize("body", [None, {}, {"reason": ""}])
def test_no_reason_need_be_given(body: object, client, visit: Appointment) -> None:
    response = cancel(client, visit, body)
    assert (response.status_code, response.json()["cancel_reason"]) == (200, "")


def test_a_reason_has_at_most_500_characters(client, visit: Appointment) -> None:
    refused: list[object] = ["x" * 501, None, [], {}, "a\0b"]
    for wrong in refused:
        assert_invalid(cancel(client, visit, {"reason": wrong}), "reason")
    visit.refresh_from_db()
    assert visit.status == "scheduled"
    assert cancel(client, visit, {"reason": "x" * 500}).status_code == 200


def test_canceling_twice_frees_one_place(client, patient: Patient) -> None:
    slot = ScheduleFactory(capacity=2).slots.all()[0]
    mine, _ = AppointmentFactory(patient=patient, slot=slot), AppointmentFactory(slot=slot)
    assert cancel(client, mine, {"reason": "first"}).status_code == 200
    assert_problem(cancel(client, mine, {"reason": "second"}), 409, "not_cancelable")
    mine.refresh_from_db()
    assert (mine.cancel_reason, mine.slot.taken) == ("first", 1)
    assert mine.events.filter(kind="canceled").count() == 1
    assert_balanced(slot)


def test_a_visit_that_has_begun_cannot_be_canceled(patient: Patient, visit, client_of) -> None:
    detail = f"/api/appointment/my-appointments/{visit.pk}/"
    with time_machine.travel(visit.starts_at, tick=False) as clock:
        client = client_of(patient.user)
        assert client.get(detail).json()["can_cancel"] is False
        assert_problem(cancel(client, visit), 409, "not_cancelable")
        clock.shift(timedelta(seconds=-1))
        assert client.get(detail).json()["can_cancel"] is True
        assert cancel(client, visit).status_code == 200


@pytest.mark.parametrize("verb", ["complete", "mark_no_show"])
def test_a_visit_that_is_over_cannot_be_canceled(verb: str, client, patient: Patient) -> None:
    slot = ScheduleFactory(date=day_ahead(-3)).slots.all()[0]
    visit = getattr(AppointmentFactory(patient=patient, slot=slot), verb)()
    assert_problem(cancel(client, visit), 409, "not_cancelable")
    assert_balanced(slot)


def test_another_patients_appointment_is_absent(client, other_patient: Patient) -> None:
    theirs = AppointmentFactory(patient=other_patient)
    assert_problem(cancel(client, theirs), 404, "not_found")
    assert_problem(cancel(client, Appointment(pk=999_999_999)), 404, "not_found")
    theirs.refresh_from_db()
    assert theirs.status == "scheduled"
    assert_balanced(theirs.slot)


def test_state_and_unknown_fields_in_a_body_change_nothing(client, visit: Appointment) -> None:
    sent = {"status": "completed", "canceled_at": None, "cancel_reason": "x", "patient": 1}
    answer = cancel(client, visit, sent).json()
    assert (answer["status"], answer["cancel_reason"]) == ("canceled", "")
    assert answer["canceled_at"]
