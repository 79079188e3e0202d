"""Visits in Spanish: refusals over the API, pages of the admin, and what is stored in English."""

from datetime import timedelta

import pytest

from accounts.models import User
from appointment.models import AppointmentEvent, WorkListItem
from appointment.tests.factories import AppointmentFactory
from doctor.tests.factories import ScheduleFactory, TimeOffFactory
from patient.models import Patient
from tests.admin_client import AdminClient, page

pytestmark = pytest.mark.django_db
SPANISH = {"headers": {"accept-language": "es"}}


def test_a_refusal_is_in_the_language_of_the_call(patient: Patient, client_of) -> None:
    visit = AppointmentFactory(patient=patient)
    visit.cancel()
    client, path = client_of(patient.user), f"/api/appointment/cancel/{visit.pk}/"
    spanish, english = client.post(path, **SPANISH).json(), client.post(path).json()
    assert spanish["detail"] == "Solo se puede cancelar una cita programada que no haya empezado."
    assert (
        english["detail"]
        == "Only an appointment that is scheduled and has not begun can be canceled."
    )
    assert spanish["code"] == english["code"] == "not_cancelable"


def test_the_work_list_is_in_the_language_of_the_page(staff: User) -> None:
    visit = AppointmentFactory()
    TimeOffFactory(doctor=visit.doctor, starts_at=visit.starts_at)
    client, path = AdminClient(staff).client, page(WorkListItem)
    spanish = client.get(path, headers={"accept-language": "es"}).content.decode()
    assert "el médico está ausente" in spanish
    assert "Citas por reubicar" in spanish
    assert "the doctor is away" in client.get(path).content.decode()


def test_the_history_of_a_move_is_stored_in_english(patient: Patient, client_of) -> None:
    visit = AppointmentFactory(patient=patient)
    later = visit.date + timedelta(days=1)
    slot = ScheduleFactory(doctor=visit.doctor, location=visit.location, date=later).slots.first()
    path = f"/api/appointment/reschedule/{visit.pk}/"
    assert client_of(patient.user).post(path, {"slot_id": slot.pk}, **SPANISH).status_code == 200
    event = AppointmentEvent.objects.get(appointment=visit, kind="rescheduled")
    assert event.detail == f"{visit.slot} to {slot}"
