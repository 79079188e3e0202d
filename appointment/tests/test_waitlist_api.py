"""Users join the waitlist, read their entries and answer offers through the API."""

from datetime import time, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from appointment.models import Appointment, Offer, WaitlistEntry
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from appointment.tests.waitlist import HALF_AN_HOUR, holders, waiting
from doctor.models import Slot
from doctor.tests.factories import DoctorFactory, ScheduleFactory, SpecialtyFactory, day_ahead
from patient.models import Patient
from patient.tests.factories import DependentFactory
from tests.problems import assert_invalid, assert_problem

pytestmark = pytest.mark.django_db
PATH = "/api/appointment/waitlist/"


@pytest.fixture
def client(patient: Patient, client_of) -> APIClient:
    return client_of(patient.user)


def criteria(**more: Any) -> dict[str, Any]:
    """Return a valid body that still needs a doctor or a specialty."""
    return {"from": str(day_ahead(1)), "to": str(day_ahead(20)), **more}


def offered(visit: Appointment, patient: Patient) -> WaitlistEntry:
    """Create an entry of the patient, and cancel the visit so that its place is offered to it."""
    entry = waiting(visit, patient=patient)
    visit.cancel()
    return entry


# --- Joining --------------------------------------------------------------------------------------


def test_joining_answers_the_position(visit: Appointment, patient: Patient, client) -> None:
    waiting(visit)
    WaitlistEntryFactory()
    hours = {"weekdays": [4, 0, 4], "start_time": "08:00", "end_time": "12:00"}
    answer = client.post(PATH, criteria(doctor=visit.doctor.pk, **hours))
    assert answer.status_code == 201
    entry = answer.json()
    assert entry == {
        "id": WaitlistEntry.objects.latest("pk").pk,
        "doctor": {"id": visit.doctor.pk, "name": visit.doctor.name},
        "specialty": None,
        **criteria(),
        "weekdays": [0, 4],
        "start_time": "08:00:00",
        "end_time": "12:00:00",
        "replaces": None,
        "patient": {"id": patient.pk, "name": patient.name},
        "status": "waiting",
        "position": 2,
        "offer": None,
    }
    assert client.get(answer["Location"]).json() == entry


def test_a_wish_until_midnight_is_met_by_the_last_visit_of_the_day(
    patient: Patient, client
) -> None:
    late = ScheduleFactory(start_time=time(23), end_time=time())
    hours = {"doctor": late.doctor_id, "start_time": "23:30", "end_time": "00:00"}
    free = client.post(PATH, criteria(**hours)).json()
    assert [slot["id"] for slot in free["alternatives"]] == [late.slots.last().pk]
    taken = [AppointmentFactory(slot=slot) for slot in late.slots.all()]
    assert client.post(PATH, criteria(**hours)).json()["end_time"] == "00:00:00"
    for visit in taken:
        visit.cancel()
    assert Offer.objects.get().slot == late.slots.last()


@pytest.mark.parametrize("weekdays", [None, []])
def test_joining_without_weekdays_stores_none(client, weekdays: Any) -> None:
    answer = client.post(PATH, criteria(doctor=DoctorFactory().pk, weekdays=weekdays))
    assert (answer.status_code, answer.json()["weekdays"]) == (201, None)


def test_an_entry_names_a_specialty_by_its_id(client) -> None:
    specialty = SpecialtyFactory()
    answer = client.post(PATH, criteria(specialty=specialty.pk)).json()
    assert (answer["specialty"], answer["doctor"]) == (
        {"id": specialty.pk, "name": specialty.name},
        None,
    )


