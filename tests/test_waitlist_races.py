"""Races for places that are freed, offered, accepted and left, on the suite's database."""

from collections.abc import Callable
from datetime import time, timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.utils import timezone

from appointment import jobs
from appointment.exceptions import NoOpenOffer, NotCancelable, PlaceAvailable
from appointment.models import Appointment, WaitlistEntry
from appointment.tests.factories import WaitlistEntryFactory
from doctor.exceptions import SlotFull
from doctor.models import Slot
from doctor.tests.factories import SpecialtyFactory
from patient.models import Patient
from patient.tests.factories import DependentFactory, PatientFactory
from tests import race_bodies
from tests.balance import assert_balanced
from tests.race_bodies import (
    booking,
    copies_of,
    count_by_type,
    erase_all,
    one_slot,
    people,
    race,
    visits_in,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]
ROUNDS = range(2)
NONE = type(None)


def in_line(slot: Slot, patients: list[Patient]) -> list[WaitlistEntry]:
    """Make a waitlist entry for the slot's doctor for each patient, in this order."""
    return [WaitlistEntryFactory(doctor=slot.doctor, patient=patient) for patient in patients]


def offered_first(n: int) -> tuple[Slot, list[WaitlistEntry]]:
    """Return a slot whose one place is offered to the first of n entries, and the entries."""
    slot = one_slot(capacity=1)
    [visit], entries = visits_in(slot, people(1)), in_line(slot, people(n))
    visit.cancel()
    return slot, entries


def holders(slot: Slot) -> list[int]:
    """Return the keys of the waitlist entries with an open offer on the slot."""
    assert_balanced(slot)
    return list(slot.offers.open().values_list("entry", flat=True))


# --- Joining --------------------------------------------------------------------------------------


def test_of_8_people_of_an_account_as_many_join_as_its_limit_allows() -> None:
    race_bodies.assert_two_of_eight_people_join()


@pytest.mark.parametrize("account", [{}, {"user": None}], ids=["account", "no account"])
def test_of_8_joins_with_the_same_wish_one_wins(account: dict[str, None]) -> None:
    race_bodies.assert_a_wish_is_noted_once(PatientFactory(**account))


# --- A place comes free ---------------------------------------------------------------------------


def test_of_5_waiting_and_5_booking_the_first_in_line_is_offered_a_canceled_place() -> None:
    slot = one_slot(capacity=1)
    [visit], entries = visits_in(slot, people(1)), in_line(slot, people(5))
    outcomes = race(visit.cancel, *(booking(patient, slot) for patient in people(5)))
    assert count_by_type(outcomes) == {Appointment: 1, SlotFull: 5}
    assert holders(slot) == [entries[0].pk]
    assert slot.taken == 1


def test_places_canceled_at_once_are_offered_to_as_many_of_the_first_in_line() -> None:
    slot = one_slot(capacity=10)
    visits, entries = visits_in(slot, people(10)), in_line(slot, people(15))
    assert count_by_type(race(*(visit.cancel for visit in visits))) == {Appointment: 10}
    assert sorted(holders(slot)) == [entry.pk for entry in entries[:10]]


def test_of_places_canceled_at_once_an_account_is_offered_one() -> None:
    for _ in ROUNDS:
        slot = one_slot(capacity=4)
        visits, [owner, stranger] = visits_in(slot, people(4)), people(2)
        family = [owner, *DependentFactory.create_batch(3, user=owner.user)]
        entries = in_line(slot, [*family, stranger])
        assert count_by_type(race(*(visit.cancel for visit in visits))) == {Appointment: 4}
        assert sorted(holders(slot)) == [entries[0].pk, entries[-1].pk]
        assert slot.taken == 2


