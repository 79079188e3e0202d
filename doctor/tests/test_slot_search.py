"""GET /api/doctor/slots/"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from appointment.tests.factories import AppointmentFactory
from doctor.models import Doctor, Slot
from doctor.tests.factories import (
    DoctorFactory,
    LanguageFactory,
    LocationFactory,
    ScheduleFactory,
    SpecialtyFactory,
)
from tests.problems import assert_invalid

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

PATH = "/api/doctor/slots/"
MONDAY = date(2026, 11, 30)
TUESDAY = date(2026, 12, 1)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(datetime(2026, 11, 30, 6, tzinfo=UTC), tick=False) as clock:
        yield clock


def ask(**query: object) -> Any:
    return APIClient().get(PATH, {name.rstrip("_"): value for name, value in query.items()})


def found(**query: object) -> list[dict[str, Any]]:
    answer = ask(**query)
    assert answer.status_code == 200, answer.content[:500]
    assert set(answer.json()) == {"next", "previous", "results"}
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def starts(**query: object) -> list[str]:
    return [slot["starts_at"] for slot in found(**query)]


def one_slot(on: date = MONDAY, **fields: Any) -> Slot:
    return ScheduleFactory(date=on, slot_minutes=None, **fields).slots.get()


def test_a_slot_is_shown_as_in_the_doctors_own_list_and_names_the_doctor() -> None:
    slot = one_slot(capacity=2)
    [own] = (
        APIClient().get(f"/api/doctor/doctors/{slot.doctor_id}/available-slots/").json()["results"]
    )
    assert found() == [{**own, "doctor": slot.doctor_id}]


def test_slots_of_all_doctors_come_soonest_first_whatever_the_zone() -> None:
    one_slot(location__time_zone="America/New_York")
    one_slot(TUESDAY)
    one_slot()
    shown = starts()
    assert shown == [
        "2026-11-30T09:00:00+01:00",
        "2026-11-30T09:00:00-05:00",
        "2026-12-01T09:00:00+01:00",
    ]


def test_only_slots_that_the_public_can_book_now_are_found() -> None:
    free, full, begun, closed, resting = (one_slot() for _ in range(5))
    AppointmentFactory(slot=full)
    Slot.objects.filter(pk=begun.pk).update(starts_at=datetime(2026, 11, 30, 6, tzinfo=UTC))
    closed.schedule.revise(is_active=False)
    resting.doctor.revise(is_active=False)
    soon = one_slot(location=LocationFactory(min_notice_minutes=24 * 60))
    far = one_slot(date(2026, 12, 3), location=LocationFactory(horizon_days=2))
    last = one_slot(date(2026, 12, 2), location=far.location)
    assert [slot["id"] for slot in found()] == [free.pk, last.pk]
    assert soon.pk not in {slot["id"] for slot in found(location=soon.location_id)}


class Wanted:
    """Four doctors: with the specialty and the language, with one of them, and with neither.

    Each has a slot on Monday at `place` and one on Tuesday elsewhere.
    """

    def __init__(self) -> None:
        self.specialty, self.language = SpecialtyFactory(), LanguageFactory()
        self.both, self.cardiologist, self.polyglot, self.neither = DoctorFactory.create_batch(4)
        for doctor in (self.both, self.cardiologist):
            doctor.specialties.set([self.specialty, SpecialtyFactory()])
        for doctor in (self.both, self.polyglot):
            doctor.languages.set([self.language, LanguageFactory()])
        self.place = LocationFactory()
        for doctor in (self.both, self.cardiologist, self.polyglot, self.neither):
            one_slot(doctor=doctor, location=self.place)
            one_slot(TUESDAY, doctor=doctor)


def doctors(**query: object) -> list[int]:
    """Return the doctor's primary key of each slot found, sorted."""
    return sorted(slot["doctor"] for slot in found(**query))


def test_slots_are_filtered_by_specialty_language_location_and_doctor() -> None:
    wanted = Wanted()
    both, cardiologist, polyglot = wanted.both.pk, wanted.cardiologist.pk, wanted.polyglot.pk
    everybody = Doctor.objects.values_list("pk", flat=True)
    expected = sorted([both, both, cardiologist, cardiologist])
    assert doctors(specialty=wanted.specialty.pk) == expected
    assert doctors(language=wanted.language.pk) == sorted([both, both, polyglot, polyglot])
    assert doctors(specialty=wanted.specialty.pk, language=wanted.language.pk) == [both, both]
    assert doctors(location=wanted.place.pk) == sorted(everybody)
    assert doctors(location=wanted.place.pk, doctor=polyglot) == [polyglot]
    assert doctors(doctor=both, specialty=wanted.specialty.pk, to=MONDAY) == [both]


