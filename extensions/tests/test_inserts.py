"""Rows that are inserted by one statement, and verbs that share one transaction."""

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction

from accounts.models import AuditEvent
from appointment.models import AppointmentEvent, IdempotencyKey
from appointment.tests.factories import AppointmentFactory
from doctor.models import Slot
from doctor.models.slot import _taking
from extensions.db.inserts import KeyOf, insert_together, insert_unless_present
from extensions.db.retry import StaleLock, retry_on_stale_lock
from extensions.db.transactions import after_rollback, atomic, one_transaction
from patient.tests.factories import PatientFactory
from tests.statements import counted_statements

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def new_rows() -> tuple[Group, AuditEvent]:
    """Return an unsaved row, and one that holds its key."""
    first = Group(name="Guests")
    return first, AuditEvent(role="system", action="read", kind="group", object_id=KeyOf(first))


def test_rows_are_inserted_together_and_know_the_keys_of_earlier_rows() -> None:
    first, second = new_rows()
    with counted_statements() as statements:
        assert insert_together([first, second])
    assert len(statements) == (1 if connection.vendor == "postgresql" else 2), statements
    stored = AuditEvent.objects.get(pk=second.pk)
    assert (stored.object_id, stored.at) == (first.pk, second.at)
    assert second.object_id == first.pk == Group.objects.get(name="Guests").pk


def test_a_foreign_key_to_an_earlier_row_is_set() -> None:
    visit = AppointmentFactory()
    visit.pk, visit.patient = None, PatientFactory()
    event = AppointmentEvent(appointment=visit, kind="booked", to_status="scheduled")
    assert insert_together([visit, event])
    assert AppointmentEvent.objects.get(pk=event.pk).appointment_id == visit.pk


def test_no_row_is_inserted_after_an_update_that_finds_none() -> None:
    slot = AppointmentFactory().slot  # its only place is taken
    update = _taking.bind(
        slot.pk, slot.starts_at, slot.ends_at, slot._context_for_anyone(None).guard
    )
    first, second = new_rows()
    assert not insert_together([first, second], update)
    assert not Group.objects.filter(name="Guests").exists()
    assert Slot.objects.get(pk=slot.pk).taken == 1


def test_a_row_that_is_present_is_left_as_it_is() -> None:
    user = PatientFactory().user
    rows = [IdempotencyKey(user=user, key="k", fingerprint=each) for each in ("a", "b")]
    with counted_statements() as statements:
        assert [insert_unless_present(row) for row in rows] == [True, False]
    assert len(statements) == 2
    stored = IdempotencyKey.objects.get()
    assert (stored.pk, stored.fingerprint) == (rows[0].pk, "a")


def test_a_refused_row_raises_the_error_of_the_database() -> None:
    nameless = AuditEvent(role=None, action="read", kind="group")
    with pytest.raises(IntegrityError, match="role"), transaction.atomic():
        insert_together([nameless])


# --- One transaction ------------------------------------------------------------------------------


def test_verbs_in_one_transaction_set_no_savepoint_and_undo_all_with_the_first_error() -> None:
    order: list[str] = []

    def refused() -> None:
        with one_transaction():
            Group.objects.create(name="Guests")
            with atomic():
                after_rollback(lambda: order.append(f"{named.count()} rows are left"))
                order.append(f"savepoint {connection.savepoint_ids[-1]}")
                raise ValueError("refused")

    named = Group.objects.filter(name="Guests")
    with pytest.raises(ValueError, match="refused"):
        refused()
    assert order == ["savepoint None", "0 rows are left"]


def test_after_rollback_runs_at_once_where_the_verb_had_a_transaction_of_its_own() -> None:
    order: list[str] = []
    after_rollback(lambda: order.append("now"))
    assert order == ["now"]


def test_a_stale_lock_in_one_transaction_is_retried_from_its_beginning() -> None:
    begun: list[str] = []

    @retry_on_stale_lock
    def verb() -> None:
        begun.append("verb")
        if len(begun) < 4:
            raise StaleLock

    @retry_on_stale_lock
    def request() -> None:
        with one_transaction():
            begun.append("transaction")
            verb()

    request()
    assert begun == ["transaction", "verb"] * 2
