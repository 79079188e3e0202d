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

APPS = ("accounts_", "doctor_", "patient_", "appointment_")

def schema():
    with connection.cursor() as cursor:
        tables = sorted(t for t in connection.introspection.table_names() if t.startswith(APPS))
        return {t: sorted(connection.introspection.get_constraints(cursor, t)) for t in tables}

def named(schema):
    return {t: [n for n in names if not n.startswith("__")] for t, names in schema.items()}

before = named(schema())
assert len(before) > 10, before
for app in ("appointment", "patient", "doctor", "accounts"):
    call_command("migrate", app, "zero", verbosity=0)
assert schema() == {}, schema()
call_command("migrate", verbosity=0)
assert named(schema()) == before
from django.contrib.auth.models import Group
assert Group.objects.filter(name="Reception").count() == 1
print("there and back")
"""


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
