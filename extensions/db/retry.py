"""Classify errors of the database, and retry the transactions that may succeed."""

import random
from collections.abc import Callable
from functools import wraps
from time import sleep
from typing import ParamSpec, TypeVar

import psycopg2
from django.db import DatabaseError, InterfaceError, OperationalError, transaction

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 3
LONGEST_PAUSE = 0.1  # seconds before the second attempt; twice that before the third
CONFLICTS = ("40001", "40P01")  # a serialization failure, a deadlock
# Conflicts, connections, resources, locks, cancelations, a standby, a transaction left idle.
OUTAGES = ("40", "08", "53", "55", "57", "25006", "25P03")
SQLITE_OUTAGES = (
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_IOERR",
    "SQLITE_CANTOPEN",
    "SQLITE_FULL",
)


class StaleLock(OperationalError):
    """Another transaction moved a row before this one locked it; a new attempt locks the right row.

    An OperationalError, so that the answer is 503 when every attempt fails.
    """


def is_conflict(error: BaseException | None) -> bool:
    """Whether the database rolled the transaction back in favor of another one."""
    return _sqlstate(error) in CONFLICTS


def is_stale_lock(error: BaseException) -> bool:
    """Whether another transaction moved a row before this one locked it."""
    return isinstance(error, StaleLock)


def is_outage(error: BaseException) -> bool:
    """Whether the database is unreachable, busy or read-only; the request is not to blame."""
    if isinstance(error, InterfaceError) or _sqlstate(error).startswith(OUTAGES):
        return True
    cause = error.__cause__
    if isinstance(cause, psycopg2.Error):  # without a code where the server died
        lost = isinstance(error, OperationalError) or type(error) is DatabaseError
        return lost and not _sqlstate(error)
    raised_here = isinstance(error, OperationalError) and cause is None
    return raised_here or getattr(cause, "sqlite_errorname", "").startswith(SQLITE_OUTAGES)


def retry(
    when: Callable[[BaseException], bool],
    *,
    attempts: Callable[[], int] = lambda: ATTEMPTS,
    wait: Callable[[int], None] = lambda attempt: None,
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Call the decorated function again after an OperationalError for which `when` is true.

    The function must be one transaction, or harmless to repeat. `attempts()` says how often it may
    be called; the error of the last attempt is raised. `wait(attempt)` runs before the next one.
    """

    def decorator(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
            for attempt in range(1, attempts()):
                try:
                    return function(*args, **kwargs)
                except OperationalError as error:
                    if not when(error):
                        raise
                wait(attempt)
            return function(*args, **kwargs)

        return wrapper

    return decorator


def attempts_outside_transaction() -> int:
    """Three attempts, but one inside a transaction, which the database rolls back as a whole."""
    return 1 if transaction.get_connection().in_atomic_block else ATTEMPTS


def pause(attempt: int) -> None:
    """Sleep for a random moment, longer after each attempt, so that the other transaction ends."""
    sleep(random.uniform(0.1, 1) * LONGEST_PAUSE * attempt)  # noqa: S311  # nosec B311  # no secret


# A deadlock or a serialization failure: wait a moment, then run the transaction again.
retry_on_conflict = retry(is_conflict, attempts=attempts_outside_transaction, wait=pause)

# Another transaction moved a row before this one locked it. Use it above `transaction.atomic`: the
# rollback releases the locks taken so far, and the next attempt locks all rows in their order.
# Ten attempts: only a row that moves ten times meanwhile is left to the caller.
retry_on_stale_lock = retry(is_stale_lock, attempts=lambda: 10)


def _sqlstate(error: BaseException | None) -> str:
    return getattr(error and error.__cause__, "pgcode", None) or ""
