"""Races with real threads, each with a database connection of its own."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg2
from django.db import connections

T = TypeVar("T")
SECONDS = 120
SOMEBODY_WAITS = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def run_together(
    n: int, function: Callable[[int], T], seconds: float = SECONDS
) -> list[T | BaseException]:
    """Call `function(0)` to `function(n - 1)` in n threads that all start at the same moment.

    Return, in the order of the numbers, what each call returned or the exception it raised. The
    connections are open before the start, so that the race is for rows and not for connections,
    and are closed at the end. The test needs `django_db(transaction=True)`: other connections see
    only what is committed. Raises TimeoutError if a thread is not done after `seconds`.
    """
    outcomes: list[T | BaseException] = [TimeoutError("the thread did not end")] * n
    barrier = threading.Barrier(n, timeout=SECONDS)

    def run(number: int) -> None:
        try:
            _line_up(barrier)
            outcomes[number] = function(number)
        except BaseException as error:
            outcomes[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(n)]
    for thread in threads:
        thread.start()
    _wait_for(threads, seconds)
    return outcomes


def _line_up(barrier: threading.Barrier) -> None:
    """Connect, then wait for the others. A thread that cannot connect ends the wait of all."""
    try:
        connections["default"].ensure_connection()
    except BaseException:
        barrier.abort()
        raise
    barrier.wait()


def _wait_for(threads: list[threading.Thread], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = sum(thread.is_alive() for thread in threads)
    if late:
        raise TimeoutError(f"{late} of {len(threads)} threads did not end within {seconds:g} s")


def becomes_true(claim: Callable[[], Any], seconds: float = SECONDS) -> bool:
    """Call the claim every 20 ms, and return whether it is true within this number of seconds."""
    deadline = time.monotonic() + seconds
    while not claim():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def somebody_waits() -> bool:
    """Whether a transaction of this database waits for a lock; of PostgreSQL only."""
    with connections["default"].cursor() as cursor:
        cursor.execute(SOMEBODY_WAITS)
        return bool(cursor.fetchone()[0])


@contextmanager
def elsewhere() -> Iterator[Any]:
    """Yield another PostgreSQL connection, without the project's timeouts, and roll it back."""
    params = connections["default"].get_connection_params()
    other = psycopg2.connect(**{**params, "connection_factory": None, "cursor_factory": None})
    try:
        yield other
    finally:
        other.rollback()
        other.close()
