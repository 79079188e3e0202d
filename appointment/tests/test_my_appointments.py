"""GET /api/appointment/my-appointments/"""

from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import UserFactory
from appointment.models import Appointment
from appointment.serializers import AppointmentSerializer
from appointment.tests.factories import AppointmentFactory
from doctor.tests.factories import ScheduleFactory
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.problems import assert_invalid, assert_problem

pytestmark = pytest.mark.django_db

MINE = "/api/appointment/my-appointments/"
TODAY = date(2026, 12, 1)
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def client(patient: Patient, client_of) -> APIClient:
    return client_of(patient.user)


def visit(patient: Patient, days: int, zone: str = "Europe/Madrid", **fields) -> Appointment:
    """Create a visit at 09:00 local time, `days` after today."""
    session = ScheduleFactory(
        date=TODAY + timedelta(days=days), slot_minutes=None, location__time_zone=zone, **fields
    )
    return AppointmentFactory(patient=patient, slot=session.slots.get())


@pytest.fixture
def visits(patient: Patient) -> dict[str, Appointment]:
    """Map names to the patient's visits in every status, from the past to the future.

    The visit "forgotten" is over and still scheduled.
    """
    return {
        "completed": visit(patient, -3).complete(),
        "no_show": visit(patient, -2).mark_no_show(),
        "forgotten": visit(patient, -1),
        "near": visit(patient, 1),
        "canceled": visit(patient, 2).cancel(),
        "far": visit(patient, 3),
    }


def found(client: APIClient, visits: dict[str, Appointment], **query: object) -> list[str]:
    """Return the names in `visits` of the visits that the API lists, in its order.

    The argument `from_` is the parameter `from`, which is a keyword of Python.
    """
    query = {name.rstrip("_"): value for name, value in query.items()}
    response = client.get(MINE, query)
    assert response.status_code == 200, response.content[:500]
    names = {appointment.pk: name for name, appointment in visits.items()}
    return [names[row["id"]] for row in response.json()["results"]]


def test_the_latest_comes_first(client, visits) -> None:
    assert found(client, visits) == list(reversed(visits))


@pytest.mark.parametrize(
    ("status", "names"),
    [
        ("scheduled", ["far", "near", "forgotten"]),
        ("completed", ["completed"]),
        ("canceled", ["canceled"]),
        ("no_show", ["no_show"]),
    ],
)
def test_visits_are_filtered_by_status(status: str, names: list[str], client, visits) -> None:
    assert found(client, visits, status=status) == names


def test_upcoming_true_and_false_divide_the_visits(client, visits, clock) -> None:
    assert found(client, visits, upcoming="true") == ["far", "near"]
    rest = ["canceled", "forgotten", "no_show", "completed"]
    assert found(client, visits, upcoming="false") == rest
    assert found(client, visits, upcoming="True", ordering="starts_at") == ["near", "far"]
    clock.move_to(visits["near"].starts_at)
    assert found(client, visits, upcoming="true") == ["far"]


def test_visits_are_filtered_by_inclusive_dates(client, visits) -> None:
    first, last = TODAY - timedelta(days=1), TODAY + timedelta(days=2)
    assert found(client, visits, from_=first) == ["far", "canceled", "near", "forgotten"]
    assert found(client, visits, to=first) == ["forgotten", "no_show", "completed"]
    assert found(client, visits, from_=first, to=last) == ["canceled", "near", "forgotten"]
    assert found(client, visits, from_=first, to=last, status="canceled") == ["canceled"]
    assert found(client, visits, from_="9999-12-31") == found(client, visits, to="0001-01-01") == []


def test_a_date_is_that_at_the_location(client, patient: Patient) -> None:
    """The time 22:00 on the first in New York is 03:00 on the second in UTC."""
    late = visit(patient, 0, "America/New_York", start_time=time(22), end_time=time(23))
    visits = {"late": late}
    assert found(client, visits, from_=TODAY, to=TODAY) == ["late"]
    assert found(client, visits, from_=TODAY + timedelta(days=1)) == []


def test_visits_have_the_requested_order(client, visits) -> None:
    Appointment.objects.filter(pk=visits["near"].pk).update(created_at=NOW + timedelta(days=9))
    assert found(client, visits, ordering="starts_at") == list(visits)
    assert found(client, visits, ordering="-starts_at") == list(reversed(visits))
    assert found(client, visits, ordering="-created_at")[0] == "near"
    assert found(client, visits, ordering="created_at")[-1] == "near"


def test_pages_neither_repeat_nor_skip_visits_made_at_one_instant(client, visits) -> None:
    Appointment.objects.update(created_at=NOW)
    pages = [
        found(client, visits, ordering="created_at", page_size=2, page=page) for page in (1, 2, 3)
    ]
    assert sorted(name for page in pages for name in page) == sorted(visits)


