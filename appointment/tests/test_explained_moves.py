"""GET available-slots/?explain=true&appointment={id}: the reasons against moving that visit."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import StaffFactory
from appointment.models import Appointment
from appointment.serializers.slots import ExplainedSlotSerializer
from appointment.tests.factories import AppointmentFactory
from appointment.views.booking import RescheduleView
from doctor.exceptions import REFUSALS
from doctor.models import Doctor, Location
from doctor.tests.factories import DoctorFactory, ScheduleFactory, SiteStaffFactory
from patient.models import Patient
from patient.tests.factories import DependentFactory
from tests.audit_events import events
from tests.people import reception_group
from tests.problems import assert_invalid, assert_problem
from tests.sample_data import rolled_back
from tests.statements import counted_statements

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

MONDAY = date(2026, 11, 30)
Client = Callable[[User | None], APIClient]


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(datetime(2026, 11, 30, 8, tzinfo=UTC), tick=False) as clock:
        yield clock


@pytest.fixture
def doctor() -> Doctor:
    """Return a doctor with slots at 09:30, 10:00 and 10:30; it is 09:00 now."""
    return ScheduleFactory(date=MONDAY, start_time=time(9, 30)).doctor


@pytest.fixture
def visit(doctor: Doctor, patient: Patient) -> Appointment:
    """Return the patient's visit at 10:00."""
    return AppointmentFactory(patient=patient, slot=doctor.slots.order_by("starts_at")[1])


def ask(client: APIClient, doctor: Doctor, **query: object) -> Any:
    query = {"explain": "true", **query}
    return client.get(f"/api/doctor/doctors/{doctor.pk}/available-slots/", query)


def reasons(client: APIClient, doctor: Doctor, visit: Appointment, **query: object) -> list[Any]:
    """Return the reason of each slot, the earliest first."""
    answer = ask(client, doctor, appointment=visit.pk, **query)
    assert answer.status_code == 200, answer.content
    slots = answer.json()["results"]
    assert all((slot["available"] > 0) is (slot["reason"] is None) for slot in slots)
    return [slot["reason"] for slot in slots]


def moved(client: APIClient, doctor: Doctor, visit: Appointment) -> list[Any]:
    """Return, for each slot, the reason for which the visit cannot be moved there, or None."""
    codes = {refusal.code: reason for reason, refusal in REFUSALS.items()}
    found = []
    for slot in doctor.slots.order_by("starts_at"):
        with rolled_back():
            body = {"slot_id": slot.pk}
            answer = client.post(f"/api/appointment/reschedule/{visit.pk}/", body)
        code = None if answer.status_code == 200 else answer.json()["code"]
        found.append(codes.get(code, code))
    return found


def test_the_visit_is_no_obstacle_to_itself(
    client_of: Client, doctor: Doctor, visit: Appointment
) -> None:
    """A half-hour visit may move by a quarter of an hour; its own slot is booked already."""
    colleague = ScheduleFactory(
        date=MONDAY, start_time=time(9, 45), end_time=time(10, 15), slot_minutes=30
    ).doctor
    mine = client_of(visit.booked_by)
    assert reasons(mine, doctor, visit) == [None, "already_booked", None]
    assert reasons(mine, colleague, visit) == [None]
    assert ask(mine, colleague).json()["results"][0]["reason"] == "patient_overlap"


def test_other_visits_of_the_patient_are_obstacles(
    client_of: Client, doctor: Doctor, visit: Appointment
) -> None:
    slot = ScheduleFactory(
        date=MONDAY, start_time=time(9, 20), end_time=time(9, 40), slot_minutes=20
    ).slots.get()
    AppointmentFactory(patient=visit.patient, slot=slot)
    mine = client_of(visit.booked_by)
    assert reasons(mine, doctor, visit) == ["patient_overlap", "already_booked", None]
    assert moved(mine, doctor, visit) == ["patient_overlap", "already_booked", None]


