"""The verbs queue messages to patients in their transactions, and the worker sends what stands."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import OutgoingMessage
from accounts.tests.mailbox import post
from appointment.models import Appointment
from doctor.tests.factories import ScheduleFactory, day_ahead
from patient.models import Patient

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def noon(time_machine: Any) -> Any:
    """Stand still at a noon, outside of the quiet hours."""
    now = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
    time_machine.move_to(now, tick=False)
    return now


@pytest.fixture
def visit(patient: Patient, noon: Any) -> Any:
    patient.user.revise(email_verified_at=noon)
    session = ScheduleFactory(date=day_ahead(3))
    slot = session.slots.first()
    return Appointment(patient=patient, slot=slot, booked_by=patient.user).book()


def queued() -> list[tuple[str, Any]]:
    rows = OutgoingMessage.objects.filter(sent_at=None, given_up_at=None).order_by("pk")
    return [(row.kind, row.due_at) for row in rows]


def test_a_booking_queues_its_message_and_a_reminder(visit: Any, noon: Any) -> None:
    assert queued() == [("booked", noon), ("reminder", visit.starts_at - timedelta(days=1))]
    [message] = post()
    assert message.to == [visit.patient.user.email]


def test_a_canceled_visit_has_no_reminder(visit: Any) -> None:
    post()
    visit.cancel(by=visit.patient.user)
    assert len(post()) == 1
    assert post(visit.starts_at - timedelta(hours=1)) == []


def test_a_moved_visit_has_the_reminder_of_its_new_time(visit: Any) -> None:
    post()
    other = ScheduleFactory(doctor=visit.doctor, location=visit.location, date=day_ahead(5))
    before = visit.starts_at
    visit.reschedule(other.slots.first(), by=visit.patient.user)
    assert len(post()) == 1
    assert post(before - timedelta(hours=1)) == []
    assert len(post(visit.starts_at - timedelta(hours=1))) == 1


def test_a_patient_without_a_verified_address_is_unreachable(visit: Any) -> None:
    visit.patient.user.revise(email_verified_at=None)
    assert post() == []
    row = OutgoingMessage.objects.get(kind="booked")
    assert (row.given_up_at is not None, row.failure) == (True, "no verified address")
