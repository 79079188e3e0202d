"""A million people and a visit of each are searched: a page with its count takes 50 ms at most.

Visits by the worst texts, which tens of thousands of people match, take 150 ms. The pages are those
of the admin. `--scale=0.1` takes a tenth of the people. The times are those of the best of three
runs.
"""

import io
import random
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any
from unicodedata import normalize

import pytest
from django.contrib import admin
from django.db import connection, transaction
from django.db.models import Model
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.tests.factories import DoctorFactory, ScheduleFactory
from extensions.admin.search import MOST_LISTED, LimitedPaginator
from extensions.db.batches import batches
from patient.models import Patient
from patient.models.word import texts_of
from tests.drills.conftest import Sized

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

PEOPLE, BATCH = 1_000_000, 50_000
MILLISECONDS, OF_THE_WORST = 50, 150
STARTS = (
    "mar", "lu", "an", "jo", "car", "el", "pe", "ni", "so", "va", "gu", "ro", "al", "be", "da",
    "fe", "ha", "is", "ju", "ka", "gar", "lo", "fer", "san", "go", "her",
)  # fmt: skip
ENDS = (
    "ia", "cia", "a", "se", "los", "ena", "dro", "co", "fia", "lia", "pez", "nandez", "tin",
    "chez", "ez", "mez", "az", "rez", "vo", "ga", "bello",
)  # fmt: skip
# Shares of the people.
FIRST_NAMES = {"Maria": 0.06, "Luc\u00eda": 0.02, "Conor": 0.01}
LAST_NAMES = {
    "Garcia": 0.05, "Reed": 0.02, "O\u2019Brien": 0.01, "Lef\u00e8vre": 0.01, "Sch\u00e4fer": 0.01,
}  # fmt: skip
WORST = {
    "rare": "Vabello Gunandez",
    "common": "Maria Garcia",
    "common, the other way round": "Garcia Maria",
    "one common name": "Maria",
    "one letter": "m",
    "another letter": "g",
    "two letters, together frequent": "m g",
    "two letters, together rare": "m x",
    "a common name and a rare one": "Maria Xyz",
    "no patient": "Qwerty",
    "birth date": "24/04/1951",
    "name and birth date": "Maria 24 April 1951",
    "year": "1951",
    "national number": "612 345 678",
    "international number": "0034 612 345",
    "last four digits": "1951 Reed",
    "two digits": "61",
}
# What people complained of.
TYPED = {
    "without accents": "Lucia Reed",
    "one accent": "Lefevre",
    "an umlaut": "Schafer",
    "an umlaut, spelled out": "Schaefer",
    "last name first": "Reed, Luc\u00eda",
    "an apostrophe": "O\u2019Brien",
    "with the title of a doctor": "Dr. Conor O'Brien",
    "full width": "\uff32\uff45\uff45\uff44",
    "decomposed": normalize("NFD", "Luc\u00eda"),
    "written date": "24 April 1951",
    "dashes": "212-555-0132",
    "brackets": "(212) 555-0132",
    "with two zeros": "0044 7911 123456",
}


def name(rng: random.Random, common: dict[str, float]) -> str:
    drawn = rng.random()
    for known, share in common.items():
        drawn -= share
        if drawn < 0:
            return known
    return (rng.choice(STARTS) + rng.choice(ENDS)).title()


def made(number: int) -> Iterator[Patient]:
    """Yield unsaved people with two last names each, always the same."""
    rng = random.Random(11)
    for pk in range(1, number + 1):
        names = {"first_name": name(rng, FIRST_NAMES), "last_name": name(rng, LAST_NAMES)}
        born = date(1930, 1, 1) + timedelta(days=rng.randrange(33_000))
        phone = f"+346{rng.randrange(10**8):08}"
        yield Patient(pk=pk, **names, date_of_birth=born, phone_number=phone)


