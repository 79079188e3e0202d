"""POST /api/auth/delete-account/ erases the profile and the dependents, then the account."""

from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.test import Client
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.models import Device, KnownDevice, MailKind, OutgoingMessage, User
from accounts.tests.factories import PASSWORD, UserFactory
from appointment.models import Appointment, AppointmentEvent, IdempotencyKey, WaitlistEntry
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from doctor.tests.factories import ScheduleFactory, day_ahead
from patient.models import MedicalHistory, Patient
from patient.tests.factories import DependentFactory, MedicalHistoryFactory, PatientFactory
from tests.balance import assert_balanced
from tests.problems import assert_invalid, assert_problem
from tests.races import assert_in_order
from tests.threads import run_together

pytestmark = pytest.mark.django_db

DELETE = "/api/auth/delete-account/"


def delete(client: APIClient, password: Any = PASSWORD) -> Any:
    return client.post(DELETE, {"password": password})


def test_deleting_an_account_deletes_its_profile_and_dependents(
    patient: Patient, client_of
) -> None:
    child = DependentFactory(user=patient.user)
    visits = [AppointmentFactory(patient=person) for person in (patient, child)]
    for person in (patient, child):
        MedicalHistoryFactory(patient=person)
        WaitlistEntryFactory(patient=person)
    OutgoingMessage.objects.enqueue(MailKind.VERIFICATION, patient.user.email)
    OutgoingMessage.objects.enqueue(MailKind.ADDRESS_CHANGED, "old@example.com", patient.user)
    KnownDevice.objects.remember(patient.user, "Firefox")
    AccessAttempt.objects.create(username=patient.user.email, failures_since_start=3)
    assert delete(client_of(patient.user)).status_code == 204
    ours = (Patient, MedicalHistory, WaitlistEntry, AuthToken, Device, KnownDevice, OutgoingMessage)
    for model in ours:
        assert not model._default_manager.exists(), model
    assert not AccessAttempt.objects.exists()
    assert not User.objects.filter(pk=patient.user.pk).exists()
    for visit in visits:
        visit.refresh_from_db()
        assert (visit.status, visit.patient, visit.booked_by) == ("canceled", None, None)
        assert_balanced(visit.slot)


def test_the_data_of_others_stays(patient: Patient, other_patient: Patient, client_of) -> None:
    theirs = AppointmentFactory(patient=other_patient)
    client = client_of(other_patient.user)
    OutgoingMessage.objects.enqueue(MailKind.VERIFICATION, other_patient.user.email)
    assert delete(client_of(patient.user)).status_code == 204
    theirs.refresh_from_db()
    assert (theirs.status, theirs.patient) == ("scheduled", other_patient)
    assert client.get("/api/patient/profile/").status_code == 200
    assert OutgoingMessage.objects.count() == 1


def test_past_visits_and_their_events_stay_without_the_person(client_of) -> None:
    visit = AppointmentFactory(slot=ScheduleFactory(date=day_ahead(-3)).slots.first())
    user = visit.patient.user
    key = user.pk
    visit.complete()
    assert delete(client_of(user)).status_code == 204
    visit.refresh_from_db()
    assert (visit.status, visit.patient, visit.booked_by) == ("completed", None, None)
    events = AppointmentEvent.objects.filter(appointment=visit).select_related("actor")
    reported = [(e.kind, e.by, e.actor_id, e.actor, e.actor_name) for e in events]
    assert sorted(reported) == [
        ("booked", "patient", key, None, None),
        ("completed", "system", None, None, None),
    ]


def test_tokens_sessions_and_stored_answers_end_with_the_account(
    patient: Patient, client_of
) -> None:
    phone, browser, laptop = client_of(patient.user), Client(), client_of(patient.user)
    browser.force_login(patient.user)
    slot = ScheduleFactory().slots.first()
    book = f"/api/appointment/book/{slot.doctor_id}/"
    phone.post(book, {"slot_id": slot.pk}, headers={"Idempotency-Key": "once"})
    assert IdempotencyKey.objects.count() == 1
    assert delete(phone).status_code == 204
    assert_problem(laptop.get("/api/auth/profile/"), 401, "authentication_failed")
    assert browser.get("/api/auth/profile/").status_code == 401
    assert Session.objects.exists(), "the row of a session stays until clearsessions deletes it"
    assert not IdempotencyKey.objects.exists()
    assert_balanced(slot)


