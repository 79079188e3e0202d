"""`?preview=true` on weekly hours says what saving would do, and changes nothing."""

from collections.abc import Callable
from datetime import date, time
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.db import transaction
from rest_framework.test import APIClient

from accounts.models import User
from appointment.models import Appointment, Offer
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from doctor.models import Schedule, WeeklyHours
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    SiteStaffFactory,
    WeeklyHoursFactory,
)
from doctor.tests.monday_hours import MONDAY, SECOND, THIRD, stored_rows
from tests.problems import assert_invalid, assert_problem
from tests.statements import counted_statements

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday_morning")]

HOURS = "/api/doctor/weekly-hours/"
COUNTS = ("sessions_removed", "sessions_changed", "sessions_added")
NOTHING: dict[str, Any] = {**dict.fromkeys(COUNTS, 0), "appointments": []}


@pytest.fixture
def admin(superuser: User, client_of) -> APIClient:
    return client_of(superuser)


def path_of(hours: WeeklyHours, *more: str) -> str:
    return "/".join([f"{HOURS}{hours.pk}", *more, ""])


def every_row() -> dict[str, list[Any]]:
    """Return all rows of the clinic, but not those of logins and of calls that are counted."""
    return {
        model._meta.label: sorted(map(repr, model._base_manager.values()))
        for model in apps.get_models()
        if model._meta.app_label in {"doctor", "patient", "appointment", "accounts"}
        and model.__name__ not in {"Device"}
    }


def sessions() -> dict[date, Any]:
    """Map the day of each session that still follows weekly hours to its times and places."""
    rows = Schedule.objects.filter(weekly_hours__isnull=False, is_exception=False)
    return {
        row.date: (
            row.pk,
            row.doctor_id,
            row.location_id,
            row.capacity,
            list(row.slots.order_by("starts_at").values_list("starts_at", "ends_at")),
        )
        for row in rows
    }


def difference(before: dict[date, Any], after: dict[date, Any]) -> dict[str, int]:
    both = before.keys() & after.keys()
    return {
        "sessions_removed": len(before.keys() - both),
        "sessions_changed": len([day for day in both if before[day] != after[day]]),
        "sessions_added": len(after.keys() - both),
    }


CHANGES: list[tuple[dict[str, Any], tuple[int, int, int], bool]] = [
    # what is changed, sessions removed, changed and added, whether it hits the visit
    ({}, (0, 0, 0), False),
    ({"capacity": 3}, (0, 2, 0), False),
    ({"valid_until": str(SECOND)}, (1, 0, 0), False),
    ({"valid_from": str(THIRD)}, (1, 0, 0), True),
    ({"start_time": "10:00"}, (0, 2, 0), True),
    ({"weekday": 1}, (2, 0, 2), True),
    ({"slot_minutes": None}, (1, 1, 0), True),  # the visit takes up all of the second day
]


@pytest.mark.parametrize(("changes", "counts", "hit"), CHANGES)
def test_a_preview_says_what_saving_then_does(
    changes: dict[str, Any],
    counts: tuple[int, int, int],
    hit: bool,
    admin: APIClient,
    hours: WeeklyHours,
    booked: Appointment,
) -> None:
    rows, before = stored_rows(), sessions()
    said = {**dict(zip(COUNTS, counts, strict=True)), "appointments": [booked.pk] if hit else []}
    for keep in ("", "&keep=true") if hit else ("",):
        answer = admin.patch(f"{path_of(hours)}?preview=true{keep}", changes)
        assert (answer.status_code, answer.json()) == (200, said)
        assert stored_rows() == rows
    if hit:
        problem = assert_problem(admin.patch(path_of(hours), changes), 409, "schedule_in_use")
        assert problem["appointments"] == said["appointments"]
    assert admin.patch(f"{path_of(hours)}?keep=true", changes).status_code == 200
    assert difference(before, sessions()) == dict(zip(COUNTS, counts, strict=True))
    assert Appointment.objects.filter(needs_rebooking=True).count() == int(hit)


def test_a_preview_of_a_deletion_counts_the_sessions_from_tomorrow_on(
    admin: APIClient, hours: WeeklyHours, booked: Appointment
) -> None:
    answer = admin.delete(f"{path_of(hours)}?preview=true")
    assert answer.status_code == 200
    assert answer.json() == {**NOTHING, "sessions_removed": 2, "appointments": [booked.pk]}
    assert admin.delete(f"{path_of(hours)}?keep=true").status_code == 204
    assert list(Schedule.objects.filter(is_exception=False).values_list("date")) == [(MONDAY,)]


def test_a_preview_of_new_hours_counts_the_sessions_with_those_of_today(admin: APIClient) -> None:
    body = {
        "doctor": DoctorFactory().pk,
        "location": LocationFactory().pk,
        "weekday": 0,
        "start_time": "09:00",
        "end_time": "11:00",
        "valid_from": str(MONDAY),
    }
    answer = admin.post(f"{HOURS}?preview=true", body)
    assert (answer.status_code, answer.json()) == (200, {**NOTHING, "sessions_added": 3})
    assert not WeeklyHours.objects.exists()
    ScheduleFactory(doctor_id=body["doctor"], date=SECOND)  # that day is skipped
    assert admin.post(f"{HOURS}?preview=true", body).json()["sessions_added"] == 2
    assert admin.post(HOURS, body).status_code == 201
    assert Schedule.objects.filter(weekly_hours__isnull=False).count() == 2


