"""Classify database errors, and retry the transactions that may succeed at a new attempt."""

import random
from collections.abc import Callable
from functools import wraps
from time import sleep
from typing import ParamSpec, TypeVar

import psycopg2
from django.db import DatabaseError, InterfaceError, OperationalError, transaction

from extensions.db.transactions import in_one_transaction

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 3
LONGEST_PAUSE = 0.1  # seconds before the second attempt; twice that before the third
CONFLICTS = ("40001", "40P01")  # a serialization failure, a deadlock
# SQLSTATEs or their classes: rollbacks by PostgreSQL, connections, resources, locks held by others,
# cancelations and shutdowns, a read-only standby, a transaction left idle.
OUTAGES = ("40", "08", "53", "55", "57", "25006", "25P03")
SQLITE_OUTAGES = (
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_IOERR",
    "SQLITE_CANTOPEN",
    "SQLITE_FULL",
)


class StaleLock(OperationalError):
    """The rows to lock changed before they were locked; a new attempt locks the right ones.

    An OperationalError, so that the response is 503 when every attempt fails.
    """


def is_conflict(error: BaseException | None) -> bool:
    """Whether the error is a deadlock or a serialization failure, which a new attempt may avoid."""
    return _sqlstate(error) in CONFLICTS


def is_stale_lock(error: BaseException) -> bool:
    """Whether the error is a StaleLock."""
    return isinstance(error, StaleLock)


def is_outage(error: BaseException) -> bool:
    """Whether the database is unreachable, busy or read-only, so the request is not to blame."""
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
    """Return ATTEMPTS, or 1 inside a transaction.

    The database rolls back the whole transaction, so only the code that opened it can repeat it.
    """
    return 1 if transaction.get_connection().in_atomic_block else ATTEMPTS


def pause(attempt: int) -> None:
    """Sleep for a random moment, longer after each attempt, while the other transaction ends."""
    sleep(random.uniform(0.1, 1) * LONGEST_PAUSE * attempt)  # noqa: S311  # nosec B311  # no secret


# A deadlock or a serialization failure: wait a moment, then run the transaction again.
retry_on_conflict = retry(is_conflict, attempts=attempts_outside_transaction, wait=pause)

# StaleLock: run the function again. Use it above `transaction.atomic`: the rollback releases the
# locks taken so far, and the next attempt locks all rows in their order. The caller gets the error
# only if the rows changed during all ten attempts. Inside `one_transaction` there is no savepoint
# to return to: the function that began it is run again.
retry_on_stale_lock = retry(is_stale_lock, attempts=lambda: 1 if in_one_transaction() else 10)


def _sqlstate(error: BaseException | None) -> str:
    return getattr(error and error.__cause__, "pgcode", None) or ""
