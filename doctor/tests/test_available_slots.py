"""GET /api/doctor/doctors/{doctor_id}/available-slots/"""

from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from rest_framework.test import APIClient

from appointment.tests.factories import AppointmentFactory
from doctor.models import Doctor, Schedule
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory
from tests.problems import assert_invalid, assert_problem
from tests.statements import counted_statements

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

MONDAY = date(2026, 11, 30)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(datetime(2026, 11, 30, 6, tzinfo=UTC), tick=False) as clock:
        yield clock


@pytest.fixture
def doctor() -> Doctor:
    return DoctorFactory()


def days(count: int) -> timedelta:
    return timedelta(days=count)


def ask(doctor: Doctor, **query: object):
    query = {name.rstrip("_"): value for name, value in query.items()}
    return APIClient().get(f"/api/doctor/doctors/{doctor.pk}/available-slots/", query)


def listed(doctor: Doctor, **query: object) -> list[str]:
    """Return the starts of the listed slots, such as "2026-12-01T09:00:00+01:00" (local time)."""
    response = ask(doctor, **query)
    assert response.status_code == 200, response.content[:500]
    return [slot["starts_at"] for slot in response.json()["results"]]


def one_slot(doctor: Doctor, on: date, **fields: object) -> Schedule:
    return ScheduleFactory(doctor=doctor, date=on, slot_minutes=None, **fields)


def test_a_free_slot_shows_its_time_location_and_places(doctor: Doctor) -> None:
    session = one_slot(doctor, date(2026, 12, 1), capacity=3)
    slot = session.slots.get()
    AppointmentFactory(slot=slot)
    assert ask(doctor).json() == {
        "doctor": doctor.pk,
        "from": "2026-11-30",
        "to": "2026-12-13",
        "results": [
            {
                "id": slot.pk,
                "schedule": session.pk,
                "location": session.location.pk,
                "starts_at": "2026-12-01T09:00:00+01:00",
                "ends_at": "2026-12-01T11:00:00+01:00",
                "time_zone": "Europe/Madrid",
                "capacity": 3,
                "available": 2,
            }
        ],
    }


def test_the_default_window_is_today_and_the_next_13_days(doctor: Doctor) -> None:
    for on in (0, 13, 14, 20, 27, 28):
        one_slot(doctor, MONDAY + days(on))
    dates = [start[:10] for start in listed(doctor)]
    assert dates == ["2026-11-30", "2026-12-13"]
    assert len(listed(doctor, from_=MONDAY + days(14))) == 3
    assert len(listed(doctor, to=MONDAY + days(20))) == 4
    assert len(listed(doctor, from_=MONDAY + days(13), to=MONDAY + days(27))) == 4
    assert len(listed(doctor, date=MONDAY + days(20))) == 1
    assert listed(doctor, date=MONDAY + days(21)) == []


def test_the_answer_names_the_window_it_used(doctor: Doctor) -> None:
    def window(**query: object) -> tuple[str, str]:
        answer = ask(doctor, **query).json()
        return answer["from"], answer["to"]

    assert window(from_="2026-12-24") == ("2026-12-24", "2027-01-06")
    assert window(to="2026-12-24") == ("2026-11-30", "2026-12-24")
    assert window(date="2026-12-24") == ("2026-12-24", "2026-12-24")
    assert window(from_="9999-12-31") == ("9999-12-31", "9999-12-31")
    assert window(date="0001-01-01") == ("0001-01-01", "0001-01-01")


def test_a_window_of_more_than_62_days_reversed_or_doubly_given_is_400(doctor: Doctor) -> None:
    assert ask(doctor, from_=MONDAY, to=MONDAY + days(62)).status_code == 200
    assert_invalid(ask(doctor, from_=MONDAY, to=MONDAY + days(63)), "to")
    assert_invalid(ask(doctor, to=MONDAY + days(63)), "to")
    assert_invalid(ask(doctor, from_="0001-01-01", to="9999-12-31"), "to")
    assert_invalid(ask(doctor, from_=MONDAY, to=MONDAY - days(1)), "to")
    assert_invalid(ask(doctor, to=MONDAY - days(1)), "to")
    assert_invalid(ask(doctor, from_=MONDAY, date=MONDAY), "date")


@pytest.mark.parametrize("name", ["from_", "to", "date"])
def test_an_invalid_date_is_400(name: str, doctor: Doctor) -> None:
    for junk in ("junk", "2026-02-30", "2026-13-01", "01/12/2026", "\0", "2026-12-01T09:00"):
        assert_invalid(ask(doctor, **{name: junk}), name.rstrip("_"))


def test_slots_are_filtered_by_location(doctor: Doctor) -> None:
    here, there = one_slot(doctor, MONDAY), one_slot(doctor, MONDAY + days(1))
    [start] = listed(doctor, location=there.location.pk)
    assert start.startswith("2026-12-01")
    assert len(listed(doctor, location=here.location.pk)) == 1
    for absent in (0, -1, 999_999, 2**63, 10**22):
        assert listed(doctor, location=absent) == []
    for junk in ("x", "1.5", "1e400", "9" * 5000):
        assert_invalid(ask(doctor, location=junk), "location")


