"""What is wrong with the database and not with what was asked of it; and what to do again."""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import psycopg2
from django.db import DatabaseError, InterfaceError, OperationalError, transaction

P = ParamSpec("P")
T = TypeVar("T")

TRIES = 3
LONGEST_PAUSE = 0.1  # seconds before the second try; twice that before the third
CONFLICTS = ("40001", "40P01")  # a serialization failure, a deadlock
# Conflicts, connections, resources, locks, cancelations, a standby, a transaction left idle.
OUTAGES = ("40", "08", "53", "55", "57", "25006", "25P03")
OF_SQLITE = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_FULL")


def is_conflict(error: BaseException | None) -> bool:
    """Whether the database undid a transaction in favor of another: done again, it may succeed."""
    return _sqlstate(error) in CONFLICTS


def is_outage(error: BaseException) -> bool:
    """Whether the database is out of reach, busy, or no primary: nothing is wrong with the call."""
    if isinstance(error, InterfaceError) or _sqlstate(error).startswith(OUTAGES):
        return True
    cause = error.__cause__
    if isinstance(cause, psycopg2.Error):  # without a code: the server did not live to send one
        lost = isinstance(error, OperationalError) or type(error) is DatabaseError
        return lost and not _sqlstate(error)
    is_ours = isinstance(error, OperationalError) and cause is None
    return is_ours or getattr(cause, "sqlite_errorname", "").startswith(OF_SQLITE)


def again_on_conflict(work: Callable[P, T]) -> Callable[P, T]:
    """Work that is one transaction, or may be repeated, done up to three times.

    Inside a transaction it is done once: that is undone as a whole, and only its beginning can be
    gone back to.
    """

    @wraps(work)
    def again(*args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in range(1, tries()):
            try:
                return work(*args, **kwargs)
            except OperationalError as error:
                if not is_conflict(error):
                    raise
            pause(attempt)
        return work(*args, **kwargs)

    return again


def tries() -> int:
    """How often something may be done here."""
    return 1 if transaction.get_connection().in_atomic_block else TRIES


def pause(attempt: int) -> None:
    """Let those go first with whom it collided; of two that wait, hardly both equally long."""
    time.sleep(random.uniform(0.1, 1) * LONGEST_PAUSE * attempt)  # noqa: S311  # nosec B311  # no secret


def _sqlstate(error: BaseException | None) -> str:
    return getattr(error and error.__cause__, "pgcode", None) or ""
