"""The migrations of all four apps run forward, back to zero and forward again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.database import Database
from tests.templates import Templates

pytestmark = pytest.mark.both_databases

ROOT = Path(__file__).resolve().parents[2]
THERE_AND_BACK = """
import django
django.setup()
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

APPS = ("accounts_", "doctor_", "patient_", "appointment_")

def schema():
    with connection.cursor() as cursor:
        tables = sorted(t for t in connection.introspection.table_names() if t.startswith(APPS))
        return {t: sorted(connection.introspection.get_constraints(cursor, t)) for t in tables}

def functions():
    with connection.cursor() as cursor:
        cursor.execute("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            " AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')")
        return cursor.fetchall()

def named(schema):
    return {t: [n for n in names if not n.startswith("__")] for t, names in schema.items()}

def migrate(*to):
    call_command("migrate", *to, verbosity=0)

# What patients declined is noted by its slot, then by its doctor and start.
from django.contrib.auth.models import Group
from django.utils import timezone
from appointment.models import DeclinedSlot, Offer
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
slot, at = AppointmentFactory().slot, timezone.now()
time, expected = (slot.doctor_id, slot.location_id, slot.starts_at), set()
for statuses in (["declined", "expired"], ["expired"], ["withdrawn"]):
    entry = WaitlistEntryFactory()
    if "expired" in statuses:
        expected.add((entry.patient_id, *time))
    for status in statuses:
        Offer.objects.create(entry=entry, slot=slot, status=status, expires_at=at, hold_until=at)
before = named(schema())
assert len(before) > 10, before
assert functions()

migrate("appointment", "0012_declined_slots")
migrate("appointment")
rows = DeclinedSlot.objects.values_list("patient", "doctor", "location", "starts_at")
assert set(rows) == expected, rows
assert named(schema()) == before
assert Group.objects.filter(name="Reception").count() == 1
migrate("appointment", "0014_event_after_deadline")
with connection.cursor() as cursor:
    cursor.execute("SELECT slot_id FROM appointment_declinedslot")
    assert cursor.fetchall() == [(slot.pk,)] * 2

MigrationExecutor(connection).migrate([(app[:-1], None) for app in APPS])
assert schema() == {}, schema()
assert functions() == [], functions()
print("there and back")
"""


@pytest.mark.only_on("postgres")  # where a clinic would go back to the release before
def test_every_migration_can_be_undone_and_done_again(
    database: Database, templates: Templates
) -> None:
    url = database.create_database("migrations", templates.migrated())
    done = subprocess.run(
        [sys.executable, "-c", THERE_AND_BACK],
        env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings"},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "there and back", done.stderr
