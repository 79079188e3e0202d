"""The retry decorator: the errors it retries, the attempts and the pauses."""

from collections.abc import Callable

import pytest
from django.db import OperationalError, transaction

from extensions.db.retry import StaleLock, is_stale_lock, retry, retry_on_conflict


class Conflict(Exception):
    """A stand-in for the error that psycopg2 raises for a deadlock."""

    pgcode = "40P01"


def failing(times: int, error: Callable[[], Exception]) -> Callable[[], int]:
    """Return a function that raises the error `times` times, then returns its number of calls."""
    calls = 0

    def function() -> int:
        nonlocal calls
        calls += 1
        if calls <= times:
            raise error()
        return calls

    return function


def conflict() -> OperationalError:
    error = OperationalError("deadlock detected")
    error.__cause__ = Conflict()
    return error


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list to which each pause of the decorator is added, in seconds; nothing waits.

    Only `extensions.db.retry.sleep` is replaced: other threads of the process sleep as usual.
    """
    slept: list[float] = []
    monkeypatch.setattr("extensions.db.retry.sleep", slept.append)
    return slept


def test_a_retried_function_returns_what_the_last_attempt_returns() -> None:
    assert retry(is_stale_lock)(failing(2, StaleLock))() == 3


def test_the_error_of_the_last_attempt_is_raised() -> None:
    with pytest.raises(StaleLock):
        retry(is_stale_lock, attempts=lambda: 2)(failing(2, StaleLock))()


@pytest.mark.parametrize("error", [OperationalError, ValueError])
def test_another_error_is_raised_at_once(error: type[Exception]) -> None:
    function = failing(1, error)
    with pytest.raises(error):
        retry(is_stale_lock)(function)()
    assert function() == 2


@pytest.mark.django_db(transaction=True)
def test_a_conflict_is_retried_after_a_growing_pause(pauses: list[float]) -> None:
    assert retry_on_conflict(failing(2, conflict))() == 3
    assert len(pauses) == 2
    assert all(0 < pause <= 0.1 * attempt for attempt, pause in enumerate(pauses, 1))


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction_a_conflict_is_not_retried(pauses: list[float]) -> None:
    with pytest.raises(OperationalError), transaction.atomic():
        retry_on_conflict(failing(1, conflict))()
    assert pauses == []