@pytest.mark.parametrize(
    ("name", "junk"),
    [
        ("status", ["junk", "SCHEDULED", "scheduled,canceled", "\0"]),
        ("upcoming", ["junk", "1", "yes", "\0"]),
        ("from", ["junk", "2026-02-30", "01/12/2026", "2026-12-01T09:00", "\0"]),
        ("to", ["junk", "2026-02-30", "\0"]),
        ("ordering", ["junk", "patient", "-", "starts_at;", "\0"]),
        ("page", ["junk", "0", "-1"]),
        ("page_size", ["junk", "0", "-1"]),
    ],
)
def test_a_filter_that_does_not_parse_is_400(name: str, junk: list[str], client) -> None:
    for value in junk:
        assert_invalid(client.get(MINE, {name: value}), name)


def test_a_range_that_ends_before_it_starts_is_400(client) -> None:
    assert_invalid(client.get(MINE, {"from": "2026-12-02", "to": "2026-12-01"}), "to")


def test_instants_carry_the_offset_of_each_location(client, patient: Patient) -> None:
    visit(patient, 0, "Asia/Kolkata")
    visit(patient, 1, "Europe/Madrid")
    visit(patient, 2, "America/New_York").cancel()
    shown = client.get(MINE).json()["results"]
    fields = ("starts_at", "ends_at", "time_zone")
    assert [tuple(row[name] for name in fields) for row in shown] == [
        ("2026-12-03T09:00:00-05:00", "2026-12-03T11:00:00-05:00", "America/New_York"),
        ("2026-12-02T09:00:00+01:00", "2026-12-02T11:00:00+01:00", "Europe/Madrid"),
        ("2026-12-01T09:00:00+05:30", "2026-12-01T11:00:00+05:30", "Asia/Kolkata"),
    ]
    assert shown[0]["canceled_at"] == "2026-12-01T07:00:00-05:00"
    assert [row["created_at"][-6:] for row in shown] == ["-05:00", "+01:00", "+05:30"]


def test_summer_visits_carry_the_summer_offset(client, patient: Patient) -> None:
    visit(patient, 212)
    [row] = client.get(MINE).json()["results"]
    assert row["starts_at"] == "2027-07-01T09:00:00+02:00"


def test_a_visit_in_detail_is_as_in_the_list_with_its_events(client, visits) -> None:
    for row in client.get(MINE).json()["results"]:
        detail = client.get(f"{MINE}{row['id']}/").json()
        assert detail.pop("events")[0]["kind"] == "booked"
        assert detail == row


def test_a_canceled_visit_outlives_its_slot(client, patient: Patient) -> None:
    gone = visit(patient, 4).cancel()
    gone.slot.schedule.unpublish()
    row = client.get(f"{MINE}{gone.pk}/").json()
    assert (row["slot_id"], row["status"]) == (None, "canceled")
    assert row["starts_at"] == "2026-12-05T09:00:00+01:00"


def test_another_patients_visits_are_absent(client, other_patient: Patient) -> None:
    theirs = visit(other_patient, 1)
    assert client.get(MINE).json() == {"count": 0, "next": None, "previous": None, "results": []}
    for key in (theirs.pk, 999_999_999, "9" * 30, "x"):
        assert_problem(client.get(f"{MINE}{key}/"), 404, "not_found")


def test_without_a_profile_there_are_none(client_of) -> None:
    assert client_of(UserFactory()).get(MINE).json()["results"] == []


def test_doctors_and_staff_see_only_their_own_visits(
    visits, client_of, doctor_user: User, staff
) -> None:
    """The endpoint lists a user's visits as a patient, not those that a doctor or staff may see."""
    visit(PatientFactory(), 4, doctor=doctor_user.doctor)
    for user in (doctor_user, staff):
        assert client_of(user).get(MINE).json()["count"] == 0


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_appointments_are_changed_by_their_actions_alone(method: str, client, visits) -> None:
    for path in (MINE, f"{MINE}{visits['far'].pk}/"):
        assert_problem(getattr(client, method)(path, {}), 405, "method_not_allowed")


def test_a_row_is_what_its_fields_describe(visits: dict[str, Appointment]) -> None:
    for visit in (*visits.values(), visits["far"].check_in(at=visits["far"].starts_at)):
        written = AppointmentSerializer(visit)
        described = super(AppointmentSerializer, written).to_representation(visit)
        assert list(written.data.items()) == list(described.items())


def test_a_column_named_again_in_the_order_decides_nothing(client, visits) -> None:
    again = ",".join(["starts_at", "-starts_at", "created_at", "-created_at"] * 9)
    assert found(client, visits, ordering=again) == list(visits)


def test_pages_beyond_the_last_visit_are_absent_and_an_empty_list_is_a_page(
    client, visits, other_patient, client_of
) -> None:
    for page in (4, 10**9, 10**30):
        assert_problem(client.get(MINE, {"page": page, "page_size": 2}), 404, "not_found")
    empty = client_of(other_patient.user).get(MINE).json()
    assert (empty["count"], empty["results"]) == (0, [])
