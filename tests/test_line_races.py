"""Races of the waitlist: replaced visits, bookings of waiting patients, staff and patient at once.

The controls take one guard out, and make the interleaving certain with an event or a barrier.
"""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from accounts.tests.factories import UserFactory
from appointment import jobs
from appointment.exceptions import NoOpenOffer, NotCancelable
from appointment.models import Appointment, WaitlistEntry
from appointment.models.booking import BookAppointment
from appointment.models.offer import OfferQuerySet
from appointment.tests.factories import WaitlistEntryFactory
from doctor.models import Slot
from doctor.tests.factories import day_ahead
from patient.models import Patient, PatientQuerySet
from tests.balance import assert_balanced
from tests.race_bodies import booking, copies_of, count_by_type, one_slot, people, race, visits_in
from tests.races import assert_in_order

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]
ROUNDS = range(2)
NONE = type(None)
Patch = pytest.MonkeyPatch


class Line:
    """A full slot, a free later one of the same doctor, and two people in line for the doctor."""

    def __init__(self, *, replaces: bool = False) -> None:
        self.slot = one_slot(capacity=1)
        place = {"doctor": self.slot.doctor, "location": self.slot.location}
        self.later = one_slot(capacity=1, date=day_ahead(6), **place)
        [self.full] = visits_in(self.slot, people(1))
        self.patient, self.following = people(2)
        self.visit = visits_in(self.later, [self.patient])[0] if replaces else None
        self.entry, self.next = (
            WaitlistEntryFactory(doctor=self.slot.doctor, patient=patient)
            for patient in (self.patient, self.following)
        )
        WaitlistEntry.objects.filter(pk=self.next.pk).update(last_date=self.full.date)
        WaitlistEntry.objects.filter(pk=self.entry.pk).update(replaces=self.visit)
        self.entry.refresh_from_db()

    def offer(self) -> None:
        """Free the slot, whose place is then offered to the first in line."""
        self.full.cancel()
        assert self.holders() == [self.entry.pk]

    def holders(self) -> list[int]:
        """Return the entries with an open offer of the slot; both slots are balanced."""
        assert_balanced(self.later)
        assert_balanced(self.slot)
        return list(self.slot.offers.open().values_list("entry", flat=True))

    def status(self) -> str:
        """Return the status of the first entry."""
        return WaitlistEntry.objects.get(pk=self.entry.pk).status


# --- The replaced visit is canceled ---------------------------------------------------------------


def test_an_offer_is_accepted_or_the_replaced_visit_is_canceled_first() -> None:
    for _ in ROUNDS:
        line = Line(replaces=True)
        line.offer()
        [visit] = copies_of(line.visit, 1)
        accepted, canceled = race(line.entry.accept, visit.cancel)
        assert count_by_type([canceled]) == {Appointment: 1}
        assert line.status() == ("accepted" if isinstance(accepted, Appointment) else "expired")
        assert count_by_type([accepted]).keys() <= {Appointment, NoOpenOffer, NotCancelable}
        assert line.holders() == [line.next.pk]  # of a move that was canceled then, too
        assert_in_order()


def assert_no_offer_is_left_to_an_entry_that_ends(
    line: Line, ends: Callable[[], Any], status: str
) -> None:
    """Call `ends`, which ends the first entry, while the slot is freed and offered to it."""
    [full] = copies_of(line.full, 1)
    count_by_type(race(ends, full.cancel))
    jobs.offer_free_places(timezone.now())
    assert line.status() == status
    assert line.holders() == [line.next.pk], "a place is held for an entry that has ended"


def test_no_offer_is_left_to_an_entry_whose_visit_is_canceled_meanwhile() -> None:
    for _ in ROUNDS:
        line = Line(replaces=True)
        [visit] = copies_of(line.visit, 1)
        assert_no_offer_is_left_to_an_entry_that_ends(line, visit.cancel, "expired")


def test_no_offer_is_left_to_an_entry_whose_patient_books_meanwhile() -> None:
    for _ in ROUNDS:
        line = Line()
        book = booking(line.patient, line.later)
        assert_no_offer_is_left_to_an_entry_that_ends(line, book, "accepted")


@pytest.fixture
def offered_in_between(monkeypatch: Patch) -> None:
    """Let the slots to lock be read before the offer is made; end offers of those alone."""
    made, cancel = threading.Event(), Appointment.cancel

    def after_the_offer(read: Callable[..., Any]) -> Callable[..., Any]:
        def read_and_wait(*args: Any) -> Any:
            found = read(*args)
            if found or isinstance(args[0], BookAppointment):
                made.wait(timeout=120)
            return found

        return read_and_wait

    def cancel_and_tell(self: Appointment, *args: Any, **kwargs: Any) -> Appointment:
        found = cancel(self, *args, **kwargs)
        made.set()
        return found

    def withdraw(self: OfferQuerySet, offers: OfferQuerySet, locked: Any, at: Any) -> list[Slot]:
        offers.filter(slot__in=[slot.pk for slot in locked])._end_early(at)
        return []

    waiting = Appointment._waiting_to_replace
    monkeypatch.setattr(Appointment, "_waiting_to_replace", after_the_offer(waiting))
    monkeypatch.setattr(
        BookAppointment, "lock_places", after_the_offer(BookAppointment.lock_places)
    )
    monkeypatch.setattr(Appointment, "cancel", cancel_and_tell)
    monkeypatch.setattr(OfferQuerySet, "withdraw_locked", withdraw)


