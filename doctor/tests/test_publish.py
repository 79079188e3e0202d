"""Publishing a session creates all its slots or none."""

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone

from doctor.exceptions import ScheduleOverlap
from doctor.models import Doctor, Location, Schedule, Slot
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    PublishedScheduleFactory,
    ScheduleFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def new(**changes: Any) -> Schedule:
    """Build an unsaved session from 09:00 to 11:00, of a stored doctor at a stored location."""
    schedule: Schedule = ScheduleFactory.build(
        **{"doctor": DoctorFactory(), "location": LocationFactory(), **changes}
    )
    return schedule


def on_the_clock(schedule: Schedule) -> list[str]:
    """Return the local start and end of each slot, as "09:00-09:30"."""
    zone = schedule.location.zone
    return [
        f"{slot.starts_at.astimezone(zone):%H:%M}-{slot.ends_at.astimezone(zone):%H:%M}"
        for slot in schedule.slots.order_by("starts_at")
    ]


# --- The slots of a session -----------------------------------------------------------------------


def test_a_session_is_cut_into_equal_slots() -> None:
    schedule = PublishedScheduleFactory(slot_minutes=30)
    assert on_the_clock(schedule) == ["09:00-09:30", "09:30-10:00", "10:00-10:30", "10:30-11:00"]


def test_a_slot_has_the_doctor_location_and_capacity_of_its_session() -> None:
    schedule = PublishedScheduleFactory(capacity=7)
    for slot in schedule.slots.all():
        assert (slot.doctor, slot.location) == (schedule.doctor, schedule.location)
        assert (slot.capacity, slot.taken, slot.is_open) == (7, 0, True)


def test_without_a_slot_length_the_session_is_one_slot() -> None:
    assert on_the_clock(PublishedScheduleFactory(slot_minutes=None)) == ["09:00-11:00"]


@pytest.mark.parametrize(
    ("end", "minutes", "slots"),
    [
        (time(10, 20), 30, ["09:00-09:30", "09:30-10:00"]),
        (time(9, 59), 30, ["09:00-09:30"]),
        (time(10, 30), 60, ["09:00-10:00"]),
        (time(9, 30), 30, ["09:00-09:30"]),
        (time(9, 5), 5, ["09:00-09:05"]),
    ],
)
def test_a_remainder_shorter_than_a_slot_is_dropped(
    end: time, minutes: int, slots: list[str]
) -> None:
    assert on_the_clock(PublishedScheduleFactory(end_time=end, slot_minutes=minutes)) == slots


def test_the_longest_session_has_all_its_shortest_slots() -> None:
    schedule = PublishedScheduleFactory(start_time=time(0), end_time=time(23, 59), slot_minutes=5)
    assert schedule.slots.count() == 287


@pytest.mark.parametrize(
    ("closed_by", "is_open"),
    [({}, True), ({"is_active": False}, False), ({"accepts_patients": False}, False)],
)
def test_slots_are_open_only_if_the_doctor_is_active_and_accepts_patients(
    closed_by: dict[str, bool], is_open: bool
) -> None:
    schedule = PublishedScheduleFactory(doctor=DoctorFactory(**closed_by))
    assert set(schedule.slots.values_list("is_open", flat=True)) == {is_open}


def test_a_session_that_is_not_active_has_closed_slots() -> None:
    schedule = PublishedScheduleFactory(is_active=False)
    assert set(schedule.slots.values_list("is_open", flat=True)) == {False}


def test_the_zone_is_the_one_that_the_location_has_now() -> None:
    schedule = new()
    elsewhere = Location.objects.get(pk=schedule.location.pk)
    elsewhere.time_zone = "America/New_York"
    elsewhere.publish()
    assert schedule.location.time_zone == "Europe/Madrid"
    schedule.publish()
    nine = datetime.combine(schedule.date, time(9), tzinfo=elsewhere.zone)
    assert schedule.slots.get(starts_at=nine)


