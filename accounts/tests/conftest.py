"""Fixtures of the tests of the admin's second factor."""

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
    """Stop the clock; `clock.shift(30)` moves it by one step of the app, which has a new code."""
    with time_machine.travel(START, tick=False) as travelled:
        yield travelled


@pytest.fixture
def required(settings) -> None:
    """Require a second factor in the admin, as production does."""
    settings.ADMIN_SECOND_FACTOR = True


@pytest.fixture
def superuser_account(db: None) -> User:
    return SuperuserFactory(email="boss@example.com")
