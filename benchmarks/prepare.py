"""Add the people and calendars that the rows need to a seeded database; run by benchmarks.data.

    python -m benchmarks.prepare FILE --bookings 30000

It runs with the settings of the server, in a process of its own, and writes keys and tokens to
FILE as JSON. It inserts rows by the models, so that keys of names and defaults are those of the
product; what it inserts satisfies `check_invariants`.
"""

# ruff: noqa: E402  (Django is set up before the models are imported)

import argparse
import json
import os
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.utils import timezone
from knox.models import AuthToken, get_digest_token

from accounts.models import Device, User
from appointment.models import Appointment, AppointmentEvent, SummedDay
from doctor.models import Doctor, Location, Schedule, Slot
from doctor.tests.factories import ScheduleFactory
from patient.models import Patient

PASSWORD = "a passphrase of the bench"  # nosec B105  # of invented people
PEOPLE = 6000  # who book in turn
# Others, whose visits do not overlap those: who book with one doctor, and who find only full times.
PEOPLE_OF_ONE, REFUSED = 2000, 1000
DOCTORS = 40  # with whom they book in turn
OF_EACH = 20  # accounts with few, and with many past visits
FEW, MANY = 10, 2000
FULL = 200  # times without a place
RACES, RACERS = 15, 64
SIGN_INS = 32
LIMIT_SLOTS, LIMIT_PATIENTS, LIMIT_PLACES = 200, 2000, 400  # what pgbench books
A_DAY = 168  # times of five minutes from 06:00 to 20:00