def insert(table: str, columns: list[str], rows: Iterator[tuple[Any, ...]]) -> None:
    """Insert the rows: by COPY on PostgreSQL, which is ten times as fast."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            lines = ("\t".join(map(escaped, row)) for row in rows)
            cursor.cursor.copy_expert(
                f"COPY {table} ({', '.join(columns)}) FROM STDIN", io.StringIO("\n".join(lines))
            )
        else:
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})",
                list(rows),
            )


def escaped(value: Any) -> str:
    """Return the value as COPY reads it."""
    return "\\N" if value is None else str(value).replace("\n", "\\n").replace("\t", "\\t")


@pytest.fixture
def people(sized: Sized) -> int:
    """Insert the people and their words."""
    number = sized(PEOPLE)
    fields = [field for field in Patient._meta.concrete_fields if field.name != "user"]
    columns = [field.column for field in fields]
    with transaction.atomic():
        for batch in batches(made(number), BATCH):
            rows = (tuple(column_of(field, each) for field in fields) for each in batch)
            insert("patient_patient", columns, rows)
            words = ((each.pk, text) for each in batch for text in texts_of(each))
            insert("patient_patientword", ["patient_id", "text"], words)
    insert_visits(number)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    return number


def insert_visits(number: int) -> None:
    """Insert a past visit of every person, on the days of ten years."""
    slot = ScheduleFactory(doctor=DoctorFactory(last_name="Navarro")).slots.first()
    visit = AppointmentFactory(slot=slot, patient=Patient.objects.get(pk=1), status="completed")
    fields = Appointment._meta.concrete_fields
    known = {field.column: field.get_db_prep_save(field.value_from_object(visit), connection)
             for field in fields}  # fmt: skip

    def row(pk: int) -> tuple[Any, ...]:
        days = timedelta(days=pk % 3650)
        times = {name: getattr(visit, name) - days for name in ("starts_at", "ends_at", "date")}
        own = {"id": visit.pk + pk, "patient_id": pk, **times}
        return tuple(own.get(column, value) for column, value in known.items())

    for keys in batches(range(2, number + 1), BATCH):
        insert("appointment_appointment", list(known), (row(pk) for pk in keys))


def column_of(field: Any, patient: Patient) -> Any:
    value = field.pre_save(patient, add=True)
    return str(value) if field.name in {"phone_number", "date_of_birth"} else value


def page_of(model: type[Model], typed: str, user: User) -> tuple[int, list[Any]]:
    """Search as the admin does; return the count and the first page."""
    model_admin = admin.site.get_model_admin(model)
    request = RequestFactory().get("/", {"q": typed})
    request.user = user
    ordering = model_admin.ordering or model._meta.ordering
    rows = model_admin.get_queryset(request).order_by(*ordering)
    found, _ = model_admin.get_search_results(request, rows, typed)
    pages = LimitedPaginator(found, 50, most=MOST_LISTED)
    return pages.count, list(pages.page(1).object_list)


def test_a_page_of_a_search_takes_fifty_milliseconds(
    people: int, superuser: User, report: Callable[[str], None]
) -> None:
    busy = 1 if people >= PEOPLE else 4  # a short run has neighbours
    slow = []
    for model in (Patient, Appointment):
        report(f"{model._meta.verbose_name_plural}:")
        for kind, typed in (WORST | TYPED).items():
            times = []
            for _ in range(3):
                began = time.perf_counter()
                count, _rows = page_of(model, typed, superuser)
                times.append((time.perf_counter() - began) * 1000)
            report(f"{kind:32} {typed:22} {count:5} found {min(times):7.1f} ms")
            worst = model is Appointment and kind in WORST
            if min(times) > busy * (OF_THE_WORST if worst else MILLISECONDS):
                slow.append((model.__name__, typed, times))
            check_plans(model, typed, superuser)
    assert not slow


def check_plans(model: type[Model], typed: str, user: User) -> None:
    """Assert that the statements of this search that read words do so by the index."""
    with CaptureQueriesContext(connection) as captured:
        page_of(model, typed, user)
    words = [each["sql"] for each in captured.captured_queries if "patientword" in each["sql"]]
    assert words
    for sql in words:
        with connection.cursor() as cursor:
            plan = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
            cursor.execute(f"{plan} {sql}")
            steps = "\n".join(str(row[-1]) for row in cursor.fetchall())
        # A visit's search may ask for the words of a patient after a patient, by their foreign key.
        assert "patient_patientword_" in steps, f"{typed}: {steps}"
        assert "Seq Scan on patient_patient" not in steps, steps
