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
    """A clock that moves only when told to, by steps of the app: `clock.shift(30)`."""
    with time_machine.travel(START, tick=False) as travelled:
        yield travelled


@pytest.fixture
def required(settings) -> None:
    """As in production."""
    settings.ADMIN_SECOND_FACTOR = True


@pytest.fixture
def boss(db: None) -> User:
    return SuperuserFactory(email="boss@example.com")
