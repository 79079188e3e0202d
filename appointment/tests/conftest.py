"""Fixtures of the tests of appointments."""

from typing import Any

import pytest
from django.utils import timezone

from appointment.models import Appointment
from appointment.tests.waitlist import only_visit


@pytest.fixture
def visit(db: None) -> Appointment:
    """Return a visit from 09:00 to 11:00 three days ahead, which fills its doctor's only slot."""
    return only_visit()


@pytest.fixture
def noon(time_machine: Any) -> Any:
    """Stand still at a noon, outside of the quiet hours."""
    now = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
    time_machine.move_to(now, tick=False)
    return now
