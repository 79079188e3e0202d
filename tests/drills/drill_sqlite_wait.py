"""A writer of SQLite waits for another writer until its timeout, and is then refused."""

import sqlite3
import time
from contextlib import closing
from typing import cast

import pytest
from django.db import OperationalError, connection, transaction

from tests.threads import run_together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("sqlite")]


def test_a_writer_is_refused_after_its_timeout_however_many_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two writers wait for a third, as if of another process. Each waits its full timeout."""
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 1)

    def begin(number: int) -> float:
        time.sleep(number / 2)  # the second still has half of its time when the first gives up
        asked = time.monotonic()
        with pytest.raises(OperationalError, match="locked"), transaction.atomic():
            raise AssertionError("another process writes")
        return time.monotonic() - asked

    with closing(sqlite3.connect(connection.settings_dict["NAME"], uri=True)) as other:
        other.execute("BEGIN IMMEDIATE")
        waits = cast(list[float], run_together(2, begin))
    assert 0.9 < min(waits) <= max(waits) < 1.3, waits
