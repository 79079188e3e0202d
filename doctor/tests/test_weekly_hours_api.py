"""/api/doctor/weekly-hours/, which only staff read and write."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import StaffFactory
from appointment.models import Appointment
from doctor.models import Schedule, Slot, WeeklyHours
from doctor.tests.factories import DoctorFactory, LocationFactory, WeeklyHoursFactory
from doctor.tests.monday_hours import MONDAY, SECOND, stored_rows
from tests.problems import assert_invalid, assert_problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday_morning")]

HOURS = "/api/doctor/weekly-hours/"
NEEDED = ("doctor", "location", "weekday", "start_time", "end_time", "valid_from")
DEFAULTS = {"slot_minutes": None, "capacity": 1, "valid_until": None, "every_weeks": 1}


@pytest.fixture
def admin(superuser: User, client_of) -> APIClient:
    return client_of(superuser)


@pytest.fixture
def body(db: None) -> dict[str, Any]:
    return {
        "doctor": DoctorFactory().pk,
        "location": LocationFactory().pk,
        "weekday": 0,
        "start_time": "09:00:00",
        "end_time": "13:00:00",
        "slot_minutes": 30,
        "capacity": 2,
        "valid_from": str(MONDAY),
        "valid_until": str(MONDAY + timedelta(days=30)),
        "every_weeks": 2,
    }


def path_of(hours: WeeklyHours) -> str:
    return f"{HOURS}{hours.pk}/"


def test_posting_publishes_the_hours_and_their_sessions(admin, body) -> None:
    response = admin.post(HOURS, body)
    assert response.status_code == 201
    hours = WeeklyHours.objects.get()
    assert response.json() == {"id": hours.pk, **body} == admin.get(path_of(hours)).json()
    assert [row.date for row in hours.schedules.order_by("date")] == [
        MONDAY,
        MONDAY + timedelta(days=14),
    ]
    assert Slot.objects.count() == 16


def test_a_post_sets_defaults_for_the_fields_it_leaves_out(admin, body) -> None:
    for name in DEFAULTS:
        del body[name]
    answer = admin.post(HOURS, body).json()
    assert {name: answer[name] for name in DEFAULTS} == DEFAULTS


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("value", [None, "", "junk", [], {}, 10**22, -1, True])
def test_a_field_that_is_needed_and_wrong_is_400(name: str, value: object, admin, body) -> None:
    assert_invalid(admin.post(HOURS, {**body, name: value}), name)
    del body[name]
    assert_invalid(admin.post(HOURS, body), name)
    assert not WeeklyHours.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"end_time": "09:00"}, "non_field_errors"),
        ({"end_time": "09:20"}, "non_field_errors"),
        ({"weekday": 7}, "weekday"),
        ({"weekday": 1.5}, "weekday"),
        ({"valid_from": "1999-12-31"}, "valid_from"),
        ({"valid_from": "9999-12-31", "valid_until": None}, "valid_from"),
        ({"valid_from": "0001-01-01"}, "valid_from"),
        ({"valid_until": "2037-01-12"}, "valid_until"),
        ({"valid_until": "2027-01-10"}, "non_field_errors"),
        ({"slot_minutes": 4}, "slot_minutes"),
        ({"slot_minutes": 721}, "slot_minutes"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": 1001}, "capacity"),
        ({"capacity": None}, "capacity"),
        ({"every_weeks": 0}, "every_weeks"),
        ({"every_weeks": 53}, "every_weeks"),
        ({"every_weeks": None}, "every_weeks"),
        ({"doctor": 999_999}, "doctor"),
        ({"location": 999_999}, "location"),
    ],
)
def test_invalid_hours_are_400(changes, field: str, admin, body) -> None:
    assert_invalid(admin.post(HOURS, {**body, **changes}), field)
    assert not WeeklyHours.objects.exists()
    assert not Schedule.objects.exists()


def test_put_resets_the_fields_it_leaves_out(admin, body, hours: WeeklyHours) -> None:
    for name in DEFAULTS:
        del body[name]
    response = admin.put(path_of(hours), body)
    assert response.status_code == 200
    assert response.json() == {"id": hours.pk, **body, **DEFAULTS}
    assert_invalid(admin.put(path_of(hours), {}), *NEEDED)


def test_patch_changes_only_the_fields_it_names(admin, hours: WeeklyHours) -> None:
    before = admin.get(path_of(hours)).json()
    response = admin.patch(path_of(hours), {"capacity": 3})
    assert response.json() == {**before, "capacity": 3}
    assert admin.patch(path_of(hours), {}).json() == response.json()
    coming = Slot.objects.filter(schedule__date__gt=MONDAY)
    assert set(coming.values_list("capacity", flat=True)) == {3}


def test_hours_that_overlap_others_of_the_doctor_are_409_and_named(admin, body) -> None:
    there = admin.post(HOURS, body).json()["id"]
    elsewhere = {**body, "location": LocationFactory().pk, "start_time": "12:30:00"}
    problem = assert_problem(admin.post(HOURS, elsewhere), 409, "hours_overlap")
    assert problem["weekly_hours"] == [there]
    elsewhere |= {"start_time": "13:00:00", "end_time": "14:00:00"}
    other = admin.post(HOURS, elsewhere).json()["id"]
    problem = admin.patch(f"{HOURS}{other}/", {"start_time": "12:00"})
    assert assert_problem(problem, 409, "hours_overlap")["weekly_hours"] == [there]


@pytest.mark.parametrize("keep", ["0", "1", "yes", "on", "null", "tru"])
def test_keep_is_true_or_false_and_anything_else_is_400(
    keep: str, admin, hours: WeeklyHours, booked: Appointment
) -> None:
    before, path = stored_rows(), f"{path_of(hours)}?keep={keep}"
    assert_invalid(admin.patch(path, {"weekday": 1}), "keep")
    assert_invalid(admin.delete(path), "keep")
    assert stored_rows() == before


@pytest.mark.parametrize("keep", ["", "?keep=false", "?keep="])
def test_a_change_that_strands_a_booking_is_409_with_the_appointments(
    keep: str, admin, body, hours: WeeklyHours, booked: Appointment
) -> None:
    before, path = stored_rows(), path_of(hours) + keep
    for refused in (
        admin.patch(path, {"weekday": 1}),
        admin.put(path, body),
        admin.patch(path, {"valid_until": str(SECOND - timedelta(days=1))}),
        admin.delete(path),
    ):
        problem = assert_problem(refused, 409, "schedule_in_use")
        assert problem["appointments"] == [booked.pk]
    assert stored_rows() == before


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_stranded_bookings_are_kept_when_staff_ask_for_it(
    method: str, admin, body, hours: WeeklyHours, booked: Appointment
) -> None:
    answer = getattr(admin, method)(f"{path_of(hours)}?keep=true", {**body, "weekday": 3})
    assert answer.status_code == (204 if method == "delete" else 200)
    slot = Slot.objects.get(pk=booked.slot_id)
    assert (slot.kept_over, slot.is_open, slot.taken) == (True, False, 1)
    assert WeeklyHours.objects.exists() is (method != "delete")


@pytest.mark.parametrize("junk", ["junk", "2", "\0", "tru"])
def test_a_keep_that_does_not_parse_is_400_and_changes_nothing(
    junk: str, admin, body, hours: WeeklyHours
) -> None:
    before, path = stored_rows(), f"{path_of(hours)}?keep={junk}".replace("\0", "%00")
    for answer in (admin.put(path, body), admin.patch(path, {}), admin.delete(path)):
        assert_invalid(answer, "keep")
    assert stored_rows() == before


def test_hours_are_found_by_doctor_and_location(admin) -> None:
    first, second = WeeklyHoursFactory(), WeeklyHoursFactory()

    def found(**query: object) -> list[int]:
        return [row["id"] for row in admin.get(HOURS, query).json()["results"]]

    assert sorted(found()) == [first.pk, second.pk]
    assert found(doctor=second.doctor.pk) == found(location=second.location.pk) == [second.pk]
    assert found(doctor=first.doctor.pk, location=second.location.pk) == []
    for junk in ("junk", "1.5", "\0"):
        assert_invalid(admin.get(HOURS, {"doctor": junk}), "doctor")


@pytest.mark.parametrize(
    ("action", "allowed"),
    [("view", "get"), ("add", "post"), ("change", "patch"), ("delete", "delete")],
)
def test_each_call_asks_for_the_permission_that_the_admin_asks_for(
    action: str, allowed: str, client_of, body, hours: WeeklyHours
) -> None:
    user = StaffFactory()
    user.user_permissions.add(Permission.objects.get(codename=f"{action}_weeklyhours"))
    client = client_of(user)
    answers = {
        "get": client.get(path_of(hours)),
        "post": client.post(HOURS, body),
        "patch": client.patch(path_of(hours), {"capacity": 9}),
        "delete": client.delete(path_of(hours)),
    }
    assert answers.pop(allowed).status_code < 300
    for answer in answers.values():
        assert_problem(answer, 403, "permission_denied")


def test_a_permission_has_no_effect_for_users_who_are_not_staff(client_of, patient) -> None:
    patient.user.user_permissions.add(Permission.objects.get(codename="view_weeklyhours"))
    assert_problem(client_of(patient.user).get(HOURS), 403, "permission_denied")


def test_unknown_hours_are_404(admin, body) -> None:
    for method in ("get", "put", "patch", "delete"):
        assert_problem(getattr(admin, method)(f"{HOURS}999999/", body), 404, "not_found")


def test_a_session_made_from_hours_is_a_session_like_any_other(admin, hours: WeeklyHours) -> None:
    listed = APIClient().get("/api/doctor/schedules/", {"doctor": hours.doctor.pk}).json()
    assert [row["date"] for row in listed["results"]] == [
        str(row.date) for row in hours.schedules.order_by("date")
    ]
    session = hours.schedules.get(date=SECOND)
    assert admin.delete(f"/api/doctor/schedules/{session.pk}/").status_code == 204
    assert_problem(APIClient().get(f"/api/doctor/schedules/{session.pk}/"), 404, "not_found")
    assert date.fromisoformat(listed["results"][0]["date"]) == MONDAY
