"""No list of the admin reads more rows than a bounded number, whatever its table holds."""

import re
from collections.abc import Iterator
from datetime import date, time, timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.filters import AllValuesFieldListFilter
from django.db import connection
from django.db.models import Model
from django.utils import timezone

from accounts.models import AuditEvent, OutgoingMessage, User
from appointment.models import Appointment, AppointmentEvent
from appointment.tests.factories import AppointmentFactory
from doctor.models import Location, Schedule, Slot
from doctor.models.search import starting_at
from doctor.tests.factories import DoctorFactory, ScheduleFactory, day_ahead
from extensions.admin.periods import ALL, PERIOD
from patient.models import MedicalHistory, Patient
from patient.tests.factories import MedicalHistoryFactory, PatientFactory
from tests.admin_client import AdminClient, page
from tests.drills.admin_pages import request_of
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db
LARGE: list[type[Model]] = [
    Appointment, AppointmentEvent, AuditEvent, MedicalHistory, OutgoingMessage, Patient,
    Schedule, Slot, User,
]  # fmt: skip


def listed(user: User, model: type[Model], **query: str) -> Any:
    """Load a list as its page does, without drawing it."""
    return admin.site.get_model_admin(model).get_changelist_instance(request_of(user, **query))


def leading_columns(model: type[Model]) -> set[str]:
    """Return the columns that an index of the model's table begins with."""
    options = model._meta
    found = {index.fields[0].lstrip("-") for index in options.indexes if index.fields}
    found |= {
        field.name for field in options.fields if field.unique or getattr(field, "db_index", 0)
    }
    return found | {"pk"}


def test_lists_are_sorted_by_indexes_and_no_filter_reads_every_value(superuser: User) -> None:
    for model in LARGE:
        changelist = listed(superuser, model)
        columns = {str(changelist.get_ordering_field(name)) for name in changelist.sortable_by}
        default = str(changelist.queryset.query.order_by[0])
        used = {column.lstrip("-") for column in (*columns, default)}
        assert used <= leading_columns(model), model
        for spec in changelist.filter_specs:
            if isinstance(spec, AllValuesFieldListFilter):
                choices: object = spec.lookup_choices
                assert isinstance(choices, list), spec  # a queryset would read all rows


def test_no_list_is_sorted_by_a_column_without_an_index(superuser: User) -> None:
    columns = admin.site.get_model_admin(Patient).get_list_display(request_of(superuser))
    changelist = listed(superuser, Patient, o=str(columns.index("date_of_birth") + 1))
    assert "date_of_birth" not in changelist.queryset.query.order_by
    assert "o" not in changelist.params


# --- Statements and their plans -------------------------------------------------------------------

PLANNED: list[tuple[type[Model], dict[str, str]]] = [
    (Appointment, {}),
    (Appointment, {PERIOD: ALL}),
    (Appointment, {PERIOD: ALL, "o": "-1"}),
    (Appointment, {PERIOD: ALL, "status__exact": "no_show"}),
    (Appointment, {PERIOD: ALL, "moved__exact": "1"}),
    (Appointment, {"q": "garcia"}),
    (Appointment, {"q": "navarro"}),
    (Appointment, {"q": "navarro 09:00"}),
    (Appointment, {"q": "09:00"}),
    (AppointmentEvent, {}),
    (AppointmentEvent, {PERIOD: ALL}),
    (AppointmentEvent, {"q": "garcia"}),
    (AuditEvent, {}),
    (AuditEvent, {PERIOD: ALL}),
    (AuditEvent, {PERIOD: ALL, "outcome__exact": "denied"}),
    (AuditEvent, {"q": "garcia"}),
    (MedicalHistory, {}),
    (MedicalHistory, {"q": "garcia"}),
    (OutgoingMessage, {}),
    (OutgoingMessage, {"state": "dead"}),
    (OutgoingMessage, {"state": "waiting"}),
    (OutgoingMessage, {"channel": "sms"}),
    (OutgoingMessage, {"q": "7"}),
    (Patient, {}),
    (Patient, {"sex__exact": "other"}),
    (Patient, {"preferred_language": "es"}),
    (Patient, {"q": "garcia"}),
    (Schedule, {}),
    (Schedule, {PERIOD: ALL}),
    (Schedule, {"q": "navarro"}),
    (Slot, {}),
    (Slot, {PERIOD: ALL}),
    (Slot, {"q": "navarro"}),
    (Slot, {"q": "09:00"}),
    (User, {}),
    (User, {"q": "garcia"}),
]
TABLES = {model._meta.db_table for model in LARGE}
NO_OTHER_WAY = ("enable_seqscan", "enable_sort")  # rows of one date are sorted even so


