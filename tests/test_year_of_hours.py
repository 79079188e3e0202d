"""A year of weekly hours in one command: a part of what `make drill` makes."""

from functools import partial

import pytest
import time_machine

from doctor.models import Slot
from tests.year_of_hours import (
    DAYS,
    NEW_YEAR,
    SLOTS_A_DOCTOR,
    assert_a_year_of,
    doctors_with_hours,
    materialize,
    peak_of,
)

pytestmark = pytest.mark.django_db
DAYS_MADE = 28


def test_a_year_for_several_doctors_is_made_in_one_command_and_once() -> None:
    doctors_with_hours(3)
    with time_machine.travel(NEW_YEAR, tick=False):
        materialize()
        assert_a_year_of(3)


def test_memory_does_not_grow_with_the_doctors() -> None:
    with time_machine.travel(NEW_YEAR, tick=False):
        doctors_with_hours(1)
        materialize(DAYS_MADE)  # reads once what stays in memory
        doctors_with_hours(1)
        for_one = peak_of(partial(materialize, DAYS_MADE))
        doctors_with_hours(6)
        for_six = peak_of(partial(materialize, DAYS_MADE))
    assert for_six < 1.5 * for_one
    assert Slot.objects.count() == 8 * SLOTS_A_DOCTOR * DAYS_MADE // DAYS