def test_the_limit_and_the_cap_do_not_count_the_visit(
    client_of: Client, doctor: Doctor, visit: Appointment, settings: Any
) -> None:
    settings.MAX_AHEAD_PER_ACCOUNT = 1
    visit.location.revise(max_live_per_patient=1)
    mine = client_of(visit.booked_by)
    assert [slot["reason"] for slot in ask(mine, doctor).json()["results"]] == [
        "too_many", "already_booked", "too_many",
    ]  # fmt: skip
    assert reasons(mine, doctor, visit) == [None, "already_booked", None]
    elsewhere = ScheduleFactory(location=visit.location, date=date(2026, 12, 1)).slots.first()
    AppointmentFactory(patient=visit.patient, slot=elsewhere)
    assert reasons(mine, doctor, visit) == ["too_many", "already_booked", "too_many"]
    assert moved(mine, doctor, visit) == ["too_many", "already_booked", "too_many"]


def canceled(visit: Appointment, clock: Any) -> str:
    visit.cancel()
    return "not_cancelable"


def begun(visit: Appointment, clock: Any) -> str:
    clock.move_to(visit.starts_at)
    return "not_cancelable"


def late(visit: Appointment, clock: Any = None) -> str:
    visit.location.revise(cancel_deadline_minutes=61)
    return "cancel_deadline_passed"


def checked_in(visit: Appointment, clock: Any) -> str:
    visit.check_in()
    return "checked_in"


@pytest.mark.parametrize("happens", [canceled, begun, late, checked_in])
def test_a_visit_that_cannot_be_moved_gives_every_slot_its_code(
    happens: Any, client_of: Client, doctor: Doctor, visit: Appointment, clock: Any
) -> None:
    code, mine = happens(visit, clock), client_of(visit.booked_by)
    assert reasons(mine, doctor, visit) == [code] * 3
    assert moved(mine, doctor, visit) == [code] * 3


def test_a_visit_of_the_work_list_has_no_deadline(
    client_of: Client, doctor: Doctor, visit: Appointment
) -> None:
    late(visit)
    Appointment.objects.filter(pk=visit.pk).update(needs_rebooking=True)
    assert reasons(client_of(visit.booked_by), doctor, visit) == [None, "already_booked", None]


def test_the_visit_of_a_dependent_is_explained(
    client_of: Client, doctor: Doctor, patient: Patient
) -> None:
    child = DependentFactory(user=patient.user)
    visit = AppointmentFactory(patient=child, slot=doctor.slots.order_by("starts_at")[0])
    mine = client_of(patient.user)
    assert reasons(mine, doctor, visit) == ["already_booked", None, None]
    assert reasons(mine, doctor, visit, patient=child.pk) == ["already_booked", None, None]
    assert_invalid(ask(mine, doctor, appointment=visit.pk, patient=patient.pk), "patient")


def test_anothers_visit_looks_absent_for_patients_and_doctors(
    client_of: Client, visit: Appointment, other_patient: Patient, doctor_user: User
) -> None:
    Doctor.objects.filter(pk=doctor_user.doctor.pk).update(user=None)
    Doctor.objects.filter(pk=visit.doctor_id).update(user=doctor_user)
    for user in (other_patient.user, doctor_user, StaffFactory(), None):
        for pk in (visit.pk, 10**9, 2**63, -1):
            answer = ask(client_of(user), visit.doctor, appointment=pk)
            assert_problem(answer, 404, "not_found")


def test_the_visit_of_another_than_the_named_patient_is_400(
    client_of: Client, doctor: Doctor, visit: Appointment, other_patient: Patient
) -> None:
    mine = client_of(visit.booked_by)
    for pk in (other_patient.pk, 10**9):
        assert_invalid(ask(mine, doctor, appointment=visit.pk, patient=pk), "patient")
    other = client_of(other_patient.user)
    answer = ask(other, doctor, appointment=visit.pk, patient=other_patient.pk)
    assert_problem(answer, 404, "not_found")


def test_a_visit_without_explain_and_junk_are_400(
    client_of: Client, doctor: Doctor, visit: Appointment
) -> None:
    mine = client_of(visit.booked_by)
    assert_invalid(ask(mine, doctor, appointment=visit.pk, explain="false"), "appointment")
    for junk in ("x", "1.5", "\0"):
        assert_invalid(ask(mine, doctor, appointment=junk), "appointment")