def test_a_user_joins_for_a_dependent_and_for_no_stranger(
    patient: Patient, other_patient: Patient, client
) -> None:
    child, doctor = DependentFactory(user=patient.user), DoctorFactory()
    answer = client.post(PATH, criteria(doctor=doctor.pk, patient_id=child.pk))
    assert answer.json()["patient"] == {"id": child.pk, "name": child.name}
    stranger = client.post(PATH, criteria(doctor=doctor.pk, patient_id=other_patient.pk))
    assert_problem(stranger, 404, "not_found")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"to": str(day_ahead(0))}, "to"),
        ({"from": str(day_ahead(-9)), "to": str(day_ahead(-8))}, "to"),
        ({"doctor": 10**6}, "doctor"),
        ({"doctor": None}, "non_field_errors"),
        ({"weekdays": [7]}, "weekdays.0"),
        ({"weekdays": "0"}, "weekdays"),
        ({"start_time": "10:00", "end_time": "10:00"}, "end_time"),
        ({"start_time": "25:00"}, "start_time"),
        ({"from": "2026-02-30"}, "from"),
    ],
)
def test_contradictory_criteria_are_invalid(client, wrong: dict[str, Any], field: str) -> None:
    body = criteria(**{"doctor": DoctorFactory().pk, **wrong})
    assert_invalid(client.post(PATH, body), field)


def test_an_entry_names_a_doctor_or_a_specialty_but_not_both(client) -> None:
    both = criteria(doctor=DoctorFactory().pk, specialty=SpecialtyFactory().pk)
    assert_invalid(client.post(PATH, both), "non_field_errors")


def test_a_doctor_who_is_not_active_is_unknown(client) -> None:
    doctor = DoctorFactory(is_active=False)
    assert_invalid(client.post(PATH, criteria(doctor=doctor.pk)), "doctor")


def test_a_free_place_is_reported_as_an_alternative(client) -> None:
    session = ScheduleFactory()
    answer = client.post(PATH, criteria(doctor=session.doctor.pk))
    problem = assert_problem(answer, 409, "place_available")
    free = client.get("/api/doctor/slots/", {"doctor": session.doctor.pk}).json()
    assert problem["alternatives"] == free["results"][:3]


# --- Reading --------------------------------------------------------------------------------------


def test_an_offer_is_shown_with_its_slot_and_its_end(
    visit: Appointment, patient: Patient, client
) -> None:
    entry = offered(visit, patient)
    shown = client.get(f"{PATH}{entry.pk}/").json()
    assert (shown["status"], shown["position"]) == ("offered", 1)
    [listed] = Slot.objects.filter(pk=visit.slot.pk).to_list(timezone.now(), "doctor")
    expires_at = Offer.objects.get().expires_at.astimezone(visit.location.zone)
    assert shown["offer"] == {
        "slot": listed,
        "expires_at": expires_at.isoformat(timespec="seconds"),
    }


def test_the_list_is_current_before_run_due_runs(
    visit: Appointment, patient: Patient, client_of
) -> None:
    entry = offered(visit, patient)
    behind = waiting(visit)
    for after, state in (
        (HALF_AN_HOUR - timedelta(seconds=5), ("offered", 1)),
        (HALF_AN_HOUR + timedelta(seconds=5), ("waiting", 1)),
        (timedelta(days=40), ("expired", None)),
    ):
        with time_machine.travel(timezone.now() + after, tick=False):
            client = client_of(patient.user)
            shown = client.get(f"{PATH}{entry.pk}/").json()
            found = client.get(PATH, query_params={"status": state[0]}).json()
        assert (shown["status"], shown["position"]) == state
        assert (shown["offer"] is None) == (state[0] != "offered")
        assert [row["id"] for row in found["results"]] == [entry.pk]
    assert WaitlistEntry.objects.get(pk=behind.pk).status == "waiting"


def test_entries_that_no_longer_wait_are_not_counted(
    visit: Appointment, patient: Patient, client
) -> None:
    for state in ("accepted", "declined", "expired"):
        waiting(visit, status=state)
    waiting(visit, first_date=day_ahead(-9), last_date=day_ahead(-5))
    waiting(visit, doctor=None, specialty=SpecialtyFactory())
    entry = waiting(visit, patient=patient)
    assert client.get(f"{PATH}{entry.pk}/").json()["position"] == 1


