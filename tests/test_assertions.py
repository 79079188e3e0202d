"""A failed assertion in a helper module shows the values that it compared."""

import pytest

from appointment.tests.factories import AppointmentFactory
from doctor.models import Slot
from extensions.tests import processes
from tests import balance, drills, live, races
from tests.balance import assert_balanced
from tests.matrix import calls


@pytest.mark.django_db
def test_a_failed_assertion_in_a_helper_shows_its_values() -> None:
    slot = AppointmentFactory().slot
    Slot.objects.filter(pk=slot.pk).update(hold_lapses_at=slot.starts_at)
    with pytest.raises(AssertionError, match=r"assert datetime.datetime\(.*\) == None"):
        assert_balanced(slot)


@pytest.mark.parametrize("module", [balance, calls, drills, live, processes, races])
def test_modules_of_helpers_are_rewritten(module) -> None:
    assert type(module.__loader__).__name__ == "AssertionRewritingHook"