def test_an_absent_value_finds_nothing_and_an_invalid_one_is_400() -> None:
    one_slot()
    for name in ("specialty", "language", "location", "doctor"):
        for absent in (0, -1, 999_999, 2**63, 10**22):
            assert found(**{name: absent}) == []
        for junk in ("x", "1.5", "1e400", "9" * 5000, "\0"):
            assert_invalid(ask(**{name: junk}), name)


@pytest.mark.parametrize("name", ["from_", "to"])
def test_an_invalid_date_is_400(name: str) -> None:
    for junk in ("junk", "2026-02-30", "20261201", "01/12/2026", "\0", "2026-12-01T09:00"):
        assert_invalid(ask(**{name: junk}), name.rstrip("_"))


def test_dates_are_those_at_the_location_and_a_reversed_range_is_400() -> None:
    """The time 22:00 on Monday in New York is on Tuesday in UTC and in Madrid."""
    late = {"start_time": time(22), "end_time": time(23)}
    one_slot(location__time_zone="America/New_York", **late)
    one_slot(TUESDAY, start_time=time(0), end_time=time(1))
    assert starts(from_=MONDAY, to=MONDAY) == ["2026-11-30T22:00:00-05:00"]
    assert starts(to=MONDAY) == ["2026-11-30T22:00:00-05:00"]
    assert starts(from_=TUESDAY) == ["2026-12-01T00:00:00+01:00"]
    assert len(starts(from_=MONDAY)) == len(starts(to=TUESDAY)) == 2
    assert_invalid(ask(from_=TUESDAY, to=MONDAY), "to")


def test_the_first_and_last_dates_are_valid() -> None:
    one_slot()
    assert len(found(from_="0001-01-01", to="9999-12-31")) == 1
    assert found(from_="9999-12-31") == found(to="0001-01-01") == []


def test_a_day_without_midnight_begins_at_its_first_local_time() -> None:
    """The clocks in Beirut jump from 00:00 to 01:00 on 28 March 2027."""
    place = LocationFactory(time_zone="Asia/Beirut")
    eve = one_slot(date(2027, 3, 27), location=place, start_time=time(23), end_time=time(23, 59))
    day = one_slot(date(2027, 3, 28), location=place, start_time=time(1), end_time=time(2))
    assert [slot["id"] for slot in found(to="2027-03-27")] == [eve.pk]
    assert [slot["id"] for slot in found(from_="2027-03-28")] == [day.pk]


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        ("Europe/Madrid", date(2027, 3, 28), ["00:30+01:00", "01:30+01:00", "03:30+02:00"]),
        (
            "Europe/Madrid",
            date(2027, 10, 31),
            ["00:30+02:00", "01:30+02:00", "02:30+02:00", "02:30+01:00", "03:30+01:00"],
        ),
        ("America/New_York", date(2027, 3, 14), ["00:30-05:00", "01:30-05:00", "03:30-04:00"]),
        (
            "America/New_York",
            date(2027, 11, 7),
            ["00:30-04:00", "01:30-04:00", "01:30-05:00", "02:30-05:00", "03:30-05:00"],
        ),
    ],
)
def test_all_slots_of_a_day_of_23_or_25_hours_are_found(
    zone: str, day: date, expected: list[str]
) -> None:
    place = LocationFactory(time_zone=zone)
    for around in (-1, 1):
        day_beside = day + timedelta(days=around)
        edge = time(23) if around < 0 else time(0)
        end = time(23, 59) if around < 0 else time(1)
        one_slot(day_beside, location=place, start_time=edge, end_time=end)
    night = {"start_time": time(0, 30), "end_time": time(4, 30), "slot_minutes": 60}
    ScheduleFactory(date=day, location=place, **night)
    shown = starts(from_=day, to=day)
    assert [f"{start[11:16]}{start[19:]}" for start in shown] == expected
    assert {start[:10] for start in shown} == {str(day)}