def test_an_absent_and_an_inactive_doctor_are_both_404(doctor: Doctor) -> None:
    inactive = DoctorFactory(is_active=False)
    absent = DoctorFactory.build(pk=inactive.pk + 1)
    for unavailable in (inactive, absent):
        assert_problem(ask(unavailable), 404, "not_found")
    assert listed(doctor) == []


def test_only_slots_that_can_be_booked_now_are_listed(doctor: Doctor, clock) -> None:
    full, free = ScheduleFactory(doctor=doctor, date=MONDAY).slots.all()[:2]
    AppointmentFactory(slot=full)
    one_slot(doctor, MONDAY + days(1), is_active=False)
    assert [start[11:16] for start in listed(doctor)] == ["09:30", "10:00", "10:30"]
    clock.move_to(free.starts_at - timedelta(seconds=1))
    assert [start[11:16] for start in listed(doctor)] == ["09:30", "10:00", "10:30"]
    clock.move_to(free.starts_at)
    assert [start[11:16] for start in listed(doctor)] == ["10:00", "10:30"]


def test_a_doctor_who_accepts_no_patients_has_no_free_slot(doctor: Doctor) -> None:
    one_slot(doctor, MONDAY)
    doctor.accepts_patients = False
    doctor.publish()
    assert listed(doctor) == []
    doctor.accepts_patients = True
    doctor.publish()
    assert len(listed(doctor)) == 1


def test_slots_of_two_locations_come_earliest_first(doctor: Doctor) -> None:
    """The time 09:00 in New York is 15:00 in Madrid."""
    one_slot(doctor, MONDAY, location__time_zone="America/New_York")
    one_slot(doctor, MONDAY)
    starts = listed(doctor)
    assert starts == ["2026-11-30T09:00:00+01:00", "2026-11-30T09:00:00-05:00"]
    instants = [datetime.fromisoformat(start) for start in starts]
    assert instants == sorted(instants)


def test_today_is_the_date_at_the_location(doctor: Doctor, clock) -> None:
    """At 02:00 UTC on Tuesday it is Monday evening in New York."""
    clock.move_to(datetime(2026, 12, 1, 2, tzinfo=UTC))
    late = {"start_time": time(22), "end_time": time(23)}
    session = one_slot(doctor, MONDAY, location__time_zone="America/New_York", **late)
    answer = ask(doctor).json()
    assert (answer["from"], answer["to"]) == ("2026-11-30", "2026-12-13")
    assert [slot["schedule"] for slot in answer["results"]] == [session.pk]
    assert listed(doctor, date=MONDAY + days(1)) == []  # 22:00 in New York is on that day in UTC


@pytest.mark.parametrize(
    ("zone", "day", "starts"),
    [
        ("Europe/Madrid", date(2027, 3, 28), ["01:30:00+01:00", "03:00:00+02:00"]),
        ("Europe/Madrid", date(2027, 10, 31), ["02:30:00+02:00", "02:00:00+01:00"]),
        ("America/New_York", date(2027, 3, 14), ["01:30:00-05:00", "03:00:00-04:00"]),
        ("America/New_York", date(2027, 11, 7), ["01:30:00-04:00", "01:00:00-05:00"]),
    ],
)
def test_offsets_follow_the_clock_change(
    zone: str, day: date, starts: list[str], doctor: Doctor
) -> None:
    night = {"start_time": time(1), "end_time": time(4), "slot_minutes": 30}
    ScheduleFactory(doctor=doctor, date=day, location__time_zone=zone, **night)
    shown = listed(doctor, date=day)
    before, after = (shown.index(f"{day}T{start}") for start in starts)
    assert after == before + 1
    assert len(shown) == (4 if day.month == 3 else 8)


def test_any_number_of_slots_costs_one_statement(doctor: Doctor, client_of, patient) -> None:
    place = LocationFactory()
    path = f"/api/doctor/doctors/{doctor.pk}/available-slots/"
    clients = (client_of(None), client_of(patient.user))
    costs = []
    clients[0].get(path)  # this process learns of the new location
    for on in range(2):
        ScheduleFactory(doctor=doctor, location=place, date=MONDAY + days(on), slot_minutes=5)
        for client in clients:
            with counted_statements() as statements:
                assert len(client.get(path).json()["results"]) == 24 * (on + 1)
            costs.append(len(statements))
    assert costs == [1, 2, 1, 2]


@time_machine.travel("2026-12-01T22:30:00+00:00", tick=False)
def test_today_is_the_date_at_the_requested_location(client_of) -> None:
    ahead = LocationFactory(time_zone="Pacific/Auckland")
    doctor = ScheduleFactory(location=LocationFactory(time_zone="America/New_York")).doctor
    ScheduleFactory(doctor=doctor, location=ahead, date=date(2026, 12, 8))
    path = f"/api/doctor/doctors/{doctor.pk}/available-slots/"
    assert client_of(None).get(path).json()["from"] == "2026-12-01"
    assert client_of(None).get(path, {"location": ahead.pk}).json()["from"] == "2026-12-02"
