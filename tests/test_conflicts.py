"""The server retries a transaction that fails by a deadlock or a serialization failure."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import SuperuserFactory, UserFactory
from appointment.models import Appointment, IdempotencyKey
from appointment.tests.factories import AppointmentFactory
from doctor.models import Slot
from doctor.tests.factories import ScheduleFactory
from extensions.db import retry
from extensions.db.retry import is_conflict, retry_on_conflict
from patient.models import Patient
from tests.balance import assert_balanced
from tests.threads import becomes_true, elsewhere, run_together, somebody_waits

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("postgres")]

SECONDS = 120
LOCK_SLOT = "UPDATE doctor_slot SET taken = taken WHERE id = %s"
LOCK_PATIENT = "SELECT 1 FROM patient_patient WHERE id = %s FOR UPDATE"
LOCK_VISIT = "SELECT 1 FROM appointment_appointment WHERE id = %s FOR UPDATE"


@contextmanager
def in_thread(call: Callable[[], Any]) -> Iterator["Future[Any]"]:
    """Make the call in a thread with its own connection, and yield the Future of its result."""

    def run() -> Any:
        try:
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(run)


def in_deadlock(first: tuple[str, int], second: tuple[str, int], call: Callable[[], Any]) -> Any:
    """Let the call and another transaction deadlock, and return what the call returns.

    The pairs are a locking statement and its primary key. The other transaction locks `first`, for
    which the call waits, then asks for `second`, which the call has locked. It waits two minutes
    before it looks for a deadlock, so that PostgreSQL fails the call instead.
    """
    with elsewhere() as other, other.cursor() as cursor:
        cursor.execute("SET deadlock_timeout = '120s'")
        cursor.execute(first[0], [first[1]])
        with in_thread(call) as answer:
            assert becomes_true(somebody_waits)
            cursor.execute(second[0], [second[1]])
            other.rollback()
            return answer.result(SECONDS)


def book(patient: Patient, slot: Slot) -> Callable[[], Any]:
    """Return a call that books the slot with the same Idempotency-Key each time."""
    client = APIClient(headers={"Idempotency-Key": "the-key"})
    client.credentials(HTTP_AUTHORIZATION=f"Token {patient.user.issue_token()[0]}")
    path = f"/api/appointment/book/{slot.doctor_id}/"
    return lambda: client.post(path, {"slot_id": slot.pk})


@pytest.fixture
def slot(db: None) -> Slot:
    return ScheduleFactory().slots.first()


def test_a_booking_is_retried_after_a_deadlock(patient: Patient, slot: Slot) -> None:
    call = book(patient, slot)
    response = in_deadlock((LOCK_SLOT, slot.pk), (LOCK_PATIENT, patient.pk), call)
    assert response.status_code == 201
    assert Appointment.objects.count() == IdempotencyKey.objects.count() == 1
    assert call()["Idempotency-Replayed"] == "true"
    assert_balanced(slot)


def test_without_the_retry_a_deadlock_is_503_and_leaves_the_key_unused(
    patient: Patient, slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "ATTEMPTS", 1)
    call = book(patient, slot)
    response = in_deadlock((LOCK_SLOT, slot.pk), (LOCK_PATIENT, patient.pk), call)
    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert not IdempotencyKey.objects.exists()
    assert_balanced(slot)
    assert call().status_code == 201


def test_an_admin_action_is_retried_after_a_deadlock() -> None:
    visit, client = AppointmentFactory(), Client()
    client.force_login(SuperuserFactory())
    data = {"action": "delete_selected", "_selected_action": [visit.pk], "post": "yes"}
    response = in_deadlock(
        (LOCK_VISIT, visit.pk),
        (LOCK_SLOT, visit.slot_id),
        lambda: client.post("/admin/appointment/appointment/", data, follow=True),
    )
    assert response.status_code == 200
    assert [str(message) for message in response.context["messages"]] == [
        "Successfully deleted 1 visit."
    ]
    assert not Appointment.objects.exists()
    assert_balanced(visit.slot)


@contextmanager
def serializable_transactions() -> Iterator[None]:
    """Make the transactions of new connections serializable during the block."""
    name = connection.settings_dict["NAME"]
    if connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]:
        pytest.skip("PgBouncer hands out connections that were made before the setting")
    with connection.cursor() as cursor:
        of = f'ALTER DATABASE "{name}"'
        cursor.execute(f"{of} SET default_transaction_isolation TO 'serializable'")
        try:
            yield
        finally:
            cursor.execute(f"{of} RESET default_transaction_isolation")


def answer_after_a_conflict(patient: Patient, slot: Slot) -> Any:
    """Return the answer to a booking whose slot changed after its transaction had begun to read."""
    call = book(patient, slot)
    with serializable_transactions(), elsewhere() as other, other.cursor() as cursor:
        cursor.execute(LOCK_SLOT, [slot.pk])
        with in_thread(call) as answer:
            assert becomes_true(somebody_waits)
            other.commit()
            return answer.result(SECONDS)


def test_a_serialization_failure_is_retried(patient: Patient, slot: Slot) -> None:
    assert answer_after_a_conflict(patient, slot).status_code == 201
    assert_balanced(slot)


def test_without_the_retry_a_serialization_failure_is_503(
    patient: Patient, slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "ATTEMPTS", 1)
    assert answer_after_a_conflict(patient, slot).status_code == 503


# --- Retries in commands ---


def crossing(users: list[int], wrap: Callable[[Any], Any]) -> list[Any]:
    """Deadlock two threads, which lock the users in opposite orders in work decorated by `wrap`.

    Return how often each thread tried, or the exception that it raised.
    """

    def lock(number: int) -> int:
        tries = []

        @wrap
        def work() -> None:
            tries.append(number)
            with transaction.atomic():
                for user in users[:: 1 if number else -1]:
                    User.objects.select_for_update().get(pk=user)
                    if len(tries) == 1:
                        barrier.wait(SECONDS)

        work()
        return len(tries)

    barrier = Rendezvous()
    return run_together(2, lock)


class Rendezvous:
    """A barrier at which two threads meet after their first lock. Later calls do not wait."""

    def __init__(self) -> None:
        self._barrier, self._stops = Barrier(2), [0]

    def wait(self, seconds: float) -> None:
        self._stops[0] += 1
        if self._stops[0] <= 2:
            self._barrier.wait(seconds)


@pytest.fixture
def users(db: None) -> list[int]:
    return [UserFactory().pk, UserFactory().pk]


def test_work_rolled_back_by_a_deadlock_is_retried(users: list[int]) -> None:
    done = crossing(users, retry_on_conflict)
    assert sorted(done) == [1, 2]


def test_without_the_retry_one_of_two_threads_fails(users: list[int]) -> None:
    done = crossing(users, lambda work: work)
    [failed] = [each for each in done if isinstance(each, OperationalError)]
    assert is_conflict(failed)


def failing() -> tuple[list[int], Callable[[], None]]:
    """Return a list of attempts, and work with retries that always fails to serialize."""
    begun: list[int] = []

    def work() -> None:
        begun.append(1)
        with connection.cursor() as cursor:
            cursor.execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")

    return begun, retry_on_conflict(work)


def test_failing_work_is_tried_three_times_and_no_more() -> None:
    begun, work = failing()
    with pytest.raises(OperationalError):
        work()
    assert len(begun) == 3


def test_inside_a_transaction_nothing_is_retried() -> None:
    begun, work = failing()
    with pytest.raises(OperationalError), transaction.atomic():
        work()
    assert len(begun) == 1
