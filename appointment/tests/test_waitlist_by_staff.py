"""Staff join, read, accept, decline and remove for a patient, in API and admin, at their sites."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from accounts.models import AuditEvent, User
from appointment.models import Appointment, AppointmentEvent, WaitlistEntry
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from appointment.tests.waitlist import holders, only_visit, waiting
from doctor.models import Location, Slot
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    SpecialtyFactory,
    day_ahead,
)
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.admin_client import AdminClient, messages_of, page
from tests.problems import assert_invalid, assert_problem

pytestmark = pytest.mark.django_db
PATH = "/api/appointment/waitlist/"


@pytest.fixture
def walk_in(db: None) -> Patient:
    """Return a patient without an account."""
    found: Patient = PatientFactory(user=None, last_name="Núñez", date_of_birth="1951-04-24")
    return found


@pytest.fixture
def client(staff: User, client_of) -> APIClient:
    return client_of(staff)


def offered_to(patient: Patient, visit: Appointment) -> WaitlistEntry:
    """Create an entry of the patient, and cancel the visit, whose place it is offered."""
    entry: WaitlistEntry = waiting(visit, patient=patient)
    visit.cancel()
    assert holders(visit.slot) == [entry.pk]
    return entry


def body(**more: Any) -> dict[str, Any]:
    return {"from": str(day_ahead(1)), "to": str(day_ahead(20)), **more}


def take_away(user: User, *names: str) -> None:
    """Take these permissions away from the group of the user."""
    for group in user.groups.all():
        group.permissions.remove(*Permission.objects.filter(codename__in=names))


# --- The way of a patient without an account ------------------------------------------------------


def test_staff_join_and_accept_for_a_patient_without_an_account(
    visit: Appointment, walk_in: Patient, client: APIClient, staff: User
) -> None:
    answer = client.post(PATH, body(doctor=visit.doctor_id, patient_id=walk_in.pk))
    assert answer.status_code == 201
    entry = client.get(answer["Location"]).json()
    assert entry == answer.json()
    assert entry["patient"] == {"id": walk_in.pk, "name": walk_in.name}
    visit.cancel()
    assert client.get(answer["Location"]).json()["status"] == "offered"
    accepted = client.post(f"{PATH}{entry['id']}/accept/")
    assert accepted.status_code == 201
    booked = Appointment.objects.get(pk=accepted.json()["id"])
    assert (booked.patient, booked.booked_by) == (walk_in, staff)
    assert booked.events.get().by == AppointmentEvent.Role.STAFF


def test_staff_decline_and_remove(
    visit: Appointment, walk_in: Patient, patient: Patient, client: APIClient
) -> None:
    entry, following = offered_to(walk_in, visit), waiting(visit, patient=patient)
    last = waiting(visit)
    assert client.post(f"{PATH}{entry.pk}/decline/").status_code == 204
    assert walk_in.declined_slots.count() == 1
    assert holders(visit.slot) == [following.pk]
    assert client.delete(f"{PATH}{following.pk}/").status_code == 204
    assert holders(visit.slot) == [last.pk]


def test_the_list_of_staff_is_their_own(visit: Appointment, client: APIClient, staff: User) -> None:
    own = waiting(visit, patient=PatientFactory(user=staff))
    waiting(visit)
    assert [row["id"] for row in client.get(PATH).json()["results"]] == [own.pk]


def test_a_read_by_staff_is_recorded_as_one_by_staff(
    visit: Appointment, walk_in: Patient, client: APIClient
) -> None:
    entry = waiting(visit, patient=walk_in)
    client.get(f"{PATH}{entry.pk}/")
    event = AuditEvent.objects.filter(action="read", object_id=entry.pk).get()
    assert (event.patient_id, event.role) == (walk_in.pk, "staff")


# --- Permissions ----------------------------------------------------------------------------------


def test_each_call_needs_its_permission(
    visit: Appointment, patient: Patient, client: APIClient, staff: User
) -> None:
    entry = offered_to(patient, visit)
    take_away(staff, "delete_waitlistentry", "change_waitlistentry", "add_waitlistentry")
    assert client.get(f"{PATH}{entry.pk}/").status_code == 200
    for answer in (
        client.delete(f"{PATH}{entry.pk}/"),
        client.post(f"{PATH}{entry.pk}/accept/"),
        client.post(f"{PATH}{entry.pk}/decline/"),
    ):
        assert_problem(answer, 403, "permission_denied")
    join = client.post(PATH, body(doctor=visit.doctor_id, patient_id=patient.pk))
    assert_problem(join, 404, "not_found")
    take_away(staff, "view_waitlistentry")
    for path in ("", "accept/", "decline/"):
        method = client.post if path else client.get
        assert_problem(method(f"{PATH}{entry.pk}/{path}"), 404, "not_found")
    assert holders(visit.slot) == [entry.pk]


def test_a_doctor_who_is_not_staff_sees_no_entry(doctor_user: User, client_of) -> None:
    entry = offered_to(PatientFactory(), only_visit(doctor=doctor_user.doctor))
    answer = client_of(doctor_user).post(f"{PATH}{entry.pk}/accept/")
    assert_problem(answer, 404, "not_found")


def test_staff_set_a_rule_aside_with_a_reason(
    visit: Appointment, walk_in: Patient, client: APIClient
) -> None:
    entry = offered_to(walk_in, visit)
    Location.objects.filter(pk=visit.location_id).update(max_live_per_patient=1)
    AppointmentFactory(
        patient=walk_in,
        slot=ScheduleFactory(location=visit.location, date=day_ahead(8)).slots.first(),
    )
    path = f"{PATH}{entry.pk}/accept/"
    assert_problem(client.post(path), 409, "too_many_appointments")
    assert_invalid(client.post(path, {"override_reason": "x\ny"}), "override_reason")
    accepted = client.post(path, {"override_reason": "Two referrals."})
    assert accepted.status_code == 201
    event = AppointmentEvent.objects.get(appointment=accepted.json()["id"])
    assert event.override_reason == "Two referrals."


def test_a_patient_sets_no_rule_aside(visit: Appointment, patient: Patient, client_of) -> None:
    entry, client = offered_to(patient, visit), client_of(patient.user)
    path = f"{PATH}{entry.pk}/accept/"
    assert_problem(client.post(path, {"override_reason": "Please."}), 403, "permission_denied")
    assert holders(visit.slot) == [entry.pk]
    assert client.post(path, {"override_reason": ""}).status_code == 201


# --- Staff of a site ------------------------------------------------------------------------------


def test_staff_of_a_site_answer_the_offers_of_their_site(
    member: User, here: Location, client_of
) -> None:
    client = client_of(member)
    doctor, there = DoctorFactory(), LocationFactory()
    near = only_visit(doctor=doctor, location=here)
    far = only_visit(doctor=doctor, location=there, date=day_ahead(6))
    mine, theirs = offered_to(PatientFactory(), near), offered_to(PatientFactory(), far)
    assert client.get(f"{PATH}{theirs.pk}/").json()["offer"] is None
    for verb in ("accept", "decline"):
        assert_problem(client.post(f"{PATH}{theirs.pk}/{verb}/"), 409, "no_open_offer")
    assert client.post(f"{PATH}{mine.pk}/accept/").status_code == 201
    assert holders(far.slot) == [theirs.pk]
    elsewhere = WaitlistEntryFactory()
    assert_problem(client.get(f"{PATH}{elsewhere.pk}/"), 404, "not_found")
    assert_problem(client.delete(f"{PATH}{elsewhere.pk}/"), 404, "not_found")


def test_staff_of_a_site_join_for_its_patients_and_its_doctors(
    member: User, here: Location, walk_in: Patient, client_of
) -> None:
    client, near, far = client_of(member), only_visit(location=here), only_visit()
    specialty = SpecialtyFactory()
    far.doctor.specialties.add(specialty)
    wish = body(doctor=near.doctor_id, patient_id=walk_in.pk)
    named = {"last_name": "núñez", "date_of_birth": "1951-04-24"}
    assert_problem(client.post(PATH, wish), 404, "not_found")
    assert_problem(client.post(PATH, {**wish, **named, "last_name": "x"}), 404, "not_found")
    elsewhere = {**wish, **named, "doctor": far.doctor_id}
    assert_invalid(client.post(PATH, elsewhere), "doctor")
    assert_invalid(
        client.post(PATH, {**elsewhere, "doctor": None, "specialty": specialty.pk}), "specialty"
    )
    assert client.post(PATH, {**wish, **named}).status_code == 201
    own = client.post(PATH, body(doctor=far.doctor_id))
    assert own.status_code == 201  # for oneself, as a patient


def test_staff_of_a_site_replace_a_visit_of_their_site(
    member: User, here: Location, client_of
) -> None:
    near, far = only_visit(location=here, date=day_ahead(6)), only_visit(date=day_ahead(7))
    Appointment.objects.filter(pk=far.pk).update(patient=near.patient)
    doctor = only_visit(location=here).doctor
    wish = body(doctor=doctor.pk, patient_id=near.patient_id)
    client = client_of(member)
    assert_problem(client.post(PATH, {**wish, "replaces": far.pk}), 404, "not_found")
    assert client.post(PATH, {**wish, "replaces": near.pk}).status_code == 201


def test_staff_of_a_site_answer_no_offer_that_moves_a_visit_elsewhere(
    member: User, here: Location, client_of
) -> None:
    doctor, client = DoctorFactory(), client_of(member)
    near = only_visit(doctor=doctor, location=here)
    far = only_visit(doctor=doctor, date=day_ahead(6))
    entry = waiting(near, patient=far.patient, replaces=far)
    near.cancel()
    assert client.get(f"{PATH}{entry.pk}/").json()["offer"] is None
    assert_problem(client.post(f"{PATH}{entry.pk}/accept/"), 409, "no_open_offer")
    [refused] = messages_of(AdminClient(member).act("accept", entry))
    assert refused == f"{entry}: Nothing is being offered, or not any more."
    assert client_of(far.patient.user).get(f"{PATH}{entry.pk}/").json()["offer"]


# --- The admin ------------------------------------------------------------------------------------


def test_the_admin_accepts_and_declines(visit: Appointment, walk_in: Patient, staff: User) -> None:
    reception = AdminClient(staff)
    other = only_visit()
    accepted, declined = offered_to(walk_in, visit), offered_to(PatientFactory(), other)
    waits = waiting(visit)
    answer = reception.act("accept", accepted, waits)
    assert messages_of(answer) == [
        f"{waits}: Nothing is being offered, or not any more.",
        "1 accepted.",
    ]
    assert Appointment.objects.get(patient=walk_in).booked_by == staff
    assert messages_of(reception.act("decline", declined)) == ["1 declined."]
    assert holders(other.slot) == []
    assert declined.patient.declined_slots.exists()


def test_the_admin_accepts_with_a_reason_what_a_rule_refuses(
    visit: Appointment, walk_in: Patient, staff: User
) -> None:
    reception, entry = AdminClient(staff), offered_to(walk_in, visit)
    Location.objects.filter(pk=visit.location_id).update(min_notice_minutes=9 * 24 * 60)
    [refused] = messages_of(reception.act("accept", entry))
    assert str(entry) in refused
    answer = reception.act("accept", entry, override_reason="The doctor agrees.")
    assert messages_of(answer) == ["1 accepted."]
    assert AppointmentEvent.objects.latest("pk").override_reason == "The doctor agrees."


def test_staff_who_may_only_view_entries_answer_no_offer_in_the_admin(
    visit: Appointment, walk_in: Patient, staff: User
) -> None:
    entry = offered_to(walk_in, visit)
    take_away(staff, "delete_waitlistentry", "change_waitlistentry")
    AdminClient(staff).act("accept", entry)
    assert holders(visit.slot) == [entry.pk]


def test_staff_enter_the_visit_that_is_replaced(
    visit: Appointment, walk_in: Patient, staff: User
) -> None:
    mine = AppointmentFactory(patient=walk_in, slot=later_slot(visit))
    path, reception = page(WaitlistEntry, "add"), AdminClient(staff)
    wish = {"patient": walk_in.pk, "doctor": visit.doctor_id}
    days = {"first_date": str(day_ahead(1)), "last_date": str(day_ahead(9))}
    reception.send(path, reception.open(path), **wish, **days, replaces=visit.pk)
    assert not WaitlistEntry.objects.exists()  # another person's visit
    reception.send(path, reception.open(path), **wish, **days, replaces=mine.pk)
    entry = WaitlistEntry.objects.get()
    assert (entry.patient, entry.replaces) == (walk_in, mine)
    assert reception.status(page(entry, "change")) == 200


def later_slot(visit: Appointment) -> Slot:
    session = ScheduleFactory(doctor=visit.doctor, location=visit.location, date=day_ahead(6))
    slot: Slot = session.slots.first()
    Slot.objects.filter(schedule=session).exclude(pk=slot.pk).delete()
    return slot
