"""Sessions that staff edited, and what others are told of changed hours."""

from datetime import UTC, datetime, time
from typing import Any

import pytest

from appointment.models import Appointment
from doctor.exceptions import ScheduleInUse
from doctor.models import Slot, WeeklyHours
from doctor.signals import slots_changed, slots_closing
from doctor.tests.factories import (
    WeeklyHoursFactory,
)
from doctor.tests.mondays import MONDAY, SECOND, THIRD, on

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday_morning")]


# --- Exceptions -----------------------------------------------------------------------------------


def test_a_session_that_staff_edited_is_left_alone_by_its_hours(hours: WeeklyHours) -> None:
    session = hours.schedules.get(date=SECOND)
    session.revise(end_time=time(10))
    assert (session.is_exception, session.weekly_hours) == (True, hours)
    hours.revise(start_time=time(8))
    assert (on(SECOND), len(on(THIRD))) == (["09:00", "09:30"], 6)
    hours.unpublish()
    assert (on(SECOND), on(THIRD)) == (["09:00", "09:30"], [])


def test_a_session_that_staff_deleted_does_not_come_back(hours: WeeklyHours) -> None:
    session = hours.schedules.get(date=SECOND)
    session.unpublish()
    session.refresh_from_db()
    assert (session.is_active, session.is_exception, session.slots.count()) == (False, True, 0)
    hours.revise(start_time=time(8))
    WeeklyHours.objects.extend(hours.doctor_id, 14, datetime.now(UTC))
    assert (on(SECOND), len(on(THIRD))) == ([], 6)


def test_a_session_that_staff_moved_leaves_its_date_empty_and_does_not_take_anothers(
    hours: WeeklyHours,
) -> None:
    session = hours.schedules.get(date=SECOND)
    session.revise(date=THIRD, start_time=time(16), end_time=time(17))
    hours.revise(capacity=5)
    assert on(SECOND) == []
    assert on(THIRD) == ["09:00", "09:30", "10:00", "10:30", "16:00", "16:30"]
    assert set(Slot.objects.filter(schedule=session).values_list("capacity")) == {(2,)}


def test_a_kept_session_that_staff_open_again_is_an_ordinary_one(
    hours: WeeklyHours, booked: Appointment
) -> None:
    hours.revise(keep=True, weekday=1)
    left = Slot.objects.get(pk=booked.slot_id).schedule
    left.revise(is_active=True)
    assert on(SECOND) == ["09:00", "09:30", "10:00", "10:30"]
    assert set(left.slots.values_list("is_open", flat=True)) == {True}


# --- What others are told -------------------------------------------------------------------------


@pytest.fixture
def told() -> Any:
    """The slots of each signal, in order."""
    heard: list[tuple[str, set[int]]] = []

    def closing(**signal: Any) -> None:
        heard.append(("closing", signal["slots"]))

    def changed(**signal: Any) -> None:
        heard.append(("changed", signal["slots"]))

    slots_closing.connect(closing)
    slots_changed.connect(changed)
    yield heard
    slots_closing.disconnect(closing)
    slots_changed.disconnect(changed)


def test_new_slots_are_told_of(told: Any) -> None:
    hours = WeeklyHoursFactory()
    assert told == [("changed", set(hours.schedules.values_list("slots", flat=True)))]


def test_what_is_held_is_told_of_before_it_closes_and_what_changed_afterwards(
    hours: WeeklyHours, booked: Appointment, told: Any
) -> None:
    hours.revise(keep=True, weekday=1)
    made = set(Slot.objects.filter(schedule__date__week_day=3).values_list("pk", flat=True))
    assert told[0] == ("closing", {booked.slot_id})
    assert told[-1] == ("changed", made | {booked.slot_id})


def test_a_hold_that_is_withdrawn_when_its_slot_closes_strands_nobody(
    hours: WeeklyHours, booked: Appointment
) -> None:
    """As an offer to somebody on the waiting list is."""
    slot = hours.schedules.get(date=THIRD).slots.first()
    slot.take()

    def withdraw(slots: set[int], **signal: Any) -> None:
        for held in Slot.objects.filter(pk__in=slots & {slot.pk}):
            held.release()

    slots_closing.connect(withdraw)
    try:
        with pytest.raises(ScheduleInUse) as refused:
            hours.revise(weekday=1)
        assert refused.value.extra == {"appointments": [booked.pk]}
        booked.cancel()
        hours.revise(weekday=1)
    finally:
        slots_closing.disconnect(withdraw)
    assert not Slot.objects.filter(pk=slot.pk).exists()


def test_more_places_are_told_of(hours: WeeklyHours, told: Any) -> None:
    hours.revise(capacity=3)
    coming = Slot.objects.filter(schedule__date__gt=MONDAY)
    assert told == [("changed", set(coming.values_list("pk", flat=True)))]
