"""Slots: taking a place, giving it back and changing the number of places."""

from datetime import timedelta

import pytest
from django.utils import timezone

from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import NothingToRelease, ScheduleInUse, SlotClosed, SlotFull, SlotInPast
from doctor.models import Slot
from doctor.tests.factories import LocationFactory, ScheduleFactory
from extensions.exceptions import DomainError
from tests.balance import assert_balanced

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

INSTANT = timedelta(microseconds=1)


def a_slot(capacity: int = 2, **session: object) -> Slot:
    """Return the first slot of a new session."""
    slot: Slot = ScheduleFactory(capacity=capacity, **session).slots.first()
    return slot


def taken(slot: Slot) -> int:
    """Return the stored number of taken places."""
    return Slot.objects.values_list("taken", flat=True).get(pk=slot.pk)


# --- take -----------------------------------------------------------------------------------------


def test_taking_a_place_counts_it_on_this_slot_alone() -> None:
    slot, *others = ScheduleFactory(capacity=2).slots.all()
    slot.take()
    assert taken(slot) == 1
    assert [taken(other) for other in others] == [0, 0, 0]


def test_the_last_place_can_be_taken_and_no_more() -> None:
    slot = a_slot(capacity=2)
    slot.take()
    slot.take()
    with pytest.raises(SlotFull):
        slot.take()
    assert taken(slot) == 2


def test_take_reads_the_stored_row_and_not_the_loaded_slot() -> None:
    slot = a_slot(capacity=1)
    stale = Slot.objects.get(pk=slot.pk)
    slot.take()
    assert stale.taken == 0
    with pytest.raises(SlotFull):
        stale.take()
    assert taken(slot) == 1


def test_a_slot_can_be_taken_until_the_instant_before_it_begins() -> None:
    slot = a_slot()
    slot.take(at=slot.starts_at - INSTANT)
    assert taken(slot) == 1


@pytest.mark.parametrize("after", [timedelta(0), INSTANT, timedelta(days=1)])
def test_a_slot_that_begins_now_or_has_begun_is_in_the_past(after: timedelta) -> None:
    slot = a_slot()
    with pytest.raises(SlotInPast):
        slot.take(at=slot.starts_at + after)
    assert taken(slot) == 0


def test_take_uses_the_current_time_by_default() -> None:
    with pytest.raises(SlotInPast):
        a_slot(date=(timezone.now() - timedelta(days=2)).date()).take()


def test_a_closed_slot_cannot_be_taken() -> None:
    slot = a_slot(is_active=False)
    with pytest.raises(SlotClosed):
        slot.take()
    assert taken(slot) == 0


@pytest.mark.parametrize(
    ("closed", "begun", "full", "reported"),
    [
        (True, True, True, SlotClosed),
        (True, True, False, SlotClosed),
        (True, False, True, SlotClosed),
        (True, False, False, SlotClosed),
        (False, True, True, SlotInPast),
        (False, True, False, SlotInPast),
        (False, False, True, SlotFull),
        (False, False, False, None),
    ],
)
def test_the_first_of_several_reasons_is_reported(
    closed: bool, begun: bool, full: bool, reported: type[DomainError] | None
) -> None:
    slot = a_slot(capacity=1)
    if full:
        slot.take()
    if closed:
        slot.schedule.revise(is_active=False)
    at = slot.starts_at if begun else slot.starts_at - INSTANT
    slot.refresh_from_db()
    assert type(slot.refusal(at)) is (reported or type(None))
    if reported:
        with pytest.raises(reported):
            slot.take(at=at)


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("full", [False, True])
def test_take_refuses_exactly_the_slots_that_are_not_bookable(
    closed: bool, begun: bool, full: bool
) -> None:
    """The list of bookable slots and the guard of `take` agree (invariant I5)."""
    slot = a_slot(capacity=1, is_active=not closed)
    if full:
        AppointmentFactory(slot=slot)
    at = slot.starts_at if begun else slot.starts_at - INSTANT
    bookable = Slot.objects.filter(pk=slot.pk).bookable(at).exists()
    try:
        slot.take(at=at)
        refused = False
    except DomainError:
        refused = True
    assert (bookable, refused) == ((False, True) if closed or begun or full else (True, False))


def test_taking_a_deleted_slot_is_refused() -> None:
    slot = a_slot()
    slot.schedule.unpublish()
    with pytest.raises(Slot.DoesNotExist):
        slot.take()


# --- release --------------------------------------------------------------------------------------


def test_a_place_given_back_can_be_taken_again() -> None:
    slot = a_slot(capacity=1)
    slot.take()
    slot.release()
    assert taken(slot) == 0
    slot.take()
    assert taken(slot) == 1


def test_a_place_that_is_not_taken_cannot_be_given_back() -> None:
    slot = a_slot()
    with pytest.raises(NothingToRelease):
        slot.release()
    assert taken(slot) == 0


def test_a_place_can_be_given_back_on_a_closed_slot_in_the_past() -> None:
    slot = a_slot(date=(timezone.now() - timedelta(days=2)).date())
    slot.take(at=slot.starts_at - INSTANT)
    slot.schedule.revise(is_active=False)
    slot.release()
    assert taken(slot) == 0


# --- resize ---------------------------------------------------------------------------------------


def test_resizing_changes_the_places_and_keeps_the_taken_ones() -> None:
    slot = AppointmentFactory(slot=a_slot(capacity=3)).slot
    slot.resize(5)
    assert (slot.capacity, taken(slot)) == (5, 1)
    assert_balanced(slot)


def test_a_slot_can_shrink_to_its_taken_places() -> None:
    slot = AppointmentFactory(slot=a_slot(capacity=3)).slot
    slot.resize(1)
    assert slot.capacity == 1
    assert_balanced(slot)
    with pytest.raises(SlotFull):
        slot.take()


def test_fewer_places_than_are_taken_are_refused_with_the_appointments_in_the_way() -> None:
    slot = a_slot(capacity=3)
    first, second, third = (AppointmentFactory(slot=slot) for _ in range(3))
    first.cancel()
    second.complete(at=slot.starts_at)
    with pytest.raises(ScheduleInUse) as refused:
        slot.resize(1)
    assert refused.value.extra == {"appointments": [second.pk, third.pk]}
    slot.refresh_from_db()
    assert slot.capacity == 3
    assert_balanced(slot)


def test_resizing_reads_the_stored_row_and_not_the_loaded_slot() -> None:
    slot = a_slot(capacity=3)
    stale = Slot.objects.get(pk=slot.pk)
    AppointmentFactory(slot=slot)
    AppointmentFactory(slot=slot)
    with pytest.raises(ScheduleInUse):
        stale.resize(1)
    assert_balanced(slot)


def test_notice_and_horizon_of_a_location_hold_for_its_own_slots_alone() -> None:
    rules: list[dict[str, int]] = [{}, {"min_notice_minutes": 60 * 24 * 30}, {"horizon_days": 0}]
    slots = [ScheduleFactory(location=LocationFactory(**rule)).slots.first() for rule in rules]
    found = Slot.objects.bookable(timezone.now()).filter(pk__in=[slot.pk for slot in slots])
    assert list(found) == slots[:1]
