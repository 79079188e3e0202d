"""A patient who takes a slot that fits an entry leaves the line; the offer goes to the next one."""

from collections.abc import Callable
from datetime import time

import pytest
from django.utils import timezone

from appointment.models import Appointment, WaitlistEntry
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from appointment.tests.waitlist import HALF_AN_HOUR, holders, only_visit, waiting
from doctor.exceptions import SlotFull
from doctor.models import Slot
from doctor.tests.factories import ScheduleFactory, SpecialtyFactory, day_ahead
from patient.models import Patient
from patient.tests.factories import DependentFactory, PatientFactory
from tests.balance import assert_balanced
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db


def free_slot(visit: Appointment, **session: object) -> Slot:
    """Create a later session of the visit's doctor with one slot."""
    times = {"date": day_ahead(5), "slot_minutes": None, **session}
    slot: Slot = ScheduleFactory(doctor=visit.doctor, location=visit.location, **times).slots.get()
    return slot


def offered_then_next(visit: Appointment, patient: Patient) -> tuple[WaitlistEntry, WaitlistEntry]:
    """Cancel the visit, whose place is offered to the patient; return the two entries in line."""
    entries = waiting(visit, patient=patient), waiting(visit)
    visit.cancel()
    assert holders(visit.slot) == [entries[0].pk]
    return entries


def book(patient: Patient, slot: Slot) -> None:
    Appointment(patient=patient, slot=slot).book()


def book_own(patient: Patient, slot: Slot) -> None:
    Appointment.objects.book_own(patient.user, slot.doctor_id, slot_id=slot.pk)


def book_session(patient: Patient, slot: Slot) -> None:
    Appointment.objects.book_own(patient.user, slot.doctor_id, schedule_id=slot.schedule_id)


def move(patient: Patient, slot: Slot) -> None:
    AppointmentFactory(patient=patient).reschedule(to=slot)


@pytest.mark.parametrize("way", [book, book_own, book_session, move])
def test_a_patient_who_takes_a_fitting_slot_leaves_the_line_and_the_next_gets_the_offer(
    visit: Appointment, patient: Patient, way: Callable[[Patient, Slot], None]
) -> None:
    entry, following = offered_then_next(visit, patient)
    slot = free_slot(visit)
    way(patient, slot)
    entry.refresh_from_db()
    assert (entry.status, entry.offers.get().status) == ("accepted", "withdrawn")
    assert holders(visit.slot) == [following.pk]
    assert_balanced(slot)


def test_a_move_that_passes_on_an_expired_offer_gives_the_patient_who_moves_none(
    visit: Appointment, patient: Patient
) -> None:
    waiting(visit)
    visit.cancel()
    mine = AppointmentFactory(patient=patient, slot=free_slot(visit))
    entry, new = waiting(visit, patient=patient), free_slot(visit, date=day_ahead(6))
    mine.reschedule(to=new, at=timezone.now() + HALF_AN_HOUR)
    entry.refresh_from_db()
    assert (entry.status, entry.offers.count()) == ("accepted", 0)
    assert holders(visit.slot) == []
    assert_balanced(new)


def test_an_entry_that_the_slot_does_not_fit_stays_in_line(
    visit: Appointment, patient: Patient
) -> None:
    entry, _ = offered_then_next(visit, patient)
    book(patient, free_slot(visit, date=day_ahead(40)))
    entry.refresh_from_db()
    assert entry.status == "offered"
    assert holders(visit.slot) == [entry.pk]


def test_every_entry_that_the_slot_fits_ends_and_no_other_persons(
    visit: Appointment, patient: Patient
) -> None:
    specialty = SpecialtyFactory()
    visit.doctor.specialties.add(specialty)
    child = DependentFactory(user=patient.user)
    mine = [
        waiting(visit, patient=patient),
        waiting(visit, patient=patient, doctor=None, specialty=specialty),
    ]
    others = [waiting(visit, patient=child), waiting(visit)]
    book(patient, free_slot(visit))
    found = dict(WaitlistEntry.objects.values_list("pk", "status"))
    assert [found[entry.pk] for entry in mine] == ["accepted"] * 2
    assert [found[entry.pk] for entry in others] == ["waiting"] * 2


