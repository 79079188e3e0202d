"""Fixtures of the tests of appointments."""

import pytest

from appointment.models import Appointment
from appointment.tests.waitlist import only_visit


@pytest.fixture
def visit(db: None) -> Appointment:
    """Return a visit from 09:00 to 11:00 three days ahead, which fills its doctor's only slot."""
    return only_visit()
