"""Patients at the API and staff at the admin, thousands of steps at random, against a model."""

import pytest

from tests.machine.running import machine_at, run

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = 40  # of a run


def test_every_step_through_both_doors_does_what_the_model_does(
    database, tmp_path, sized, tell
) -> None:
    with machine_at(database, tmp_path / "log") as machine:
        run(machine, sized(100), STEPS)
        tell(", ".join(f"{what} {times:,}" for what, times in machine.told.most_common()))
        assert machine.told["steps"] > sized(100) * STEPS / 2
