"""How long SQLite's writers wait for their turn."""

import sqlite3
import time
from contextlib import closing
from typing import cast

import pytest
from django.db import OperationalError, connection, transaction

from doctor.models import Specialty
from tests.threads import run_together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("sqlite")]


def longest_wait(writers: int, times: int) -> float:
    """The longest that one of so many threads waits to write, each at it again and again."""

    def write(number: int) -> float:
        longest = 0.0
        for _ in range(times):
            asked = time.monotonic()
            with transaction.atomic():
                longest = max(longest, time.monotonic() - asked)
                Specialty.objects.filter(pk=number).update(name="x")
                time.sleep(0.004)
        return longest

    return max(cast(list[float], run_together(writers, write)))


def test_of_16_writers_none_waits_long() -> None:
    assert longest_wait(writers=16, times=20) < 2


def test_the_wait_for_a_turn_and_for_the_file_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two that wait for a writer of another process, the second waits no longer than one."""
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 1)

    def begin(number: int) -> float:
        time.sleep(number / 2)  # the second has half of its time left when its turn comes
        asked = time.monotonic()
        with pytest.raises(OperationalError, match="locked"), transaction.atomic():
            raise AssertionError("another process writes")
        return time.monotonic() - asked

    with closing(sqlite3.connect(connection.settings_dict["NAME"], uri=True)) as other:
        other.execute("BEGIN IMMEDIATE")
        waits = cast(list[float], run_together(2, begin))
    assert 0.9 < min(waits) <= max(waits) < 1.3, waits
