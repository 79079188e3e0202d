"""An account has a limited number of visits ahead, over all its people."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import UserFactory
from appointment.models import Appointment, Offer, WaitlistEntry
from appointment.tests.factories import AppointmentFactory
from appointment.tests.rescheduling import free
from appointment.tests.waitlist import HALF_AN_HOUR, holders, offered, only_visit, waiting
from doctor.exceptions import TooManyAppointments
from doctor.models import Slot
from doctor.tests.factories import LocationFactory, day_ahead
from extensions.exceptions import DomainError
from patient.models import Patient
from patient.tests.factories import DependentFactory, PatientFactory
from tests.admin_client import AdminClient, form_errors
from tests.balance import assert_balanced
from tests.problems import assert_problem

pytestmark = pytest.mark.django_db

DAYS = 10  # days from today of a slot before all visits of these tests
LATER = 50  # and of a slot after them


def book(patient: Patient, slot: Slot, **how: Any) -> Appointment:
    return Appointment(patient=patient, slot=slot).book(**how)


def visits_ahead(patient: Patient, number: int) -> list[Appointment]:
    """Insert this number of visits of the patient, one a day from the 20th day on."""
    days = range(20, 20 + number)
    return [AppointmentFactory(patient=patient, slot=free(day)) for day in days]


def of_unverified(**names: str) -> Patient:
    """Create a patient whose account has not verified its address."""
    patient: Patient = PatientFactory(user=UserFactory(), **names)
    assert patient.user.email_verified_at is None
    return patient


@pytest.fixture
def family(patient: Patient, settings: Any) -> tuple[Patient, Patient]:
    """Return the owner of an account and a dependent, who have the cap of three visits ahead."""
    settings.MAX_AHEAD_PER_ACCOUNT = 3
    child = DependentFactory(user=patient.user)
    visits_ahead(patient, 2)
    AppointmentFactory(patient=child, slot=free(30))
    return patient, child


# --- Whose visits count ---------------------------------------------------------------------------


def test_all_people_of_an_account_share_its_cap(
    family: tuple[Patient, Patient], other_patient: Patient
) -> None:
    for person in (*family, DependentFactory(user=family[0].user)):
        slot = free(DAYS)
        with pytest.raises(TooManyAppointments):
            book(person, slot)
        assert_balanced(slot)
    book(other_patient, free(DAYS))
    book(PatientFactory(user=None), free(DAYS))


@pytest.mark.parametrize("verb", ["cancel", "complete", "mark_no_show"])
def test_a_visit_that_is_no_longer_scheduled_makes_room(
    family: tuple[Patient, Patient], verb: str
) -> None:
    first = family[0].appointments.earliest("starts_at")
    at = first.starts_at - timedelta(minutes=1)
    if verb != "mark_no_show":
        first.check_in(at=at)
    with pytest.raises(TooManyAppointments):
        book(family[1], free(LATER), at=at)
    getattr(first, verb)(at=at if verb == "cancel" else first.starts_at)
    book(family[1], free(LATER), at=at)


def test_a_visit_counts_until_it_has_ended(family: tuple[Patient, Patient]) -> None:
    first = family[0].appointments.earliest("starts_at")
    with pytest.raises(TooManyAppointments):
        book(family[1], free(LATER), at=first.ends_at - timedelta(microseconds=1))
    book(family[1], free(LATER), at=first.ends_at)


def test_a_person_without_an_account_has_no_cap(settings: Any) -> None:
    settings.MAX_AHEAD_PER_ACCOUNT = settings.MAX_AHEAD_UNVERIFIED = 1
    nobody = PatientFactory(user=None)
    visits_ahead(nobody, 2)
    book(nobody, free(DAYS))


# --- The settings ---------------------------------------------------------------------------------


def test_twenty_visits_ahead_are_the_most(patient: Patient) -> None:
    child = DependentFactory(user=patient.user)
    visits_ahead(patient, 10)
    visits_ahead(child, 9)
    book(child, free(LATER))
    with pytest.raises(TooManyAppointments):
        book(child, free(DAYS))


def test_an_account_with_an_unverified_address_has_three_until_it_verifies(client_of: Any) -> None:
    patient = of_unverified()
    visits_ahead(patient, 3)
    slot, client = free(DAYS), client_of(patient.user)
    path, body = f"/api/appointment/book/{slot.doctor_id}/", {"slot_id": slot.pk}
    assert_problem(client.post(path, body), 409, "too_many_appointments")
    User.objects.filter(pk=patient.user_id).update(email_verified_at=timezone.now())
    assert client.post(path, body).status_code == 201


@pytest.mark.parametrize(
    ("per_account", "unverified", "refused"),
    [(2, 0, True), (0, 2, True), (2, 9, True), (9, 2, True), (0, 0, False), (3, 3, False)],
)
def test_each_cap_holds_for_an_unverified_account_and_0_lifts_it(
    settings: Any, per_account: int, unverified: int, refused: bool
) -> None:
    settings.MAX_AHEAD_PER_ACCOUNT, settings.MAX_AHEAD_UNVERIFIED = per_account, unverified
    patient, slot = of_unverified(), free(DAYS)
    visits_ahead(patient, 2)
    visit = only_visit()
    waiting(visit, patient=patient)
    assert WaitlistEntry.objects.eligible_for(visit.slot, timezone.now()).exists() is not refused
    if refused:
        with pytest.raises(TooManyAppointments):
            book(patient, slot)
    else:
        book(patient, slot)


@pytest.mark.parametrize("cap", [0, 2])
def test_only_an_unverified_account_has_the_lower_cap(settings: Any, cap: int) -> None:
    settings.MAX_AHEAD_UNVERIFIED = cap
    patient = PatientFactory()
    visits_ahead(patient, 3)
    book(patient, free(DAYS))


# --- What callers are told ------------------------------------------------------------------------


def test_explained_slots_say_too_many_and_plain_ones_are_as_for_everybody(
    family: tuple[Patient, Patient], client_of: Any
) -> None:
    slot = free(DAYS)
    path = f"/api/doctor/doctors/{slot.doctor_id}/available-slots/"
    client, anybody = client_of(family[0].user), client_of(None)
    for person in family:
        explained = client.get(path, {"explain": "true", "patient": person.pk}).json()["results"]
        assert {row["reason"] for row in explained} == {"too_many"}
    for query in ({}, {"patient": family[0].pk}):
        assert client.get(path, query).json() == anybody.get(path).json()
    found = [asker.get("/api/doctor/slots/").json()["results"] for asker in (client, anybody)]
    assert found[0] == found[1]
    assert slot.pk in {row["id"] for row in found[0]}


def test_a_session_is_refused_for_the_cap_and_not_for_want_of_a_place(
    family: tuple[Patient, Patient], client_of: Any
) -> None:
    slot = free(DAYS)
    path, body = f"/api/appointment/book/{slot.doctor_id}/", {"schedule_id": slot.schedule_id}
    answer = client_of(family[0].user).post(path, {**body, "patient_id": family[1].pk})
    assert_problem(answer, 409, "too_many_appointments")


@pytest.mark.parametrize("obstacle", ["closed", "past", "full"])
def test_the_cap_stands_at_its_place_in_the_order_of_reasons(
    family: tuple[Patient, Patient], obstacle: str
) -> None:
    slot, at = free(DAYS), timezone.now()
    if obstacle == "closed":
        slot.schedule.revise(is_active=False)
    elif obstacle == "past":
        at = slot.starts_at
    else:
        AppointmentFactory(slot=slot)
    expected = {"closed": "slot_closed", "past": "slot_in_past", "full": "too_many_appointments"}
    with pytest.raises(DomainError) as refusal:
        book(family[0], slot, at=at)
    assert refusal.value.code == expected[obstacle]


# --- Staff, and moves -----------------------------------------------------------------------------


def test_staff_set_the_cap_aside_with_a_reason_that_the_event_keeps(
    family: tuple[Patient, Patient], staff: User
) -> None:
    reception, slot, add = AdminClient(staff), free(DAYS), "/admin/appointment/appointment/add/"
    filled = {"patient": family[1].pk, "slot": slot.pk, "reason": "A fall"}
    [fault] = form_errors(reception.send(add, **filled))
    assert fault.startswith(str(TooManyAppointments.staff_message))
    reception.send(add, **filled, override_reason="Sent by the hospital")
    event = slot.appointments.get().events.get()
    assert (event.by, event.override_reason) == ("staff", "Sent by the hospital")


@pytest.mark.parametrize("cap", [3, 1])
def test_a_visit_is_moved_at_the_cap_and_above_it(
    family: tuple[Patient, Patient], settings: Any, cap: int, client_of: Any
) -> None:
    settings.MAX_AHEAD_PER_ACCOUNT = cap
    visit, to = family[1].appointments.get(), free(DAYS)
    path = f"/api/appointment/reschedule/{visit.pk}/"
    answer = client_of(family[0].user).post(path, {"slot_id": to.pk})
    assert (answer.status_code, answer.json()["slot_id"]) == (200, to.pk)


# --- The waitlist ---------------------------------------------------------------------------------


def test_a_place_is_not_offered_to_an_account_at_its_cap(family: tuple[Patient, Patient]) -> None:
    visit = only_visit()
    for person in family:
        waiting(visit, patient=person)
    nobody = waiting(visit, patient=PatientFactory(user=None))
    visit.cancel()
    assert holders(visit.slot) == [nobody.pk]


@pytest.mark.parametrize("verified", [True, False])
def test_the_open_offers_of_an_account_count_towards_its_cap(settings: Any, verified: bool) -> None:
    settings.MAX_AHEAD_PER_ACCOUNT, settings.MAX_AHEAD_UNVERIFIED = (3, 0) if verified else (0, 3)
    patient = PatientFactory() if verified else of_unverified()
    people = [patient, *DependentFactory.create_batch(3, user=patient.user)]
    visits = [only_visit() for _ in people]
    entries = [waiting(visit, patient=who) for visit, who in zip(visits, people, strict=True)]
    for visit in visits:
        visit.cancel()
    assert [holders(visit.slot) for visit in visits] == [[e.pk] for e in entries[:3]] + [[]]
    for entry in entries[:3]:
        entry.accept()


def test_an_offer_that_has_expired_counts_no_more(settings: Any) -> None:
    settings.MAX_AHEAD_UNVERIFIED = 1
    patient, at = of_unverified(), timezone.now()
    people = [patient, DependentFactory(user=patient.user)]
    visits = [only_visit() for _ in people]
    entries = [waiting(visit, patient=who) for visit, who in zip(visits, people, strict=True)]
    for visit in visits:
        visit.cancel(at=at)
    at += HALF_AN_HOUR
    assert offered(visits[1].slot, at) == 1
    assert holders(visits[1].slot) == [entries[1].pk]


def test_the_open_offers_of_a_patient_count_towards_the_limit_of_the_location(
    patient: Patient,
) -> None:
    location = LocationFactory(max_live_per_patient=1)
    visits = [only_visit(location=location, date=day_ahead(day)) for day in (3, 4)]
    entry, _ = (waiting(visit, patient=patient) for visit in visits)
    for visit in visits:
        visit.cancel()
    assert [holders(visit.slot) for visit in visits] == [[entry.pk], []]


def test_an_offer_is_not_accepted_at_the_cap_and_stays_open(
    family: tuple[Patient, Patient], client_of: Any, settings: Any
) -> None:
    settings.MAX_AHEAD_PER_ACCOUNT = 4
    visit = only_visit()
    entry = waiting(visit, patient=family[1])
    visit.cancel()
    assert holders(visit.slot) == [entry.pk]
    book(family[0], free(DAYS))
    client, path = client_of(family[0].user), f"/api/appointment/waitlist/{entry.pk}/accept/"
    assert_problem(client.post(path), 409, "too_many_appointments")
    assert Offer.objects.open().count() == 1
    family[0].appointments.latest("pk").cancel()
    assert client.post(path).status_code == 201
    assert_balanced(visit.slot)
