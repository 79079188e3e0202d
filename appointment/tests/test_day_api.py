"""GET /api/appointment/agenda/; POST check-in/{id}/, complete/{id}/ and no-show/{id}/"""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import StaffFactory
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from appointment.tests.rescheduling import free
from doctor.models import Slot
from doctor.tests.factories import LocationFactory, ScheduleFactory
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.balance import assert_balanced
from tests.problems import assert_invalid, assert_problem
from tests.statements import counted_statements

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

AGENDA = "/api/appointment/agenda/"
DAY = date(2027, 6, 1)
NOON = datetime(2027, 6, 1, 12, tzinfo=ZoneInfo("Europe/Madrid"))
VERBS = ("check-in", "complete", "no-show")
ClientOf = Callable[[User | None], APIClient]


@pytest.fixture
def visit(doctor_user: User) -> Appointment:
    """Return a visit to `doctor_user` at 09:00 on DAY."""
    return AppointmentFactory(slot=slot_of(doctor_user))


def slot_of(user: User, day: date = DAY, **session: Any) -> Slot:
    slot: Slot = ScheduleFactory(doctor=user.doctor, date=day, **session).slots.first()
    return slot


def agenda(client: APIClient, **query: str) -> list[dict[str, Any]]:
    answer = client.get(AGENDA, query)
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


def note(client: APIClient, verb: str, visit: Appointment) -> Any:
    """Post one of VERBS for the visit."""
    return client.post(f"/api/appointment/{verb}/{visit.pk}/")


# --- The agenda -----------------------------------------------------------------------------------


def test_the_agenda_shows_visits_earliest_first_with_patient_details(
    doctor_user: User, client_of: ClientOf
) -> None:
    patient = PatientFactory(date_of_birth=date(1990, 5, 17), phone_number="+34612345678")
    slots = ScheduleFactory(doctor=doctor_user.doctor, date=DAY).slots.all()
    later, sooner = (
        AppointmentFactory(slot=slot, patient=patient) for slot in (slots[2], slots[0])
    )
    AppointmentFactory(slot=slot_of(doctor_user, DAY + timedelta(days=1)))
    AppointmentFactory(slot=ScheduleFactory(date=DAY).slots.first())
    with time_machine.travel(NOON, tick=False):
        sooner.check_in()
        shown = agenda(client_of(doctor_user))
    assert [row["id"] for row in shown] == [sooner.pk, later.pk]
    assert [row["checked_in_at"] for row in shown] == ["2027-06-01T12:00:00+02:00", None]
    assert shown[0]["patient"] == {
        "id": patient.pk,
        "name": patient.name,
        "date_of_birth": "1990-05-17",
        "phone_number": "+34612345678",
    }


def test_the_agenda_shows_today_at_each_location_by_default(
    doctor_user: User, client_of: ClientOf
) -> None:
    """At noon in Madrid it is the next day in Kiritimati already."""
    far = LocationFactory(time_zone="Pacific/Kiritimati")
    here = AppointmentFactory(slot=slot_of(doctor_user, start_time=time(16), end_time=time(17)))
    tomorrow = DAY + timedelta(days=1)
    there = AppointmentFactory(slot=slot_of(doctor_user, tomorrow, location=far))
    AppointmentFactory(slot=slot_of(doctor_user, DAY, location=far, start_time=time(9, 5)))
    AppointmentFactory(slot=slot_of(doctor_user, tomorrow, start_time=time(16), end_time=time(17)))
    with time_machine.travel(NOON, tick=False):
        client = client_of(doctor_user)
        assert {row["id"] for row in agenda(client)} == {here.pk, there.pk}
        assert there.pk in {row["id"] for row in agenda(client, date="2027-06-02")}
        assert there.pk not in {row["id"] for row in agenda(client, date="2027-06-01")}


def test_another_day_can_be_asked_for(doctor_user, client_of: ClientOf, visit) -> None:
    client = client_of(doctor_user)
    assert [row["id"] for row in agenda(client, date="2027-06-01")] == [visit.pk]
    assert agenda(client, date="2027-06-02") == []
    assert agenda(client) == []


@pytest.mark.parametrize("wrong", ["soon", "2027-13-01", "01.06.2027", "2027-06-01T09:00", "0"])
def test_an_invalid_date_is_reported(doctor_user: User, client_of: ClientOf, wrong: str) -> None:
    assert_invalid(client_of(doctor_user).get(AGENDA, {"date": wrong}), "date")


def test_only_an_active_doctor_has_an_agenda(
    patient: Patient, staff: User, doctor_user: User, client_of: ClientOf
) -> None:
    assert_problem(client_of(None).get(AGENDA), 401, "not_authenticated")
    for user in (patient.user, staff):
        assert_problem(client_of(user).get(AGENDA), 403, "permission_denied")
    doctor_user.doctor.revise(is_active=False)
    assert_problem(client_of(doctor_user).get(AGENDA), 403, "permission_denied")


def test_the_agenda_shows_canceled_and_erased_visits(
    doctor_user: User, client_of: ClientOf, visit: Appointment
) -> None:
    visit.patient.erase()
    [row] = agenda(client_of(doctor_user), date="2027-06-01")
    assert (row["status"], row["patient"], row["reason"]) == ("canceled", None, "")


