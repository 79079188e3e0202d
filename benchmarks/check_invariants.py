"""Measure the time and memory of `manage.py check_invariants` on a clinic of a given size.

    .venv/bin/python -m benchmarks.check_invariants --db postgres --rows 1000000

The benchmark makes a database of its own, with the given number of slots and appointments, and
removes it at the end. It writes the rows by SQL and not by the models' methods, since the command
only reads them. With `--broken` the counter `taken` of every slot is wrong, which must not take
more memory.
"""

# ruff: noqa: PLC0415  (it chooses the database before Django loads the models)

import argparse
import os
import subprocess  # nosec B404  # see COMMAND
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests import scratch
from tests.database import Database, choose

ROOT = Path(__file__).resolve().parent.parent
COMMAND = (sys.executable, "manage.py", "check_invariants")
DOCTORS = 200
VISITS_A_PATIENT = 40

# `n` holds the numbers from 0. The slots go to all doctors in turn, one half hour after the other.
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {rows})"
INSTANTS = {
    "postgres": "timestamptz '2030-01-01 00:00Z' + ({}) * interval '30 minutes'",
    "sqlite": "datetime('2030-01-01', '+' || (({}) * 30) || ' minutes')",
}
SLOTS = """
INSERT INTO doctor_slot
    (id, schedule_id, doctor_id, location_id, starts_at, ends_at, capacity, taken, is_open,
     kept_over)
SELECT i + 1, 1 + i % {doctors}, 1 + i % {doctors}, 1, {start}, {end}, 2, {taken}, {yes}, {no}
FROM n
"""
APPOINTMENTS = """
INSERT INTO appointment_appointment
    (id, patient_id, slot_id, doctor_id, location_id, starts_at, ends_at, date, status, reason,
     created_at, canceled_at, cancel_reason, needs_rebooking)
SELECT i + 1, 1 + i % {patients}, i + 1, 1 + i % {doctors}, 1, {start}, {end}, '2030-01-01',
    CASE WHEN i % 10 = 0 THEN 'canceled' ELSE 'scheduled' END, 'Check-up',
    {start}, CASE WHEN i % 10 = 0 THEN {start} END, '', {no} FROM n
"""
# Turn off what no check reads and what makes ten million inserts slow: the triggers of the foreign
# keys, and the exclusion constraints.
UNGUARDED = {
    "sqlite": (),
    "postgres": (
        "SET LOCAL session_replication_role = replica",
        "ALTER TABLE doctor_slot DROP CONSTRAINT doctor_slot_no_overlap",
        "ALTER TABLE appointment_appointment DROP CONSTRAINT appointment_no_overlap_of_one_patient",
    ),
}
EVENTS = """
INSERT INTO appointment_appointmentevent
    (appointment_id, kind, at, by, from_status, to_status, detail, override_reason)
SELECT id, 'booked', created_at, 'patient', '', 'scheduled', '', '' FROM appointment_appointment
UNION ALL SELECT id, 'canceled', canceled_at, 'patient', 'scheduled', 'canceled', '', ''
FROM appointment_appointment WHERE status = 'canceled'
"""


def main() -> None:
    """Make, fill and check a database, and print the figures."""
    asked = arguments()
    made = scratch.Folder("clinic-benchmark-")
    database = choose(asked.db, made.path)
    try:
        use(database)
        took = seconds(lambda: fill(database.kind, asked.rows, too_many=int(asked.broken)))
        print(f"{database.describe()}\nfilled with {asked.rows:,} slots and visits in {took:.0f} s")
        print(measured_check())
    finally:
        database.stop()
        made.close()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--db", choices=("sqlite", "postgres"), default="postgres")
    parser.add_argument("--rows", type=int, default=1_000_000, help="slots, and as many visits")
    parser.add_argument("--broken", action="store_true", help="make every counter wrong")
    return parser.parse_args()


def use(database: Database) -> None:
    """Point Django, in this process and its children, at a new database with its tables."""
    url = database.create_database("check")
    os.environ.update(
        ENVIRONMENT="demo", DJANGO_SETTINGS_MODULE="config.settings", DATABASE_URL=url
    )
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def fill(kind: str, rows: int, *, too_many: int) -> None:
    """Write a clinic with this number of slots and an appointment in each, every tenth canceled."""
    from django.db import connection, transaction

    patients = max(5 * DOCTORS, rows // VISITS_A_PATIENT)
    fill_directory(patients)
    words = {
        "rows": rows,
        "doctors": DOCTORS,
        "patients": patients,
        "start": INSTANTS[kind].format(f"i / {DOCTORS}"),
        "end": INSTANTS[kind].format(f"i / {DOCTORS} + 1"),
        "taken": f"CASE WHEN i % 10 = 0 THEN 0 ELSE 1 END + {too_many}",
        "yes": "true" if kind == "postgres" else "1",
        "no": "false" if kind == "postgres" else "0",
    }
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in (*UNGUARDED[kind], NUMBERS + SLOTS, NUMBERS + APPOINTMENTS, EVENTS):
            cursor.execute(statement.format(**words))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    connection.close()


def fill_directory(patients: int) -> None:
    """Write the location, the doctors with a session each, and the patients."""
    from doctor.models import Doctor, Location, Schedule
    from patient.models import Patient

    Location.objects.create(pk=1, name="Clinic", time_zone="UTC")
    numbers = range(1, DOCTORS + 1)
    Doctor.objects.bulk_create(
        Doctor(pk=n, last_name=f"{n}", license_number=f"{n}") for n in numbers
    )
    day = {"date": "2030-01-01", "start_time": "00:00", "end_time": "23:00", "location_id": 1}
    Schedule.objects.bulk_create(Schedule(pk=n, doctor_id=n, **day) for n in numbers)
    people = (Patient(pk=n, last_name=f"{n}") for n in range(1, patients + 1))
    Patient.objects.bulk_create(people, batch_size=5_000)


def seconds(work: Callable[[], None]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def measured_check() -> str:
    """Run the command as a child process. Return its last line, exit status, time and memory."""
    began = time.monotonic()
    child = subprocess.Popen(  # nosec B603  # fixed words
        COMMAND, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert child.stdout is not None  # nosec B101  # PIPE
    said = child.stdout.read().decode().strip().splitlines()
    _, status, used = os.wait4(child.pid, 0)
    took = time.monotonic() - began
    code = child.returncode = os.waitstatus_to_exitcode(status)
    return f"{said[-1]}\nexit {code}, {took:.1f} s, at most {used.ru_maxrss / 1024:.0f} MiB"


if __name__ == "__main__":
    main()
