"""Weekly hours never move a booked visit: a change is refused or keeps the visit's slot."""

from datetime import time, timedelta
from typing import Any

import pytest

from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import ScheduleInUse
from doctor.models import Schedule, Slot, WeeklyHours
from doctor.models.session_plan import KEPT_OVER
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
)
from doctor.tests.monday_hours import MONDAY, SECOND, THIRD, slot_times_on, stored_rows
from tests.balance import assert_balanced

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday_morning")]


# --- Visits that a change would strand ------------------------------------------------------------

STRANDING: list[dict[str, Any]] = [
    {"start_time": time(10)},
    {"end_time": time(9, 30)},
    {"slot_minutes": 60},
    {"slot_minutes": None},
    {"start_time": time(9, 10)},
    {"weekday": 1},
    {"every_weeks": 2},
    {"valid_until": MONDAY},
    {"valid_until": SECOND - timedelta(days=1)},
    {"valid_from": THIRD},
    {"capacity": 1},
    {"doctor": None},
    {"location": None},
]


def made_up(changes: dict[str, Any]) -> dict[str, Any]:
    """Return the changes with a new doctor or location in place of None."""
    factories: dict[str, Any] = {"doctor": DoctorFactory, "location": LocationFactory}
    return {
        name: factories[name]() if name in factories else value for name, value in changes.items()
    }


@pytest.mark.parametrize("changes", STRANDING)
def test_a_change_that_would_strand_a_patient_is_refused_with_all_appointments_in_the_way(
    hours: WeeklyHours, booked: Appointment, changes: dict[str, Any]
) -> None:
    other = AppointmentFactory(slot=booked.slot)
    AppointmentFactory(slot=hours.schedules.get(date=MONDAY).slots.first())
    before = stored_rows()
    with pytest.raises(ScheduleInUse) as refused:
        hours.revise(**made_up(changes))
    assert refused.value.extra == {"appointments": [booked.pk, other.pk]}
    assert stored_rows() == before


@pytest.mark.parametrize("changes", STRANDING)
def test_with_keep_a_booked_slot_stays_closed_and_new_slots_avoid_it(
    hours: WeeklyHours, booked: Appointment, changes: dict[str, Any]
) -> None:
    other = AppointmentFactory(slot=booked.slot)
    hours.revise(keep=True, **made_up(changes))
    slot = Slot.objects.get(pk=booked.slot_id)
    assert (slot.starts_at, slot.taken, slot.capacity) == (booked.starts_at, 2, 2)
    assert (slot.kept_over, slot.is_open) == (True, False)
    left = slot.schedule
    assert (left.weekly_hours, left.is_active, left.is_exception) == (None, False, True)
    assert (left.start_time, left.slots.get()) == (time(9), slot)
    for visit in (booked, other):
        visit.refresh_from_db()
        assert (visit.status, visit.slot, visit.needs_rebooking) == ("scheduled", slot, True)
    assert_balanced(slot)
    assert not Slot.objects.filter(kept_over=True).exclude(pk=slot.pk).exists()


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"start_time": time(9, 10), "end_time": time(11, 10)}, ["(09:30)", "10:10", "10:40"]),
        ({"slot_minutes": 60}, ["(09:30)", "10:00"]),
        ({"start_time": time(10), "end_time": time(11)}, ["(09:30)", "10:00", "10:30"]),
        ({"capacity": 1}, ["09:00", "(09:30)", "10:00", "10:30"]),
        ({"slot_minutes": None}, ["(09:30)"]),
        ({"weekday": 1}, ["(09:30)"]),
    ],
)
def test_new_slots_avoid_kept_slots(
    hours: WeeklyHours, booked: Appointment, changes: dict[str, Any], shown: list[str]
) -> None:
    AppointmentFactory(slot=booked.slot)
    hours.revise(keep=True, **changes)
    assert slot_times_on(SECOND) == shown
    assert ((SECOND, KEPT_OVER) in hours.skipped) is (changes == {"slot_minutes": None})


