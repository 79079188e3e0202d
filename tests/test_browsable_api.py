"""The browsable API: a browser sees pages and forms, and a form does what a call does."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from accounts.tests.factories import PASSWORD
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Schedule
from doctor.tests.factories import LanguageFactory, ScheduleFactory, SpecialtyFactory
from patient.models import Patient
from patient.tests.factories import MedicalHistoryFactory
from tests.routes import api_routes

pytestmark = pytest.mark.django_db
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PATHS = sorted(api_routes())


def filled_in(path: str, patient: Patient) -> str:
    """The path with the ids of objects that the patient may see."""
    appointment = AppointmentFactory(patient=patient)
    doctor = appointment.doctor
    ids = {
        "/api/doctor/doctors/{id}/": doctor,
        "/api/doctor/specialties/{id}/": SpecialtyFactory(),
        "/api/doctor/languages/{id}/": LanguageFactory(),
        "/api/doctor/locations/{id}/": appointment.location,
        "/api/doctor/schedules/{id}/": appointment.slot.schedule,
        "/api/patient/profile/{id}/": patient,
        "/api/patient/medical-history/{id}/": MedicalHistoryFactory(patient=patient),
        "/api/appointment/my-appointments/{id}/": appointment,
        "/api/appointment/cancel/{appointment_id}/": appointment,
        "/api/doctor/by-specialty/{specialty_id}/": SpecialtyFactory(),
    }
    return re.sub(r"{\w+}", str(ids.get(path, doctor).pk), path)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("is_superuser", [False, True])
def test_every_route_is_a_page_for_a_browser(
    client: Client, patient: Patient, path: str, is_superuser: bool
) -> None:
    User.objects.filter(pk=patient.user_id).update(is_staff=is_superuser, is_superuser=is_superuser)
    client.force_login(User.objects.get(pk=patient.user_id))
    response = client.get(filled_in(path, patient), headers=BROWSER)
    assert response.status_code == (200 if "GET" in api_routes()[path] else 405)
    assert response["Content-Type"].startswith("text/html")
    assert b"Clinic appointments" in response.content
    if "POST" in api_routes()[path] and not path.startswith("/api/doctor/"):
        assert b'method="POST"' in response.content


@pytest.mark.parametrize("path", ["/api/appointment/my-appointments/0/", "/api/nothing/here/"])
def test_a_missing_page_is_html_for_a_browser_and_a_problem_for_a_program(
    client: Client, patient: Patient, path: str
) -> None:
    client.force_login(patient.user)
    page, problem = client.get(path, headers=BROWSER), client.get(path)
    assert (page.status_code, problem.status_code) == (404, 404)
    assert page["Content-Type"].startswith("text/html")
    assert problem["Content-Type"] == "application/problem+json"


@pytest.fixture
def browser(patient: Patient) -> Client:
    """The patient's browser, which has to send CSRF tokens."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(patient.user)
    return browser


def submit(browser: Client, path: str, **fields: Any) -> Any:
    """Open the page and send its form, with the token that the page holds."""
    page = browser.get(path, headers=BROWSER).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token
    return browser.post(path, {**fields, "csrfmiddlewaretoken": token[1]}, headers=BROWSER)


def test_the_form_books(browser: Client, patient: Patient) -> None:
    schedule: Schedule = ScheduleFactory()
    path = f"/api/appointment/book/{schedule.doctor_id}/"
    response = submit(browser, path, slot_id=schedule.slots.first().pk, schedule_id="", reason="Ok")
    assert response.status_code == 201
    assert Appointment.objects.get().patient == patient


def test_the_form_of_a_taken_time_shows_the_refusal(browser: Client, patient: Patient) -> None:
    slot = AppointmentFactory().slot
    path = f"/api/appointment/book/{slot.doctor_id}/"
    response = submit(browser, path, slot_id=slot.pk, schedule_id="", reason="")
    assert response.status_code == 409
    assert response["Content-Type"].startswith("text/html")
    assert b"slot_full" in response.content


def test_a_form_from_elsewhere_is_refused(browser: Client) -> None:
    slot = ScheduleFactory().slots.first()
    path = f"/api/appointment/book/{slot.doctor_id}/"
    response = browser.post(path, {"slot_id": slot.pk})
    assert response.status_code == 403
    assert response.json()["code"] == "permission_denied"
    assert not Appointment.objects.exists()


def test_one_signs_in_and_out_of_it(client: Client, patient: Patient) -> None:
    given = {"username": patient.user.email.upper(), "password": PASSWORD}
    assert client.post("/api-auth/login/", given).status_code == 302
    assert client.get("/api/auth/profile/").json()["email"] == patient.user.email
    client.post("/api-auth/logout/")
    assert client.get("/api/auth/profile/").status_code == 401
