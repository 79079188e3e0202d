"""`versions/` of weekly hours: other values from a date on, in one step."""

from datetime import date, time, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from accounts.models import User
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import HoursOverlap
from doctor.models import Schedule, Slot, WeeklyHours
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    SiteStaffFactory,
    WeeklyHoursFactory,
)
from doctor.tests.monday_hours import MONDAY, SECOND, THIRD, slot_times_on, stored_rows
from tests.balance import assert_balanced
from tests.problems import assert_invalid, assert_problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday_morning")]

A_DAY = timedelta(days=1)


@pytest.fixture
def admin(superuser: User, client_of) -> APIClient:
    return client_of(superuser)


def path_of(hours: WeeklyHours) -> str:
    return f"/api/doctor/weekly-hours/{hours.pk}/versions/"


def other_than(hours: WeeklyHours) -> WeeklyHours:
    """Return the only other weekly hours: the new version."""
    return WeeklyHours.objects.exclude(pk=hours.pk).get()


# --- Both sides of the date -----------------------------------------------------------------------


def test_a_version_ends_the_hours_the_day_before_and_begins_on_the_date(
    admin: APIClient, hours: WeeklyHours
) -> None:
    before = admin.get(f"/api/doctor/weekly-hours/{hours.pk}/").json()
    answer = admin.post(path_of(hours), {"from": str(SECOND), "end_time": "10:00:00"})
    assert answer.status_code == 201
    version = other_than(hours)
    changed = {"end_time": "10:00:00", "valid_from": str(SECOND), "id": version.pk}
    assert answer.json() == {**before, **changed}
    hours.refresh_from_db()
    assert (hours.valid_until, hours.end_time) == (SECOND - A_DAY, time(11))
    assert slot_times_on(MONDAY) == ["09:00", "09:30", "10:00", "10:30"]
    assert slot_times_on(SECOND) == slot_times_on(THIRD) == ["09:00", "09:30"]
    assert [row.date for row in hours.schedules.all()] == [MONDAY]
    assert [row.date for row in version.schedules.order_by("date")] == [SECOND, THIRD]


def test_the_last_date_stays_unless_another_one_is_given(
    admin: APIClient, hours: WeeklyHours
) -> None:
    hours.revise(valid_until=THIRD)
    answer = admin.post(path_of(hours), {"from": str(SECOND), "capacity": 3})
    assert answer.json()["valid_until"] == str(THIRD)
    answer = admin.post(
        path_of(other_than(hours)), {"from": str(THIRD), "capacity": 4, "valid_until": None}
    )
    assert answer.json()["valid_until"] is None


def test_a_version_of_hours_that_have_ended_needs_a_last_date_and_leaves_theirs(
    admin: APIClient, hours: WeeklyHours
) -> None:
    hours.revise(valid_until=MONDAY)
    assert_invalid(admin.post(path_of(hours), {"from": str(THIRD)}), "valid_until")
    answer = admin.post(path_of(hours), {"from": str(THIRD), "valid_until": None})
    assert answer.status_code == 201
    hours.refresh_from_db()
    assert hours.valid_until == MONDAY


@pytest.mark.both_databases
def test_a_visit_at_a_time_that_both_versions_have_stays_in_its_slot(
    hours: WeeklyHours, booked: Appointment
) -> None:
    version = hours.add_version(SECOND, end_time=time(12))
    slot = Slot.objects.get(pk=booked.slot_id)
    assert (slot.schedule.weekly_hours, slot.is_open, slot.kept_over) == (version, True, False)
    booked.refresh_from_db()
    assert (booked.status, booked.needs_rebooking) == ("scheduled", False)
    assert slot_times_on(SECOND)[-1] == "11:30"
    assert_balanced(slot)


def test_days_that_staff_edited_or_deleted_stay_so(hours: WeeklyHours) -> None:
    edited, deleted = (hours.schedules.get(date=day) for day in (SECOND, THIRD))
    edited.revise(end_time=time(10))
    deleted.unpublish()
    version = hours.add_version(MONDAY + A_DAY, start_time=time(8))
    assert slot_times_on(SECOND) == ["09:00", "09:30"]
    assert slot_times_on(THIRD) == []
    WeeklyHours.objects.extend(hours.doctor_id, 14, edited.begins_at - 7 * A_DAY)
    assert slot_times_on(THIRD) == []
    assert version.schedules.filter(is_exception=True).count() == 2