def two_overlapping_visits() -> tuple[list[Appointment], list[WaitlistEntry]]:
    """Return two visits that overlap, and the two entries of a patient who waits for both."""
    slots = [one_slot(capacity=1), one_slot(capacity=1, start_time=time(10))]
    specialty, [patient] = SpecialtyFactory(), people(1)
    slots[1].doctor.specialties.add(specialty)
    entries: list[WaitlistEntry] = [
        WaitlistEntryFactory(doctor=slots[0].doctor, patient=patient),
        WaitlistEntryFactory(doctor=None, specialty=specialty, patient=patient),
    ]
    return [visit for slot in slots for visit in visits_in(slot, people(1))], entries


def assert_one_of_two_hours_is_offered() -> None:
    """Cancel both visits at once: one place at most is offered, and exactly one after the job."""
    visits, _ = two_overlapping_visits()
    assert count_by_type(race(*(visit.cancel for visit in visits))) == {Appointment: 2}
    offers = sum(len(holders(visit.slot)) for visit in visits)
    assert offers <= 1, f"{offers} overlapping offers"
    jobs.offer_free_places(timezone.now())
    assert sum(len(holders(visit.slot)) for visit in visits) == 1


def test_a_patient_is_never_offered_two_overlapping_places() -> None:
    for _ in ROUNDS:
        assert_one_of_two_hours_is_offered()


