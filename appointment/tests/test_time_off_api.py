"""Staff enter and end leave through the API, and preview the visits that it affects."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from accounts.models import User
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Slot, TimeOff
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    TimeOffFactory,
    day_ahead,
)
from tests.problems import assert_invalid, assert_problem
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db

PATH = "/api/doctor/time-off/"


@pytest.fixture
def client(staff: User, client_of: Any) -> APIClient:
    """Return a client signed in as a member of the Reception group."""
    client: APIClient = client_of(staff)
    return client


@pytest.fixture
def visit() -> Appointment:
    """Return a visit three days ahead whose doctor also works on the next day."""
    visit: Appointment = AppointmentFactory()
    ScheduleFactory(doctor=visit.doctor, location=visit.location, date=day_ahead(4))
    return visit


def leave_of(visit: Appointment, **changes: Any) -> dict[str, Any]:
    body = {
        "doctor": visit.doctor.pk,
        "starts_at": visit.starts_at.isoformat(),
        "ends_at": visit.ends_at.isoformat(),
        "reason": "Training",
    }
    return {**body, **changes}


# --- Entering and ending --------------------------------------------------------------------------


def test_new_leave_closes_slots_and_flags_visits(client: APIClient, visit: Appointment) -> None:
    answer = client.post(PATH, leave_of(visit))
    assert answer.status_code == 201
    leave = TimeOff.objects.get()
    assert answer.json() == {
        "id": leave.pk,
        "doctor": visit.doctor.pk,
        "location": None,
        "starts_at": visit.starts_at.isoformat(),
        "ends_at": visit.ends_at.isoformat(),
        "reason": "Training",
    }
    visit.refresh_from_db()
    assert (visit.needs_rebooking, visit.slot.is_open) == (True, False)


def test_a_closure_is_shown_on_the_clocks_of_its_location(client: APIClient) -> None:
    place = LocationFactory(time_zone="America/New_York")
    span = {"starts_at": "2027-03-14T05:00:00Z", "ends_at": "2027-03-15T06:00:00+02:00"}
    answer = client.post(PATH, {"location": place.pk, **span}).json()
    assert answer["starts_at"] == "2027-03-14T00:00:00-05:00"
    assert answer["ends_at"] == "2027-03-15T00:00:00-04:00"
    assert client.get(f"{PATH}{answer['id']}/").json() == answer


def test_ending_leave_early_opens_the_remaining_slots(
    client: APIClient, visit: Appointment
) -> None:
    slots = visit.slot.schedule.slots.order_by("starts_at")
    body = leave_of(visit, ends_at=slots[3].ends_at.isoformat())
    path = f"{PATH}{client.post(PATH, body).json()['id']}/"
    assert client.patch(path, {"ends_at": visit.ends_at.isoformat()}).status_code == 200
    assert [slot.is_open for slot in slots.all()] == [False, True, True, True]
    assert client.delete(path).status_code == 204
    visit.refresh_from_db()
    assert (visit.needs_rebooking, slots[0].is_open) == (False, True)


def test_a_put_empties_the_fields_it_leaves_out(client: APIClient, visit: Appointment) -> None:
    path = f"{PATH}{TimeOffFactory(doctor=visit.doctor).pk}/"
    body = leave_of(visit, location=visit.location.pk)
    del body["doctor"], body["reason"]
    answer = client.put(path, body).json()
    assert (answer["doctor"], answer["location"], answer["reason"]) == (None, visit.location.pk, "")


# --- Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("preview", ["", "?preview=true", "?preview=false"])
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"starts_at": "2026-12-01T09:00:00"}, "starts_at"),
        ({"ends_at": "2026-12-01"}, "ends_at"),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, "starts_at"),
        ({"starts_at": "1999-12-31T23:59:59Z"}, "starts_at"),
        ({"ends_at": "2100-01-01T00:00:01Z"}, "ends_at"),
        ({"ends_at": "2026-01-01T00:00:00Z"}, "non_field_errors"),
        ({"doctor": None}, "non_field_errors"),
        ({"location": "theirs"}, "non_field_errors"),
        ({"doctor": 10**12}, "doctor"),
        ({"reason": "x" * 501}, "reason"),
    ],
)
def test_invalid_leave_is_400(
    preview: str, wrong: dict[str, Any], field: str, client: APIClient, visit: Appointment
) -> None:
    wrong = {"location": visit.location.pk} if wrong == {"location": "theirs"} else wrong
    assert_invalid(client.post(PATH + preview, leave_of(visit, **wrong)), field)
    assert not TimeOff.objects.exists()


def test_a_change_that_leaves_neither_doctor_nor_location_is_400(client: APIClient) -> None:
    leave = TimeOffFactory()
    assert_invalid(client.patch(f"{PATH}{leave.pk}/", {"doctor": None}), "non_field_errors")


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_staff_without_the_permission_may_neither_read_nor_write(
    method: str, staff: User, client_of: Any, visit: Appointment
) -> None:
    staff.groups.clear()
    leave = TimeOffFactory()
    path = PATH if method == "post" else f"{PATH}{leave.pk}/"
    problem = getattr(client_of(staff), method)(path, leave_of(visit))
    assert_problem(problem, 403, "permission_denied")


def test_a_preview_needs_the_permission_to_add_leave(
    staff: User, client_of: Any, visit: Appointment
) -> None:
    staff.groups.clear()
    staff.user_permissions.set(Permission.objects.filter(codename="view_timeoff"))
    client = client_of(staff)
    assert client.get(PATH).status_code == 200
    problem = client.post(f"{PATH}?preview=true", leave_of(visit))
    assert_problem(problem, 403, "permission_denied")


# --- The preview ----------------------------------------------------------------------------------


def test_a_preview_shows_the_affected_visits_and_changes_nothing(
    client: APIClient, visit: Appointment
) -> None:
    before = list(Slot.objects.order_by("pk").values())
    answer = client.post(f"{PATH}?preview=true", leave_of(visit))
    assert answer.status_code == 200
    [line] = answer.json()["appointments"]
    assert line["appointment"]["id"] == visit.pk
    assert line["appointment"]["patient"]["name"] == visit.patient.name
    assert len(line["alternatives"]) == 3
    assert {slot["doctor"] for slot in line["alternatives"]} == {visit.doctor.pk}
    assert not TimeOff.objects.exists()
    assert list(Slot.objects.order_by("pk").values()) == before
    visit.refresh_from_db()
    assert visit.needs_rebooking is False


def test_a_preview_shows_live_visits_that_have_not_ended(
    client: APIClient, visit: Appointment
) -> None:
    past = AppointmentFactory(
        slot=ScheduleFactory(doctor=visit.doctor, date=day_ahead(-2)).slots.first()
    )
    canceled = AppointmentFactory(slot=visit.slot.schedule.slots.order_by("starts_at")[1])
    canceled.cancel()
    elsewhere = AppointmentFactory()
    span = {"starts_at": f"{day_ahead(-3)}T00:00:00Z", "ends_at": f"{day_ahead(9)}T00:00:00Z"}
    answer = client.post(f"{PATH}?preview=true", leave_of(visit, **span)).json()
    reported = {line["appointment"]["id"] for line in answer["appointments"]}
    assert reported == {visit.pk}
    assert {past.pk, elsewhere.pk} & reported == set()


def test_a_preview_of_a_closure_shows_every_doctor_of_the_location(
    client: APIClient, visit: Appointment
) -> None:
    colleague = AppointmentFactory(slot=ScheduleFactory(location=visit.location).slots.first())
    body = leave_of(visit, doctor=None, location=visit.location.pk)
    answer = client.post(f"{PATH}?preview=true", body).json()
    reported = [line["appointment"]["id"] for line in answer["appointments"]]
    assert reported == [visit.pk, colleague.pk]


@pytest.mark.parametrize("junk", ["1", "yes", "maybe", "\0"])
def test_a_preview_that_is_neither_true_nor_false_is_400(
    junk: str, client: APIClient, visit: Appointment
) -> None:
    answer = client.post(PATH, leave_of(visit), query_params={"preview": junk})
    assert_invalid(answer, "preview")
    assert not TimeOff.objects.exists()


def test_a_preview_costs_the_same_number_of_statements_for_eight_visits_and_one(
    client: APIClient, visit: Appointment
) -> None:
    costs = []
    for number in (0, 7):
        for _ in range(number):
            ScheduleFactory(location=visit.location)
            AppointmentFactory(slot=ScheduleFactory(location=visit.location).slots.first())
        body = leave_of(visit, doctor=None, location=visit.location.pk)
        with counted_statements() as found:
            reported = client.post(f"{PATH}?preview=true", body).json()["appointments"]
        costs.append((len(reported), len(found)))
    assert [visits for visits, _ in costs] == [1, 8]
    assert costs[0][1] == costs[1][1] <= 18


# --- The list -------------------------------------------------------------------------------------


def test_the_list_is_latest_first_and_filtered(client: APIClient) -> None:
    place = LocationFactory(time_zone="America/New_York")
    start = datetime.fromisoformat("2027-03-14T04:30:00+00:00")  # it is still 13 March in New York
    closure = TimeOffFactory(location=place, starts_at=start, ends_at=start + timedelta(minutes=20))
    leave = TimeOffFactory(starts_at=start, ends_at=start + timedelta(minutes=20))

    def found(**query: object) -> list[int]:
        rows = client.get(PATH, query_params={k: str(v) for k, v in query.items()}).json()
        return [row["id"] for row in rows["results"]]

    assert found() == [leave.pk, closure.pk]
    assert found(doctor=leave.doctor.pk) == [leave.pk]
    assert found(location=place.pk) == [closure.pk]
    assert found(doctor=DoctorFactory().pk) == []
    assert found(**{"from": "2027-03-14"}) == [leave.pk]
    assert found(to="2027-03-13") == [closure.pk]
    assert found(**{"from": "2027-03-13", "to": "2027-03-14"}) == [leave.pk, closure.pk]
    assert found(**{"from": "2027-03-15"}) == []


@pytest.mark.parametrize("method", ["put", "patch"])
def test_a_preview_of_a_change_is_refused_and_changes_nothing(
    visit: Appointment, client: APIClient, method: str
) -> None:
    leave = TimeOffFactory(doctor=visit.doctor)
    body = leave_of(visit, reason="Another")
    answer = getattr(client, method)(f"{PATH}{leave.pk}/?preview=true", body)
    assert_invalid(answer, "preview")
    leave.refresh_from_db()
    assert leave.reason != "Another"
