"""Editing a session remakes its free slots and deletes none that is booked (invariant I4)."""

from datetime import time, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import ScheduleInUse, ScheduleOverlap
from doctor.models import Schedule, Slot
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory, day_ahead
from tests.balance import assert_balanced

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def schedule() -> Schedule:
    """Return a session from 09:00 to 11:00 with four slots of two places."""
    session: Schedule = ScheduleFactory(capacity=2)
    return session


@pytest.fixture
def booked(schedule: Schedule) -> Appointment:
    """Return a visit at 09:30, in the second slot."""
    visit: Appointment = AppointmentFactory(slot=schedule.slots.order_by("starts_at")[1])
    return visit


def refuses(schedule: Schedule, *holders: Appointment, **changes: Any) -> None:
    """Assert that `revise` raises ScheduleInUse with these appointments and changes no row."""
    before = Schedule.objects.filter(pk=schedule.pk).values().get()
    slots = list(schedule.slots.order_by("pk").values())
    with pytest.raises(ScheduleInUse) as refused:
        schedule.revise(**changes)
    assert refused.value.extra == {"appointments": sorted(holder.pk for holder in holders)}
    assert Schedule.objects.filter(pk=schedule.pk).values().get() == before
    assert list(schedule.slots.order_by("pk").values()) == slots


# --- Edits that keep booked slots -----------------------------------------------------------------


def test_publishing_again_changes_no_slot(schedule: Schedule, booked: Appointment) -> None:
    slots = list(schedule.slots.order_by("pk").values())
    schedule.publish()
    assert list(schedule.slots.order_by("pk").values()) == slots


@pytest.mark.parametrize(
    ("changes", "slots"),
    [
        ({"end_time": time(12)}, 6),
        ({"end_time": time(10)}, 2),
        ({"start_time": time(9, 30)}, 3),
        ({"start_time": time(7), "end_time": time(20)}, 26),
        ({"start_time": time(9, 30), "end_time": time(10)}, 1),
        ({"slot_minutes": None, "start_time": time(9, 30), "end_time": time(10)}, 1),
    ],
)
def test_a_booked_slot_that_fits_the_new_hours_stays_the_same_row(
    schedule: Schedule, booked: Appointment, changes: dict[str, Any], slots: int
) -> None:
    schedule.revise(**changes)
    kept = schedule.slots.get(pk=booked.slot_id)
    assert (kept.starts_at, kept.ends_at) == (booked.starts_at, booked.ends_at)
    assert schedule.slots.count() == slots
    assert_balanced(kept)


def test_free_slots_are_remade_in_another_length(schedule: Schedule) -> None:
    schedule.revise(slot_minutes=60)
    lengths = {slot.ends_at - slot.starts_at for slot in schedule.slots.all()}
    assert (schedule.slots.count(), lengths) == (2, {timedelta(hours=1)})


def test_free_slots_move_with_their_session(schedule: Schedule) -> None:
    schedule.revise(date=day_ahead(5))
    zone = schedule.location.zone
    days = {slot.starts_at.astimezone(zone).date() for slot in schedule.slots.all()}
    assert (schedule.slots.count(), days) == (4, {day_ahead(5)})


def test_free_slots_follow_their_session_to_another_doctor_and_location(schedule: Schedule) -> None:
    doctor, location = DoctorFactory(), LocationFactory(time_zone="America/New_York")
    schedule.revise(doctor=doctor, location=location)
    assert set(schedule.slots.values_list("doctor", "location")) == {(doctor.pk, location.pk)}
    nine = schedule.slots.earliest("starts_at").starts_at.astimezone(location.zone)
    assert f"{nine:%H:%M}" == "09:00"


def test_free_and_booked_slots_both_get_more_places(
    schedule: Schedule, booked: Appointment
) -> None:
    schedule.revise(capacity=9)
    assert set(schedule.slots.values_list("capacity", flat=True)) == {9}
    assert_balanced(booked.slot)


def test_the_capacity_can_shrink_to_the_taken_places(
    schedule: Schedule, booked: Appointment
) -> None:
    schedule.revise(capacity=1)
    assert set(schedule.slots.values_list("capacity", flat=True)) == {1}
    assert_balanced(booked.slot)


# --- Refused edits --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"start_time": time(10)},
        {"end_time": time(9, 30)},
        {"slot_minutes": 60},
        {"slot_minutes": 20},
        {"slot_minutes": None},
        {"start_time": time(9, 10)},
    ],
)
def test_hours_without_the_booked_slot_are_refused(
    schedule: Schedule, booked: Appointment, changes: dict[str, Any]
) -> None:
    refuses(schedule, booked, **changes)
    assert_balanced(booked.slot)


def test_another_date_is_refused(schedule: Schedule, booked: Appointment) -> None:
    refuses(schedule, booked, date=schedule.date + timedelta(days=1))
    assert_balanced(booked.slot)