class Clinic:
    """Makes the rows at one location, and remembers what the bench has to know."""

    def __init__(self) -> None:
        self.now = timezone.now()
        self.today = self.now.date()
        self.location = Location.objects.create(name="Bench", time_zone="Europe/Madrid")
        self.doctors = 0

    def doctor(self) -> Doctor:
        self.doctors += 1
        names = {"first_name": "Elena", "last_name": f"Bench {self.doctors}"}
        return Doctor.objects.create(title="Dr.", license_number=f"BENCH-{self.doctors}", **names)

    def sessions(self, doctor: Doctor, first: date, days: int, **hours: Any) -> list[Slot]:
        """Publish a session on each of these days; return their slots by time."""
        for day in range(days):
            place = {"doctor": doctor, "location": self.location}
            ScheduleFactory(date=first + timedelta(days=day), **place, **hours)
        return list(Slot.objects.filter(doctor=doctor).order_by("starts_at"))

    def busy_days(self, doctor: Doctor, slots: int, **hours: Any) -> list[Slot]:
        """Publish days of five-minute times from the day after tomorrow, at least so many."""
        first, days = self.today + timedelta(days=2), -(-slots // A_DAY)
        day = {"start_time": "06:00", "end_time": "20:00", "slot_minutes": 5, **hours}
        return self.sessions(doctor, first, days, **day)[:slots]

    # --- People ---

    def people(self, number: int, name: str, password: str = "") -> list[Patient]:  # nosec B107  # none by default
        """Create verified accounts with a profile each."""
        users = User.objects.bulk_create(
            User(
                email=f"{name}{n}@bench.example",
                first_name="Ana",
                last_name=f"Ruiz {n}",
                password=password or make_password(None),
                email_verified_at=self.now,
            )
            for n in range(number)
        )
        named = {"first_name": "Ana", "last_name": "Ruiz"}
        return Patient.objects.bulk_create(Patient(user=user, **named) for user in users)

    def tokens(self, people: Iterable[Patient]) -> list[str]:
        """Sign each of them in on one device; return the tokens."""
        expiry, plain, rows = self.now + timedelta(days=14), [], []
        for person in people:
            digest, token = get_digest_token()
            plain.append(token)
            rows.append(
                AuthToken(
                    digest=digest, token_key=token[:15], user_id=person.user_id, expiry=expiry
                )
            )
        AuthToken.objects.bulk_create(rows)
        Device.objects.bulk_create(Device(token=row, last_used_at=self.now) for row in rows)
        return plain

    # --- What each row needs ---

    def for_lists(self) -> dict[str, Any]:
        """A doctor with 200 free times in the next 14 days."""
        doctor = self.doctor()
        hours = {"start_time": "09:00", "end_time": "14:00", "slot_minutes": 15}
        slots = self.sessions(doctor, self.today + timedelta(days=1), 10, **hours)
        return {"list_doctor": doctor.pk, "list_slots": len(slots)}

    def for_bookings(self, bookings: int, of_one: int) -> dict[str, Any]:
        """Free times of many doctors in turn, and of one doctor; people who book them in turn."""
        doctors = [self.doctor() for _ in range(DOCTORS)]
        each = [self.busy_days(doctor, -(-bookings // DOCTORS)) for doctor in doctors]
        one = self.doctor()
        return {
            "tokens": self.tokens(self.people(PEOPLE, "booker")),
            "book": [
                [slot.doctor_id, slot.pk] for slots in zip(*each, strict=True) for slot in slots
            ],
            "of_one": [[one.pk, slot.pk] for slot in self.busy_days(one, of_one)],
            "tokens_of_one": self.tokens(self.people(PEOPLE_OF_ONE, "other")),
        }

    def for_refusals(self) -> dict[str, Any]:
        """Times of one doctor, the first of which are full; others are free, as alternatives."""
        doctor = self.doctor()
        slots = self.busy_days(doctor, FULL + 100)
        for slot, holder in zip(slots, self.people(FULL, "holder"), strict=False):
            Appointment.objects.book_own(holder.user, doctor.pk, slot_id=slot.pk)
        tokens = self.tokens(self.people(REFUSED, "late"))
        return {"full": [[doctor.pk, slot.pk] for slot in slots[:FULL]], "tokens_refused": tokens}

    def for_races(self) -> dict[str, Any]:
        """Fifteen times with one place each, and 64 people."""
        doctor = self.doctor()
        slots = self.busy_days(doctor, RACES)
        tokens = self.tokens(self.people(RACERS, "racer"))
        return {"races": [[doctor.pk, slot.pk] for slot in slots], "racers": tokens}

    def for_sign_ins(self) -> dict[str, Any]:
        """Accounts with a password."""
        people = self.people(SIGN_INS, "signer", make_password(PASSWORD))
        return {"sign_ins": [person.user.email for person in people], "password": PASSWORD}

    def for_own_visits(self) -> dict[str, Any]:
        """Accounts with 10 and with 2,000 past visits, of two years."""
        doctor = self.doctor()
        hours = {"start_time": "09:00", "end_time": "13:00", "slot_minutes": 30}
        days = MANY // 8
        first = self.today - timedelta(days=days + 10)
        slots = self.sessions(doctor, first, days, capacity=2 * OF_EACH, **hours)
        few, many = self.people(OF_EACH, "few"), self.people(OF_EACH, "many")
        pairs = ((slot, person) for slot in slots for person in many)
        self.past_visits(pairs)
        self.past_visits((slot, person) for slot in slots[-FEW:] for person in few)
        Slot.objects.filter(doctor=doctor).update(taken=OF_EACH)
        Slot.objects.filter(pk__in=[slot.pk for slot in slots[-FEW:]]).update(taken=2 * OF_EACH)
        return {"few": self.tokens(few), "many": self.tokens(many)}

    def past_visits(self, pairs: Iterator[tuple[Slot, Patient]]) -> None:
        """Insert completed visits of these people, each with its two events."""
        while batch := list(islice(pairs, 5000)):
            visits = Appointment.objects.bulk_create(
                Appointment(
                    patient=person,
                    slot=slot,
                    doctor_id=slot.doctor_id,
                    location=self.location,
                    starts_at=slot.starts_at,
                    ends_at=slot.ends_at,
                    date=slot.starts_at.date(),
                    status="completed",
                    booked_by_id=person.user_id,
                    created_at=slot.starts_at - timedelta(days=7),
                )
                for slot, person in batch
            )
            AppointmentEvent.objects.bulk_create(
                AppointmentEvent(
                    appointment=visit, by="patient", to_status=status, kind=kind, at=at
                )
                for visit in visits
                for kind, status, at in (
                    ("booked", "scheduled", visit.created_at),
                    ("completed", "completed", visit.ends_at),
                )
            )

    def for_pgbench(self) -> dict[str, Any]:
        """Times with many places, and patients without an account, in a table of pairs to book.

        Each pair stands once, and a sequence gives the next: pgbench itself has no such list.
        """
        doctor = self.doctor()
        slots = self.busy_days(doctor, LIMIT_SLOTS, capacity=LIMIT_PLACES)
        people = Patient.objects.bulk_create(
            Patient(first_name="Leo", last_name=f"Limit {n}") for n in range(LIMIT_PATIENTS)
        )
        user = User.objects.get(email="booker0@bench.example")
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA bench")
            cursor.execute("CREATE SEQUENCE bench.turn MINVALUE 0")
            cursor.execute(
                "CREATE TABLE bench.pairs (turn bigint PRIMARY KEY, slot bigint, patient bigint)"
            )
            cursor.execute(
                "INSERT INTO bench.pairs SELECT i, (%s::bigint[])[1 + i %% %s], "
                "(%s::bigint[])[1 + (i / %s + 10 * (i %% %s)) %% %s] FROM generate_series(0, %s) i",
                [
                    *([slot.pk for slot in slots], LIMIT_SLOTS, [each.pk for each in people]),
                    *(LIMIT_SLOTS, LIMIT_SLOTS, LIMIT_PATIENTS, LIMIT_SLOTS * LIMIT_PLACES - 1),
                ],
            )
        return {
            "limit_doctor": doctor.pk,
            "limit_user": user.pk,
            "limit_pairs": LIMIT_SLOTS * LIMIT_PLACES,
            "limit_location": self.location.pk,
        }

    def sizes(self) -> dict[str, int]:
        """Count what the database holds."""
        models = (Appointment, AppointmentEvent, Slot, Schedule, Doctor, Patient, User)
        return {model._meta.db_table: model._base_manager.count() for model in models}


def main() -> None:
    """Insert all rows, let PostgreSQL count them, and write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--bookings", type=int, default=30_000)
    parser.add_argument("--of-one", type=int, default=10_000)
    asked = parser.parse_args()
    clinic, found = Clinic(), {}
    with transaction.atomic():
        for made in (
            clinic.for_lists(),
            clinic.for_bookings(asked.bookings, asked.of_one),
            clinic.for_races(),
            clinic.for_sign_ins(),
            clinic.for_own_visits(),
            clinic.for_pgbench(),
        ):
            found.update(made)
    found.update(clinic.for_refusals())
    SummedDay.objects.sum_days(clinic.now, most=MANY)  # those of the visits that lie in the past
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
    found["sizes"] = clinic.sizes()
    asked.file.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