def test_a_full_day_costs_the_same_number_of_statements_as_one_visit(
    doctor_user: User, client_of: ClientOf, visit: Appointment
) -> None:
    with time_machine.travel(NOON, tick=False):
        client = client_of(doctor_user)

    def cost() -> int:
        with time_machine.travel(NOON, tick=False), counted_statements() as statements:
            agenda(client)
        return len(statements)

    of_one = cost()
    afternoon = slot_of(doctor_user, start_time=time(14), end_time=time(18)).schedule
    for slot in afternoon.slots.all():
        AppointmentFactory(slot=slot)
    assert cost() == of_one


# --- Check-in, complete, no-show ------------------------------------------------------------------


def test_the_day_of_a_visit_from_its_check_in_to_its_end(
    doctor_user: User, client_of: ClientOf, visit: Appointment
) -> None:
    with time_machine.travel(NOON - timedelta(hours=4), tick=False) as clock:
        client = client_of(doctor_user)
        first = note(client, "check-in", visit)
        assert (first.status_code, first.json()["checked_in_at"]) == (
            200,
            "2027-06-01T08:00:00+02:00",
        )
        clock.shift(60)
        assert note(client, "check-in", visit).content == first.content
        assert_problem(note(client, "no-show", visit), 409, "invalid_transition")
        done = note(client, "complete", visit)
        assert (done.status_code, done.json()["status"]) == (200, "completed")
        assert_problem(note(client, "complete", visit), 409, "invalid_transition")
    assert visit.events.filter(kind="checked_in").count() == 1
    assert_balanced(visit.slot)


@pytest.mark.parametrize("verb", VERBS)
def test_an_outcome_on_another_day_or_too_early_is_refused(
    staff: User, client_of: ClientOf, visit: Appointment, verb: str
) -> None:
    with time_machine.travel(NOON - timedelta(days=1), tick=False):
        assert_problem(note(client_of(staff), verb, visit), 409, "invalid_transition")
    assert visit.events.count() == 1


def test_staff_correct_and_the_doctor_does_not(
    doctor_user: User, staff: User, client_of: ClientOf, visit: Appointment
) -> None:
    with time_machine.travel(NOON, tick=False):
        doctor, reception = client_of(doctor_user), client_of(staff)
        for wrong, right, status in (
            ("no-show", "complete", "completed"),
            ("complete", "no-show", "no_show"),
        ):
            if wrong == "no-show":
                assert note(doctor, wrong, visit).status_code == 200
            assert_problem(note(doctor, right, visit), 409, "invalid_transition")
            assert note(reception, right, visit).json()["status"] == status
    roles = visit.events.order_by("pk").values_list("by", "from_status", "to_status")
    assert list(roles)[1:] == [
        ("doctor", "scheduled", "no_show"),
        ("staff", "no_show", "completed"),
        ("staff", "completed", "no_show"),
    ]


@pytest.mark.parametrize("verb", VERBS)
def test_only_its_doctor_and_staff_record_the_outcome_of_a_visit(
    visit: Appointment, staff: User, other_patient: Patient, client_of: ClientOf, verb: str
) -> None:
    stranger, clerk = free(doctor__user=other_patient.user), StaffFactory()
    assert stranger.doctor.user == other_patient.user  # another doctor
    with time_machine.travel(NOON, tick=False):
        assert_problem(note(client_of(None), verb, visit), 401, "not_authenticated")
        assert_problem(note(client_of(visit.patient.user), verb, visit), 403, "permission_denied")
        for stranger_user in (other_patient.user, clerk):
            assert_problem(note(client_of(stranger_user), verb, visit), 404, "not_found")
        absent = Appointment(pk=999_999_999)
        assert_problem(note(client_of(staff), verb, absent), 404, "not_found")
        assert visit.events.count() == 1
        assert note(client_of(staff), verb, visit).status_code == 200


def test_a_doctor_who_left_cannot_record_an_outcome(
    doctor_user, client_of: ClientOf, visit
) -> None:
    doctor_user.doctor.revise(is_active=False)
    with time_machine.travel(NOON, tick=False):
        assert_problem(note(client_of(doctor_user), "complete", visit), 404, "not_found")


def test_a_visits_detail_shows_its_history_on_the_local_clock(
    doctor_user: User, staff: User, client_of: ClientOf, patient: Patient
) -> None:
    visit = Appointment(patient=patient, slot=slot_of(doctor_user), booked_by=patient.user)
    visit.book(at=NOON - timedelta(days=1))
    with time_machine.travel(NOON, tick=False):
        note(client_of(doctor_user), "check-in", visit)
        note(client_of(staff), "complete", visit)
        path = f"/api/appointment/my-appointments/{visit.pk}/"
        shown = client_of(patient.user).get(path).json()
    nothing = {
        "from_slot": None,
        "to_slot": None,
        "undoes": None,
        "at": "2027-06-01T12:00:00+02:00",
    }
    assert shown["events"] == [
        {
            "kind": "booked",
            "by": "patient",
            "from_status": None,
            "to_status": "scheduled",
            "from_slot": None,
            "to_slot": visit.slot_id,
            "undoes": None,
            "at": "2027-05-31T12:00:00+02:00",
        },
        {
            "kind": "checked_in",
            "by": "doctor",
            "from_status": "scheduled",
            "to_status": "scheduled",
            **nothing,
        },
        {
            "kind": "completed",
            "by": "staff",
            "from_status": "scheduled",
            "to_status": "completed",
            **nothing,
        },
    ]
