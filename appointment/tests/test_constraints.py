"""Each constraint exists in the database, has a name and refuses a row that breaks it."""

from datetime import time
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import BaseConstraint, Model, UniqueConstraint
from django.utils import timezone

from accounts.tests.factories import UserFactory
from appointment.models import Appointment
from appointment.tests.constraint_cases import BREAKS, a_slot, booked_by_a_second, second_slot_moved
from appointment.tests.factories import AppointmentFactory
from doctor.tests.factories import (
    ScheduleFactory,
)
from extensions.db.constraints import PostgresExclusionConstraint, violates

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

ON_POSTGRES_ALONE = {"doctor_slot_no_overlap", "appointment_no_overlap_of_one_patient"}
CONSTRAINTS: dict[str, tuple[type[Model], BaseConstraint]] = {
    constraint.name: (model, constraint)
    for label in ("accounts", "doctor", "patient", "appointment")
    for model in apps.get_app_config(label).get_models()
    for constraint in model._meta.constraints
}


def write(row: Model, changes: dict[str, Any]) -> None:
    """Update the row in the database, without a verb and without validation."""
    with transaction.atomic():
        type(row)._base_manager.filter(pk=row.pk).update(**changes)


def test_every_constraint_has_its_case_here() -> None:
    assert set(BREAKS) == set(CONSTRAINTS)


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_a_constraint_is_named_after_its_app_and_has_its_own_message(name: str) -> None:
    model, constraint = CONSTRAINTS[name]
    assert name.startswith(f"{model._meta.app_label}_")
    assert constraint.violation_error_code
    assert constraint.violation_error_message != BaseConstraint.default_violation_error_message


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_a_constraint_is_in_the_database_under_its_name(name: str) -> None:
    model, _ = CONSTRAINTS[name]
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)
    there = connection.vendor == "postgresql" or name not in ON_POSTGRES_ALONE
    assert (name in found) is there


@pytest.mark.parametrize("name", sorted(set(CONSTRAINTS) - ON_POSTGRES_ALONE))
def test_the_database_refuses_a_row_that_breaks_a_constraint(name: str) -> None:
    row, changes = BREAKS[name]()
    with pytest.raises(IntegrityError) as refused:
        write(row, changes)
    if connection.vendor == "postgresql" and name != "accounts_user_email_unique_ignoring_case":
        assert violates(refused.value, name)


@pytest.mark.only_on("postgres")
@pytest.mark.parametrize("name", sorted(ON_POSTGRES_ALONE))
def test_postgresql_refuses_rows_that_overlap(name: str) -> None:
    row, changes = BREAKS[name]()
    with pytest.raises(IntegrityError) as refused:
        write(row, changes)
    assert violates(refused.value, name)
    assert not violates(refused.value, "another")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("doctor_schedule_capacity_in_range", {"capacity": 0}),
        ("doctor_schedule_slot_minutes_in_range", {"slot_minutes": 721}),
        ("doctor_slot_taken_within_capacity", {"taken": -1}),
    ],
)
def test_the_other_end_of_a_range_is_refused_too(name: str, changes: dict[str, int]) -> None:
    row, _ = BREAKS[name]()
    with pytest.raises(IntegrityError):
        write(row, changes)


def test_an_appointment_that_is_not_canceled_has_no_instant_of_canceling() -> None:
    visit = AppointmentFactory()
    with pytest.raises(IntegrityError):
        write(visit, {"canceled_at": visit.created_at})


def test_addresses_that_differ_in_case_are_one() -> None:
    """The test writes raw SQL, because the field folds the case."""
    first, second = UserFactory(), UserFactory()
    change = "UPDATE accounts_user SET email = %s WHERE id = %s"
    with (
        pytest.raises(IntegrityError) as refused,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change, [first.email.upper(), second.pk])
    assert violates(refused.value, "accounts_user_email_unique_ignoring_case")


# --- Rows that the constraints allow --------------------------------------------------------------


def test_slots_and_visits_that_touch_do_not_overlap() -> None:
    first, second, *_ = ScheduleFactory().slots.order_by("starts_at")
    visit = AppointmentFactory(slot=first)
    AppointmentFactory(slot=second, patient=visit.patient)


@pytest.mark.parametrize("status", ["completed", "no_show", "canceled"])
def test_visits_that_are_over_or_canceled_may_overlap_others(status: str) -> None:
    visit, changes = booked_by_a_second(time(9, 15))
    canceled_at = timezone.now() if status == "canceled" else None
    write(visit, {"status": status, "canceled_at": canceled_at})
    write(visit, changes)


def test_visits_of_the_erased_may_overlap() -> None:
    """The constraint leaves out a NULL patient, whose key range would contain every patient."""
    slot = ScheduleFactory(capacity=2).slots.earliest("starts_at")
    for visit in (AppointmentFactory(slot=slot), AppointmentFactory(slot=slot)):
        visit.patient.erase(at=visit.starts_at)
    AppointmentFactory(slot=ScheduleFactory(start_time=time(9, 15)).slots.earliest("starts_at"))
    assert Appointment.objects.active().filter(patient=None).count() == 2


# --- Validation -----------------------------------------------------------------------------------


def test_validation_reports_the_message_of_the_constraint() -> None:
    slot = a_slot()
    slot.taken = 2
    with pytest.raises(ValidationError) as refused:
        slot.validate_constraints()
    [error] = refused.value.error_dict["__all__"]
    assert (error.code, error.message) == ("slot_full", "No place is left at this time.")


def test_only_postgresql_validates_overlaps() -> None:
    """Validation reports an overlap on PostgreSQL only; on SQLite the verb checks for it."""
    row, changes = second_slot_moved(minutes=29)
    for name, value in changes.items():
        setattr(row, name, value)
    if connection.vendor == "postgresql":
        with pytest.raises(ValidationError) as refused:
            row.validate_constraints()
        assert refused.value.error_dict["__all__"][0].code == "schedule_overlap"
    else:
        row.validate_constraints()


def test_an_exclusion_constraint_is_no_sql_on_sqlite() -> None:
    model, constraint = CONSTRAINTS["doctor_slot_no_overlap"]
    assert isinstance(constraint, PostgresExclusionConstraint)
    editor = connection.schema_editor(collect_sql=True)
    made = [
        getattr(constraint, part)(model, editor)
        for part in ("constraint_sql", "create_sql", "remove_sql")
    ]
    assert all(made) is (connection.vendor == "postgresql")


def test_unique_constraints_are_not_deferred() -> None:
    """A deferred constraint would fail at commit, after the verb that maps it to a domain error."""
    unique = [c for _, c in CONSTRAINTS.values() if isinstance(c, UniqueConstraint)]
    assert unique
    assert not any(constraint.deferrable for constraint in unique)