def test_accepting_an_offer_ends_the_other_entries_that_the_slot_fits(
    visit: Appointment, patient: Patient
) -> None:
    specialty = SpecialtyFactory()
    visit.doctor.specialties.add(specialty)
    first = waiting(visit, patient=patient)
    second = waiting(visit, patient=patient, doctor=None, specialty=specialty)
    other = only_visit(date=day_ahead(6), doctor=visit.doctor, location=visit.location)
    following = waiting(other)
    for each in (visit, other):
        each.cancel()
    assert (holders(visit.slot), holders(other.slot)) == ([first.pk], [second.pk])
    first.accept()
    assert set(patient.waitlist_entries.values_list("status", flat=True)) == {"accepted"}
    assert (holders(visit.slot), holders(other.slot)) == ([], [following.pk])


def test_the_place_that_is_offered_to_the_patient_is_theirs_by_accepting_alone(
    visit: Appointment, patient: Patient
) -> None:
    entry, _ = offered_then_next(visit, patient)
    with pytest.raises(SlotFull):
        book(patient, visit.slot)
    assert holders(visit.slot) == [entry.pk]


def test_a_patient_who_books_the_other_place_of_the_offered_slot_leaves_the_line(
    patient: Patient,
) -> None:
    slot = ScheduleFactory(slot_minutes=None, capacity=2).slots.get()
    visit = AppointmentFactory(slot=slot)
    AppointmentFactory(slot=slot)
    following = PatientFactory()
    entries = [waiting(visit, patient=who) for who in (patient, following)]
    visit.cancel()
    assert holders(slot) == [entries[0].pk]
    slot.resize(3)
    assert holders(slot) == [entry.pk for entry in entries]
    slot.resize(4)
    book(patient, slot)
    assert holders(slot) == [entries[1].pk]
    assert WaitlistEntry.objects.get(pk=entries[0].pk).status == "accepted"


def test_the_offer_counts_the_new_visit(visit: Appointment, patient: Patient) -> None:
    """Another entry of the patient gets no offer of the place that the booking has released."""
    visit.location.max_live_per_patient = 1
    visit.location.save()
    specialty = SpecialtyFactory()
    visit.doctor.specialties.add(specialty)
    first = waiting(visit, patient=patient, first_date=day_ahead(3))
    only_then = {"first_date": visit.date, "last_date": visit.date}
    waiting(visit, patient=patient, doctor=None, specialty=specialty, **only_then)
    visit.cancel()
    assert holders(visit.slot) == [first.pk]
    book(patient, free_slot(visit))
    assert holders(visit.slot) == []


def test_an_offer_that_has_lapsed_counts_as_let_lapse(visit: Appointment, patient: Patient) -> None:
    entry, following = offered_then_next(visit, patient)
    slot = free_slot(visit)
    Appointment(patient=patient, slot=slot).book(at=timezone.now() + HALF_AN_HOUR)
    assert entry.offers.get().status == "expired"
    assert holders(visit.slot) == [following.pk]
    assert patient.declined_slots.count() == 1


def test_a_refused_booking_leaves_everything_as_it_was(
    visit: Appointment, patient: Patient
) -> None:
    entry, _ = offered_then_next(visit, patient)
    full = AppointmentFactory(slot=free_slot(visit)).slot
    with pytest.raises(SlotFull):
        book(patient, full)
    entry.refresh_from_db()
    assert entry.status == "offered"
    assert holders(visit.slot) == [entry.pk]


# --- What it costs --------------------------------------------------------------------------------


def test_a_booking_of_a_patient_not_in_line_takes_no_more_statements(patient: Patient) -> None:
    slots = ScheduleFactory().slots.all()
    costs = []
    for entries in (0, 5):
        WaitlistEntryFactory.create_batch(entries)
        WaitlistEntryFactory.create_batch(entries, patient=patient, status="expired")
        with counted_statements() as statements:
            book(patient, slots[entries // 5])
        costs.append(len(statements))
    assert costs[0] == costs[1]


def test_both_slots_are_locked_in_one_statement(visit: Appointment, patient: Patient) -> None:
    offered_then_next(visit, patient)
    slot = free_slot(visit, start_time=time(15), end_time=time(16))
    with counted_statements() as statements:
        book(patient, slot)
    writes = [n for n, sql in enumerate(statements) if sql.startswith('UPDATE "doctor_slot"')]
    reads = [sql for sql in statements[: writes[0]] if 'FROM "doctor_slot"' in sql]
    both = "IN ({}, {}) ORDER BY".format(*sorted((visit.slot.pk, slot.pk)))
    assert [both in sql for sql in reads] == [False, True]  # the slot as wanted, then the lock
