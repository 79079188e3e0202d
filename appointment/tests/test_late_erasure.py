"""Erasing a dependent is no way around a deadline to cancel; erasing oneself is always possible."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.models import User
from accounts.tests.factories import PASSWORD
from appointment.models import Appointment, AppointmentEvent
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from appointment.tests.rescheduling import free, late
from doctor.tests.factories import ScheduleFactory
from patient.models import Patient
from patient.tests.factories import DependentFactory
from tests.admin_client import AdminClient
from tests.balance import assert_balanced
from tests.problems import assert_problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def child(patient: Patient) -> Patient:
    """Return a dependent of the account of `patient`."""
    dependent: Patient = DependentFactory(user=patient.user)
    return dependent


def late_visit(patient: Patient) -> Appointment:
    """Create a visit of the patient, whose location's deadline to cancel it has passed."""
    visit: Appointment = AppointmentFactory(patient=patient)
    late(visit, visit.slot)
    return visit


def deleted(child: Patient, client_of: Any) -> Any:
    return client_of(child.user).delete(f"/api/patient/dependents/{child.pk}/")


def cancelation(visit: Appointment) -> AppointmentEvent:
    """Return the event of the visit's cancelation, after asserting that its slot is balanced."""
    assert_balanced(visit.slot)
    return visit.events.get(kind="canceled")


# --- A dependent ----------------------------------------------------------------------------------


def test_a_dependent_with_a_visit_past_its_deadline_is_not_erased(
    child: Patient, client_of: Any
) -> None:
    early = AppointmentFactory(patient=child, slot=free(2))
    visit, entry = late_visit(child), WaitlistEntryFactory(patient=child)
    assert_problem(deleted(child, client_of), 409, "cancel_deadline_passed")
    assert Patient.objects.get(pk=child.pk).first_name == child.first_name
    assert entry in child.waitlist_entries.all()
    assert {early, visit} == set(child.appointments.active())
    for kept in (early, visit):
        assert_balanced(kept.slot)


def test_a_dependent_is_erased_while_every_visit_can_be_canceled(
    child: Patient, client_of: Any
) -> None:
    visit = AppointmentFactory(patient=child)
    visit.location.revise(cancel_deadline_minutes=60)
    assert deleted(child, client_of).status_code == 204
    assert cancelation(visit).after_deadline is False


def test_a_visit_that_the_clinic_has_to_move_keeps_no_dependent(
    child: Patient, client_of: Any
) -> None:
    visit = late_visit(child)
    Appointment.objects.update(needs_rebooking=True)
    assert deleted(child, client_of).status_code == 204
    assert cancelation(visit).after_deadline is False


def test_a_visit_that_has_begun_keeps_no_dependent(child: Patient) -> None:
    visit = late_visit(child)
    child.erase(at=visit.starts_at, keep_deadlines=True)
    visit.refresh_from_db()
    assert (visit.status, visit.patient) == ("scheduled", None)


def test_staff_erase_a_dependent_in_spite_of_a_deadline(child: Patient, superuser: User) -> None:
    visit = late_visit(child)
    AdminClient(superuser).delete(child)
    assert not Patient.objects.filter(pk=child.pk).exists()
    assert cancelation(visit).after_deadline is True


# --- Oneself --------------------------------------------------------------------------------------


def test_the_late_cancelation_of_an_erased_person_stays_counted(
    patient: Patient, client_of: Any
) -> None:
    visit = late_visit(patient)
    assert client_of(patient.user).delete("/api/patient/profile/").status_code == 204
    event = cancelation(visit)
    assert (event.after_deadline, event.detail, event.override_reason) == (True, "", "")


def test_an_account_is_deleted_with_its_dependents_in_spite_of_a_deadline(
    patient: Patient, child: Patient, client_of: Any
) -> None:
    visits = [late_visit(patient), late_visit(child)]
    answer = client_of(patient.user).post("/api/auth/delete-account/", {"password": PASSWORD})
    assert answer.status_code == 204
    assert [cancelation(visit).after_deadline for visit in visits] == [True, True]


# --- The event ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("microseconds", "late"), [(0, False), (1, True)])
@pytest.mark.parametrize("verb", ["cancel", "reschedule"])
def test_the_event_says_whether_the_deadline_had_passed(
    staff: User, verb: str, microseconds: int, late: bool
) -> None:
    visit = AppointmentFactory()
    visit.location.revise(cancel_deadline_minutes=60)
    to = {} if verb == "cancel" else {"to": ScheduleFactory().slots.first()}
    at = visit.starts_at - timedelta(minutes=60) + timedelta(microseconds=microseconds)
    getattr(visit, verb)(by=staff, at=at, override_reason="A strike", **to)
    assert visit.events.latest("pk").after_deadline is late
    assert visit.events.get(kind="booked").after_deadline is False
