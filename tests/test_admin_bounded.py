"""No list of the admin reads more rows than a bounded number, whatever its table holds."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.filters import AllValuesFieldListFilter
from django.db import connection
from django.db.models import Model
from django.utils import timezone

from accounts.models import AuditEvent, User
from appointment.models import Appointment, AppointmentEvent
from appointment.tests.factories import AppointmentFactory
from doctor.models import Schedule, Slot
from doctor.tests.factories import DoctorFactory, ScheduleFactory, day_ahead
from extensions.admin.periods import ALL, PERIOD
from patient.models import MedicalHistory, Patient
from patient.tests.factories import PatientFactory
from tests.admin_client import AdminClient, page
from tests.admin_oracle import request_of
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db
LARGE: list[type[Model]] = [
    Appointment, AppointmentEvent, AuditEvent, MedicalHistory, Patient, Schedule, Slot, User,
]  # fmt: skip
of_large = pytest.mark.parametrize("model", LARGE, ids=lambda model: model._meta.label)


def leading_columns(model: type[Model]) -> set[str]:
    """Return the columns that an index of the model's table begins with."""
    options = model._meta
    found = {index.fields[0].lstrip("-") for index in options.indexes if index.fields}
    found |= {
        field.name for field in options.fields if field.unique or getattr(field, "db_index", 0)
    }
    return found | {"pk"}


@of_large
def test_a_list_is_sorted_by_an_index_only(superuser: User, model: type[Model]) -> None:
    changelist = admin.site.get_model_admin(model).get_changelist_instance(request_of(superuser))
    columns = {str(changelist.get_ordering_field(name)) for name in changelist.sortable_by}
    default = str(changelist.queryset.query.order_by[0])
    used = {column.lstrip("-") for column in (*columns, default)}
    assert used <= leading_columns(model)


def test_no_list_is_sorted_by_a_column_without_an_index(superuser: User) -> None:
    columns = admin.site.get_model_admin(Patient).get_list_display(request_of(superuser))
    number = columns.index("date_of_birth") + 1
    changelist = AdminClient(superuser).get(page(Patient), o=number).context["cl"]
    assert "date_of_birth" not in changelist.queryset.query.order_by
    assert "o" not in changelist.params


@of_large
def test_what_a_list_counts_has_a_limit(superuser: User, model: type[Model]) -> None:
    admin_client = AdminClient(superuser)
    for query in ({}, {"q": "maria"}, {"q": "09:00"}, {PERIOD: ALL} if _has_dates(model) else {}):
        with counted_statements() as statements:
            assert admin_client.status(page(model), **query) == 200
        counts = [sql for sql in statements if re.search(r"COUNT\(\*\)", sql)]
        assert all(re.search(r"LIMIT \d+\) ", sql) for sql in counts), counts
        assert not [sql for sql in statements if "DISTINCT" in sql]


def _has_dates(model: type[Model]) -> bool:
    return bool(admin.site.get_model_admin(model).date_hierarchy)


@of_large
def test_no_filter_reads_every_value_of_a_column(superuser: User, model: type[Model]) -> None:
    changelist = admin.site.get_model_admin(model).get_changelist_instance(request_of(superuser))
    for spec in changelist.filter_specs:
        if isinstance(spec, AllValuesFieldListFilter):
            choices: object = spec.lookup_choices
            assert isinstance(choices, list)  # a queryset would read all rows


# --- Plans ----------------------------------------------------------------------------------------

PLANNED: list[tuple[type[Model], dict[str, Any]]] = [
    (Appointment, {}),
    (Appointment, {PERIOD: ALL}),
    (Appointment, {PERIOD: ALL, "o": "-1"}),
    (Appointment, {PERIOD: ALL, "status__exact": "no_show"}),
    (Appointment, {PERIOD: ALL, "moved__exact": "1"}),
    (Appointment, {"q": "garcia"}),
    (Appointment, {"q": "navarro"}),
    (Appointment, {"q": "navarro 09:00"}),
    (AppointmentEvent, {PERIOD: ALL}),
    (AppointmentEvent, {"q": "garcia"}),
    (AuditEvent, {PERIOD: ALL}),
    (AuditEvent, {PERIOD: ALL, "outcome__exact": "denied"}),
    (MedicalHistory, {}),
    (Patient, {}),
    (Patient, {"sex__exact": "other"}),
    (Patient, {"preferred_language": "es"}),
    (Patient, {"q": "garcia"}),
    (Schedule, {}),
    (Schedule, {PERIOD: ALL}),
    (Slot, {}),
    (Slot, {PERIOD: ALL}),
    (Slot, {"q": "navarro"}),
    (User, {}),
    (User, {"q": "garcia"}),
]
TABLES = "|".join(model._meta.db_table for model in LARGE)


