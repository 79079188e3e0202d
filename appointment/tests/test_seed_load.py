"""`manage.py seed_load` keeps the invariants and the schema, and loads all or nothing."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import time_machine
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Count, F, Sum
from django.test import override_settings

from accounts.models import AuditEvent, User
from appointment.load import progress
from appointment.load.audit import AUDIT
from appointment.load.directory import PASSWORD, SITES, Directory, Employee
from appointment.load.load import TABLES, ahead, in_turn
from appointment.load.people import People, PeopleRows, login
from appointment.load.plan import Plan
from appointment.load.progress import Progress
from appointment.load.visits import VisitRows
from appointment.models import Appointment, AppointmentEvent, DayTotals, StaleDay, SummedDay
from doctor.models import Doctor, Location, Slot, Specialty
from extensions.db.bulk_load import Table
from patient.models import Patient, PatientWord
from tests.flush import Flush

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

AT = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)  # a Wednesday, when most clinics are open
VISITS, PATIENTS, AUDIT_EVENTS = 150, 640, 60
POSTGRES_SCHEMA = """
SELECT conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint
UNION ALL
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisvalid FROM pg_index
UNION ALL
SELECT tgname, pg_get_triggerdef(oid), tgenabled = 'O' FROM pg_trigger WHERE NOT tgisinternal
"""
SQLITE_SCHEMA = "SELECT name, sql, type FROM sqlite_master"
# PostgreSQL gives the values of an IN other casts each time that an index is made from its text.
CASTS = re.compile(r"::[a-z ]+(\[\])?|[()]")


def schema() -> set[Any]:
    """Return the constraints, indexes and triggers of the database, each with its definition."""
    on_postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute(POSTGRES_SCHEMA if on_postgres else SQLITE_SCHEMA)
        rows = cursor.fetchall()
    return {(name, CASTS.sub("", text or ""), *rest) for name, text, *rest in rows}


def seed(**options: int) -> str:
    """Run the command at the given time and return its output."""
    said = StringIO()
    numbers = {"appointments": VISITS, "patients": PATIENTS, "audit_events": AUDIT_EVENTS}
    with time_machine.travel(AT, tick=False):
        call_command("seed_load", stdout=said, **{**numbers, **options})
    return said.getvalue()


class Interrupted(NamedTuple):
    """What a load leaves that Ctrl-C ends when all rows are copied and one index is made again."""

    said: str
    rows: int
    schema: set[Any]


def interrupt() -> Interrupted:
    """Begin to load, and interrupt it."""

    def advance(progress: Progress, step: str, cost: float) -> None:
        if step != "rows":
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Progress, "advance", advance)
        with pytest.raises(CommandError) as caught:
            seed()
    rows = sum(table.model._base_manager.count() for table in (*TABLES, AUDIT))
    return Interrupted(str(caught.value), rows + Doctor.objects.count(), schema())


@pytest.fixture(scope="module", autouse=True)
def before(flush: Flush, django_db_blocker: Any) -> Iterator[tuple[set[Any], Interrupted]]:
    """Load once for the whole module; the rows are committed.

    Yield the schema before, and what an interrupted load left.
    """
    with django_db_blocker.unblock():
        found = schema(), interrupt()
        seed()
        yield found
        flush()


def test_the_loaded_rows_keep_every_invariant() -> None:
    said = StringIO()
    with time_machine.travel(AT, tick=False):
        call_command("check_invariants", stdout=said, stderr=said)
    assert f"{VISITS} appointments" in said.getvalue()


def test_every_index_constraint_and_trigger_is_there_and_valid(
    before: tuple[set[Any], Interrupted],
) -> None:
    assert schema() == before[0]


def test_an_interrupted_load_leaves_the_schema_and_no_row(
    before: tuple[set[Any], Interrupted],
) -> None:
    assert before[1] == ("Interrupted: nothing was loaded.", 0, before[0])


def test_as_many_rows_are_loaded_as_were_asked_for() -> None:
    loaded = [model.objects.count() for model in (Appointment, Patient, AuditEvent)]
    assert loaded == [VISITS, PATIENTS, AUDIT_EVENTS]
    assert Doctor.objects.count() == Doctor.objects.filter(specialties__isnull=False).count() == 4


def test_past_visits_have_ended_and_the_others_lie_ahead() -> None:
    past, coming = Appointment.objects.filter(ends_at__lte=AT), Appointment.objects.upcoming(AT)
    statuses = {row["status"] for row in past.values("status")}
    assert statuses == {"completed", "canceled", "no_show"}
    assert coming.exists()
    assert not Appointment.objects.filter(created_at__gte=F("starts_at")).exists()
    assert not Appointment.objects.filter(created_at__gte=AT).exists()
    places = Slot.objects.filter(ends_at__lte=AT).aggregate(Sum("taken"), Sum("capacity"))
    assert 0.6 < places["taken__sum"] / places["capacity__sum"] < 0.95


def test_each_visit_has_the_events_that_its_verbs_leave() -> None:
    rows = Appointment.objects.values_list("status", "events__kind").annotate(Count("pk"))
    found = {(status, kind) for status, kind, _ in rows}
    concluded = ("completed", "canceled", "no_show")
    booked = {(status, "booked") for status in ("scheduled", *concluded)}
    assert found == booked | {(status, status) for status in concluded}
    assert not AppointmentEvent.objects.filter(at__gt=AT).exists()


def test_the_days_that_are_over_are_summed_and_leave_no_note() -> None:
    over = {row["date"] for row in Appointment.objects.values("date") if row["date"] < AT.date()}
    last = AT.date() - timedelta(days=1)
    assert set(SummedDay.objects.current().values_list("pk", flat=True)) >= over - {last}
    assert not StaleDay.objects.exists()
    visits = Appointment.objects.filter(date__lt=last)
    booked = visits.exclude(status="canceled").count()
    assert DayTotals.objects.aggregate(Sum("booked"), Sum("held")) == {
        "booked__sum": booked,
        "held__sum": booked,
    }


def test_a_loaded_patient_signs_in_and_is_found_by_name() -> None:
    user = User.objects.get(email=login(0))
    assert user.check_password(PASSWORD)
    own = Patient.objects.get(user=user, is_dependent=False)
    assert PatientWord.objects.filter(patient=own, text__startswith=own.last_name_key).exists()


def test_new_rows_get_keys_above_those_that_were_loaded() -> None:
    last = Specialty.objects.latest("pk").pk, Patient.objects.latest("pk").pk
    names = {"first_name": "Ana", "last_name": "Gil"}
    new = Specialty.objects.create(name="New").pk, Patient.objects.create(**names).pk
    assert new > last


def test_a_second_load_is_refused() -> None:
    with pytest.raises(CommandError, match="holds visits already"):
        seed()


def test_production_refuses_it() -> None:
    with override_settings(ENVIRONMENT="production"), pytest.raises(CommandError, match="ENVIRON"):
        seed()


def test_too_few_patients_for_the_doctors_are_refused() -> None:
    with pytest.raises(CommandError, match="at least 640 patients"):
        seed(patients=639)


def test_a_row_without_a_column_of_its_model_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="description"):
        Table(Specialty, "id", "name", "code")


# --- Without the loaded rows ----------------------------------------------------------------------


def directory() -> Directory:
    """Return a directory that is not stored."""
    sites = [site for site in SITES[:2] for _ in range(2)]
    locations = [
        Location(pk=pk, time_zone=site.time_zone) for pk, site in enumerate(sites, start=1)
    ]
    doctors = [Doctor(pk=pk) for pk in range(1, 5)]
    return Directory(sites, locations, doctors, [Employee(pk, "Robin") for pk in range(1, 5)])


def rows(seed: int) -> list[Any]:
    """Return the rows of a small load."""
    where, people = directory(), People(PATIENTS, 4, 1)
    days = Plan(VISITS, where.places, AT.date()).days()
    visits = VisitRows(where, people, AT, seed).batches(days, 100)
    patients = PeopleRows(people, where, seed).batches(100)
    found = [row for batch in (*visits, *patients) for table, rows in batch for row in rows]
    return [[each for each in row if not str(each).startswith("argon2")] for row in found]


@override_settings(PASSWORD_HASHERS=["accounts.hashers.Argon2PasswordHasher"])
def test_a_seed_makes_the_same_rows_each_time() -> None:
    assert rows(seed=1) == rows(seed=1) != rows(seed=2)


def test_batches_are_made_ahead_in_their_order() -> None:
    assert list(ahead(in_turn(iter([1, 3, 5]), iter([2, 4])))) == [1, 2, 3, 4, 5]


class Terminal(StringIO):
    """What a command writes to, on a terminal."""

    def isatty(self) -> bool:
        return True

    def write(self, text: str, ending: str = "\n") -> int:
        """Write as Django's OutputWrapper does."""
        return super().write(text + ending)


def test_the_progress_tells_percent_rows_a_second_and_seconds_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, clock = Terminal(), SimpleNamespace(monotonic=lambda: 0.0)
    monkeypatch.setattr(progress, "time", clock)
    shown = Progress(out, total=400)
    clock.monotonic = lambda: 5.0
    shown.copied(100)
    assert " 25%, 20 rows/s, 15 s left: rows" in out.getvalue()