def test_the_address_is_free_again(patient: Patient, client_of) -> None:
    email = patient.user.email
    delete(client_of(patient.user))
    ana = {"email": email, "password": PASSWORD, "first_name": "Ana", "last_name": "Ruiz"}
    assert client_of(None).post("/api/auth/register/", ana).status_code == 201


@pytest.mark.parametrize("password", ["wrong", "", None])
def test_a_wrong_password_deletes_nothing(patient: Patient, client_of, password: Any) -> None:
    client = client_of(patient.user)
    assert_invalid(delete(client, password), "password")
    assert client.get("/api/patient/profile/").status_code == 200


@pytest.mark.parametrize("who", ["staff", "superuser", "doctor_user"])
def test_the_account_of_staff_or_of_a_doctor_is_not_deleted(
    who: str, request: pytest.FixtureRequest, client_of
) -> None:
    user = request.getfixturevalue(who)
    PatientFactory(user=user)
    problem = assert_problem(delete(client_of(user)), 403, "permission_denied")
    assert problem["detail"].startswith("Only an administrator can close")
    assert Patient.objects.filter(user=user).exists()


def test_a_browser_session_needs_the_password_too(patient: Patient) -> None:
    browser = Client()
    browser.force_login(patient.user)
    assert browser.post(DELETE, {}, "application/json").status_code == 400
    assert browser.post(DELETE, {"password": PASSWORD}, "application/json").status_code == 204


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_bookings_that_race_it_are_undone_or_find_no_account(client_of) -> None:
    patient = PatientFactory()
    child, user = DependentFactory(user=patient.user), patient.user
    AppointmentFactory(patient=patient)
    slots = list(ScheduleFactory().slots.all())
    path = f"/api/appointment/book/{slots[0].doctor_id}/"
    device = client_of(user)

    def book(number: int) -> int:
        slot = slots[number % len(slots)]
        whose = {"patient_id": child.pk} if number % 2 else {}
        key = {"Idempotency-Key": f"key {number}".replace(" ", "-")} if number % 3 else {}
        return int(device.post(path, {"slot_id": slot.pk, **whose}, headers=key).status_code)

    outcomes = run_together(8, lambda n: book(n) if n else delete(device).status_code)
    assert outcomes[0] == 204
    assert set(outcomes[1:]) <= {201, 401, 404, 409}, outcomes
    assert not User.objects.filter(pk=user.pk).exists()
    assert not Patient.objects.exists()
    assert not Appointment.objects.filter(status="scheduled").exists()
    for slot in slots:
        assert_balanced(slot)
    assert_in_order()


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_concurrent_calls_of_the_account_are_answered(client_of) -> None:
    user = PatientFactory().user
    device, email = client_of(user), {"email": user.email, "password": PASSWORD}
    calls = (
        lambda: delete(device),
        lambda: APIClient().post("/api/auth/login/", email),
        lambda: device.post("/api/auth/logout-all/"),
        lambda: device.patch("/api/auth/profile/", {"first_name": "Eva"}),
        lambda: device.post("/api/auth/verify-email/"),
        lambda: device.post("/api/patient/dependents/", {"first_name": "A", "last_name": "B"}),
        lambda: delete(device),
        lambda: APIClient().post("/api/auth/login/", email),
    )
    outcomes = run_together(len(calls), lambda number: calls[number]().status_code)
    assert all(isinstance(outcome, int) and outcome < 500 for outcome in outcomes), outcomes
    if User.objects.filter(pk=user.pk).exists():  # logout-all revoked the token first
        assert outcomes[2] == 204


def test_an_account_without_a_profile_is_deleted(client_of) -> None:
    user = UserFactory()
    assert delete(client_of(user)).status_code == 204
    assert not User.objects.exists()
