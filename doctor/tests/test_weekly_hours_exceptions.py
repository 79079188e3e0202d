"""Weekly hours do not change a session that staff edited, moved or deleted: it is an exception."""

from datetime import UTC, datetime, time

import pytest

from appointment.models import Appointment
from doctor.models import Slot, WeeklyHours
from doctor.tests.monday_hours import SECOND, THIRD, slot_times_on

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday_morning")]


# --- Exceptions -----------------------------------------------------------------------------------


def test_a_session_that_staff_edited_is_left_alone_by_its_hours(hours: WeeklyHours) -> None:
    session = hours.schedules.get(date=SECOND)
    session.revise(end_time=time(10))
    assert (session.is_exception, session.weekly_hours) == (True, hours)
    hours.revise(start_time=time(8))
    assert (slot_times_on(SECOND), len(slot_times_on(THIRD))) == (["09:00", "09:30"], 6)
    hours.unpublish()
    assert (slot_times_on(SECOND), slot_times_on(THIRD)) == (["09:00", "09:30"], [])


def test_a_session_that_staff_deleted_does_not_come_back(hours: WeeklyHours) -> None:
    session = hours.schedules.get(date=SECOND)
    session.unpublish()
    session.refresh_from_db()
    assert (session.is_active, session.is_exception, session.slots.count()) == (False, True, 0)
    hours.revise(start_time=time(8))
    WeeklyHours.objects.extend(hours.doctor_id, 14, datetime.now(UTC))
    assert (slot_times_on(SECOND), len(slot_times_on(THIRD))) == ([], 6)


def test_a_session_that_staff_moved_leaves_its_date_empty_and_does_not_take_anothers(
    hours: WeeklyHours,
) -> None:
    session = hours.schedules.get(date=SECOND)
    session.revise(date=THIRD, start_time=time(16), end_time=time(17))
    hours.revise(capacity=5)
    assert slot_times_on(SECOND) == []
    assert slot_times_on(THIRD) == ["09:00", "09:30", "10:00", "10:30", "16:00", "16:30"]
    assert set(Slot.objects.filter(schedule=session).values_list("capacity")) == {(2,)}


def test_a_kept_session_that_staff_open_again_is_an_ordinary_one(
    hours: WeeklyHours, booked: Appointment
) -> None:
    hours.revise(keep=True, weekday=1)
    left = Slot.objects.get(pk=booked.slot_id).schedule
    left.revise(is_active=True)
    assert slot_times_on(SECOND) == ["09:00", "09:30", "10:00", "10:30"]
    assert set(left.slots.values_list("is_open", flat=True)) == {True}