@pytest.mark.only_on("postgres")
def test_two_overlapping_places_are_offered_when_only_the_entry_is_locked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: each reads that the other has offered nothing, and both offer."""
    barrier = Barrier(2, timeout=120)
    monkeypatch.setattr(WaitlistEntry, "is_only_offer_under_way", lambda *args: barrier.wait() >= 0)
    with pytest.raises(AssertionError, match="2 overlapping offers"):
        assert_one_of_two_hours_is_offered()


def test_a_patient_who_joins_while_the_place_is_canceled_is_offered_it() -> None:
    for _ in ROUNDS:
        slot = one_slot(capacity=1)
        [visit], [patient] = visits_in(slot, people(1)), people(1)
        entry = WaitlistEntryFactory.build(doctor=slot.doctor, patient=patient)
        canceled, joined = race(visit.cancel, entry.join)
        assert count_by_type([canceled]) == {Appointment: 1}
        if count_by_type([joined]) == {WaitlistEntry: 1}:
            jobs.offer_free_places(timezone.now())
            assert holders(slot) == [entry.pk]
        else:
            assert count_by_type([joined]) == {PlaceAvailable: 1}
            assert holders(slot) == []


# --- Results of an offer --------------------------------------------------------------------------


def test_of_10_who_accept_an_offer_one_books() -> None:
    slot, [entry] = offered_first(1)
    outcomes = race(*(copy.accept for copy in copies_of(entry, 10)))
    assert count_by_type(outcomes) == {Appointment: 1, NoOpenOffer: 9}
    assert_balanced(slot)
    assert slot.taken == 1


def test_an_offer_is_accepted_or_declined_or_expires_and_its_place_counted_once() -> None:
    for _ in ROUNDS:
        slot, [entry, other] = offered_first(2)
        offer = entry.offers.get()
        last = offer.expires_at - timedelta(microseconds=1)
        one, two = copies_of(entry, 2)
        accepted, declined, expired = race(
            partial(one.accept, at=last),
            partial(two.decline, at=last),
            partial(jobs.expire_offers, offer.expires_at),
        )
        assert count_by_type([accepted]).keys() <= {Appointment, NoOpenOffer}
        assert count_by_type([declined]).keys() <= {NONE, NoOpenOffer}
        assert count_by_type([expired]) == {int: 1}
        if isinstance(accepted, Appointment):
            assert (holders(slot), slot.taken) == ([], 1)
        else:
            assert holders(slot) == [other.pk]


def test_a_lapsed_hold_goes_to_one_of_5_who_book() -> None:
    slot, _ = offered_first(3)
    at = slot.offers.get().hold_until
    late = [Appointment(patient=patient, slot=slot) for patient in people(5)]
    outcomes = race(*(partial(visit.book, at=at) for visit in late))
    assert count_by_type(outcomes) == {Appointment: 1, SlotFull: 4}
    assert holders(slot) == []


def test_several_processes_that_run_what_is_due_do_it_once() -> None:
    slot, entries = offered_first(3)
    at = slot.offers.get().expires_at
    everything: list[Callable[..., int]] = [
        jobs.expire_offers,
        jobs.expire_entries,
        jobs.offer_free_places,
    ]
    outcomes = race(*(partial(work, at) for work in everything for _ in range(4)))
    assert count_by_type(outcomes) == {int: 12}
    assert sum(outcomes[:4]) == 1
    assert holders(slot) == [entries[1].pk]


# --- Leaving --------------------------------------------------------------------------------------


def offered_to_all(patients: list[Patient]) -> tuple[Slot, list[WaitlistEntry]]:
    """Return a slot with an open offer for each patient, and the entries of them and four more."""
    slot = one_slot(capacity=len(patients))
    visits = visits_in(slot, people(len(patients)))
    entries = in_line(slot, [*patients, *people(4)])
    for visit in visits:
        visit.cancel()
    assert len(holders(slot)) == len(patients)
    return slot, entries


def assert_line_leaves_without_a_deadlock() -> None:
    """Let six who have an offer decline it and leave, each twice, while the offers expire."""
    slot, entries = offered_to_all(people(6))
    late = timezone.now() + timedelta(hours=1)
    calls: list[Callable[[], Any]] = []
    for entry in entries[:6]:
        one, two, three, four = copies_of(entry, 4)
        calls += [one.leave, two.leave, three.decline, four.decline]
    outcomes = race(*calls, *(partial(jobs.expire_offers, late) for _ in range(3)))
    leaves = [outcome for n, outcome in enumerate(outcomes[:24]) if n % 4 < 2]
    assert count_by_type(leaves) == {NONE: 6, WaitlistEntry.DoesNotExist: 6}
    assert count_by_type(outcomes[24:]) == {int: 3}
    declines = [outcome for n, outcome in enumerate(outcomes[:24]) if n % 4 > 1]
    assert count_by_type(declines).keys() <= {NONE, NoOpenOffer}
    assert set(holders(slot)) <= {entry.pk for entry in entries[6:]}


def test_leaving_the_waitlist_while_offers_end_does_not_deadlock() -> None:
    assert_line_leaves_without_a_deadlock()


def leave_again_and_again() -> None:
    for _ in range(50):
        assert_line_leaves_without_a_deadlock()


@pytest.mark.only_on("postgres")
def test_leaving_the_waitlist_deadlocks_when_the_entry_is_locked_before_the_slot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: a wrong order of locks deadlocks."""
    held_slots = WaitlistEntry._offered_slots

    def entry_first(self: WaitlistEntry) -> Any:
        WaitlistEntry.objects.filter(pk=self.pk).lock()
        return held_slots(self)

    monkeypatch.setattr(WaitlistEntry, "_offered_slots", entry_first)
    with pytest.raises(AssertionError, match="deadlock detected"):
        leave_again_and_again()


def test_people_with_offers_and_visits_are_erased_while_these_end_without_a_deadlock() -> None:
    going = people(4)
    slot, entries = offered_to_all(going)
    other = one_slot(capacity=4, start_time=time(15), end_time=time(16))
    visits = visits_in(other, going)
    in_line(other, [*reversed(going), *people(2)])
    late = timezone.now() + timedelta(hours=1)
    outcomes = race(
        partial(erase_all, going[:2]),
        *(patient.erase for patient in going[2:]),
        *(entry.decline for entry in entries[:4]),
        *(visit.cancel for visit in visits),
        *(partial(jobs.expire_offers, late) for _ in range(2)),
    )
    assert count_by_type(outcomes[:3]) == {NONE: 3}
    assert count_by_type(outcomes[3:7]).keys() <= {NONE, NoOpenOffer}
    assert count_by_type(outcomes[7:11]).keys() <= {Appointment, NotCancelable}
    assert not WaitlistEntry.objects.filter(patient__in=[who.pk for who in going]).exists()
    assert set(holders(slot)) <= {entry.pk for entry in entries[4:]}
    assert len(holders(other)) <= 2
