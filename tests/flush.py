"""How tests that commit empty a table from which the database lets nothing be deleted."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction

TRIGGERS = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"


@contextmanager
def without_triggers(connection: Any) -> Iterator[None]:
    """On SQLite no table has a trigger inside, and each has its own again afterwards.

    PostgreSQL needs no such thing: its triggers on rows and statements say nothing of TRUNCATE.
    """
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        triggers = cursor.execute(TRIGGERS).fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        yield
        for _, statement in triggers:
            cursor.execute(statement)


def stepping_round_triggers(connection: Any) -> Callable[[Iterable[str]], None]:
    """The flush of the connection's tables, around their triggers: all rows go, by DELETE."""
    flush = connection.ops.execute_sql_flush

    def around(sql_list: Iterable[str]) -> None:
        with without_triggers(connection):
            flush(sql_list)

    return around
