"""An entry with an expired offer keeps its turn before `run_due`, and gets no place it gave up."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from appointment import jobs
from appointment.models import Appointment, Offer, WaitlistEntry
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from appointment.tests.waitlist import HALF_AN_HOUR, holders, offered, only_visit, waiting
from doctor.tests.factories import ScheduleFactory

pytestmark = pytest.mark.django_db


def next_day(visit: Appointment) -> date:
    return visit.date + timedelta(days=1)


@pytest.mark.parametrize("later", [HALF_AN_HOUR, timedelta(hours=2)])
def test_an_entry_that_let_an_offer_expire_is_first_for_the_next_place(
    later: timedelta,
) -> None:
    first, at = only_visit(), timezone.now()
    session = ScheduleFactory(doctor=first.doctor, slot_minutes=None, date=next_day(first))
    second = AppointmentFactory(slot=session.slots.get())
    one, two = waiting(first), waiting(first)
    first.cancel(at=at)
    assert holders(first.slot) == [one.pk]
    second.cancel(at=at + later)
    # Each place is offered to the first entry that has not let an offer of it expire.
    assert (holders(first.slot), holders(second.slot)) == ([two.pk], [one.pk])


def test_a_place_that_a_waiting_patient_canceled_is_not_offered_to_them() -> None:
    visit = only_visit()
    entry = WaitlistEntryFactory(doctor=visit.doctor, patient=visit.patient)
    visit.cancel()
    assert jobs.offer_free_places(timezone.now()) == 0
    assert holders(visit.slot) == []
    WaitlistEntry.objects.filter(pk=entry.pk).update(created_at=timezone.now())
    assert offered(visit.slot) == 1  # an entry that joins after the cancel is offered the place


def test_a_place_that_a_waiting_patient_moved_from_is_not_offered_to_them() -> None:
    visit = only_visit()
    left, there = visit.slot, ScheduleFactory(date=next_day(visit)).slots.first()
    WaitlistEntryFactory(doctor=visit.doctor, patient=visit.patient)
    visit.reschedule(to=there)
    assert jobs.offer_free_places(timezone.now()) == 0
    assert not Offer.objects.filter(slot=left).exists()