def test_another_doctor_or_location_is_refused(schedule: Schedule, booked: Appointment) -> None:
    refuses(schedule, booked, doctor=DoctorFactory())
    refuses(schedule, booked, location=LocationFactory())


def test_fewer_places_than_are_taken_are_refused(schedule: Schedule, booked: Appointment) -> None:
    other = AppointmentFactory(slot=booked.slot)
    refuses(schedule, booked, other, capacity=1)
    assert_balanced(booked.slot)


def test_all_appointments_in_the_way_are_listed_by_id_and_no_others(schedule: Schedule) -> None:
    slots = list(schedule.slots.order_by("-starts_at"))
    late, later, early, gone = (AppointmentFactory(slot=slots[n]) for n in (1, 0, 3, 0))
    gone.cancel()
    early.complete(at=early.starts_at)
    late.mark_no_show(at=late.starts_at)
    refuses(schedule, late, later, early, date=day_ahead(4))
    refuses(schedule, late, later, end_time=time(10))


def test_an_edit_into_another_session_is_refused_and_changes_nothing(schedule: Schedule) -> None:
    ScheduleFactory(doctor=schedule.doctor, start_time=time(12), end_time=time(13))
    slots = list(schedule.slots.order_by("pk").values())
    with pytest.raises(ScheduleOverlap):
        schedule.revise(end_time=time(13))
    assert list(schedule.slots.order_by("pk").values()) == slots
    schedule.revise(end_time=time(12))


def test_a_session_taken_over_by_a_busy_doctor_is_refused(schedule: Schedule) -> None:
    busy = ScheduleFactory()
    with pytest.raises(ScheduleOverlap):
        schedule.revise(doctor=busy.doctor)


def test_an_edit_that_leaves_no_slot_is_refused(schedule: Schedule) -> None:
    with pytest.raises(ValidationError):
        schedule.revise(slot_minutes=180)
    assert schedule.slots.count() == 4


# --- Closing --------------------------------------------------------------------------------------


def test_deactivating_closes_the_slots_and_keeps_booked_visits(
    schedule: Schedule, booked: Appointment
) -> None:
    schedule.revise(is_active=False)
    assert set(schedule.slots.values_list("is_open", flat=True)) == {False}
    booked.refresh_from_db()
    assert (booked.status, booked.slot.schedule) == ("scheduled", schedule)
    assert_balanced(booked.slot)
    schedule.revise(is_active=True)
    assert set(schedule.slots.values_list("is_open", flat=True)) == {True}


# --- Canceled appointments ------------------------------------------------------------------------


def test_a_canceled_appointment_outlives_its_slot(schedule: Schedule, booked: Appointment) -> None:
    booked.cancel()
    schedule.revise(slot_minutes=60)
    assert not Slot.objects.filter(pk=booked.slot_id).exists()
    outlived = Appointment.objects.get(pk=booked.pk)
    assert (outlived.slot, outlived.status, outlived.starts_at, outlived.doctor) == (
        None,
        "canceled",
        booked.starts_at,
        schedule.doctor,
    )


# --- revise ---------------------------------------------------------------------------------------


def test_two_users_who_change_different_fields_both_succeed(schedule: Schedule) -> None:
    stale = Schedule.objects.get(pk=schedule.pk)
    schedule.revise(capacity=9)
    stale.revise(end_time=time(12))
    stored = Schedule.objects.get(pk=schedule.pk)
    assert (stored.capacity, stored.end_time) == (9, time(12))
    assert set(stored.slots.values_list("capacity", flat=True)) == {9}
    assert stored.slots.count() == 6


def test_a_session_that_is_gone_cannot_be_changed(schedule: Schedule) -> None:
    Schedule.objects.get(pk=schedule.pk).unpublish()
    with pytest.raises(Schedule.DoesNotExist):
        schedule.revise(capacity=9)
    assert not Schedule.objects.exists()


# --- unpublish ------------------------------------------------------------------------------------


def test_a_session_without_taken_places_is_deleted_with_its_slots(
    schedule: Schedule, booked: Appointment
) -> None:
    booked.cancel()
    schedule.unpublish()
    assert not Schedule.objects.exists()
    assert not Slot.objects.exists()
    booked.refresh_from_db()
    assert (booked.slot, booked.status) == (None, "canceled")


@pytest.mark.parametrize("conclude", ["complete", "mark_no_show"])
def test_a_session_with_a_completed_visit_or_a_no_show_stays(
    schedule: Schedule, booked: Appointment, conclude: str
) -> None:
    getattr(booked, conclude)(at=booked.starts_at)
    with pytest.raises(ScheduleInUse) as refused:
        schedule.unpublish()
    assert refused.value.extra == {"appointments": [booked.pk]}
    assert schedule.slots.count() == 4
    assert_balanced(booked.slot)
