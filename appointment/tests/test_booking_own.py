"""A booking creates a missing profile, and ends an offer whose hold has lapsed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AuditEvent
from accounts.tests.factories import UserFactory
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from appointment.tests.waitlist import HOLD, holders, only_visit, waiting
from doctor.exceptions import SlotFull
from doctor.tests.factories import ScheduleFactory
from patient.models import Patient
from tests.balance import assert_balanced

pytestmark = pytest.mark.django_db

INSTANT = timedelta(microseconds=1)


def test_a_lapsed_hold_gives_way_and_its_entry_waits_again(patient: Patient) -> None:
    visit, at = only_visit(), timezone.now()
    entry, slot = waiting(visit), visit.slot
    visit.cancel(at=at)
    with pytest.raises(SlotFull):
        Appointment(patient=patient, slot=slot).book(at=at + HOLD - INSTANT)
    assert holders(slot) == [entry.pk]
    Appointment(patient=patient, slot=slot).book(at=at + HOLD)
    assert holders(slot) == []
    entry.refresh_from_db()
    assert entry.status == "waiting"


def test_a_profile_is_made_from_the_names_of_the_account() -> None:
    user, slot = UserFactory(first_name="Ana", last_name="Ruiz"), ScheduleFactory().slots.first()
    booked = Appointment.objects.book_own(user, slot.doctor_id, slot_id=slot.pk, reason="Check-up")
    assert booked.patient == Patient.objects.get(user=user)
    assert (booked.patient.name, booked.booked_by, booked.reason) == ("Ana Ruiz", user, "Check-up")
    [made] = AuditEvent.objects.filter(kind="patient.patient", action="create")
    assert made.patient_id == booked.patient_id
    assert_balanced(slot)


def test_a_refused_booking_makes_no_profile() -> None:
    slot = AppointmentFactory().slot
    with pytest.raises(SlotFull):
        Appointment.objects.book_own(UserFactory(), slot.doctor_id, slot_id=slot.pk)
    assert Patient.objects.count() == 1
