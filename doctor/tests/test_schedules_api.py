"""/api/doctor/schedules/, which the public reads and staff write."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import StaffFactory
from appointment.tests.factories import AppointmentFactory
from doctor.models import Doctor, Location, Schedule, Slot
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory, day_ahead
from extensions.rest import pagination
from tests.balance import assert_balanced
from tests.problems import assert_invalid, assert_problem

pytestmark = pytest.mark.django_db

SCHEDULES = "/api/doctor/schedules/"


@pytest.fixture
def reception(staff: User, client_of) -> APIClient:
    return client_of(staff)


def body_of(doctor: Doctor, location: Location, **changes: object) -> dict[str, Any]:
    body = {
        "doctor": doctor.pk,
        "location": location.pk,
        "date": str(day_ahead()),
        "start_time": "09:00:00",
        "end_time": "13:00:00",
        "slot_minutes": 30,
        "capacity": 2,
        "is_active": True,
    }
    return {**body, **changes}


@pytest.fixture
def body(db: None) -> dict[str, Any]:
    return body_of(DoctorFactory(), LocationFactory())


def path_of(schedule: Schedule) -> str:
    return f"{SCHEDULES}{schedule.pk}/"


def test_a_list_too_long_to_count_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "MOST_COUNTED", 2)
    made = {ScheduleFactory(date=day_ahead(n)).pk for n in range(5)}
    client, pages = APIClient(), list[dict[str, Any]]()
    path: str | None = f"{SCHEDULES}?page_size=2"
    while path:
        pages.append(client.get(path).json())
        path = pages[-1]["next"]
    assert [page["count"] for page in pages] == [3, 5, 5]
    assert {row["id"] for page in pages for row in page["results"]} == made
    for beyond in (4, 10**30):
        assert client.get(f"{SCHEDULES}?page_size=2&page={beyond}").status_code == 404


def test_posting_publishes_the_session_and_its_slots(reception, body) -> None:
    response = reception.post(SCHEDULES, body)
    assert response.status_code == 201
    schedule = Schedule.objects.get()
    expected = {"id": schedule.pk, **body, "total_slots": 16, "available_slots": 16}
    assert response.json() == expected
    assert schedule.slots.count() == 8
    assert APIClient().get(path_of(schedule)).json() == expected


def test_a_post_sets_defaults_for_the_fields_it_leaves_out(reception, body) -> None:
    for name in ("slot_minutes", "capacity", "is_active"):
        del body[name]
    answer = reception.post(SCHEDULES, body).json()
    assert (answer["slot_minutes"], answer["capacity"], answer["is_active"]) == (None, 1, True)
    assert (answer["total_slots"], Slot.objects.count()) == (1, 1)


@pytest.mark.parametrize("name", ["doctor", "location", "date", "start_time", "end_time"])
@pytest.mark.parametrize("value", [None, "", "junk", [], {}, 10**22, -1, True])
def test_a_field_that_is_needed_and_wrong_is_400(name: str, value: object, reception, body) -> None:
    assert_invalid(reception.post(SCHEDULES, {**body, name: value}), name)
    del body[name]
    assert_invalid(reception.post(SCHEDULES, body), name)
    assert not Schedule.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"end_time": "09:00"}, "non_field_errors"),
        ({"end_time": "08:00"}, "non_field_errors"),
        ({"end_time": "09:20"}, "non_field_errors"),  # too short for one slot
        ({"start_time": "25:00"}, "start_time"),
        ({"end_time": "13:00 o'clock"}, "end_time"),
        ({"date": "1999-12-31"}, "date"),
        ({"date": str(date.today() + timedelta(days=3700))}, "date"),  # noqa: DTZ011
        ({"date": "0001-01-01"}, "date"),
        ({"date": "9999-12-31"}, "date"),
        ({"slot_minutes": 4}, "slot_minutes"),
        ({"slot_minutes": 721}, "slot_minutes"),
        ({"slot_minutes": "x"}, "slot_minutes"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": 1001}, "capacity"),
        ({"capacity": None}, "capacity"),
        ({"capacity": 1.5}, "capacity"),
        ({"is_active": None}, "is_active"),
        ({"is_active": "perhaps"}, "is_active"),
        ({"doctor": 999_999}, "doctor"),
        ({"location": 999_999}, "location"),
        ({"doctor": 1.5}, "doctor"),
    ],
)
def test_an_invalid_session_is_400(changes, field: str, reception, body) -> None:
    assert_invalid(reception.post(SCHEDULES, {**body, **changes}), field)
    assert not Schedule.objects.exists()
    assert not Slot.objects.exists()


def test_a_session_may_lie_anywhere_from_2000_to_ten_years_ahead(reception, body) -> None:
    for on in (date(2000, 1, 1), day_ahead(3652)):
        assert reception.post(SCHEDULES, {**body, "date": str(on)}).status_code == 201


def test_two_sessions_of_one_doctor_at_one_time_are_409(reception, body) -> None:
    reception.post(SCHEDULES, body)
    elsewhere = {**body, "location": LocationFactory().pk, "start_time": "12:30:00"}
    assert_problem(reception.post(SCHEDULES, elsewhere), 409, "schedule_overlap")
    assert Schedule.objects.count() == 1
    touching = {**body, "start_time": "13:00:00", "end_time": "14:00:00"}
    assert reception.post(SCHEDULES, touching).status_code == 201


def test_a_change_into_another_session_is_409_and_changes_nothing(reception) -> None:
    first = ScheduleFactory()
    second = ScheduleFactory(doctor=first.doctor, date=day_ahead(4))
    before = Schedule.objects.values().get(pk=second.pk)
    response = reception.patch(path_of(second), {"date": str(first.date)})
    assert_problem(response, 409, "schedule_overlap")
    assert Schedule.objects.values().get(pk=second.pk) == before


def test_put_resets_the_fields_it_leaves_out(reception, body) -> None:
    schedule = ScheduleFactory(capacity=5, slot_minutes=15, is_active=False)
    for name in ("slot_minutes", "capacity", "is_active"):
        del body[name]
    response = reception.put(path_of(schedule), body)
    defaults = {"slot_minutes": None, "capacity": 1, "is_active": True}
    places = {"total_slots": 1, "available_slots": 1}
    assert response.status_code == 200
    assert response.json() == {"id": schedule.pk, **body, **defaults, **places}


def test_patch_changes_only_the_fields_it_names(reception) -> None:
    schedule = ScheduleFactory(capacity=2)
    before = reception.get(path_of(schedule)).json()
    response = reception.patch(path_of(schedule), {"capacity": 3})
    places = {"total_slots": 12, "available_slots": 12}
    assert response.json() == {**before, "capacity": 3, **places}
    assert reception.patch(path_of(schedule), {}).json() == response.json()


def test_put_needs_every_required_field(reception) -> None:
    needed = ("doctor", "location", "date", "start_time", "end_time")
    assert_invalid(reception.put(path_of(ScheduleFactory()), {}), *needed)


@pytest.mark.parametrize(
    "changes",
    [
        {"start_time": "09:10"},
        {"end_time": "10:00"},
        {"slot_minutes": 40},
        {"slot_minutes": None},
        {"date": str(day_ahead(5))},
        {"capacity": 1},
    ],
)
def test_a_change_that_strands_a_booking_is_409_with_the_appointments(changes, reception) -> None:
    schedule = ScheduleFactory(capacity=2)
    slot = schedule.slots.all()[2]
    in_the_way = [AppointmentFactory(slot=slot).pk for _ in range(2)]
    before = Schedule.objects.values().get()
    problem = assert_problem(reception.patch(path_of(schedule), changes), 409, "schedule_in_use")
    assert problem["appointments"] == in_the_way
    assert Schedule.objects.values().get() == before
    assert schedule.slots.count() == 4
    assert_balanced(slot)


def test_another_doctor_or_location_would_strand_a_booking_too(reception) -> None:
    schedule = ScheduleFactory()
    visit = AppointmentFactory(slot=schedule.slots.all()[0])
    for change in ({"doctor": DoctorFactory().pk}, {"location": LocationFactory().pk}):
        problem = assert_problem(reception.patch(path_of(schedule), change), 409, "schedule_in_use")
        assert problem["appointments"] == [visit.pk]


def test_a_change_around_a_booking_keeps_it(reception) -> None:
    schedule = ScheduleFactory()
    visit = AppointmentFactory(slot=schedule.slots.all()[1])
    answer = reception.patch(path_of(schedule), {"start_time": "08:00", "capacity": 2}).json()
    assert (answer["total_slots"], answer["available_slots"]) == (12, 11)
    visit.refresh_from_db()
    assert visit.slot in schedule.slots.all()
    assert_balanced(visit.slot)


def test_deleting_takes_the_slots_along_unless_one_is_booked(client_of, superuser: User) -> None:
    client = client_of(superuser)
    schedule = ScheduleFactory()
    visit = AppointmentFactory(slot=schedule.slots.all()[0])
    problem = assert_problem(client.delete(path_of(schedule)), 409, "schedule_in_use")
    assert problem["appointments"] == [visit.pk]
    assert schedule.slots.count() == 4
    visit.cancel()
    response = client.delete(path_of(schedule))
    assert (response.status_code, response.content) == (204, b"")
    assert not Slot.objects.exists()
    visit.refresh_from_db()
    assert (visit.status, visit.slot_id) == ("canceled", None)


def test_bookable_places_are_counted(reception) -> None:
    schedule = ScheduleFactory(capacity=3)
    AppointmentFactory(slot=schedule.slots.all()[0])
    past = ScheduleFactory(date=day_ahead(-3))
    closed = ScheduleFactory(is_active=False)
    counted = {
        row["id"]: (row["total_slots"], row["available_slots"])
        for row in reception.get(SCHEDULES).json()["results"]
    }
    assert counted == {schedule.pk: (12, 11), past.pk: (4, 0), closed.pk: (4, 0)}


def test_deactivating_hides_the_session_from_the_public_and_keeps_bookings(reception) -> None:
    schedule = ScheduleFactory()
    visit = AppointmentFactory(slot=schedule.slots.all()[0])
    answer = reception.patch(path_of(schedule), {"is_active": False}).json()
    assert (answer["total_slots"], answer["available_slots"]) == (4, 0)
    visit.refresh_from_db()
    assert visit.status == "scheduled"
    assert_problem(APIClient().get(path_of(schedule)), 404, "not_found")
    assert reception.patch(path_of(schedule), {"is_active": True}).json()["available_slots"] == 3


def test_the_public_sees_active_sessions_of_active_doctors_and_staff_see_all(
    reception, client_of, patient, doctor_user: User
) -> None:
    shown, hidden = ScheduleFactory(), ScheduleFactory(is_active=False)
    of_inactive_doctor = ScheduleFactory(doctor=DoctorFactory(is_active=False))
    bare_staff = StaffFactory()
    for user in (None, patient.user, doctor_user, bare_staff):
        client = client_of(user)
        assert [row["id"] for row in client.get(SCHEDULES).json()["results"]] == [shown.pk]
        for absent in (hidden, of_inactive_doctor):
            assert_problem(client.get(path_of(absent)), 404, "not_found")
    for schedule in (shown, hidden, of_inactive_doctor):
        assert reception.get(path_of(schedule)).status_code == 200
    assert reception.get(SCHEDULES).json()["count"] == 3


@pytest.mark.parametrize(("action", "status"), [("view", 403), ("change", 403), ("add", 201)])
def test_staff_write_with_the_permission_that_the_admin_asks_for(
    action: str, status: int, client_of, body
) -> None:
    user = StaffFactory()
    user.user_permissions.add(Permission.objects.get(codename=f"{action}_schedule"))
    assert client_of(user).post(SCHEDULES, body).status_code == status


def test_a_permission_has_no_effect_for_users_who_are_not_staff(client_of, patient, body) -> None:
    patient.user.user_permissions.add(Permission.objects.get(codename="add_schedule"))
    assert_problem(client_of(patient.user).post(SCHEDULES, body), 403, "permission_denied")


def test_sessions_are_found_by_doctor_location_and_dates() -> None:
    first, second, third = (ScheduleFactory(date=day_ahead(days)) for days in (1, 2, 3))

    def found(**query: object) -> list[int]:
        return [row["id"] for row in APIClient().get(SCHEDULES, query).json()["results"]]

    assert found() == [first.pk, second.pk, third.pk]
    assert found(doctor=second.doctor.pk) == found(location=second.location.pk) == [second.pk]
    assert found(**{"from": second.date}) == [second.pk, third.pk]
    assert found(to=second.date) == [first.pk, second.pk]
    assert found(**{"from": second.date, "to": second.date}) == [second.pk]
    assert found(doctor=10**22) == found(location=-1) == found(to="0001-01-01") == []
    assert len(found(to="9999-12-31")) == 3


def test_a_filter_that_does_not_parse_is_400() -> None:
    for name in ("doctor", "location", "from", "to"):
        for junk in ("junk", "2026-02-30", "1,2", "\0"):
            assert_invalid(APIClient().get(SCHEDULES, {name: junk}), name)
    today = timezone.now().date()
    reversed_ = {"from": today, "to": today - timedelta(days=1)}
    assert_invalid(APIClient().get(SCHEDULES, reversed_), "to")


def test_counters_and_unknown_fields_in_a_body_change_nothing(reception, body) -> None:
    schedule = ScheduleFactory()
    before = reception.get(path_of(schedule)).json()
    sent = {"id": 99, "total_slots": 99, "available_slots": 0, "slots": [], "junk": 1}
    assert reception.patch(path_of(schedule), sent).json() == before
    assert reception.post(SCHEDULES, {**body, **sent}).json()["total_slots"] == 16
