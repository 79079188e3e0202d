"""No request waits long for the database: not for a lock, a statement or an answer."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import call_command
from django.db import (
    DatabaseError,
    Error,
    OperationalError,
    close_old_connections,
    connection,
    transaction,
)
from django.test import Client

from accounts.models import User
from accounts.tests.factories import SuperuserFactory, UserFactory
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Slot
from doctor.tests.factories import ScheduleFactory
from extensions.db.backends.postgresql.base import DatabaseWrapper
from extensions.db.backends.postgresql.timeouts import Timeouts, short_timeouts, use_timeouts
from extensions.db.retry import is_outage
from tests.balance import assert_balanced
from tests.threads import becomes_true, elsewhere

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("postgres")]


@pytest.fixture(autouse=True)
def quick(settings: Any) -> None:
    """Limit the wait for a lock to 1 ms. The other limits are too long to matter."""
    settings.DATABASE_LIMITS = {"lock": 0.001, "statement": 120, "idle": 120}


@contextmanager
def locked(statement: str) -> Iterator[None]:
    """Run the statement in another transaction, which holds its locks during the block."""
    with elsewhere() as other, other.cursor() as cursor:
        cursor.execute(statement)
        yield


def ask(statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


# --- A lock that another transaction holds ---


def assert_busy(response: Any) -> None:
    assert (response.status_code, response["Retry-After"]) == (503, "2")


def test_booking_a_locked_slot_is_503_at_once_and_takes_nothing(
    client_of: Callable[[User], Client], patient
) -> None:
    slot = ScheduleFactory().slots.first()
    path = f"/api/appointment/book/{slot.doctor_id}/"
    with locked(f"UPDATE doctor_slot SET taken = taken WHERE id = {slot.pk}"):
        response = client_of(patient.user).post(path, {"slot_id": slot.pk})
    assert_busy(response)
    assert response.json()["code"] == "unavailable"
    assert_balanced(slot)
    assert client_of(patient.user).post(path, {"slot_id": slot.pk}).status_code == 201


def test_canceling_in_a_locked_slot_is_503_and_cancels_nothing(
    client_of: Callable[[User], Client],
) -> None:
    visit = AppointmentFactory()
    with locked(f"UPDATE doctor_slot SET taken = taken WHERE id = {visit.slot_id}"):
        response = client_of(visit.patient.user).post(f"/api/appointment/cancel/{visit.pk}/")
    assert_busy(response)
    assert Appointment.objects.get().status == "scheduled"
    assert_balanced(visit.slot)


def test_a_list_of_a_locked_table_is_503(client: Client) -> None:
    with locked("LOCK TABLE doctor_doctor IN ACCESS EXCLUSIVE MODE"):
        assert_busy(client.get("/api/doctor/doctors/"))


@pytest.mark.parametrize(
    "path", ["add/", "?status__exact=scheduled", "{pk}/change/", "{pk}/delete/"]
)
def test_the_admin_says_on_a_page_that_the_database_is_busy(client: Client, path: str) -> None:
    visit = AppointmentFactory()
    client.force_login(SuperuserFactory())
    with locked("LOCK TABLE appointment_appointment, doctor_slot IN ACCESS EXCLUSIVE MODE"):
        data = {"slot": visit.slot_id, "patient": visit.patient_id, "post": "yes"}
        path = "/admin/appointment/appointment/" + path.format(pk=visit.pk)
        response = client.get(path) if "?" in path else client.post(path, data)
    assert_busy(response)
    assert "try again in a moment" in response.content.decode()


def test_a_database_error_outside_a_view_is_503_too(client: Client) -> None:
    client.force_login(SuperuserFactory())
    client.raise_request_exception = False
    with locked("LOCK TABLE django_session IN ACCESS EXCLUSIVE MODE"):
        assert_busy(client.get("/admin/"))
        assert_busy(client.get("/api/auth/profile/"))


# --- Statements, pauses, silence ---


FOR_EVER = "SELECT pg_sleep(300)"  # unless a limit ends it


@pytest.fixture
def short_statements(settings: Any) -> None:
    """Limit each statement to 1 ms. The other limits are too long to matter."""
    settings.DATABASE_LIMITS = {"lock": 120, "statement": 0.001, "idle": 120}


@pytest.mark.usefixtures("short_statements")
def test_a_statement_of_a_request_is_ended() -> None:
    with use_timeouts(), pytest.raises(OperationalError, match="statement timeout"):
        ask(FOR_EVER)
    with use_timeouts(), transaction.atomic(), pytest.raises(OperationalError, match="timeout"):
        ask(FOR_EVER)


@pytest.mark.usefixtures("short_statements")
def test_statements_of_a_command_have_no_time_limit() -> None:
    ask("SELECT pg_sleep(0.01)")
    with transaction.atomic():
        ask("SELECT pg_sleep(0.01)")


@pytest.mark.parametrize("command", ["run_due", "check_invariants", "extend_schedules"])
def test_commands_run_without_a_limit_on_statements(command: str) -> None:
    before = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        with context["connection"].connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            before.append(cursor.fetchone()[0])
        return result

    with connection.execute_wrapper(note):
        call_command(command)
    assert set(before) == {"0"}


def test_a_command_does_not_wait_long_for_a_lock() -> None:
    slot = ScheduleFactory().slots.first()
    with (
        locked(f"UPDATE doctor_slot SET taken = taken WHERE id = {slot.pk}"),
        pytest.raises(OperationalError, match="lock timeout"),
        transaction.atomic(),
    ):
        Slot.objects.of_key(slot.pk).lock()


def linger() -> None:
    """Leave a transaction idle until the server has ended it, and then make a query."""
    with use_timeouts(), transaction.atomic():
        backend = ask("SELECT pg_backend_pid()")
        with elsewhere() as other, other.cursor() as cursor:
            assert becomes_true(lambda: is_gone(cursor, backend))
        ask("SELECT 1")


def is_gone(cursor: Any, backend: int) -> bool:
    cursor.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [backend])
    cursor.connection.rollback()
    return not cursor.rowcount


def test_a_transaction_left_idle_is_ended_and_the_next_works(settings: Any) -> None:
    settings.DATABASE_LIMITS = {"lock": 120, "statement": 120, "idle": 0.001}
    with pytest.raises(DatabaseError) as ended:
        linger()
    assert is_outage(ended.value)
    assert ask("SELECT 1") == 1


def test_an_overdue_answer_of_the_database_ends_the_wait() -> None:
    with pytest.raises(OperationalError), use_timeouts(Timeouts(120, 120, 120, answer=0.001)):
        ask(FOR_EVER)
    with pytest.raises(OperationalError), short_timeouts(0.001), transaction.atomic():
        ask(FOR_EVER)
    assert ask("SELECT 1") == 1


def leave_off(rows: Any) -> None:
    """Read a row of a server-side cursor, cut the connection, close the cursor, and query again."""
    with transaction.atomic():
        next(rows)
        connection.connection._line.shutdown(socket.SHUT_RDWR)
        rows.close()
        User.objects.count()


def test_a_connection_lost_while_rows_are_read_in_pieces_is_an_outage() -> None:
    UserFactory.create_batch(3)
    with pytest.raises(Error) as lost:
        leave_off(User.objects.iterator(chunk_size=1))
    assert is_outage(lost.value)
    assert User.objects.count() == 3


def test_the_end_of_a_request_asks_no_broken_database(monkeypatch: pytest.MonkeyPatch) -> None:
    ask("SELECT 1")
    connection.connection.close()
    with monkeypatch.context() as away:
        away.setattr(DatabaseWrapper, "get_new_connection", None)
        close_old_connections()
    assert ask("SELECT 1") == 1


def test_limits_end_with_the_transaction_as_pgbouncer_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    connection.close()
    names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
    with use_timeouts(), transaction.atomic():
        assert [ask(f"SHOW {name}") for name in names] == ["1ms", "2min", "2min"]
    assert [ask(f"SHOW {name}") for name in names] == ["0", "0", "0"]
