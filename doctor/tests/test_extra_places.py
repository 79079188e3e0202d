"""A place that staff add to a slot is one person's: it is never sold, and goes with a release."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from accounts.models import AuditEvent, User
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import ScheduleInUse, SlotClosed, SlotFull, SlotInPast
from doctor.models import Schedule, Slot, WeeklyHours
from doctor.models.slot import MOST_PLACES
from doctor.signals import slots_changed
from doctor.tests.factories import ScheduleFactory
from doctor.tests.monday_hours import SECOND
from tests.balance import assert_balanced
from tests.statements import counted_statements

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

WHY = "A burn"


def full_slot(capacity: int = 1) -> Slot:
    slot: Slot = ScheduleFactory(capacity=capacity).slots.first()
    for _ in range(capacity):
        AppointmentFactory(slot=slot)
    return stored(slot)


def stored(slot: Slot) -> Slot:
    return Slot.objects.get(pk=slot.pk)


def squeezed(slot: Slot, staff: User) -> Any:
    """Add a place to the slot and book it, as `BookAppointment` does; return the visit."""
    slot.add_place(staff, WHY)
    return AppointmentFactory(slot=slot)


def places(slot: Slot) -> tuple[int, int, int]:
    """Return the stored capacity, the added places and the taken ones."""
    row = stored(slot)
    return row.capacity, row.extra_places, row.taken


def test_staff_add_a_place_to_a_full_slot_alone(staff: User) -> None:
    slot = full_slot()
    beside = slot.schedule.slots.last()
    slot.add_place(staff, WHY)
    assert (slot.capacity, slot.extra_places, slot.taken) == (2, 1, 1)
    assert places(slot) == (2, 1, 1)
    assert places(beside) == (1, 0, 0)


def test_an_added_place_is_recorded_with_its_actor_and_without_the_reason(staff: User) -> None:
    slot = full_slot()
    slot.add_place(staff, "Ana Ruiz has a burn")
    event = AuditEvent.objects.get(kind="doctor.slot")
    assert (event.object_id, event.action, event.actor) == (slot.pk, "change", staff)
    assert (event.role, event.actor_name) == ("staff", staff.full_name)
    assert "burn" not in str(vars(event))


@pytest.mark.parametrize("reason", ["", "   "])
def test_no_place_is_added_without_a_reason(staff: User, reason: str) -> None:
    slot = full_slot()
    with pytest.raises(ValidationError):
        slot.add_place(staff, reason)
    assert places(slot) == (1, 0, 1)


def test_a_place_is_added_until_the_slot_ends(staff: User) -> None:
    slot = full_slot()
    slot.add_place(staff, WHY, at=slot.ends_at - timedelta(microseconds=1))
    with pytest.raises(SlotInPast):
        slot.add_place(staff, WHY, at=slot.ends_at)
    assert places(slot) == (2, 1, 1)
    assert AuditEvent.objects.filter(kind="doctor.slot").count() == 1


def test_no_place_is_added_to_a_closed_slot(staff: User) -> None:
    slot = full_slot()
    slot.schedule.revise(is_active=False)
    with pytest.raises(SlotClosed):
        slot.add_place(staff, WHY)
    assert places(slot) == (1, 0, 1)


def test_a_slot_has_a_thousand_places_at_most(staff: User) -> None:
    slot = full_slot()
    Slot.objects.filter(pk=slot.pk).update(capacity=MOST_PLACES, taken=MOST_PLACES)
    with pytest.raises(SlotFull, match="at most 1000 places"):
        slot.add_place(staff, WHY)


def test_no_place_is_added_to_a_deleted_slot(staff: User) -> None:
    slot = ScheduleFactory().slots.first()
    Schedule.objects.get().unpublish()
    with pytest.raises(Slot.DoesNotExist):
        slot.add_place(staff, WHY)


def test_adding_a_place_reads_the_stored_row_and_signals_nothing(staff: User) -> None:
    slot, said = full_slot(), []
    copies = [stored(slot) for _ in range(3)]
    slots_changed.connect(lambda **sent: said.append(sent), weak=False, dispatch_uid="said")
    try:
        for copy in copies:
            copy.add_place(staff, WHY)
    finally:
        slots_changed.disconnect(dispatch_uid="said")
    assert places(slot) == (4, 3, 1)
    assert said == []


def test_a_release_gives_an_added_place_back_in_the_same_update(staff: User) -> None:
    slot = full_slot()
    squeezed(slot, staff)
    assert places(slot) == (2, 1, 2)
    with counted_statements() as statements:
        slot.release()
    assert len(statements) == 1
    assert places(slot) == (1, 0, 1)
    slot.release()
    assert places(slot) == (1, 0, 0)


def test_an_added_place_is_never_sold_in_whatever_order_visits_are_canceled(staff: User) -> None:
    slot = full_slot()
    first, second = slot.appointments.get(), squeezed(slot, staff)
    first.cancel()
    assert places(slot) == (1, 0, 1)
    with pytest.raises(SlotFull):
        stored(slot).take()
    second.cancel()
    stored(slot).take()


# --- Edits of the session -------------------------------------------------------------------------


def test_publishing_keeps_added_places(staff: User) -> None:
    slot = full_slot()
    squeezed(slot, staff)
    Schedule.objects.get().publish()
    assert places(slot) == (2, 1, 2)
    Schedule.objects.get().revise(capacity=3)
    assert places(slot) == (4, 1, 2)
    Schedule.objects.get().revise(capacity=1)
    assert places(slot) == (2, 1, 2)
    assert_balanced(slot)


def test_a_session_shrinks_to_what_is_taken_without_the_added_places(staff: User) -> None:
    slot = full_slot(capacity=2)
    squeezed(slot, staff)
    with pytest.raises(ScheduleInUse):
        Schedule.objects.get().revise(capacity=1)
    assert places(slot) == (3, 1, 3)
    slot.appointments.first().cancel()
    slot.appointments.last().cancel()
    Schedule.objects.get().revise(capacity=1)
    assert places(slot) == (1, 0, 1)


def test_resizing_keeps_added_places(staff: User) -> None:
    slot = full_slot(capacity=2)
    squeezed(slot, staff)
    with pytest.raises(ScheduleInUse):
        slot.resize(1)
    slot.resize(4)
    assert places(slot) == (5, 1, 3)
    slot.resize(2)
    assert places(slot) == (3, 1, 3)


def test_a_session_counts_its_added_places_and_sells_none(staff: User) -> None:
    slot = full_slot()

    def counted() -> tuple[int, int]:
        numbers: Any = Schedule.objects.with_places().values_list("total_slots", "available_slots")
        total, available = numbers.get()
        return total, available

    total, available = counted()
    squeezed(slot, staff)
    assert counted() == (total + 1, available)


def test_edited_weekly_hours_keep_added_places(hours: WeeklyHours, staff: User) -> None:
    slot = Slot.objects.filter(schedule__date=SECOND).earliest("starts_at")
    for _ in range(2):
        AppointmentFactory(slot=slot)
    squeezed(slot, staff)
    hours.revise(capacity=3)
    assert places(slot) == (4, 1, 3)
    hours.revise(capacity=2)
    assert places(slot) == (3, 1, 3)
    with pytest.raises(ScheduleInUse):
        hours.revise(capacity=1)
    hours.revise(keep=True, capacity=1)
    row = stored(slot)
    assert (row.kept_over, row.is_open, row.capacity) == (True, False, 3)
    with pytest.raises(SlotClosed):
        row.add_place(staff, WHY)
    hours.revise(capacity=2)
    assert (stored(slot).kept_over, places(slot)) == (False, (3, 1, 3))
    assert_balanced(slot)
