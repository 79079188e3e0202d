"""An offer that ends gives its place back; the SQL statements do not grow with the entries."""

from datetime import time, timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from appointment.models import Appointment, Offer, WaitlistEntry
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from appointment.tests.waitlist import (
    HOLD,
    end_offers,
    holders,
    offered,
    unsuitable_entries,
    waiting,
)
from doctor.models import Slot
from doctor.tests.factories import DoctorFactory, ScheduleFactory, day_ahead
from patient.tests.factories import PatientFactory
from tests.balance import assert_balanced
from tests.statements import counted_statements

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


# --- Ends of offers -------------------------------------------------------------------------------


def test_a_withdrawn_offer_gives_its_place_back_and_can_be_made_again(visit: Appointment) -> None:
    entry = waiting(visit)
    visit.cancel()
    end_offers(visit.slot, "withdraw", {visit.slot_id}, timezone.now())
    assert holders(visit.slot) == []
    entry.refresh_from_db()
    assert (visit.slot.taken, entry.status) == (0, "waiting")
    assert offered(visit.slot) == 1


def test_withdrawing_leaves_the_offers_of_other_slots(visit: Appointment) -> None:
    waiting(visit)
    visit.cancel()
    end_offers(visit.slot, "withdraw", {visit.slot.pk + 1}, timezone.now())
    assert len(holders(visit.slot)) == 1


def test_a_lapsed_hold_ends_and_its_place_is_free(visit: Appointment) -> None:
    entry, _ = waiting(visit), waiting(visit)
    at = timezone.now()
    visit.cancel(at=at)
    end_offers(visit.slot, "end_lapsed", visit.slot, at + HOLD - timedelta(microseconds=1))
    assert holders(visit.slot) == [entry.pk]
    end_offers(visit.slot, "end_lapsed", visit.slot, at + HOLD)
    assert holders(visit.slot) == []
    assert visit.slot.taken == 0
    assert list(Offer.objects.values_list("status", flat=True)) == ["expired"]


def test_a_lapsed_offer_is_not_made_to_the_same_entry_again(visit: Appointment) -> None:
    _, next_in_line = waiting(visit), waiting(visit)
    at = timezone.now()
    visit.cancel(at=at)
    end_offers(visit.slot, "end_lapsed", visit.slot, at + HOLD)
    assert offered(visit.slot) == 1
    assert holders(visit.slot) == [next_in_line.pk]


def test_a_booking_that_meets_a_lapsed_hold_gets_the_place(visit: Appointment) -> None:
    waiting(visit)
    at = timezone.now()
    visit.cancel(at=at)
    late = Appointment(patient=PatientFactory(), slot=visit.slot).book(at=at + HOLD)
    assert_balanced(visit.slot)
    assert late.status == "scheduled"


def test_the_slot_knows_the_first_of_its_holds_to_lapse() -> None:
    slot = ScheduleFactory(slot_minutes=None, capacity=2).slots.get()
    at, entries = timezone.now(), []
    for minutes in (0, 10):
        entries.append(WaitlistEntryFactory(doctor=slot.doctor))
        offered(slot, at + timedelta(minutes=minutes))
    assert_balanced(slot)
    end_offers(slot, "end_lapsed", slot, at + HOLD)
    assert holders(slot) == [entries[1].pk]


# --- Statements -----------------------------------------------------------------------------------


def test_offering_costs_one_statement_where_no_patient_waits(visit: Appointment) -> None:
    WaitlistEntryFactory()
    with transaction.atomic():
        slots = Slot.objects.all().lock()
        with counted_statements() as statements:
            assert Offer.objects.offer_places(slots, timezone.now()) == 0
    assert len(statements) == 1


def cost_of_canceling(visit: Appointment) -> int:
    with counted_statements() as statements:
        visit.cancel()
    return len(statements)


def test_the_cost_of_canceling_does_not_grow_with_entries_passed_over() -> None:
    costs = []
    for number in (1, 2):
        visit = AppointmentFactory(slot=ScheduleFactory(slot_minutes=None).slots.get())
        for _ in range(number):
            unsuitable_entries(visit)
        last = [waiting(visit) for _ in range(2 * number)]
        costs.append(cost_of_canceling(visit))
        assert holders(visit.slot) == [last[0].pk]
    assert costs[0] == costs[1]


def test_new_slots_that_no_entry_waits_for_cost_nothing() -> None:
    doctor = DoctorFactory()
    WaitlistEntryFactory(doctor=doctor, start_time=time(10, 30))
    sessions = [ScheduleFactory(doctor=doctor, date=day_ahead(days)) for days in range(2, 6)]
    costs = []
    for some in (sessions[:1], sessions[1:]):
        Offer.objects.all().delete()
        WaitlistEntry.objects.update(status="waiting")
        slots = [slot for session in some for slot in session.slots.all()]
        Slot.objects.update(taken=0, hold_lapses_at=None)
        with transaction.atomic(), counted_statements() as statements:
            assert Offer.objects.offer_places(slots, timezone.now()) == 1
        costs.append(len(statements))
    assert costs[0] == costs[1]
