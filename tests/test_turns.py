"""SQLite's writers take turns, and give each turn back."""

import threading

import pytest
from django.db import OperationalError, connection, transaction

from doctor.models import Specialty
from extensions.db.backends.sqlite3 import base

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("sqlite")]


def test_a_turn_that_never_comes_is_an_error_and_not_a_hang(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turn = base.WRITE_QUEUES[str(connection.settings_dict["NAME"])]
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 0.05)
    with turn, pytest.raises(OperationalError, match="locked"), transaction.atomic():
        raise AssertionError("it was nobody's turn")
    with transaction.atomic():
        assert not Specialty.objects.exists()


def test_a_transaction_that_cannot_begin_gives_its_turn_back() -> None:
    turn = base.WRITE_QUEUES[str(connection.settings_dict["NAME"])]
    assert isinstance(turn, type(threading.Lock()))
    with transaction.atomic():
        assert not turn.locked()  # held while one begins, not while one writes


def test_a_connection_that_breaks_gives_its_turn_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: base.DatabaseWrapper, seconds: float) -> None:
        raise OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(base.DatabaseWrapper, "_wait_for_locks", broken)
        with pytest.raises(OperationalError, match="disk"), transaction.atomic():
            raise AssertionError("it has begun")
    assert not base.WRITE_QUEUES[str(connection.settings_dict["NAME"])].locked()
