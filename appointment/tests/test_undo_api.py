"""POST undo/{id}/, and the sentences that staff get."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import StaffFactory
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from appointment.tests.rescheduling import free
from doctor.tests.factories import ScheduleFactory, SiteStaffFactory
from tests.people import reception_group
from tests.problems import assert_invalid, assert_problem

pytestmark = pytest.mark.django_db

ClientOf = Callable[[User | None], APIClient]
HOUR = timedelta(hours=1)


@pytest.fixture
def visit(doctor_user: User) -> Appointment:
    """Return a visit to `doctor_user` at 09:00 three days ahead."""
    return AppointmentFactory(slot=ScheduleFactory(doctor=doctor_user.doctor).slots.first())


def undo(client: APIClient, visit: Appointment, **body: Any) -> Any:
    return client.post(f"/api/appointment/undo/{visit.pk}/", body)


def test_staff_undo_a_cancelation(visit: Appointment, staff: User, client_of: ClientOf) -> None:
    visit.cancel(reason="The wrong line")
    answer = undo(client_of(staff), visit)
    assert answer.status_code == 200
    assert answer.json()["status"] == "scheduled"
    assert (answer.json()["canceled_at"], answer.json()["cancel_reason"]) == (None, "")
    own = client_of(visit.patient.user).get(f"/api/appointment/my-appointments/{visit.pk}/")
    assert [(event["kind"], event["undoes"]) for event in own.json()["events"]] == [
        ("booked", None),
        ("canceled", None),
        ("undone", "canceled"),
    ]
    assert_problem(undo(client_of(staff), visit), 409, "nothing_to_undo")


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_the_doctor_of_the_visit_undoes_on_its_day_alone(
    visit: Appointment, doctor_user: User, client_of: ClientOf, days: int
) -> None:
    visit.check_in(at=visit.starts_at)
    with time_machine.travel(visit.starts_at + timedelta(days=days), tick=False):
        answer = undo(client_of(doctor_user), visit)
    if days == 0:
        assert (answer.status_code, answer.json()["checked_in_at"]) == (200, None)
        assert visit.events.latest("pk").by == "doctor"
    else:
        assert_problem(answer, 403, "permission_denied")


def test_a_doctor_gives_no_override_reason(
    visit: Appointment, doctor_user: User, client_of: ClientOf
) -> None:
    visit.check_in(at=visit.starts_at)
    with time_machine.travel(visit.starts_at, tick=False):
        answer = undo(client_of(doctor_user), visit, override_reason="Please")
    assert_problem(answer, 403, "permission_denied")


def test_the_reason_is_one_line(visit: Appointment, staff: User, client_of: ClientOf) -> None:
    visit.cancel()
    client = client_of(staff)
    for wrong in ("two\nlines", "x" * 501, None, 5):
        assert_invalid(undo(client, visit, override_reason=wrong), "override_reason")


def test_staff_of_another_site_find_no_visit(
    visit: Appointment, member: User, client_of: ClientOf
) -> None:
    visit.cancel()
    assert_problem(undo(client_of(member), visit), 404, "not_found")
    SiteStaffFactory(user=member, location=visit.location)
    assert undo(client_of(member), visit).status_code == 200


@pytest.mark.parametrize("permitted", [True, False])
def test_a_doctor_who_is_staff_elsewhere_undoes_a_cancelation(
    visit: Appointment, client_of: ClientOf, permitted: bool
) -> None:
    user = StaffFactory()
    if permitted:
        user.groups.add(reception_group())
    SiteStaffFactory(user=user if permitted else StaffFactory())
    visit.doctor.revise(user=user)
    visit.cancel()
    with time_machine.travel(visit.starts_at - HOUR, tick=False):
        why = undo(client_of(user), visit, override_reason="Please")
        answer = undo(client_of(user), visit)
    assert_problem(why, 403, "permission_denied")
    assert (answer.status_code, answer.json()["status"]) == (200, "scheduled")
    assert visit.events.latest("pk").by == "doctor"


def test_a_doctor_reads_why_a_visit_is_no_no_show(
    visit: Appointment, doctor_user: User, client_of: ClientOf
) -> None:
    visit.check_in(at=visit.starts_at)
    with time_machine.travel(visit.starts_at, tick=False):
        answer = client_of(doctor_user).post(f"/api/appointment/no-show/{visit.pk}/")
    assert "The patient has checked in" in assert_problem(answer, 409, "checked_in")["detail"]


def test_a_taken_place_is_full_with_other_times(
    visit: Appointment, staff: User, client_of: ClientOf
) -> None:
    visit.cancel()
    AppointmentFactory(slot=visit.slot)
    problem = assert_problem(undo(client_of(staff), visit), 409, "slot_full")
    assert len(problem["alternatives"]) == 3


def test_staff_and_patients_get_a_sentence_each(
    visit: Appointment, staff: User, client_of: ClientOf
) -> None:
    visit.location.revise(cancel_deadline_minutes=60 * 24 * 30)
    Appointment.objects.update(needs_rebooking=True)
    own = client_of(visit.patient.user)
    patient = f"/api/appointment/reschedule/{visit.pk}/"
    rebooking = f"/api/appointment/rebooking/{visit.pk}/move/"
    to = free().pk
    with time_machine.travel(visit.starts_at, tick=False):
        to_patient = assert_problem(own.post(patient, {"slot_id": to}), 409, "not_cancelable")
        refused = client_of(staff).post(rebooking, {"slot_id": to})
        to_staff = assert_problem(refused, 409, "not_cancelable")
    assert "override reason" not in to_patient["detail"]
    assert "override reason" in to_staff["detail"]
