"""Sessions and weekly hours until 00:00 end at midnight, at the end of their day."""

from datetime import date, time, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from accounts.models import User
from doctor.exceptions import HoursOverlap
from doctor.models import Schedule
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    PublishedScheduleFactory,
    ScheduleFactory,
    WeeklyHoursFactory,
    day_ahead,
)
from doctor.wall_time import end_instant_of, instant_of
from tests.admin_client import AdminClient, page

pytestmark = pytest.mark.django_db
MADRID, SANTIAGO, HAVANA = "Europe/Madrid", "America/Santiago", "America/Havana"
WHOLE_DAY = {"start_time": time(), "end_time": time(), "slot_minutes": 60}


def clocks(session: Schedule) -> list[str]:
    """Return start and end of each slot on the clock of the location."""
    zone = session.location.zone
    times = session.slots.order_by("starts_at").values_list("starts_at", "ends_at")
    return [f"{a.astimezone(zone):%H:%M}-{b.astimezone(zone):%H:%M}" for a, b in times]


def test_a_session_until_midnight_ends_when_its_day_ends() -> None:
    late = PublishedScheduleFactory(start_time=time(23), end_time=time())
    assert clocks(late) == ["23:00-23:30", "23:30-00:00"]
    assert str(late).partition(", ")[2].startswith("23:00-00:00")


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (MADRID, date(2027, 6, 1), 24),
        (MADRID, date(2027, 3, 28), 23),
        (MADRID, date(2027, 10, 31), 25),
        (SANTIAGO, date(2027, 9, 4), 24),  # the clocks skip the midnight that ends this day
        (SANTIAGO, date(2027, 9, 5), 23),
        (HAVANA, date(2027, 11, 6), 24),  # the midnight that ends it is shown twice
        (HAVANA, date(2027, 11, 7), 25),
    ],
)
def test_the_whole_day_is_from_midnight_to_midnight(zone: str, day: date, hours: int) -> None:
    place = LocationFactory(time_zone=zone)
    whole = PublishedScheduleFactory(location=place, date=day, **WHOLE_DAY)
    next_day = PublishedScheduleFactory(
        location=place, doctor=whole.doctor, date=day + timedelta(days=1), **WHOLE_DAY
    )
    assert whole.slots.count() == hours
    assert whole.spans()[-1][1] == next_day.spans()[0][0]
    assert end_instant_of(day, time(), place.zone) == instant_of(next_day.date, time(), place.zone)


def test_a_whole_day_without_a_slot_length_is_one_slot() -> None:
    whole = PublishedScheduleFactory(**{**WHOLE_DAY, "slot_minutes": None})
    assert clocks(whole) == ["00:00-00:00"]


@pytest.mark.parametrize(("start", "end"), [(time(9), time(9)), (time(9), time(8, 59))])
def test_any_other_end_that_is_not_later_is_refused(start: time, end: time) -> None:
    with pytest.raises(ValidationError, match="after"):
        PublishedScheduleFactory(start_time=start, end_time=end)


@pytest.mark.parametrize("factory", [PublishedScheduleFactory, WeeklyHoursFactory])
def test_ten_minutes_before_midnight_are_too_short_for_half_an_hour(factory: Any) -> None:
    with pytest.raises(ValidationError, match="too short"):
        factory(start_time=time(23, 50), end_time=time())


def test_weekly_hours_until_midnight_overlap_what_lies_before_midnight_only() -> None:
    late = WeeklyHoursFactory(start_time=time(20), end_time=time())
    same = {"doctor": late.doctor, "location": late.location, "valid_from": late.valid_from}
    with pytest.raises(HoursOverlap):
        WeeklyHoursFactory(**same, start_time=time(23), end_time=time(23, 30))
    with pytest.raises(HoursOverlap):
        WeeklyHoursFactory(**same, start_time=time(), end_time=time())
    WeeklyHoursFactory(**same, start_time=time(), end_time=time(20))
    next_day = {**same, "weekday": (late.weekday + 1) % 7}
    WeeklyHoursFactory(**next_day, start_time=time(), end_time=time(8))
    assert set(clocks(late.schedules.first())) >= {"23:30-00:00"}


@pytest.mark.both_databases
def test_the_database_accepts_an_end_at_midnight() -> None:
    session = ScheduleFactory(start_time=time(20), end_time=time())
    assert Schedule.objects.get(pk=session.pk).end_time == time()


@pytest.mark.parametrize("path", ["schedules", "weekly-hours"])
def test_the_api_takes_midnight_as_an_end(client_of: Any, superuser: User, path: str) -> None:
    body = {"doctor": DoctorFactory().pk, "location": LocationFactory().pk, "weekday": 2}
    body |= {"date": str(day_ahead()), "valid_from": str(day_ahead())}
    body |= {"start_time": "20:00", "end_time": "00:00", "slot_minutes": 60}
    if path == "schedules":
        body = {key: body[key] for key in body if key not in ("weekday", "valid_from")}
    else:
        del body["date"]
    answer = client_of(superuser).post(f"/api/doctor/{path}/", body)
    assert (answer.status_code, answer.data["end_time"]) == (201, "00:00:00"), answer.data
    for session in Schedule.objects.all():
        assert clocks(session) == ["20:00-21:00", "21:00-22:00", "22:00-23:00", "23:00-00:00"]


def test_the_admin_takes_midnight_as_an_end(staff: User) -> None:
    typed = {"date": day_ahead(5), "start_time": "20:00", "end_time": "00:00", "capacity": "1"}
    typed |= {"doctor": DoctorFactory().pk, "location": LocationFactory().pk, "is_active": "on"}
    AdminClient(staff).send(page(Schedule, "add"), **typed, slot_minutes="120")
    assert clocks(Schedule.objects.get()) == ["20:00-22:00", "22:00-00:00"]
