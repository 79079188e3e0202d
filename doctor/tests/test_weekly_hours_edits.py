"""Changed hours move their free slots from tomorrow on."""

from datetime import time, timedelta
from typing import Any

import pytest

from appointment.models import Appointment
from doctor.exceptions import HoursOverlap
from doctor.models import Schedule, Slot, WeeklyHours
from doctor.models.session_plan import OTHER_SESSION
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    WeeklyHoursFactory,
)
from doctor.tests.monday_hours import MONDAY, SECOND, THIRD, slot_times_on, stored_rows
from tests.balance import assert_balanced

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday_morning")]


# --- Moved and kept slots -------------------------------------------------------------------------


def test_changed_hours_take_effect_from_tomorrow_on(hours: WeeklyHours) -> None:
    hours.revise(start_time=time(10), end_time=time(11))
    assert slot_times_on(MONDAY) == ["09:00", "09:30", "10:00", "10:30"]
    assert slot_times_on(SECOND) == slot_times_on(THIRD) == ["10:00", "10:30"]
    assert set(hours.schedules.values_list("date", "start_time")) == {
        (MONDAY, time(9)),
        (SECOND, time(10)),
        (THIRD, time(10)),
    }


def test_publishing_again_changes_nothing(hours: WeeklyHours, booked: Appointment) -> None:
    before = stored_rows()
    hours.publish()
    hours.revise()
    assert stored_rows() == before


@pytest.mark.parametrize(
    ("changes", "slots"),
    [
        ({"end_time": time(12)}, 6),
        ({"end_time": time(10)}, 2),
        ({"start_time": time(9, 30)}, 3),
        ({"capacity": 1}, 4),
        ({"capacity": 9}, 4),
    ],
)
def test_a_booked_slot_that_the_new_hours_have_stays_the_same_row(
    hours: WeeklyHours, booked: Appointment, changes: dict[str, Any], slots: int
) -> None:
    session = booked.slot.schedule
    hours.revise(**changes)
    stored = Slot.objects.get(pk=booked.slot_id)
    assert (stored.starts_at, stored.schedule, stored.is_open) == (booked.starts_at, session, True)
    assert {row.slots.count() for row in hours.schedules.filter(date__gt=MONDAY)} == {slots}
    coming = Slot.objects.filter(schedule__date__gt=MONDAY)
    assert set(coming.values_list("capacity", flat=True)) == {hours.capacity}
    assert_balanced(stored)


def test_free_sessions_move_to_another_weekday_and_begin_again_the_same_week(
    hours: WeeklyHours,
) -> None:
    hours.revise(weekday=2)
    days = [MONDAY, MONDAY + timedelta(days=2), MONDAY + timedelta(days=9)]
    assert [row.date for row in hours.schedules.order_by("date")] == days
    assert Slot.objects.count() == 12


def test_free_sessions_follow_their_hours_to_another_doctor_and_location(
    hours: WeeklyHours,
) -> None:
    doctor, location = DoctorFactory(), LocationFactory(time_zone="America/New_York")
    hours.revise(doctor=doctor, location=location)
    coming = Slot.objects.filter(schedule__date__gt=MONDAY)
    assert set(coming.values_list("doctor", "location")) == {(doctor.pk, location.pk)}
    assert slot_times_on(SECOND) == ["09:00", "09:30", "10:00", "10:30"]
    for session in Schedule.objects.filter(date__gt=MONDAY):
        assert (session.doctor, session.location) == (doctor, location)


def test_sessions_beyond_the_usual_horizon_change_too(hours: WeeklyHours, settings) -> None:
    settings.HOURS_AHEAD_DAYS = 7
    hours.revise(end_time=time(10))
    assert slot_times_on(THIRD) == ["09:00", "09:30"]


def test_a_session_whose_conflict_is_gone_is_made_by_the_next_change(
    hours: WeeklyHours,
) -> None:
    there = ScheduleFactory(
        doctor=hours.doctor, date=SECOND, start_time=time(12), end_time=time(13)
    )
    hours.revise(end_time=time(13))
    assert [*hours.skipped] == [(SECOND, OTHER_SESSION)]
    assert slot_times_on(SECOND) == ["12:00", "12:30"]
    there.unpublish()
    hours.revise()
    assert not hours.skipped
    assert len(slot_times_on(SECOND)) == 8


def test_a_change_into_other_hours_is_refused_and_changes_nothing(hours: WeeklyHours) -> None:
    other = WeeklyHoursFactory(doctor=hours.doctor, weekday=1)
    before = stored_rows()
    with pytest.raises(HoursOverlap) as refused:
        hours.revise(weekday=1)
    assert refused.value.extra == {"weekly_hours": [other.pk]}
    assert stored_rows() == before
