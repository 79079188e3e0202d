"""Staff squeeze a patient into a full time: a place is added and booked in one transaction."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from rest_framework.test import APIClient

from accounts.models import AuditEvent, User
from appointment.models import Appointment, AppointmentEvent, Offer, WaitlistEntry
from appointment.models.offer import HOLD_AFTER_EXPIRY
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from appointment.tests.rescheduling import assert_places, free
from doctor.exceptions import SlotFull
from doctor.models import Location, Schedule, Slot
from doctor.models.slot import MOST_PLACES
from doctor.tests.factories import LocationFactory, ScheduleFactory
from patient.models import Patient
from patient.tests.factories import DependentFactory, PatientFactory
from tests.admin_client import AdminClient, form_errors, messages_of, page
from tests.balance import assert_balanced
from tests.problems import assert_invalid, assert_problem
from tests.races import assert_in_order

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

WHY = {"override_reason": "A burn"}
SQUEEZED = {"squeeze_in": True, **WHY}


@pytest.fixture
def client(staff: User, client_of: Any) -> APIClient:
    made: APIClient = client_of(staff)
    return made


@pytest.fixture
def full() -> Slot:
    """Return a slot of one place, which is taken."""
    slot = free()
    AppointmentFactory(slot=slot)
    return slot


def book(client: APIClient, slot: Slot, **body: object) -> Any:
    return client.post(f"/api/appointment/book/{slot.doctor_id}/", {"slot_id": slot.pk, **body})


def walk_in() -> Patient:
    patient: Patient = PatientFactory(user=None)
    return patient


def extra_places(slot: Slot) -> tuple[int, int]:
    """Return the places of the slot, and how many of them staff have added."""
    slot.refresh_from_db()
    return slot.capacity, slot.extra_places


def test_staff_squeeze_a_patient_into_a_full_time(
    client: APIClient, staff: User, full: Slot
) -> None:
    answer = book(client, full, patient_id=walk_in().pk, **SQUEEZED)
    assert (answer.status_code, answer.json()["slot_id"]) == (201, full.pk)
    event = AppointmentEvent.objects.get(appointment=answer.json()["id"])
    assert (event.kind, event.by, event.override_reason) == ("booked", "staff", "A burn")
    assert AuditEvent.objects.get(kind="doctor.slot", object_id=full.pk).actor == staff
    assert_places((full, 2))
    assert extra_places(full) == (2, 1)
    assert_in_order()


def test_a_full_time_stays_full_for_everybody_else(client: APIClient, full: Slot) -> None:
    book(client, full, patient_id=walk_in().pk, **SQUEEZED)
    Appointment.objects.filter(slot=full).earliest("pk").cancel()
    assert extra_places(full) == (1, 0)
    for body in ({}, WHY):
        assert_problem(book(client, full, patient_id=walk_in().pk, **body), 409, "slot_full")
    listed = client.get(f"/api/doctor/doctors/{full.doctor_id}/available-slots/?explain=true")
    [reason] = [slot["reason"] for slot in listed.json()["results"] if slot["id"] == full.pk]
    assert reason == "full"
    assert_balanced(full)


def test_a_time_that_has_a_free_place_gets_no_more(client: APIClient) -> None:
    slot = free(capacity=2)
    AppointmentFactory(slot=slot)
    assert book(client, slot, patient_id=walk_in().pk, **SQUEEZED).status_code == 201
    assert extra_places(slot) == (2, 0)


def test_a_patient_is_squeezed_into_the_time_under_way(client: APIClient, full: Slot) -> None:
    with time_machine.travel(full.ends_at - timedelta(minutes=1), tick=False):
        assert book(client, full, patient_id=walk_in().pk, **SQUEEZED).status_code == 201
    with time_machine.travel(full.ends_at, tick=False):
        refused = book(client, full, patient_id=walk_in().pk, **SQUEEZED)
    assert_problem(refused, 409, "slot_in_past")
    assert extra_places(full) == (2, 1)


def test_no_patient_is_squeezed_in_without_a_reason(client: APIClient, full: Slot) -> None:
    for reason in ({}, {"override_reason": ""}, {"override_reason": "  "}):
        for whom in ({"patient_id": walk_in().pk}, {}):
            refused = book(client, full, squeeze_in=True, **whom, **reason)
            assert assert_invalid(refused, "override_reason") == {"override_reason": "required"}
    assert extra_places(full) == (1, 0)


def test_only_staff_with_the_permission_squeeze_in(
    client: APIClient, staff: User, full: Slot, patient: Patient, doctor_user: User, client_of: Any
) -> None:
    staff.groups.clear()
    for caller in (client, client_of(patient.user), client_of(doctor_user)):
        for body in (SQUEEZED, {"squeeze_in": True}):
            assert_problem(book(caller, full, **body), 403, "permission_denied")
    assert book(client, free(7), squeeze_in=False).status_code == 201
    assert extra_places(full) == (1, 0)


def test_staff_squeeze_in_their_own_with_a_reason(
    client: APIClient, staff: User, full: Slot
) -> None:
    child = DependentFactory(user=staff)
    assert book(client, full, patient_id=child.pk, **SQUEEZED).status_code == 201
    assert AppointmentEvent.objects.get(appointment__patient=child).by == "staff"


@pytest.mark.parametrize("wrong", ["perhaps", 1, None, []])
def test_squeeze_in_is_true_or_false(client: APIClient, full: Slot, wrong: Any) -> None:
    refused = book(client, full, patient_id=walk_in().pk, squeeze_in=wrong, **WHY)
    assert_invalid(refused, "squeeze_in")


def test_what_no_reason_sets_aside_stops_a_squeeze_in(client: APIClient, full: Slot) -> None:
    booked = full.appointments.get().patient
    beside = ScheduleFactory(date=full.schedule.date).slots.first()
    AppointmentFactory(slot=beside)
    expected = {"already_booked": full, "patient_overlap": beside}
    for code, slot in expected.items():
        assert_problem(book(client, slot, patient_id=booked.pk, **SQUEEZED), 409, code)
    full.schedule.revise(is_active=False)
    assert_problem(book(client, full, patient_id=walk_in().pk, **SQUEEZED), 409, "slot_closed")
    assert [extra_places(slot) for slot in (full, beside)] == [(1, 0), (1, 0)]


def test_a_thousand_places_are_the_most(client: APIClient, full: Slot) -> None:
    Slot.objects.filter(pk=full.pk).update(capacity=MOST_PLACES, taken=MOST_PLACES)
    problem = assert_problem(
        book(client, full, patient_id=walk_in().pk, **SQUEEZED), 409, "slot_full"
    )
    assert "at most 1000 places" in problem["detail"]


def test_a_session_takes_a_free_time_first_and_then_adds_to_the_earliest(
    client: APIClient,
) -> None:
    first, second, *others = slots = ScheduleFactory(slot_minutes=60).slots.order_by("starts_at")
    AppointmentFactory(slot=first)
    assert others == []
    body = {"schedule_id": first.schedule_id, **SQUEEZED}
    path = f"/api/appointment/book/{first.doctor_id}/"
    taken = [
        client.post(path, {**body, "patient_id": walk_in().pk}).json()["slot_id"] for _ in range(2)
    ]
    assert taken == [second.pk, first.pk]
    assert [extra_places(slot) for slot in slots] == [(2, 1), (1, 0)]


def test_staff_of_a_site_squeeze_in_there_alone(
    member: User, here: Location, full: Slot, client_of: Any
) -> None:
    slot = free(location=here)
    patient = AppointmentFactory(slot=slot).patient
    client = client_of(member)
    other = AppointmentFactory(slot=free(6, location=here)).patient
    assert_problem(book(client, full, patient_id=patient.pk, **SQUEEZED), 404, "not_found")
    assert book(client, slot, patient_id=other.pk, **SQUEEZED).status_code == 201
    assert extra_places(full) == (1, 0)


def test_squeezing_in_takes_staff_and_a_reason(staff: User, patient: Patient, full: Slot) -> None:
    for by, reason, error in (
        (patient.user, "", PermissionDenied),
        (patient.user, "Please", PermissionDenied),
        (staff, "", ValidationError),
    ):
        visit = Appointment(patient=patient, slot=full, booked_by=by)
        with pytest.raises(error):
            visit.book(override_reason=reason, squeeze_in=True)
    assert extra_places(full) == (1, 0)


# --- The waitlist ---------------------------------------------------------------------------------


@pytest.fixture
def waiting(full: Slot) -> WaitlistEntry:
    days = {"first_date": full.schedule.date, "last_date": full.schedule.date}
    entry: WaitlistEntry = WaitlistEntryFactory(doctor=full.doctor, **days)
    return entry


def offered(full: Slot) -> Offer:
    """Cancel the visit of the slot and return the offer of its place."""
    full.appointments.get(status="scheduled").cancel()
    offer: Offer = Offer.objects.open().get(slot=full)
    return offer


def fill(slot: Slot) -> None:
    """Book the other times of the session: the line is for the day."""
    for other in Slot.objects.filter(schedule=slot.schedule_id).exclude(pk=slot.pk):
        AppointmentFactory(slot=other)


def test_an_added_place_is_offered_to_no_waiting_patient(
    client: APIClient, full: Slot, waiting: WaitlistEntry
) -> None:
    fill(full)
    squeezed = book(client, full, patient_id=walk_in().pk, **SQUEEZED).json()["id"]
    Appointment.objects.get(pk=squeezed).cancel()
    assert not Offer.objects.exists()
    assert offered(full).entry == waiting


def test_an_offer_is_accepted_beside_an_added_place(
    client: APIClient, full: Slot, waiting: WaitlistEntry
) -> None:
    offered(full)
    assert book(client, full, patient_id=walk_in().pk, **SQUEEZED).status_code == 201
    assert extra_places(full) == (2, 1)
    waiting.refresh_from_db()
    waiting.accept()
    assert_places((full, 2))
    assert extra_places(full) == (2, 1)
    assert_in_order()


def test_a_place_whose_offer_lapses_beside_an_added_one_is_not_sold(
    client: APIClient, patient: Patient, full: Slot, waiting: WaitlistEntry, client_of: Any
) -> None:
    offer = offered(full)
    book(client, full, patient_id=walk_in().pk, **SQUEEZED)
    with time_machine.travel(offer.expires_at + HOLD_AFTER_EXPIRY, tick=False):
        listed = client.get(f"/api/doctor/slots/?doctor={full.doctor_id}").json()["results"]
        assert full.pk not in [slot["id"] for slot in listed]
        assert_problem(book(client_of(patient.user), full), 409, "slot_full")
        full.lock().offers.end_lapsed(full, offer.hold_until)
        assert extra_places(full) == (1, 0)
        assert_problem(book(client_of(patient.user), full), 409, "slot_full")
    assert_places((full, 1))


def test_withdrawn_offers_give_added_places_back(
    client: APIClient, full: Slot, waiting: WaitlistEntry
) -> None:
    offered(full)
    book(client, full, patient_id=walk_in().pk, **SQUEEZED)
    Schedule.objects.get(pk=full.schedule_id).revise(is_active=False)
    assert_places((full, 1))
    assert extra_places(full) == (1, 0)
    assert_in_order()


# --- check_invariants -----------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [{"capacity": 3}, {"taken": 0}])
def test_the_check_names_a_slot_whose_added_places_are_wrong(
    client: APIClient, full: Slot, wrong: dict[str, int]
) -> None:
    book(client, full, patient_id=walk_in().pk, **SQUEEZED)
    Slot.objects.filter(pk=full.pk).update(**wrong)
    with pytest.raises(Exception, match=rf"I4 Slot {full.pk}: 1 of \d places were added"):
        assert_in_order()


# --- The admin ------------------------------------------------------------------------------------


def test_the_admin_squeezes_a_patient_in(staff: User, full: Slot) -> None:
    admin, whose = AdminClient(staff), walk_in()
    typed = {"patient": whose.pk, "slot": full.pk, "squeeze_in": "on"}
    refused = admin.send(page(Appointment, "add"), typed)
    assert form_errors(refused) == ["To squeeze a patient in, give the reason."]
    assert messages_of(admin.send(page(Appointment, "add"), {**typed, **WHY}))
    assert full.appointments.filter(patient=whose).exists()
    assert extra_places(full) == (2, 1)
    plain = admin.send(page(Appointment, "add"), {"patient": walk_in().pk, "slot": full.pk})
    assert "No place is left" in form_errors(plain)[0]


def test_the_slot_box_finds_full_times_by_day_and_free_ones_by_name(
    staff: User, full: Slot
) -> None:
    day = full.schedule.date
    name = full.doctor.last_name.rpartition(" ")[0]

    def found(term: str) -> list[str]:
        rows = AdminClient(staff).suggestions(Appointment, "slot", term)
        return [row["text"] for row in rows]

    assert f"{full} (full)" in found(str(day))
    assert found(name)
    assert not [text for text in found(name) if "(full)" in text]
    with time_machine.travel(full.ends_at - timedelta(minutes=1)):
        assert f"{full} (full)" in found(str(day))
    with time_machine.travel(full.ends_at + timedelta(minutes=1)):
        assert f"{full} (full)" not in found(str(day))


def test_a_stale_slot_object_squeezes_by_the_stored_row(staff: User, full: Slot) -> None:
    copies = [Slot.objects.get(pk=full.pk) for _ in range(2)]
    for copy in copies:
        visit = Appointment(patient=walk_in(), slot=copy, booked_by=staff)
        visit.book(override_reason="A burn", squeeze_in=True)
    assert extra_places(full) == (3, 2)
    with pytest.raises(SlotFull):
        Appointment(patient=walk_in(), slot=full).book()


def test_limits_are_set_aside_with_the_same_reason(client: APIClient) -> None:
    slot = free(location=LocationFactory(max_live_per_patient=0))
    AppointmentFactory(slot=slot)
    assert book(client, slot, patient_id=walk_in().pk, **SQUEEZED).status_code == 201