def test_another_weekday_doctor_and_location_move_the_sessions(hours: WeeklyHours) -> None:
    doctor, location = DoctorFactory(), LocationFactory(time_zone="America/New_York")
    version = hours.add_version(SECOND, weekday=1, doctor=doctor, location=location)
    assert slot_times_on(SECOND) == []
    assert slot_times_on(SECOND + A_DAY, doctor) == ["09:00", "09:30", "10:00", "10:30"]
    assert Slot.objects.filter(schedule__weekly_hours=version, location=location).count() == 4


def test_a_date_beyond_the_sessions_that_exist_is_kept_for_later(hours: WeeklyHours) -> None:
    first = THIRD + 7 * A_DAY
    version = hours.add_version(first, start_time=time(10))
    assert not version.schedules.exists()
    WeeklyHours.objects.extend(hours.doctor_id, 30, ScheduleFactory().begins_at)
    assert slot_times_on(first) == ["10:00", "10:30"]
    assert slot_times_on(THIRD) == ["09:00", "09:30", "10:00", "10:30"]


def test_a_day_that_is_left_out_is_reported(hours: WeeklyHours) -> None:
    there = ScheduleFactory(doctor=hours.doctor, date=THIRD, start_time=time(15), end_time=time(16))
    version = hours.add_version(SECOND, end_time=time(16))
    assert [day for day, _ in version.skipped] == [there.date]


# --- Every few weeks ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "begins"),
    [
        (MONDAY + A_DAY, MONDAY + 14 * A_DAY),  # the next Monday is none of theirs
        (SECOND, MONDAY + 14 * A_DAY),
        (SECOND + A_DAY, SECOND + A_DAY),
        (THIRD, THIRD),
        (THIRD + A_DAY, THIRD + 14 * A_DAY),
    ],
)
def test_hours_every_other_week_keep_their_weeks(first: date, begins: date) -> None:
    hours = WeeklyHoursFactory(every_weeks=2)
    version = hours.add_version(first, capacity=2)
    assert version.valid_from == begins
    assert version.dates(MONDAY, MONDAY + 70 * A_DAY) == [
        day for day in hours.dates(MONDAY, MONDAY) + WeeklyHours(
            valid_from=MONDAY, weekday=0, every_weeks=2
        ).dates(MONDAY, MONDAY + 70 * A_DAY) if day >= first
    ]  # fmt: skip


def test_another_rhythm_counts_from_the_date() -> None:
    hours = WeeklyHoursFactory(every_weeks=2)
    assert hours.add_version(SECOND, every_weeks=3).valid_from == SECOND


# --- Refusals leave both as they were -------------------------------------------------------------


def test_a_visit_in_the_way_is_named_and_with_keep_stays_at_its_time(
    admin: APIClient, hours: WeeklyHours, booked: Appointment
) -> None:
    before = stored_rows()
    body = {"from": str(SECOND), "start_time": "10:00"}
    problem = assert_problem(admin.post(path_of(hours), body), 409, "schedule_in_use")
    assert problem["appointments"] == [booked.pk]
    assert stored_rows() == before
    said = admin.post(f"{path_of(hours)}?preview=true", body)
    assert said.status_code == 200
    counts = {"sessions_removed": 0, "sessions_changed": 2, "sessions_added": 0}
    assert said.json() == {**counts, "appointments": [booked.pk]}
    assert stored_rows() == before
    assert admin.post(f"{path_of(hours)}?keep=true", body).status_code == 201
    assert slot_times_on(SECOND) == ["(09:30)", "10:00", "10:30"]
    booked.refresh_from_db()
    assert booked.needs_rebooking


