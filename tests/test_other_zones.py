"""Every page and call converts wall times as Python does, when the database has other zone data.

Here Python takes Vancouver to be nine hours ahead of UTC. PostgreSQL keeps its own files, by which
it is seven or eight behind.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection

from accounts.models import User
from appointment.models import Appointment, Offer
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from doctor.models import Location, Schedule, Slot
from doctor.tests.factories import (
    LocationFactory,
    PublishedScheduleFactory,
    TimeOffFactory,
    day_ahead,
)
from patient.models import Patient
from tests.admin_client import AdminClient, page
from tests.zones import other_zones

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture(autouse=True)
def tokyo(tmp_path: Path) -> Iterator[None]:
    with other_zones(tmp_path, Vancouver="Asia/Tokyo"):
        yield


@pytest.fixture
def morning(doctor_user: User) -> Slot:
    """Return the slot from 00:30 to 01:00 of a session there: in UTC it is on the day before."""
    place: Location = LocationFactory(time_zone="America/Vancouver")
    times = {"start_time": time(0, 30), "end_time": time(1, 30)}
    session: Schedule = PublishedScheduleFactory(location=place, doctor=doctor_user.doctor, **times)
    slot: Slot = session.slots.order_by("starts_at")[0]
    return slot


def day() -> date:
    return day_ahead()


def nine_ahead(hour: int, minute: int) -> str:
    return f"{datetime.combine(day(), time(hour, minute)).isoformat()}+09:00"


@pytest.mark.only_on("postgres")
def test_postgresql_has_other_zone_data(morning: Slot) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT starts_at AT TIME ZONE 'America/Vancouver' FROM doctor_slot WHERE id = %s",
            [morning.pk],
        )
        [there] = cursor.fetchone()
    assert there != morning.starts_at.astimezone(morning.location.zone).replace(tzinfo=None)


def test_free_slots_are_found_on_the_day_at_the_location(morning: Slot, client_of: Any) -> None:
    client, doctor = client_of(None), morning.doctor_id
    for path, more in (
        (f"/api/doctor/doctors/{doctor}/available-slots/", {}),
        (f"/api/doctor/doctors/{doctor}/available-slots/", {"explain": "true"}),
        ("/api/doctor/slots/", {}),
    ):
        days = {"from": str(day()), "to": str(day())}
        found = client.get(path, {**days, **more}).json()["results"]
        assert [slot["starts_at"] for slot in found] == [nine_ahead(0, 30), nine_ahead(1, 0)]
        the_day_before = {name: str(day() - timedelta(days=1)) for name in days}
        assert client.get(path, {**the_day_before, **more}).json()["results"] == []


def test_a_waitlist_entry_for_its_time_of_day_matches_a_slot(
    morning: Slot, patient: Patient, client_of: Any
) -> None:
    wish = {"doctor": morning.doctor_id, "from": str(day()), "to": str(day())}
    wish |= {"weekdays": [day().weekday()], "start_time": "00:30", "end_time": "01:00"}
    client = client_of(patient.user)
    free = client.post("/api/appointment/waitlist/", wish).json()
    assert [slot["id"] for slot in free["alternatives"]] == [morning.pk]
    early = client.post("/api/appointment/waitlist/", {**wish, "start_time": "00:31"})
    assert early.status_code == 201


def test_a_place_is_offered_to_an_entry_for_its_time_of_day(morning: Slot) -> None:
    times = {"start_time": time(0, 30), "end_time": time(1)}
    days = {"first_date": day(), "last_date": day(), "weekday_bits": 1 << day().weekday()}
    visit = AppointmentFactory(slot=morning)
    entry = WaitlistEntryFactory(doctor=morning.doctor, **days, **times)
    WaitlistEntryFactory(doctor=morning.doctor, **days, end_time=time(0, 59))
    visit.cancel()
    assert Offer.objects.get().entry == entry


def test_visits_are_listed_on_the_day_at_the_location(
    morning: Slot, patient: Patient, doctor_user: User, client_of: Any
) -> None:
    visit = Appointment(patient=patient, slot=morning, booked_by=patient.user).book()
    assert visit.date == day()
    days = {"from": str(day()), "to": str(day())}
    mine = client_of(patient.user).get("/api/appointment/my-appointments/", days).json()
    assert [row["starts_at"] for row in mine["results"]] == [nine_ahead(0, 30)]
    doctor = client_of(doctor_user)
    agenda = doctor.get("/api/appointment/agenda/", {"date": str(day())}).json()["results"]
    assert [row["id"] for row in agenda] == [visit.pk]
    with time_machine.travel(visit.starts_at + timedelta(minutes=5), tick=False):
        agenda = client_of(doctor_user).get("/api/appointment/agenda/").json()["results"]
        assert [row["id"] for row in agenda] == [visit.pk]
        assert visit.check_in().checked_in_at


def test_the_admin_lists_visits_and_slots_on_the_day_at_the_location(
    morning: Slot, superuser: User
) -> None:
    visit = AppointmentFactory(slot=morning)
    admin = AdminClient(superuser)
    for model, name in ((Appointment, "date"), (Slot, "schedule__date"), (Schedule, "date")):
        parts = {f"{name}__{part}": getattr(day(), part) for part in ("year", "month", "day")}
        shown = admin.get(page(model), **parts).content.decode()
        assert "00:30" in shown
    with time_machine.travel(visit.starts_at + timedelta(minutes=5), tick=False):
        today = AdminClient(superuser).get(page(Appointment), when="today").content.decode()
        assert f"/{visit.pk}/change/" in today


def test_a_closure_covers_the_days_at_the_location(
    morning: Slot, superuser: User, client_of: Any
) -> None:
    start = morning.starts_at
    closure = TimeOffFactory(
        location=morning.location, starts_at=start, ends_at=start + timedelta(hours=1)
    )
    client = client_of(superuser)
    for on, found in ((day(), [closure.pk]), (day() - timedelta(days=1), [])):
        rows = client.get("/api/doctor/time-off/", {"from": str(on), "to": str(on)}).json()
        assert [row["id"] for row in rows["results"]] == found
