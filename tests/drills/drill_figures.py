"""The figures of 200 doctors over a year of a million visits take a second at most.

SQLite gets a twentieth of them, and no limit. `--scale=0.1` takes a tenth of the doctors. The times
are those of the best of three runs.
"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
import time_machine
from django.db import connection, transaction
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from accounts.models import User
from appointment.desk.figures_query import GROUPS, FiguresOfPeriod, next_free_by_specialty, total_of
from appointment.models import Appointment
from doctor.models import Doctor, Location, Schedule, Slot
from doctor.tests.factories import DoctorFactory, LocationFactory, SpecialtyFactory
from patient.models import Patient
from tests.drills.conftest import Sized

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

DOCTORS, SITES, SPECIALTIES, DAYS, TIMES = 200, 4, 12, 366, 20  # times of a doctor and day
NOW = datetime(2026, 11, 29, 18, tzinfo=UTC)
NEW_YEAR = datetime(2026, 1, 1, 8, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
YEAR = (date(2026, 1, 1), date(2027, 1, 1))
MONTH = (date(2026, 11, 1), date(2026, 11, 30))
SECONDS = 1.0


def year_of(doctor: Doctor, location: Location, patient: Patient) -> None:
    """Insert a year of sessions of one doctor; seven times of ten are booked, one canceled."""
    hours = {"start_time": "08:00", "end_time": "18:00", "slot_minutes": 30}
    days = [NEW_YEAR + n * timedelta(days=1) for n in range(DAYS)]
    sessions = Schedule.objects.bulk_create(
        Schedule(doctor=doctor, location=location, date=day.date(), **hours) for day in days
    )
    row = {"doctor": doctor, "location": location}
    slots = Slot.objects.bulk_create(
        Slot(**row, schedule=session, starts_at=day + n * HALF_HOUR,
             ends_at=day + (n + 1) * HALF_HOUR, capacity=1, taken=int((n * 3) % 10 < 7))
        for session, day in zip(sessions, days, strict=True) for n in range(TIMES)
    )  # fmt: skip
    Appointment.objects.bulk_create(
        Appointment(**row, patient=patient, slot=slot, starts_at=slot.starts_at,
                    ends_at=slot.ends_at, date=slot.starts_at.date(),
                    status="completed" if slot.starts_at < NOW else "scheduled",
                    created_at=slot.starts_at - timedelta(days=9))
        for slot in slots if slot.taken
    )  # fmt: skip


def copy(model: type[Model], first: Doctor, **own: str) -> None:
    """Copy the rows of the first doctor for each other doctor `d`, in one statement."""
    columns = [field.column for field in model._meta.concrete_fields]
    step = "(d.id - %s) * 100000"
    own = {
        "id": f"r.id + {step}",
        "doctor_id": "d.id",
        "location_id": f"r.location_id + d.id % {SITES}",
        **own,
    }
    chosen = ", ".join(
        own.get(column, f"r.{column}").replace("%s", str(first.pk)) for column in columns
    )
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {chosen} "
            f"FROM {table} r CROSS JOIN doctor_doctor d "
            f"WHERE r.doctor_id = {first.pk} AND d.id <> {first.pk}"
        )


@pytest.fixture
def a_year(sized: Sized) -> int:
    """Insert the doctors and their year, by copies of one doctor's; return how many visits."""
    number = max(2, sized(DOCTORS if connection.vendor == "postgresql" else DOCTORS // 20))
    sites = [LocationFactory(time_zone="UTC") for _ in range(SITES)]
    specialties = SpecialtyFactory.create_batch(SPECIALTIES)
    doctors = DoctorFactory.create_batch(number)
    through = Doctor.specialties.through
    through.objects.bulk_create(
        through(doctor=doctor, specialty=specialties[n % SPECIALTIES])
        for n, doctor in enumerate(doctors)
    )
    patients = Patient.objects.bulk_create(Patient(last_name=f"P{n}") for n in range(number))
    year_of(doctors[0], sites[0], patients[0])
    step = "(d.id - %s)"
    with transaction.atomic():
        copy(Schedule, doctors[0])
        copy(Slot, doctors[0], schedule_id=f"r.schedule_id + {step} * 100000")
        copy(Appointment, doctors[0], slot_id=f"r.slot_id + {step} * 100000",
             patient_id=f"r.patient_id + {step}")  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    return Appointment.objects.count()


def best_of_three(work: Callable[[], object]) -> float:
    """Return the seconds of the best run."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def test_the_figures_of_a_month_and_of_the_year_take_a_second(
    a_year: int, superuser: User, report: Callable[[str], None]
) -> None:
    report(f"{a_year} visits")
    slow = []
    with time_machine.travel(NOW, tick=False):
        works: dict[str, Callable[[], object]] = {
            f"{name} by {by}": FiguresOfPeriod(superuser, *days, by).rows
            for name, days in (("month", MONTH), ("year", YEAR))
            for by in GROUPS
        }
        client = Client()
        client.force_login(superuser)
        works["page of the month"] = partial(client.get, reverse("desk:figures"))
        works["next free by specialty"] = partial(next_free_by_specialty, superuser, NOW)
        for name, work in works.items():
            seconds = best_of_three(work)
            report(f"{name:24} {seconds * 1000:7.0f} ms")
            if connection.vendor == "postgresql" and seconds > SECONDS:
                slow.append((name, seconds))
    total = total_of(FiguresOfPeriod(superuser, *YEAR).rows())
    assert total.booked == a_year == total.held
    assert not slow