def test_a_preview_of_a_put_is_one_of_the_whole_body(admin: APIClient, hours: WeeklyHours) -> None:
    body = {**admin.get(path_of(hours)).json(), "capacity": 4}
    answer = admin.put(f"{path_of(hours)}?preview=true", body)
    assert answer.json() == {**NOTHING, "sessions_changed": 2}


def test_a_preview_is_refused_as_saving_is(admin: APIClient, hours: WeeklyHours) -> None:
    other = WeeklyHoursFactory(
        doctor=hours.doctor, location=hours.location, start_time=time(12), end_time=time(13)
    )
    rows = stored_rows()
    for preview in ("", "?preview=true"):
        path = f"{path_of(hours)}{preview}"
        overlap = assert_problem(admin.patch(path, {"end_time": "12:30"}), 409, "hours_overlap")
        assert overlap["weekly_hours"] == [other.pk]
        assert_invalid(admin.patch(path, {"capacity": 0}), "capacity")
        assert_invalid(admin.patch(path, {"end_time": "08:00"}), "non_field_errors")
        assert_invalid(admin.post(f"{HOURS}{preview}", {}), *NEEDED)
    assert stored_rows() == rows


NEEDED = ("doctor", "location", "weekday", "start_time", "end_time", "valid_from")


def test_a_session_that_staff_edited_counts_in_no_preview(
    admin: APIClient, hours: WeeklyHours
) -> None:
    hours.schedules.get(date=SECOND).revise(capacity=5)
    answer = admin.delete(f"{path_of(hours)}?preview=true").json()
    assert answer == {**NOTHING, "sessions_removed": 1}


def test_a_preview_withdraws_no_offer_and_runs_nothing_after_a_commit(
    admin: APIClient, django_capture_on_commit_callbacks: Any
) -> None:
    """The offer's slot would be dropped; what the receivers wrote is rolled back too."""
    hours = WeeklyHoursFactory()
    visit = AppointmentFactory(slot=hours.schedules.get(date=SECOND).slots.first())
    WaitlistEntryFactory(doctor=hours.doctor)
    visit.cancel()
    assert Offer.objects.get().slot_id == visit.slot_id
    heard: list[int] = []
    rows = every_row()
    original: Callable[..., Any] = WeeklyHours.unpublish

    def unpublish(self: WeeklyHours, **options: Any) -> None:
        transaction.on_commit(lambda: heard.append(1))
        original(self, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WeeklyHours, "unpublish", unpublish)
        with django_capture_on_commit_callbacks(execute=True):
            assert admin.delete(f"{path_of(hours)}?preview=true").status_code == 200
    assert heard == []
    assert every_row() == rows


def test_preview_is_true_or_false_and_anything_else_is_400(
    admin: APIClient, hours: WeeklyHours
) -> None:
    rows = stored_rows()
    path, junk = path_of(hours), "1"
    for call in (admin.patch, admin.delete, admin.put):
        assert_invalid(call(f"{path}?preview={junk}", {}), "preview")
    assert_invalid(admin.post(f"{HOURS}?preview={junk}", {}), "preview")
    assert_invalid(admin.post(f"{path}versions/?preview={junk}", {}), "preview")
    assert stored_rows() == rows


def test_staff_of_a_site_preview_only_what_they_may_change(
    hours: WeeklyHours, staff: User, client_of
) -> None:
    staff.user_permissions.set(Permission.objects.filter(content_type__model="weeklyhours"))
    elsewhere = SiteStaffFactory(user=staff)
    client = client_of(staff)
    for call in (client.patch, client.delete):
        assert_problem(call(f"{path_of(hours)}?preview=true", {}), 404, "not_found")
    elsewhere.delete()
    SiteStaffFactory(user=staff, location=hours.location)
    client = client_of(User.objects.get(pk=staff.pk))
    assert client.delete(f"{path_of(hours)}?preview=true").status_code == 200
    there = {"location": LocationFactory().pk}
    assert_invalid(client.patch(f"{path_of(hours)}?preview=true", there), "location")


def test_a_preview_takes_the_permission_of_the_change(
    hours: WeeklyHours, staff: User, client_of
) -> None:
    client = client_of(staff)  # Reception views weekly hours only
    for call in (client.patch, client.delete, client.put):
        assert_problem(call(f"{path_of(hours)}?preview=true", {}), 403, "permission_denied")


def test_a_preview_takes_as_many_statements_for_90_days_as_for_14(
    admin: APIClient, settings: Any
) -> None:
    def cost(days: int) -> int:
        settings.HOURS_AHEAD_DAYS = days
        hours = WeeklyHoursFactory()
        slots = hours.schedules.latest("date").slots.order_by("starts_at")
        AppointmentFactory(slot=slots[0])
        with counted_statements() as statements:
            admin.patch(f"{path_of(hours)}?preview=true", {"start_time": "10:00"})
        return len(statements)

    assert cost(14) == cost(90)
