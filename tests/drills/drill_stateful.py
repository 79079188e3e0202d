"""Patients at the API and staff at the admin take random steps, and a model predicts each."""

import pytest

from tests.stateful.running import run, running_state_machine

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = 40  # steps of one run


def test_every_step_by_api_and_admin_does_what_the_model_does(
    database, tmp_path, sized, report
) -> None:
    with running_state_machine(database, tmp_path / "log") as machine:
        run(machine, sized(100), STEPS)
        report(", ".join(f"{what} {times:,}" for what, times in machine.outcomes.most_common()))
        assert machine.outcomes["steps"] > sized(100) * STEPS / 2
