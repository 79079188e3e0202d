"""One command makes a year of weekly hours for 200 doctors, and its memory does not grow."""

import resource
import time
from functools import partial

import pytest
import time_machine

from doctor.models import Slot
from tests.drills.year_of_hours import (
    DAYS,
    NEW_YEAR,
    SLOTS_A_DOCTOR,
    assert_a_year_of,
    doctors_with_hours,
    materialize,
    peak_of,
)

# The command commits as in service, so that PostgreSQL can count the rows and choose its plans.
pytestmark = pytest.mark.django_db(transaction=True)
DAYS_MADE = 28

MOST_GROWTH = 32 * 1024  # KiB that the whole year may need beyond one week


def peak() -> int:
    """Return the most memory that this process ever held, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_a_year_for_all_doctors_is_made_once_in_flat_memory(sized, report) -> None:
    number = sized(200)
    doctors_with_hours(number)
    with time_machine.travel(NEW_YEAR, tick=False):
        materialize(days=7)
        before, began = peak(), time.perf_counter()
        report(materialize().splitlines()[-1])
        took, after = time.perf_counter() - began, peak()
        report(
            f"{took:.0f} s, at most {before // 1024} MiB after a week, {after // 1024} after a year"
        )
        assert_a_year_of(number)
    assert after - before < MOST_GROWTH


def test_memory_does_not_grow_with_the_doctors() -> None:
    with time_machine.travel(NEW_YEAR, tick=False):
        doctors_with_hours(1)
        materialize(DAYS_MADE)  # the first run loads what stays in memory
        doctors_with_hours(1)
        for_one = peak_of(partial(materialize, DAYS_MADE))
        doctors_with_hours(6)
        for_six = peak_of(partial(materialize, DAYS_MADE))
    assert for_six < 1.5 * for_one
    assert Slot.objects.count() == 8 * SLOTS_A_DOCTOR * DAYS_MADE // DAYS
