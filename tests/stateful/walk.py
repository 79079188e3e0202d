"""Steps in a given order, which random runs of a few steps seldom reach one after another."""

from collections.abc import Callable, Iterable
from typing import Any

from tests.stateful.calendar import ClinicMachine
from tests.stateful.machine import Row
from tests.stateful.state import Visit


class WalkingMachine(ClinicMachine):
    """The machine with choices that are given: `data` maps the name of a type to a row's key."""

    def some(self, data: Any, rows: Iterable[Row], likely: Callable[[Row], object]) -> Row:
        """Return the chosen row; where none is chosen, the first likely one."""
        rows = list(rows)
        chosen = [row for row in rows if getattr(row, "pk", row) == data.get(type(row).__name__)]
        return [*chosen, *filter(likely, rows), *rows][0]

    def take(self, rule: Callable[..., None], *more: Any, **chosen: int | None) -> None:
        """Take one step, and check all rows after it."""
        rule(chosen, *more)
        self.all_rows_are_as_in_the_model()

    def visit_of(self, person: int) -> Visit:
        """Return the first scheduled visit of a person."""
        return self.model.live_of(person)[0]


def walk(machine: WalkingMachine) -> None:
    """Walk through undo, a squeeze-in, an earlier time, the work list and two records of one."""
    machine.begin()
    ana, _, eva, ida = machine.people
    of_ana, of_eva = (machine.visit_of(person).pk for person in (ana, eva))
    first, later = machine.model.sessions.values()
    slot = machine.visit_of(ana).slot

    # Eva is squeezed in beside Ana. Ana's visit is canceled, and the added place vanishes with it.
    machine.take(machine.squeeze_in, Person=eva, Slot=slot)
    squeezed = machine.model.live_of(eva)[-1].pk
    machine.take(machine.cancel_for, "", Visit=of_ana)
    machine.take(machine.undo, "", Visit=of_ana)  # refused: Eva has the place
    machine.take(machine.cancel_for, "", Visit=squeezed)
    machine.take(machine.undo, "", Visit=of_ana)

    # Eva has as many visits as she may have, and waits for an earlier time of one of them.
    machine.take(machine.edit_hours, (540, 720), 1, Session=later.pk)
    free = max(machine.model.slots_of(later.pk), key=lambda slot: slot.span).pk
    machine.take(machine.book, Person=eva, Slot=free)
    machine.take(machine.wait_for_something_earlier, Person=eva, Visit=of_eva, int=first.doctor)
    machine.take(machine.cancel_for, "", Visit=of_ana)
    machine.take(machine.answer_for, "accept", "")
    assert machine.model.visits[of_eva].slot == slot

    # Staff keep the visit on the first leave; another one puts it on the work list again.
    for minutes in (30, 90):
        machine.take(machine.go_on_leave, 540, minutes, Session=first.pk)
        machine.take(machine.keep, Visit=of_eva)
    machine.take(machine.come_back)

    # Ida is Ana, and is marked deceased by mistake.
    machine.take(machine.merge, Person=ana)
    assert ida not in machine.people
    machine.take(machine.mark_deceased, Person=ana)
    machine.unmark_deceased()
    machine.all_rows_are_as_in_the_model()