def test_another_booked_slot_of_the_day_that_the_new_hours_have_stays_open(
    hours: WeeklyHours, booked: Appointment
) -> None:
    late = AppointmentFactory(slot=booked.slot.schedule.slots.order_by("starts_at")[2])
    hours.revise(keep=True, start_time=time(10))
    slot = Slot.objects.get(pk=late.slot_id)
    assert (slot.is_open, slot.kept_over, slot.schedule.weekly_hours) == (True, False, hours)
    assert slot_times_on(SECOND) == ["(09:30)", "10:00", "10:30"]


def test_kept_slots_block_no_later_change(hours: WeeklyHours, booked: Appointment) -> None:
    hours.revise(keep=True, start_time=time(10))
    hours.revise(start_time=time(8))
    assert slot_times_on(SECOND) == ["08:00", "08:30", "09:00", "09:30", "10:00", "10:30"]
    assert not Slot.objects.filter(kept_over=True).exists()
    assert_balanced(Slot.objects.get(pk=booked.slot_id))


def test_hours_that_return_to_their_times_reopen_kept_slots(
    hours: WeeklyHours, booked: Appointment
) -> None:
    hours.revise(keep=True, start_time=time(10))
    hours.revise(start_time=time(9))
    slot = Slot.objects.get(pk=booked.slot_id)
    assert (slot.kept_over, slot.is_open, slot.schedule.weekly_hours) == (False, True, hours)
    booked.refresh_from_db()
    assert booked.needs_rebooking is False
    assert slot_times_on(SECOND) == ["09:00", "09:30", "10:00", "10:30"]


def test_a_kept_slot_that_is_free_now_is_replaced(hours: WeeklyHours, booked: Appointment) -> None:
    hours.revise(keep=True, start_time=time(9, 10), end_time=time(11, 10))
    booked.cancel()
    hours.revise()
    assert slot_times_on(SECOND) == ["09:10", "09:40", "10:10", "10:40"]


def test_a_session_without_kept_slots_is_deleted(hours: WeeklyHours, booked: Appointment) -> None:
    hours.revise(keep=True, weekday=1)
    left = Slot.objects.get(kept_over=True).schedule
    hours.revise()
    left.refresh_from_db()
    booked.cancel()
    hours.revise()
    assert not Schedule.objects.filter(pk=left.pk).exists()


def test_a_place_that_is_released_on_a_kept_slot_does_not_open_it(
    hours: WeeklyHours, booked: Appointment
) -> None:
    AppointmentFactory(slot=booked.slot)
    hours.revise(keep=True, weekday=1)
    booked.cancel()
    slot = Slot.objects.get(pk=booked.slot_id or Slot.objects.get(kept_over=True).pk)
    assert (slot.is_open, slot.taken) == (False, 1)


# --- unpublish ------------------------------------------------------------------------------------


def test_deleting_hours_deletes_their_sessions_from_tomorrow_on(hours: WeeklyHours) -> None:
    hours.unpublish()
    assert not WeeklyHours.objects.exists()
    today = Schedule.objects.get()
    assert (today.date, today.weekly_hours, today.slots.count()) == (MONDAY, None, 4)


def test_hours_with_a_booked_visit_are_not_deleted(hours: WeeklyHours, booked: Appointment) -> None:
    before = stored_rows()
    with pytest.raises(ScheduleInUse) as refused:
        hours.unpublish()
    assert refused.value.extra == {"appointments": [booked.pk]}
    assert stored_rows() == before


def test_deleted_hours_with_keep_keep_booked_visits(
    hours: WeeklyHours, booked: Appointment
) -> None:
    hours.unpublish(keep=True)
    assert not WeeklyHours.objects.exists()
    assert (slot_times_on(SECOND), slot_times_on(THIRD)) == (["(09:30)"], [])
    assert_balanced(Slot.objects.get(pk=booked.slot_id))
