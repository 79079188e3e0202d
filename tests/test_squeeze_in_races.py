"""Races of staff who squeeze patients into a full time, with cancelations and with its session."""

from collections.abc import Callable
from functools import partial
from itertools import cycle, islice
from typing import Any

import pytest

from accounts.models import User
from accounts.tests.factories import SuperuserFactory
from appointment.models import Appointment
from doctor.exceptions import ScheduleInUse
from doctor.models import Slot
from doctor.models.slot import SlotQuerySet
from patient.tests.factories import PatientFactory
from tests.balance import assert_balanced
from tests.race_bodies import copies_of, count_by_type, one_slot, people, race, visits_in
from tests.races import assert_in_order
from tests.threads import run_together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]
Call = Callable[[], Any]


@pytest.fixture
def desk() -> User:
    user: User = SuperuserFactory()
    return user


def squeezing_in(slot: Slot, by: User, tries: int = 1) -> list[Call]:
    """Return calls that each squeeze another patient without an account into the slot."""
    book = partial(Appointment.objects.book_own, by, slot.doctor_id, slot_id=slot.pk)
    how = {"override_reason": "A burn", "squeeze_in": True}
    patients = PatientFactory.create_batch(tries, user=None)
    return [partial(book, patient_id=patient.pk, **how) for patient in patients]


def places(slot: Slot) -> tuple[int, int, int]:
    """Return the places of the slot, those that staff have added and those that are taken."""
    assert_balanced(slot)
    return slot.capacity, slot.extra_places, slot.taken


def test_each_of_8_who_are_squeezed_in_at_once_has_a_place(desk: User) -> None:
    slot = one_slot(capacity=1)
    visits_in(slot, people(1))
    outcomes = race(*squeezing_in(slot, desk, tries=8))
    assert count_by_type(outcomes) == {Appointment: 8}
    assert places(slot) == (9, 8, 9)
    assert_in_order()


# --- A cancelation at the same moment -------------------------------------------------------------


def assert_one_place_is_left_full(race_of: Callable[..., Any], desk: User) -> None:
    """Squeeze a patient in while the only visit is canceled: in either order no place is free."""
    slot = one_slot(capacity=1)
    [visit] = visits_in(slot, people(1))
    [squeeze_in] = squeezing_in(slot, desk)
    race_of(squeeze_in, copies_of(visit, 1)[0].cancel)
    assert places(slot) == (1, 0, 1)


def test_a_visit_canceled_meanwhile_leaves_no_added_place(desk: User) -> None:
    for _ in range(3):
        assert_one_place_is_left_full(race, desk)
    assert_in_order()


@pytest.mark.only_on("postgres")  # SQLite lets no other connection write in between
def test_an_added_place_is_free_when_the_slot_is_not_locked_first(
    desk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The visit is canceled after the slot was found full, and before a place is added."""
    add_place = Slot.add_place

    def race_of(squeeze_in: Call, cancel: Call) -> None:
        def after_cancelation(self: Slot, *args: Any) -> None:
            run_together(1, lambda _: cancel())
            add_place(self, *args)

        monkeypatch.setattr(Slot, "add_place", after_cancelation)
        squeeze_in()

    monkeypatch.setattr(Slot, "lock", lambda self: self)
    with pytest.raises(AssertionError, match=r"\(2, 1, 1\)"):
        assert_one_place_is_left_full(race_of, desk)


# --- The session changed at the same moment -------------------------------------------------------


def assert_added_places_outlast_edits(desk: User) -> None:
    """Squeeze four patients in while staff change the places of the session, and back."""
    slot = one_slot(capacity=2)
    visits_in(slot, people(2))
    sizes = islice(cycle([3, 2]), 4)
    edits = [
        partial(session.revise, capacity=size)
        for session, size in zip(copies_of(slot.schedule, 4), sizes, strict=True)
    ]
    outcomes = race(*squeezing_in(slot, desk, tries=4), *edits)
    assert count_by_type(outcomes[:4]) == {Appointment: 4}
    assert count_by_type(outcomes[4:]).keys() <= {type(None), ScheduleInUse}
    slot.schedule.refresh_from_db()
    assert slot.schedule.capacity + places(slot)[1] == slot.capacity
    assert slot.taken == 6
    assert_in_order()


def test_added_places_outlast_edits_of_the_session(desk: User) -> None:
    assert_added_places_outlast_edits(desk)


def test_added_places_are_lost_when_an_edit_writes_its_own_number(
    desk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(self: SlotQuerySet, capacity: int) -> None:
        self.update(capacity=capacity)

    monkeypatch.setattr(SlotQuerySet, "set_capacity", careless)
    monkeypatch.setattr(Slot, "has_room", lambda self, capacity: True)
    with pytest.raises(AssertionError):
        assert_added_places_outlast_edits(desk)
