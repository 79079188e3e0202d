"""Patients and staff take random steps at the API and the admin. A model predicts the results."""

from typing import Any

import pytest
from django.core.management import CommandError

from appointment.models import AppointmentEvent
from doctor.models import Slot
from patient.models import Patient
from tests.stateful.calendar import ClinicMachine
from tests.stateful.people import other_rows
from tests.stateful.running import run, running_state_machine
from tests.stateful.walk import WalkingMachine, walk

pytestmark = pytest.mark.django_db(transaction=True)

RUNS, STEPS = 3, 20


def test_every_step_by_api_and_admin_does_what_the_model_does(database: Any, tmp_path: Any) -> None:
    with running_state_machine(database, tmp_path / "log") as machine:
        run(machine, RUNS, STEPS)
        reported = machine.outcomes
        assert reported["steps"] > RUNS * STEPS / 2
        assert reported["gone through"], reported
        assert len(reported) > 4, f"hardly any refusal was met: {reported}"
        walk(type("Walking", (WalkingMachine, machine), {})())
        assert_the_machine_sees_what_is_wrong(machine())


def assert_the_machine_sees_what_is_wrong(machine: ClinicMachine) -> None:
    """Change rows without the model, and assert that the machine notices."""
    machine.open_the_clinic()
    machine.all_rows_are_as_in_the_model()
    first, second = list(machine.people.values())[:2]
    before = other_rows(first)
    Patient.objects.filter(pk=second.pk).update(address="Elsewhere")
    assert other_rows(first) != before
    slot = min(machine.model.slots)
    Slot.objects.filter(pk=slot).update(taken=1)
    with pytest.raises(AssertionError, match="slots"):
        machine.all_rows_are_as_in_the_model()
    Slot.objects.filter(pk=slot).update(taken=0)
    status, visit = machine.call(
        first, "POST", f"appointment/book/{Slot.objects.get(pk=slot).doctor_id}/", slot_id=slot
    )
    assert status == 201
    with pytest.raises(AssertionError, match="visits"):
        machine.all_rows_are_as_in_the_model()
    machine.call(first, "POST", f"appointment/cancel/{visit['id']}/")
    machine.model.book(visit["id"], first.pk, machine.model.slots[slot])
    machine.model.cancel(machine.model.visits[visit["id"]])
    machine.all_rows_are_as_in_the_model()
    AppointmentEvent.objects.filter(appointment=visit["id"], kind="canceled")._raw_delete("default")
    with pytest.raises(CommandError):
        machine.all_rows_are_as_in_the_model()
