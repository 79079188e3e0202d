"""A place that opens or becomes free is offered; an offer of a place that closes is withdrawn."""

from datetime import time
from typing import Any

import pytest

from appointment.models import Appointment, Offer, WaitlistEntry
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from appointment.tests.waitlist import holders, only_visit, waiting
from doctor.exceptions import ScheduleInUse
from doctor.models import Slot
from doctor.tests.factories import (
    DoctorFactory,
    PublishedScheduleFactory,
    ScheduleFactory,
    day_ahead,
)
from tests.balance import assert_balanced

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def entry(visit: Appointment) -> WaitlistEntry:
    """Return an entry that has an offer of the visit's place."""
    entry = waiting(visit)
    visit.cancel()
    return entry


def status_of(entry: WaitlistEntry) -> str:
    """Return the stored status of the entry."""
    return str(WaitlistEntry.objects.get(pk=entry.pk).status)


def test_a_place_left_by_a_visit_that_moves_is_offered(visit: Appointment) -> None:
    mover, other = waiting(visit, patient=visit.patient), waiting(visit)
    elsewhere = ScheduleFactory(date=day_ahead(5)).slots.first()
    visit.reschedule(to=elsewhere)
    slot = Slot.objects.get(schedule__doctor=mover.doctor)
    assert holders(slot) == [other.pk]
    assert_balanced(elsewhere)


def test_a_place_that_is_added_is_offered(visit: Appointment) -> None:
    entry = waiting(visit)
    Slot.objects.get(pk=visit.slot.pk).resize(2)
    assert holders(visit.slot) == [entry.pk]
    assert visit.slot.taken == 2


def test_places_of_new_hours_are_offered_soonest_first() -> None:
    doctor = DoctorFactory()
    entries = [WaitlistEntryFactory(doctor=doctor) for _ in range(2)]
    session = PublishedScheduleFactory(doctor=doctor)
    slots = session.slots.order_by("starts_at")
    assert [holders(slot) for slot in slots] == [[entries[0].pk], [entries[1].pk], [], []]


def test_a_doctor_who_accepts_patients_again_has_places_to_offer(visit: Appointment) -> None:
    entry = waiting(visit)
    visit.doctor.revise(accepts_patients=False)
    visit.cancel()
    assert holders(visit.slot) == []
    visit.doctor.revise(accepts_patients=True)
    assert holders(visit.slot) == [entry.pk]


@pytest.mark.parametrize("change", [{"accepts_patients": False}, {"is_active": False}])
def test_an_offer_of_a_doctor_who_closes_is_withdrawn(
    visit: Appointment, entry: WaitlistEntry, change: dict[str, Any]
) -> None:
    visit.doctor.revise(**change)
    assert holders(visit.slot) == []
    assert (status_of(entry), visit.slot.taken) == ("waiting", 0)


def test_an_offer_does_not_keep_a_session_from_being_deleted(
    visit: Appointment, entry: WaitlistEntry
) -> None:
    visit.slot.schedule.unpublish()
    assert status_of(entry) == "waiting"
    assert not Offer.objects.open().exists()


def test_an_offer_does_not_keep_a_session_from_being_changed(
    visit: Appointment, entry: WaitlistEntry
) -> None:
    visit.slot.schedule.revise(start_time=time(8), end_time=time(10))
    [slot] = Slot.objects.filter(schedule=visit.slot.schedule_id)
    assert holders(slot) == [entry.pk]


def test_a_slot_with_an_offer_shrinks_to_its_booked_places() -> None:
    slot = ScheduleFactory(slot_minutes=None, capacity=3).slots.get()
    AppointmentFactory(slot=slot)
    for _ in range(2):
        WaitlistEntryFactory(doctor=slot.doctor)
    slot.resize(4)
    assert len(holders(slot)) == 2
    slot.resize(2)
    assert len(holders(slot)) == 1
    slot.resize(1)
    assert holders(slot) == []
    with pytest.raises(ScheduleInUse):
        only_visit().slot.resize(0)