@pytest.mark.parametrize(("model", "query"), PLANNED, ids=str)
def test_an_index_finds_the_rows_of_a_list(
    superuser: User, model: type[Model], query: dict[str, Any]
) -> None:
    doctor = DoctorFactory(last_name="Navarro")
    slot = ScheduleFactory(doctor=doctor, date=day_ahead(1)).slots.first()
    AppointmentFactory(slot=slot, patient=PatientFactory(last_name="García"))
    AuditEvent.objects.record("read", User)
    with counted_statements() as found:
        assert AdminClient(superuser).status(page(model), **query) == 200
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for sql in found:
            if sql.lstrip("( ").startswith("SELECT"):
                cursor.execute(f"EXPLAIN {sql}")
                plan = "\n".join(line for (line,) in cursor.fetchall())
                assert not re.search(rf"Seq Scan on ({TABLES})\b", plan), f"{sql}\n{plan}"


# --- Periods --------------------------------------------------------------------------------------


def test_an_action_finds_what_was_selected_in_another_month(superuser: User) -> None:
    visit = AppointmentFactory(slot=ScheduleFactory(date=day_ahead(100)).slots.first())
    AdminClient(superuser).act("cancel", visit)
    visit.refresh_from_db()
    assert visit.status == "canceled"


def test_a_list_opens_with_this_month_and_leads_to_all(superuser: User) -> None:
    this_month = timezone.localdate().replace(day=1)
    now = AppointmentFactory(slot=ScheduleFactory(date=this_month).slots.first())
    before = AppointmentFactory(slot=ScheduleFactory(date=day_ahead(-70)).slots.first())
    admin_client, path = AdminClient(superuser), page(Appointment)
    assert rows_of(admin_client.get(path)) == [now]
    opened = admin_client.get(path).content.decode()
    assert f"?{PERIOD}={ALL}" in opened
    assert set(rows_of(admin_client.get(path, **{PERIOD: ALL}))) == {now, before}
    month = {"date__year": before.date.year, "date__month": before.date.month}
    assert rows_of(admin_client.get(path, **month)) == [before]
    assert rows_of(admin_client.get(path, **month, date__day=before.date.day)) == [before]


def test_a_name_is_searched_at_all_dates(superuser: User) -> None:
    visit = AppointmentFactory(
        slot=ScheduleFactory(date=day_ahead(-400)).slots.first(),
        patient=PatientFactory(last_name="Lefèvre"),
    )
    found = AdminClient(superuser).get(page(Appointment), q="lefevre")
    assert rows_of(found) == [visit]


def test_a_filter_without_an_index_reads_the_latest_rows_and_says_so(
    superuser: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extensions.admin.base.MOST_READ", 1)
    for _ in range(3):
        AuditEvent.objects.record("read", User, actor=superuser, role="staff")
    answer = AdminClient(superuser).get(page(AuditEvent), role__exact="staff")
    assert len(rows_of(answer)) < 3
    assert "only those since" in answer.content.decode()


def test_a_long_list_has_no_page_past_the_last_that_is_counted(
    superuser: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extensions.admin.base.MOST_COUNTED", 2)
    monkeypatch.setattr("extensions.admin.base.BaseAdmin.list_per_page", 1)
    PatientFactory.create_batch(3)
    answer = AdminClient(superuser).get(page(Patient))
    assert answer.context["cl"].paginator.num_pages == 2
    assert "2+ patients" in " ".join(answer.content.decode().split())


def rows_of(answer: Any) -> list[Any]:
    return list(answer.context["cl"].result_list)


def test_the_tables_of_other_packages_have_their_indexes() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'accounts_%'")
        present = {name for (name,) in cursor.fetchall()}
    assert {
        "accounts_token_created", "accounts_attempt_time", "accounts_access_time",
        "accounts_failure_time", "accounts_log_of_row", "accounts_log_of_user",
    } <= present  # fmt: skip
