"""Fixtures of the second factor."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from accounts.models import User
from accounts.tests.factories import SuperuserFactory

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[Any]:
    """Return a clock that only `clock.shift(30)` moves, one step of the app at a time."""
    with time_machine.travel(START, tick=False) as travelled:
        yield travelled


@pytest.fixture
def required(settings) -> None:
    """Require a second factor in the admin, as production does."""
    settings.ADMIN_SECOND_FACTOR = True


@pytest.fixture
def superuser_account(db: None) -> User:
    return SuperuserFactory(email="boss@example.com")