def test_staff_explain_the_moves_at_their_sites(
    client_of: Client, member: User, here: Location, patient: Patient
) -> None:
    """Slots at other sites are absent, as they are for the call that moves."""
    doctor = ScheduleFactory(date=MONDAY, start_time=time(9, 30), location=here).doctor
    ScheduleFactory(doctor=doctor, date=MONDAY, start_time=time(14), end_time=time(15))
    visit = AppointmentFactory(patient=patient, slot=doctor.slots.order_by("starts_at")[1])
    there = AppointmentFactory(slot=ScheduleFactory(doctor=doctor).slots.first())
    client = client_of(member)
    assert reasons(client, doctor, visit) == [None, "already_booked", None]
    visible = [None, "already_booked", None]
    assert moved(client, doctor, visit) == [*visible, *["not_found"] * 2, *["not_found"] * 4]
    assert_problem(ask(client, doctor, appointment=there.pk), 404, "not_found")


def test_staff_get_the_code_of_the_patient(
    client_of: Client, staff: User, doctor: Doctor, visit: Appointment
) -> None:
    late(visit)
    client = client_of(staff)
    assert reasons(client, doctor, visit) == ["cancel_deadline_passed"] * 3
    assert moved(client, doctor, visit) == ["cancel_deadline_passed"] * 3


def test_a_check_in_does_not_bind_staff(
    client_of: Client, staff: User, doctor: Doctor, visit: Appointment
) -> None:
    visit.check_in()
    client = client_of(staff)
    assert reasons(client, doctor, visit) == [None, "already_booked", None]
    assert moved(client, doctor, visit) == [None, "already_booked", None]


def test_the_visit_of_an_erased_person_cannot_be_moved(
    client_of: Client, staff: User, doctor: Doctor, visit: Appointment
) -> None:
    visit.patient.erase()
    assert reasons(client_of(staff), doctor, visit) == ["not_cancelable"] * 3


def test_staff_who_are_patients_too_see_all_sites_for_their_own_visit(
    client_of: Client, here: Location, doctor: Doctor
) -> None:
    """A member of staff who moves an own visit acts as a patient."""
    user = StaffFactory()
    user.groups.add(reception_group())
    SiteStaffFactory(user=user, location=here)
    visit = Appointment.objects.book_own(user, doctor.pk, slot_id=doctor.slots.first().pk)
    assert len(reasons(client_of(User.objects.get(pk=user.pk)), doctor, visit)) == 3


def test_every_code_of_the_verb_is_in_the_document() -> None:
    field: Any = ExplainedSlotSerializer().fields["reason"]
    codes = {refusal.code for refusal in REFUSALS.values()}
    assert set(RescheduleView.conflicts["post"]) - codes <= set(field.choices)
    assert set(REFUSALS) | {"checked_in"} <= set(field.choices)


def test_the_read_and_the_denial_are_recorded(
    client_of: Client, doctor: Doctor, visit: Appointment, other_patient: Patient
) -> None:
    with events() as read:
        reasons(client_of(visit.booked_by), doctor, visit)
    assert [(e.action, e.object_id, e.patient_id, e.outcome) for e in read] == [
        ("read", visit.pk, visit.patient_id, "allowed")
    ]
    with events() as denied:
        ask(client_of(other_patient.user), doctor, appointment=visit.pk)
    assert [(e.action, e.object_id, e.outcome) for e in denied] == [("read", visit.pk, "denied")]


def test_explaining_a_move_takes_one_statement_more_than_explaining_a_booking(
    client_of: Client, doctor: Doctor, visit: Appointment
) -> None:
    mine, costs = client_of(visit.booked_by), []
    for query in ({}, {"appointment": visit.pk}):
        with counted_statements() as found:
            ask(mine, doctor, **query)
        costs.append(len(found))
    assert costs[1] <= costs[0] + 1


def test_a_doctor_without_a_session_has_nothing_to_explain(
    client_of: Client, visit: Appointment
) -> None:
    assert reasons(client_of(visit.booked_by), DoctorFactory(), visit) == []
