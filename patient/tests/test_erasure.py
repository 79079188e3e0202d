"""DELETE of a profile removes the person from all tables and keeps the counts of places right."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import UserFactory
from appointment.models import Appointment, AppointmentEvent
from appointment.tests.factories import AppointmentFactory
from doctor.tests.factories import ScheduleFactory, day_ahead
from patient.models import MedicalHistory, Patient
from patient.tests.factories import MedicalHistoryFactory, PatientFactory
from tests.balance import assert_balanced

pytestmark = pytest.mark.django_db

PROFILE = "/api/patient/profile/"
# Texts that nothing else in the database holds, so a search finds what is left of the person.
CANARIES = ("Canarius", "Serinus", "Finch Lane", "Dulcinea", "600111222", "600333444", "1987-06-05")


@pytest.fixture
def user() -> User:
    return UserFactory(first_name="Ana", last_name="Ruiz")


@pytest.fixture
def person(user: User) -> Patient:
    """Return a patient whose profile and medical history hold every canary word."""
    person = PatientFactory(
        user=user,
        first_name="Canarius",
        last_name="Serinus",
        date_of_birth=date(1987, 6, 5),
        phone_number="+34600111222",
        address="Finch Lane 3",
        preferred_language="es",
        emergency_contact_name="Dulcinea",
        emergency_contact_phone="+34600333444",
    )
    MedicalHistoryFactory(patient=person, description="Canarius sneezes", notes="Canarius: seeds")
    return person


@pytest.fixture
def client(user: User, client_of) -> APIClient:
    return client_of(user)


def visit(person: Patient, days: int, **fields: Any) -> Appointment:
    slot = ScheduleFactory(date=day_ahead(days)).slots.all()[0]
    return AppointmentFactory(patient=person, slot=slot, reason="Canarius coughs", **fields)


@pytest.fixture
def visits(person: Patient, user: User) -> dict[str, Appointment]:
    """Map names to visits in every status, each with canary words in its reason.

    "forgotten" is a past visit that still has the status scheduled.
    """
    past = timezone.now() - timedelta(days=2, hours=23)
    return {
        "coming": visit(person, 5),
        "completed": visit(person, -3).complete(by=user),
        "no_show": visit(person, -4).mark_no_show(by=user),
        "forgotten": visit(person, -5),
        "canceled": visit(person, 6).cancel(by=user, reason="Canarius travels"),
        "long canceled": visit(person, -1).cancel(by=user, reason="Canarius fled", at=past),
    }


def rows_with(word: str) -> list[tuple[str, Any]]:
    """Return the (table, row) of every row of the database that holds the word."""
    with connection.cursor() as cursor:
        found = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            found += [(table, row) for row in cursor.fetchall() if word in " ".join(map(str, row))]
    return found


def test_the_search_finds_every_canary_word_before_the_erasure(person, visits) -> None:
    assert {word for word in CANARIES if rows_with(word)} == set(CANARIES)
    assert {table for table, _ in rows_with("Canarius")} == {
        "patient_patient",
        "patient_medicalhistory",
        "appointment_appointment",
        "appointment_appointmentevent",
    }


@pytest.mark.parametrize("by_id", [False, True])
def test_nothing_of_the_person_is_left_in_any_table(by_id: bool, person, visits, client) -> None:
    response = client.delete(f"{PROFILE}{person.pk}/" if by_id else PROFILE)
    assert (response.status_code, response.content) == (204, b"")
    assert {word: rows_with(word) for word in CANARIES} == {word: [] for word in CANARIES}


def test_nothing_of_the_person_is_left_in_the_log_of_the_admin(person, user, client) -> None:
    kind = ContentType.objects.get_for_model(Patient)
    LogEntry.objects.create(
        user=user,
        content_type=kind,
        object_id=person.pk,
        object_repr=str(person),
        action_flag=CHANGE,
    )
    assert rows_with("Serinus")
    client.delete(PROFILE)
    assert rows_with("Serinus") == []
    assert LogEntry.objects.count() == 1


def test_coming_visits_are_canceled_and_their_places_free_again(person, visits, client) -> None:
    client.delete(PROFILE)
    coming = visits["coming"]
    coming.refresh_from_db()
    assert (coming.status, coming.slot.taken) == ("canceled", 0)
    events = set(coming.events.values_list("kind", "actor"))
    assert events == {("booked", person.user_id), ("canceled", person.user_id)}


def test_past_visits_stay_without_the_person_and_hold_their_places(person, visits, client) -> None:
    client.delete(PROFILE)
    statuses = {}
    for name, appointment in visits.items():
        appointment.refresh_from_db()
        statuses[name] = appointment.status
        assert (appointment.patient, appointment.reason, appointment.cancel_reason) == (
            None,
            "",
            "",
        )
        assert_balanced(appointment.slot)
    assert statuses == {
        "coming": "canceled",
        "completed": "completed",
        "no_show": "no_show",
        "forgotten": "scheduled",
        "canceled": "canceled",
        "long canceled": "canceled",
    }
    held = {name for name, appointment in visits.items() if appointment.slot.taken}
    assert held == {"completed", "no_show", "forgotten"}


def test_events_are_kept_without_their_free_text(person, visits, client) -> None:
    visits["coming"].cancel(reason="Canarius is well")
    named = ("pk", "appointment", "kind", "at", "from_status", "to_status")
    before = list(AppointmentEvent.objects.values(*named))
    client.delete(PROFILE)
    assert list(AppointmentEvent.objects.values(*named)) == before
    assert set(AppointmentEvent.objects.values_list("detail", flat=True)) == {""}


def test_the_account_stays_and_can_make_a_new_profile(person, user, client) -> None:
    client.delete(PROFILE)
    assert client.get("/api/auth/profile/").json()["first_name"] == "Ana"
    assert client.get(PROFILE).status_code == 404
    assert client.delete(PROFILE).status_code == 404
    made = client.post(PROFILE, {"first_name": "Eva", "last_name": "Gil"})
    assert made.status_code == 201
    for path in ("/api/patient/medical-history/", "/api/appointment/my-appointments/"):
        assert client.get(path).json()["count"] == 0


def test_booking_after_the_erasure_makes_a_new_profile(person, user, client) -> None:
    client.delete(PROFILE)
    session = ScheduleFactory()
    book = f"/api/appointment/book/{session.doctor.pk}/"
    assert client.post(book, {"schedule_id": session.pk}).status_code == 201
    assert Patient.objects.get(user=user).name == "Ana Ruiz"


def test_an_erasure_keeps_the_data_of_other_patients(person, visits, client) -> None:
    shared = visits["coming"].slot.schedule.slots.all()[1]
    theirs = AppointmentFactory(slot=shared, reason="Flu")
    entry = MedicalHistoryFactory(patient=theirs.patient)
    client.delete(PROFILE)
    theirs.refresh_from_db()
    assert (theirs.status, theirs.reason, theirs.patient) == ("scheduled", "Flu", theirs.patient)
    assert list(MedicalHistory.objects.all()) == [entry]
    assert_balanced(shared)