def test_hours_in_the_way_of_a_version_are_named(hours: WeeklyHours) -> None:
    other = WeeklyHoursFactory(
        doctor=hours.doctor, location=hours.location, start_time=time(12), end_time=time(13)
    )
    before = stored_rows()
    with pytest.raises(HoursOverlap) as refused:
        hours.add_version(SECOND, end_time=time(13))
    assert refused.value.extra == {"weekly_hours": [other.pk]}
    assert stored_rows() == before


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "from"),
    ({"from": None}, "from"),
    ({"from": "soon"}, "from"),
    ({"from": str(MONDAY)}, "from"),  # today
    ({"from": str(MONDAY - A_DAY)}, "from"),
    ({"from": "0001-01-01"}, "from"),
    ({"from": "9999-12-31"}, "from"),
    ({"from": 10**22}, "from"),
    ({"from": str(SECOND), "valid_until": str(MONDAY)}, "non_field_errors"),
    ({"from": str(SECOND), "end_time": "08:00"}, "non_field_errors"),
    ({"from": str(SECOND), "slot_minutes": 180}, "non_field_errors"),
    ({"from": str(SECOND), "capacity": 0}, "capacity"),
    ({"from": str(SECOND), "doctor": None}, "doctor"),
    ({"from": str(SECOND), "location": 0}, "location"),
    ({"from": str(SECOND), "weekday": 7}, "weekday"),
    ({"from": str(SECOND), "every_weeks": 53}, "every_weeks"),
]


def test_a_version_with_a_wrong_field_is_400_and_changes_nothing(
    admin: APIClient, hours: WeeklyHours
) -> None:
    before = stored_rows()
    for wrong, field in WRONG:
        assert_invalid(admin.post(path_of(hours), wrong), field)
    assert_invalid(admin.post(f"{path_of(hours)}?preview=true", {"from": str(MONDAY)}), "from")
    assert stored_rows() == before


def test_hours_that_begin_on_the_date_or_later_have_no_version_before(
    admin: APIClient, hours: WeeklyHours
) -> None:
    later = WeeklyHoursFactory(valid_from=SECOND)
    for day in (SECOND, SECOND - A_DAY):
        assert_invalid(admin.post(path_of(later), {"from": str(day)}), "from")
    assert admin.post(path_of(later), {"from": str(SECOND + A_DAY)}).status_code == 201


def test_the_date_is_one_at_the_location() -> None:
    """At 08:00 in Madrid it is still Sunday in Honolulu, so Monday is to come there."""
    hours = WeeklyHoursFactory(
        location__time_zone="Pacific/Honolulu", valid_from=MONDAY - 7 * A_DAY
    )
    assert hours.add_version(MONDAY, capacity=2).valid_from == MONDAY


# --- Who may --------------------------------------------------------------------------------------


def test_a_version_takes_the_permissions_to_add_and_to_change(
    hours: WeeklyHours, staff: User, client_of
) -> None:
    body = {"from": str(SECOND), "capacity": 3}
    names = ["add_weeklyhours", "change_weeklyhours"]
    for allowed in ([], names[:1], names[1:]):
        staff.user_permissions.set(Permission.objects.filter(codename__in=allowed))
        refused = client_of(User.objects.get(pk=staff.pk)).post(path_of(hours), body)
        assert_problem(refused, 403, "permission_denied")
    staff.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = client_of(User.objects.get(pk=staff.pk))
    assert client.post(path_of(hours), body).status_code == 201


def test_staff_of_a_site_make_versions_of_its_hours_alone(
    hours: WeeklyHours, staff: User, client_of
) -> None:
    staff.user_permissions.set(Permission.objects.filter(content_type__model="weeklyhours"))
    SiteStaffFactory(user=staff, location=hours.location)
    other, body = WeeklyHoursFactory(), {"from": str(SECOND), "capacity": 3}
    client = client_of(User.objects.get(pk=staff.pk))
    assert_problem(client.post(path_of(other), body), 404, "not_found")
    moved = {**body, "location": other.location_id}
    assert_invalid(client.post(path_of(hours), moved), "location")
    assert client.post(path_of(hours), body).status_code == 201


def test_no_session_is_lost_or_doubled_by_versions_in_a_row(hours: WeeklyHours) -> None:
    AppointmentFactory(slot=hours.schedules.get(date=THIRD).slots.first())
    second = hours.add_version(SECOND, capacity=3)
    third = second.add_version(THIRD, end_time=time(12))
    days = Schedule.objects.order_by("date").values_list("date", "weekly_hours")
    assert list(days) == [(MONDAY, hours.pk), (SECOND, second.pk), (THIRD, third.pk)]