# --- Refused sessions -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"end_time": time(9, 29)}, "__all__", "no_slots"),
        ({"end_time": time(9)}, "__all__", "end_before_start"),
        ({"end_time": time(8)}, "__all__", "end_before_start"),
        ({"slot_minutes": 4}, "slot_minutes", "min_value"),
        ({"slot_minutes": 721}, "slot_minutes", "max_value"),
        ({"capacity": 0}, "capacity", "min_value"),
        ({"capacity": 1001}, "capacity", "max_value"),
        ({"date": date(1999, 12, 31)}, "date", "date_range"),
        ({"date": timezone.now().date() + timedelta(days=366 * 10 + 9)}, "date", "date_range"),
        ({"start_time": None}, "start_time", "null"),
        ({"date": None}, "date", "null"),
    ],
)
def test_an_invalid_session_is_refused_and_writes_nothing(
    changes: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        new(**changes).publish()
    assert code in {error.code for error in refused.value.error_dict[field]}
    assert not Schedule.objects.exists()
    assert not Slot.objects.exists()


@pytest.mark.parametrize("missing", ["doctor", "location"])
def test_a_session_has_a_doctor_and_a_location(missing: str) -> None:
    schedule = new()
    setattr(schedule, missing, None)
    with pytest.raises(ValidationError) as refused:
        schedule.publish()
    assert missing in refused.value.error_dict


@pytest.mark.parametrize(
    "changes",
    [
        {"date": date(2000, 1, 1)},
        {"slot_minutes": 5},
        {"slot_minutes": 720, "start_time": time(8), "end_time": time(20)},
        {"capacity": 1000},
    ],
)
def test_a_session_at_the_limits_is_published(changes: dict[str, Any]) -> None:
    schedule = new(**changes)
    schedule.publish()
    assert schedule.slots.exists()


# --- Overlap --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        (time(9), time(11), 30),  # has the same times
        (time(8), time(9, 1), None),  # overlaps its beginning
        (time(10, 59), time(12), None),  # overlaps its end
        (time(9, 45), time(10, 15), None),  # lies within it
        (time(8), time(12), None),  # encloses it
    ],
)
def test_a_doctor_is_at_one_place_at_a_time(start: time, end: time, minutes: int | None) -> None:
    there = ScheduleFactory()
    here = new(doctor=there.doctor, start_time=start, end_time=end, slot_minutes=minutes)
    assert here.location != there.location
    with pytest.raises(ScheduleOverlap):
        here.publish()
    assert list(Schedule.objects.all()) == [there]
    assert there.slots.count() == Slot.objects.count() == 4


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        (time(8), time(9), 30),  # ends when it begins
        (time(11), time(12), 30),  # begins when it ends
        (time(8, 20), time(9, 20), 40),  # the dropped remainder overlaps it
    ],
)
def test_sessions_that_touch_do_not_overlap(start: time, end: time, minutes: int) -> None:
    there = ScheduleFactory()
    new(doctor=there.doctor, start_time=start, end_time=end, slot_minutes=minutes).publish()
    assert Schedule.objects.count() == 2


def test_a_session_may_begin_where_the_remainder_of_another_was_dropped() -> None:
    there = ScheduleFactory(end_time=time(10, 50))
    new(doctor=there.doctor, start_time=time(10, 30)).publish()
    assert Schedule.objects.count() == 2


def test_two_doctors_may_be_at_one_place_at_one_time() -> None:
    there = ScheduleFactory()
    new(location=there.location).publish()
    assert Slot.objects.count() == 8


def test_overlaps_are_found_by_instants_and_not_by_wall_times() -> None:
    madrid = ScheduleFactory(start_time=time(15), end_time=time(17))
    new_york = LocationFactory(time_zone="America/New_York")
    with pytest.raises(ScheduleOverlap):  # 15:00 in Madrid, 14:00 between clock changes
        new(doctor=madrid.doctor, location=new_york, start_time=time(9)).publish()
    new(doctor=madrid.doctor, location=new_york, start_time=time(15), end_time=time(17)).publish()


def test_an_inactive_session_conflicts_too() -> None:
    there = ScheduleFactory(is_active=False)
    with pytest.raises(ScheduleOverlap):
        new(doctor=there.doctor).publish()


@pytest.mark.only_on("postgres")
@pytest.mark.parametrize("start", [time(9), time(9, 15)])
def test_the_database_refuses_an_overlap(start: time, monkeypatch: pytest.MonkeyPatch) -> None:
    there = ScheduleFactory()
    monkeypatch.setattr(Schedule, "_refuse_overlap", lambda *args: None)
    with pytest.raises(ScheduleOverlap) as refused:
        new(doctor=there.doctor, start_time=start).publish()
    assert isinstance(refused.value.__cause__, IntegrityError)


def test_another_refusal_of_the_database_is_not_reported_as_an_overlap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Schedule, "full_clean", lambda self: None)
    with pytest.raises(IntegrityError):
        new(capacity=1001).publish()


def test_a_doctor_who_does_not_exist_has_no_sessions() -> None:
    with pytest.raises(ValidationError):
        new(doctor=Doctor(pk=2**40)).publish()


def test_a_session_at_a_location_that_is_gone_is_not_saved() -> None:
    schedule = new()
    Location.objects.filter(pk=schedule.location.pk).delete()
    with pytest.raises(Location.DoesNotExist):
        schedule.publish()
    assert not Schedule.objects.exists()
