"""Leave of a doctor or a location closes the slots it overlaps; deleting it opens them again."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone

from doctor.exceptions import SlotClosed
from doctor.models import Doctor, Schedule, Slot, TimeOff
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    PublishedScheduleFactory,
    ScheduleFactory,
    TimeOffFactory,
    day_ahead,
)
from tests.statements import counted_statements

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def open_hours(schedule: Schedule) -> list[str]:
    """Return the local start times of the open slots of a session."""
    starts = schedule.slots.filter(is_open=True).values_list("starts_at", flat=True)
    return [f"{at.astimezone(schedule.location.zone):%H:%M}" for at in starts.order_by("starts_at")]


def local(schedule: Schedule, wall: str) -> datetime:
    return datetime.combine(schedule.date, time.fromisoformat(wall), schedule.location.zone)


def away(schedule: Schedule, start: str, end: str, **whose: Any) -> TimeOff:
    """Create leave between two local times on the session's day, by default of its doctor."""
    whose = whose or {"doctor": schedule.doctor}
    span = {"starts_at": local(schedule, start), "ends_at": local(schedule, end)}
    return TimeOffFactory(**whose, **span)


ALL = ["09:00", "09:30", "10:00", "10:30"]  # the slots of ScheduleFactory


@pytest.mark.parametrize(
    ("start", "end", "left"),
    [
        ("09:30", "10:00", ["09:00", "10:00", "10:30"]),
        ("09:29", "09:31", ["10:00", "10:30"]),
        ("08:00", "09:00", ALL),
        ("11:00", "12:00", ALL),
        ("10:59", "12:00", ["09:00", "09:30", "10:00"]),
        ("00:00", "23:59", []),
    ],
)
def test_leave_closes_overlapped_slots_but_not_slots_that_it_only_touches(
    start: str, end: str, left: list[str]
) -> None:
    schedule = ScheduleFactory()
    away(schedule, start, end)
    assert open_hours(schedule) == left


def test_leave_closes_the_slots_of_one_doctor_at_every_location() -> None:
    doctor, place = DoctorFactory(), LocationFactory()
    here, elsewhere = (
        ScheduleFactory(
            doctor=doctor, location=where, start_time=time(hour), end_time=time(hour + 1)
        )
        for where, hour in ((place, 9), (LocationFactory(), 12))
    )
    colleague = ScheduleFactory(location=place)
    away(here, "00:00", "23:59")
    assert (open_hours(here), open_hours(elsewhere)) == ([], [])
    assert open_hours(colleague) == ALL


def test_a_closure_closes_the_slots_of_all_doctors_at_one_location() -> None:
    place = LocationFactory()
    one, other, elsewhere = (
        ScheduleFactory(location=where) for where in (place, place, LocationFactory())
    )
    away(one, "09:30", "10:00", location=place)
    assert open_hours(one) == open_hours(other) == ["09:00", "10:00", "10:30"]
    assert open_hours(elsewhere) == ALL


def test_a_slot_closed_by_leave_cannot_be_booked() -> None:
    schedule = ScheduleFactory()
    away(schedule, "09:00", "09:30")
    with pytest.raises(SlotClosed):
        schedule.slots.first().take()


def test_ending_leave_early_opens_the_rest() -> None:
    schedule = ScheduleFactory()
    leave = away(schedule, "09:00", "11:00")
    leave.revise(ends_at=local(schedule, "10:00"))
    assert open_hours(schedule) == ["10:00", "10:30"]
    leave.unpublish()
    assert open_hours(schedule) == ALL
    assert not TimeOff.objects.exists()


def test_moved_leave_opens_the_old_slots_and_closes_the_new_ones() -> None:
    schedule, other = ScheduleFactory(), ScheduleFactory()
    leave = away(schedule, "09:00", "09:30")
    leave.revise(starts_at=local(schedule, "10:00"), ends_at=local(schedule, "10:30"))
    assert open_hours(schedule) == ["09:00", "09:30", "10:30"]
    leave.revise(doctor=other.doctor)
    assert (open_hours(schedule), open_hours(other)) == (ALL, ["09:00", "09:30", "10:30"])
    leave.revise(doctor=None, location=schedule.location)
    assert (open_hours(schedule), open_hours(other)) == (["09:00", "09:30", "10:30"], ALL)


@pytest.mark.parametrize("of_location", [False, True])
def test_slots_that_other_leave_covers_stay_closed(of_location: bool) -> None:
    schedule = ScheduleFactory()
    first = away(schedule, "09:00", "10:00")
    whose = {"location": schedule.location} if of_location else {"doctor": schedule.doctor}
    away(schedule, "09:30", "10:30", **whose)
    first.unpublish()
    assert open_hours(schedule) == ["09:00", "10:30"]


def test_the_end_of_leave_opens_no_slot_that_is_closed_for_another_reason() -> None:
    idle = ScheduleFactory(is_active=False)
    busy = ScheduleFactory(doctor=DoctorFactory(accepts_patients=False))
    kept = ScheduleFactory()
    kept.slots.update(kept_over=True)
    for schedule in (idle, busy, kept):
        away(schedule, "00:00", "23:59").unpublish()
        assert open_hours(schedule) == []