def test_a_list_counts_up_to_a_limit_and_finds_its_rows_by_an_index(
    superuser: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extensions.admin.base.MOST_READ", 1)
    doctor = DoctorFactory(last_name="Navarro")
    slot = ScheduleFactory(doctor=doctor, date=day_ahead(1)).slots.first()
    AppointmentFactory(slot=slot, patient=PatientFactory(last_name="García"))
    MedicalHistoryFactory.create_batch(3)
    for number in range(3):
        AuditEvent.objects.record("read", User)
        OutgoingMessage.objects.create(kind="booked", object_id=number, given_up_at=timezone.now())
    faults = [
        f"{model._meta.label} {query}: {fault}"
        for model, query in PLANNED
        for fault in faults_of(statements_of(superuser, model, query))
    ]
    assert not faults, "\n\n".join(faults)


def statements_of(user: User, model: type[Model], query: dict[str, str]) -> list[str]:
    """Return each statement that reads for the list, its filters and its links."""
    with counted_statements() as found:
        changelist = listed(user, model, **query)
        changelist.period_links()
        for spec in changelist.filter_specs:
            list(spec.choices(changelist))
    return [sql for sql in dict.fromkeys(found) if sql.lstrip("( ").startswith("SELECT")]


def faults_of(statements: list[str]) -> Iterator[str]:
    """Yield the statements that count or read a whole table, with their plans.

    PostgreSQL plans as for a large table: it reads all rows, or sorts them, if no index serves.
    """
    with connection.cursor() as cursor:
        cursor.execute(";".join(f"SET LOCAL {name} = off" for name in NO_OTHER_WAY))
        for sql in statements:
            if "COUNT(*)" in sql and not re.search(r"LIMIT \d+\) ", sql):
                yield f"counts without a limit: {sql}"
            if "DISTINCT" in sql:
                yield f"reads all rows to tell them apart: {sql}"
            if "patient_patientword" in sql and large(sql):
                yield f"compares the names of each row: {sql}"
            if "LIKE UPPER('%" in sql and large(sql) and ">=" not in sql:
                yield f"compares a text of each row: {sql}"
            cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}")
            [([found],)] = cursor.fetchall()
            if reads_all(found["Plan"]):
                yield f"reads a whole table: {sql}\n{found}"
        cursor.execute(";".join(f"SET LOCAL {name} = on" for name in NO_OTHER_WAY))


def large(sql: str) -> bool:
    """Whether the statement reads a large table."""
    return any(f'"{table}"' in sql for table in TABLES)


def reads_all(plan: dict[str, Any], is_sorted: bool = False) -> bool:
    """Whether the plan reads a large table without an index, or reads all of it to sort the rows.

    Of a table with a row, each index is as good for a condition: which one serves is not asked.
    """
    is_sorted |= plan["Node Type"] == "Sort"
    found = any(reads_all(below, is_sorted) for below in plan.get("Plans", ()))
    is_whole = is_sorted and not {"Index Cond", "Recheck Cond", "Filter"} & plan.keys()
    is_large = plan.get("Relation Name") in TABLES
    return found or (is_large and (is_whole or plan["Node Type"] == "Seq Scan"))


# --- Periods --------------------------------------------------------------------------------------


def test_an_action_finds_what_was_selected_in_another_month(superuser: User) -> None:
    visit = AppointmentFactory(slot=ScheduleFactory(date=day_ahead(100)).slots.first())
    AdminClient(superuser).act("cancel", visit)
    visit.refresh_from_db()
    assert visit.status == "canceled"


def test_a_list_opens_with_this_month_and_leads_to_all(superuser: User) -> None:
    this_month = timezone.localdate().replace(day=1)
    next_month = (this_month + timedelta(days=31)).replace(day=1)
    now = AppointmentFactory(slot=ScheduleFactory(date=this_month).slots.first())
    before = AppointmentFactory(
        slot=ScheduleFactory(date=day_ahead(-70)).slots.first(),
        patient=PatientFactory(last_name="Lefèvre"),
    )
    opened = AdminClient(superuser).get(page(Appointment))
    assert opened.context["cl"].result_list == [now]
    texts = [text for text, *_ in opened.context["cl"].period_links()]
    assert texts[0] == "All dates"
    assert texts[2:] == ["This month and the next", *map(month_text, (this_month, next_month))]
    assert f"?{PERIOD}={ALL}" in opened.content.decode()

    def found(**query: str) -> set[Any]:
        return set(listed(superuser, Appointment, **query).result_list)

    month = {"date__year": str(before.date.year), "date__month": str(before.date.month)}
    assert found(**{PERIOD: ALL}) == {now, before}
    assert found(**month) == found(**month, date__day=str(before.date.day)) == {before}
    assert found(q="lefevre") == {before}  # a name is searched at all dates


def month_text(month: date) -> str:
    return f"{month:%B %Y}"


def test_a_filter_without_an_index_reads_the_latest_rows_and_says_so(
    superuser: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extensions.admin.base.MOST_READ", 1)
    for _ in range(3):
        AuditEvent.objects.record("read", User, actor=superuser, role="staff")
    answer = AdminClient(superuser).get(page(AuditEvent), role__exact="staff")
    assert len(answer.context["cl"].result_list) < 3
    assert "only those since" in answer.content.decode()


def test_a_long_list_has_no_page_past_the_last_that_is_counted(
    superuser: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extensions.admin.base.MOST_COUNTED", 2)
    monkeypatch.setattr("extensions.admin.base.BaseAdmin.list_per_page", 1)
    PatientFactory.create_batch(3)
    answer = AdminClient(superuser).get(page(Patient))
    assert answer.context["cl"].paginator.num_pages == 2
    text = " ".join(answer.content.decode().split())
    assert "2+ patients" in text
    assert "These pages have the first 2. Search, or choose a filter, to see others." in text


def test_the_tables_of_other_packages_have_their_indexes() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'accounts_%'")
        present = {name for (name,) in cursor.fetchall()}
    assert {
        "accounts_token_created", "accounts_attempt_time", "accounts_access_time",
        "accounts_failure_time", "accounts_log_of_row", "accounts_log_of_user",
    } <= present  # fmt: skip


def test_a_time_of_day_has_a_first_and_a_last_instant() -> None:
    """PostgreSQL would begin at the first slot of the table: the list is in their order."""
    sites = [Location(pk=1, time_zone="Asia/Tokyo"), Location(pk=2, time_zone="Europe/Madrid")]
    days = [date(2026, 3, 18), date(2026, 3, 19)]
    found = str(Slot.objects.filter(starting_at(time(9), days, sites)).query)
    assert "BETWEEN 2026-03-18 00:00:00+00:00 AND 2026-03-19 08:00:00+00:00" in found
