"""20,000 patients are imported within 60 seconds, in bounded memory, and once.

The file is checked and written as the page does it when the user confirms. `--scale=0.1` takes a
tenth of the patients.
"""

import csv
import io
import time
import tracemalloc
from collections.abc import Callable

import pytest
from django.core.management import call_command

from accounts.models import AuditEvent
from appointment.imports import KINDS
from extensions.imports import Report
from patient.models import Patient
from tests.drills.conftest import Sized

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

PATIENTS, SECONDS = 20_000, 60
MEGABYTES = 100  # beside the file: far less than the rows would take at once
FIRST_NAMES = ("María", "Lucía", "Conor", "Ana", "Søren", "Zoë", "Jean-Luc", "Li")


def file_of(patients: int) -> bytes:
    """Return a file of patients with accents, addresses of two lines and phones of their own."""
    text = io.StringIO()
    lines = csv.writer(text)
    columns = KINDS["patients"].resource.columns()
    lines.writerow(columns)
    for number in range(patients):
        cells = {
            "external_id": f"P-{number}",
            "last_name": f"O'Brien-{number % 977} Ruiz{number}",
            "first_name": FIRST_NAMES[number % len(FIRST_NAMES)],
            "date_of_birth": f"{1930 + number % 90}-{1 + number % 12:02}-{1 + number % 28:02}",
            "sex": "female",
            "phone_number": f"+346{10_000_000 + number}",
            "address": f"Calle Mayor {number}\n28013 Madrid",
            "preferred_language": "es",
            "emergency_contact_name": "Conor Reed",
            "emergency_contact_phone": f"+346{30_000_000 + number}",
        }
        lines.writerow([cells[name] for name in columns])
    return text.getvalue().encode()


def test_the_import_of_20000_patients_takes_a_minute_at_most(
    sized: Sized, report: Callable[[str], None]
) -> None:
    patients = sized(PATIENTS)
    data = file_of(patients)
    report(f"{patients:,} patients, {len(data) / 1024**2:.1f} MiB")

    def run(what: str) -> Report:
        begun = time.monotonic()
        done = KINDS["patients"].reader(data, limited=True).run()
        seconds = time.monotonic() - begun
        report(f"{what}: {seconds:.1f} s, {dict(done.counts)}")
        assert seconds <= SECONDS
        return done

    assert run("first import").counts == {"new": patients}
    call_command("check_invariants")
    events = AuditEvent.objects.count()
    assert events == patients + 1  # of the import itself
    assert run("second import").counts == {"unchanged": patients}
    assert AuditEvent.objects.count() == events
    assert Patient.objects.count() == patients


def test_the_memory_of_an_import_does_not_grow_with_its_rows(
    sized: Sized, report: Callable[[str], None]
) -> None:
    data = file_of(sized(PATIENTS // 4))
    tracemalloc.start()
    try:
        KINDS["patients"].reader(data).run()
        peak = tracemalloc.get_traced_memory()[1] / 1024**2
    finally:
        tracemalloc.stop()
    report(f"peak: {peak:.0f} MiB for a file of {len(data) / 1024**2:.1f} MiB")
    assert peak <= MEGABYTES