def test_slots_made_or_opened_during_leave_are_closed() -> None:
    leave = TimeOffFactory()
    schedule = PublishedScheduleFactory(doctor=leave.doctor)
    assert open_hours(schedule) == []
    leave.doctor.accepts_patients = False
    leave.doctor.publish()
    leave.doctor.accepts_patients = True
    leave.doctor.publish()
    assert open_hours(schedule) == []
    schedule.revise(capacity=2)
    assert open_hours(schedule) == []
    leave.unpublish()
    assert open_hours(schedule) == ALL


def test_slots_that_have_ended_stay_open_or_closed_as_they_were() -> None:
    past = ScheduleFactory(date=day_ahead(-3))
    away(past, "00:00", "23:59")
    assert open_hours(past) == ALL
    leave = TimeOffFactory(starts_at=local(past, "00:00"))
    closed = ScheduleFactory(doctor=leave.doctor, date=past.date)
    leave.unpublish()
    assert open_hours(closed) == []


def test_a_slot_under_way_closes_and_one_that_just_ended_does_not() -> None:
    schedule = ScheduleFactory()
    span = {"starts_at": local(schedule, "00:00"), "ends_at": local(schedule, "23:59")}
    TimeOff(doctor=schedule.doctor, **span).publish(at=local(schedule, "09:30"))
    assert open_hours(schedule) == ["09:00"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"doctor": None}, "doctor_or_location"),
        ({"location": "theirs"}, "doctor_or_location"),
        ({"ends_at": datetime(2026, 1, 1, tzinfo=UTC)}, "end_before_start"),
        ({"starts_at": datetime(1999, 12, 31, tzinfo=UTC)}, "date_range"),
        ({"ends_at": datetime(2100, 1, 1, 0, 1, tzinfo=UTC)}, "date_range"),
    ],
)
def test_invalid_leave_is_refused(wrong: dict[str, Any], code: str) -> None:
    schedule = ScheduleFactory()
    wrong = {"location": schedule.location} if wrong.get("location") else wrong
    whole = {"doctor": schedule.doctor, "starts_at": local(schedule, "09:00")}
    leave = TimeOff(**{**whole, "ends_at": local(schedule, "10:00"), **wrong})
    with pytest.raises(ValidationError) as refused:
        leave.publish()
    assert {error.code for errors in refused.value.error_dict.values() for error in errors} == {
        code
    }
    assert open_hours(schedule) == ALL


@pytest.mark.parametrize(
    "owners", [{}, {"doctor": DoctorFactory, "location": LocationFactory}], ids=["neither", "both"]
)
def test_the_database_itself_refuses_leave_of_both_or_of_neither(owners: dict[str, Any]) -> None:
    whose = {name: make() for name, make in owners.items()}
    span = {"starts_at": timezone.now(), "ends_at": timezone.now() + timedelta(days=1)}
    with pytest.raises(IntegrityError, match="doctor_timeoff_of_doctor_or_location"):
        TimeOff.objects.create(**whose, **span)


def test_leave_that_is_gone_cannot_be_changed_or_deleted() -> None:
    leave = TimeOffFactory()
    TimeOff.objects.all().delete()
    with pytest.raises(TimeOff.DoesNotExist):
        leave.revise(reason="Later")
    with pytest.raises(TimeOff.DoesNotExist):
        leave.unpublish()
    assert not TimeOff.objects.exists()


# --- The days of the clock changes ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Madrid", date(2027, 3, 28), 23),
        ("America/New_York", date(2027, 3, 14), 23),
        ("Europe/Madrid", date(2027, 10, 31), 25),
        ("America/New_York", date(2027, 11, 7), 25),
        ("America/New_York", date(2027, 3, 28), 24),
        ("Europe/Madrid", date(2027, 11, 7), 24),
    ],
)
def test_a_day_off_covers_exactly_the_local_day(zone: str, day: date, hours: int) -> None:
    place, clock = LocationFactory(time_zone=zone), ZoneInfo(zone)
    days = [day + timedelta(days=n) for n in (-1, 0, 1)]
    whole = {"start_time": time(), "end_time": time(23, 59), "slot_minutes": None}
    doctor = DoctorFactory()
    before, on, after = (
        ScheduleFactory(doctor=doctor, location=place, date=each, **whole) for each in days
    )
    midnights = [datetime.combine(each, time(), clock) for each in days[1:]]
    leave = TimeOffFactory(doctor=doctor, starts_at=midnights[0], ends_at=midnights[1])
    leave.refresh_from_db()
    assert leave.ends_at - leave.starts_at == timedelta(hours=hours)
    assert [open_hours(each) for each in (before, on, after)] == [["00:00"], [], ["00:00"]]


# --- Cost -----------------------------------------------------------------------------------------


def test_leave_of_a_year_costs_the_same_number_of_statements_as_a_day() -> None:
    taken = []
    for sessions in (1, 40):
        doctor: Doctor = DoctorFactory()
        for day in range(sessions):
            ScheduleFactory(doctor=doctor, date=day_ahead(3 + day))
        starts_at = timezone.now()
        leave = TimeOff(doctor=doctor, starts_at=starts_at, ends_at=starts_at + timedelta(days=300))
        with counted_statements() as found:
            leave.publish()
        assert not Slot.objects.filter(doctor=doctor, is_open=True).exists()
        taken.append(len(found))
    assert taken[0] == taken[1] <= 16