@pytest.mark.only_on("postgres")
@pytest.mark.usefixtures("offered_in_between")
@pytest.mark.parametrize("way", ["cancel", "book"])
def test_a_place_is_held_for_an_ended_entry_where_a_stale_lock_is_not_noticed(way: str) -> None:
    """The control: the offer came after the slots to lock were read, and stays."""
    line = Line(replaces=way == "cancel")
    if way == "cancel":
        [visit] = copies_of(line.visit, 1)
        ends, status = visit.cancel, "expired"
    else:
        ends, status = booking(line.patient, line.later), "accepted"
    with pytest.raises(AssertionError, match="a place is held for an entry that has ended"):
        assert_no_offer_is_left_to_an_entry_that_ends(line, ends, status)


# --- Accepted, and declined or left, at once ------------------------------------------------------


def assert_accepted_or_left() -> None:
    """Let the patient accept on one device and book another fitting slot on another."""
    line = Line()
    line.offer()
    accepted, booked = race(line.entry.accept, booking(line.patient, line.later))
    assert count_by_type([booked]) == {Appointment: 1}
    assert count_by_type([accepted]).keys() <= {Appointment, NoOpenOffer}
    assert line.status() == "accepted"
    assert line.holders() == ([] if isinstance(accepted, Appointment) else [line.next.pk])


def test_a_patient_who_books_while_accepting_counts_once_in_each_slot() -> None:
    for _ in ROUNDS:
        assert_accepted_or_left()


def assert_staff_or_patient_answers() -> None:
    """Let staff decline on the telephone while the patient accepts."""
    line, staff = Line(), UserFactory(is_staff=True, is_superuser=True)
    line.offer()
    one, two = copies_of(line.entry, 2)
    accepted, declined = race(
        partial(one.accept, by=line.patient.user), partial(two.decline, by=staff)
    )
    assert count_by_type([accepted]).keys() <= {Appointment, NoOpenOffer}
    assert count_by_type([declined]).keys() <= {NONE, NoOpenOffer}
    assert line.holders() == ([] if isinstance(accepted, Appointment) else [line.next.pk])
    assert sum(isinstance(each, NoOpenOffer) for each in (accepted, declined)) == 1


def test_of_staff_who_decline_and_a_patient_who_accepts_one_succeeds() -> None:
    for _ in ROUNDS:
        assert_staff_or_patient_answers()


@pytest.fixture
def unchecked(monkeypatch: Patch) -> threading.Event:
    """Let an answer end the offer that it has read, whatever happened before it had the lock."""
    went_on = threading.Event()

    def end_offer(
        self: WaitlistEntry, offer: Any, at: Any, status: str = "accepted", entry: str = "accepted"
    ) -> None:
        self.offers.filter(pk=offer.pk).end(status, entry_status=entry)

    monkeypatch.setattr(WaitlistEntry, "_end_offer", end_offer)
    monkeypatch.setattr(PatientQuerySet, "lock", lambda rows, pk: Patient.objects.get(pk=pk))
    return went_on


def after(event: threading.Event, name: str, monkeypatch: Patch) -> None:
    """Make `accept` wait, once it has read its offer, until the method of that name is done."""
    read = WaitlistEntry._acceptable_offer

    def read_and_wait(self: WaitlistEntry, by: Any, at: Any) -> Any:
        found = read(self, by, at)
        if threading.current_thread() is accepting[0]:
            event.wait(timeout=120)
        return found

    accepting: list[threading.Thread] = []
    accept = WaitlistEntry.accept

    def note_and_accept(self: WaitlistEntry, *args: Any, **kwargs: Any) -> Appointment:
        accepting.insert(0, threading.current_thread())
        return accept(self, *args, **kwargs)

    monkeypatch.setattr(WaitlistEntry, "_acceptable_offer", read_and_wait)
    monkeypatch.setattr(WaitlistEntry, "accept", note_and_accept)
    where = WaitlistEntry if name == "decline" else Appointment
    method = getattr(where, name)

    def then_tell(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = method(self, *args, **kwargs)
        event.set()
        return found

    monkeypatch.setattr(where, name, then_tell)


@pytest.mark.only_on("postgres")
@pytest.mark.parametrize(
    ("name", "body"),
    [("decline", assert_staff_or_patient_answers), ("book", assert_accepted_or_left)],
)
def test_a_place_counts_wrongly_where_the_offer_is_not_read_again_under_the_lock(
    name: str,
    body: Callable[[], None],
    unchecked: threading.Event,
    monkeypatch: Patch,
) -> None:
    """The control: `accept` ends an offer that has gone to the next, and takes their place."""
    after(unchecked, name, monkeypatch)
    with pytest.raises(AssertionError, match="places taken"):
        body()