def test_the_list_has_the_users_family_and_is_filtered_by_patient(
    visit: Appointment, patient: Patient, client
) -> None:
    waiting(visit)
    own = waiting(visit, patient=patient)
    childs = waiting(visit, patient=DependentFactory(user=patient.user))
    listed = [row["id"] for row in client.get(PATH).json()["results"]]
    assert listed == [own.pk, childs.pk]
    narrowed = client.get(PATH, query_params={"patient": childs.patient_id}).json()["results"]
    assert [(row["id"], row["position"]) for row in narrowed] == [(childs.pk, 3)]
    assert_invalid(client.get(PATH, query_params={"status": "junk"}), "status")


# --- Answering ------------------------------------------------------------------------------------


def test_accepting_answers_with_the_appointment(
    visit: Appointment, patient: Patient, client
) -> None:
    entry = offered(visit, patient)
    answer = client.post(f"{PATH}{entry.pk}/accept/")
    assert answer.status_code == 201
    assert answer.json() | {"slot_id": visit.slot.pk, "status": "scheduled"} == answer.json()
    read = client.get(answer["Location"]).json()
    assert read["id"] == answer.json()["id"]
    again = client.post(f"{PATH}{entry.pk}/accept/")
    assert_problem(again, 409, "no_open_offer")
    shown = client.get(f"{PATH}{entry.pk}/").json()
    assert (shown["status"], shown["position"], shown["offer"]) == ("accepted", None, None)


def test_accepting_again_with_a_key_gives_the_same_answer(
    visit: Appointment, patient: Patient, client
) -> None:
    entry = offered(visit, patient)
    once, again = (
        client.post(f"{PATH}{entry.pk}/accept/", headers={"Idempotency-Key": "k"}) for _ in range(2)
    )
    assert (again.status_code, again.content) == (201, once.content)
    assert Appointment.objects.active().count() == 1


def test_declining_and_leaving_pass_the_place_on(
    visit: Appointment, patient: Patient, client
) -> None:
    entry = offered(visit, patient)
    following = waiting(visit)
    assert client.post(f"{PATH}{entry.pk}/decline/").status_code == 204
    assert holders(visit.slot) == [following.pk]
    assert_problem(client.post(f"{PATH}{entry.pk}/decline/"), 409, "no_open_offer")
    assert client.delete(f"{PATH}{entry.pk}/").status_code == 204
    assert_problem(client.delete(f"{PATH}{entry.pk}/"), 404, "not_found")


def test_an_offered_place_is_neither_listed_nor_booked(
    visit: Appointment, patient: Patient, client
) -> None:
    offered(visit, patient)
    free = client.get(f"/api/doctor/doctors/{visit.doctor.pk}/available-slots/").json()
    assert free["results"] == []
    book = client.post(f"/api/appointment/book/{visit.doctor.pk}/", {"slot_id": visit.slot.pk})
    assert_problem(book, 409, "slot_full")


def test_an_appointment_that_was_made_meanwhile_refuses_and_the_offer_stands(
    visit: Appointment, patient: Patient, client
) -> None:
    entry = offered(visit, patient)
    AppointmentFactory(patient=patient, slot=ScheduleFactory().slots.first())
    answer = client.post(f"{PATH}{entry.pk}/accept/")
    assert_problem(answer, 409, "patient_overlap")
    assert client.get(f"{PATH}{entry.pk}/").json()["status"] == "offered"


def test_the_waitlist_position_counts_entries_for_the_same_days(
    visit: Appointment, patient: Patient, client
) -> None:
    later = visit.date + timedelta(days=30)
    waiting(visit, first_date=later, last_date=later)
    waiting(visit, first_date=visit.date, last_date=later)
    entry = waiting(visit, patient=patient, first_date=visit.date, last_date=visit.date)
    assert client.get(f"{PATH}{entry.pk}/").json()["position"] == 2
