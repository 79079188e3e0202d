"""SQLite's writers queue to begin a transaction, and leave the queue however that ends."""

import threading

import pytest
from django.db import OperationalError, connection, transaction

from doctor.models import Specialty
from extensions.db.backends.sqlite3 import base

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("sqlite")]


def test_a_writer_that_waits_too_long_is_an_error_and_not_a_hang(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue = base.WRITE_QUEUES[str(connection.settings_dict["NAME"])]
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 0.05)
    with queue, pytest.raises(OperationalError, match="locked"), transaction.atomic():
        raise AssertionError("it began outside the queue")
    with transaction.atomic():
        assert not Specialty.objects.exists()


def test_a_transaction_leaves_the_queue_once_it_has_begun() -> None:
    queue = base.WRITE_QUEUES[str(connection.settings_dict["NAME"])]
    assert isinstance(queue, type(threading.Lock()))
    with transaction.atomic():
        assert not queue.locked()  # held while a transaction begins, not while it writes


def test_a_connection_that_breaks_leaves_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: base.DatabaseWrapper, seconds: float) -> None:
        raise OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(base.DatabaseWrapper, "_set_busy_timeout", broken)
        with pytest.raises(OperationalError, match="disk"), transaction.atomic():
            raise AssertionError("it has begun")
    assert not base.WRITE_QUEUES[str(connection.settings_dict["NAME"])].locked()
