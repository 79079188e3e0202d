"""Edits of hours, sessions and slots send `slots_closing` before and `slots_changed` after."""

from collections.abc import Callable
from datetime import time
from typing import Any

import pytest

from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import ScheduleInUse
from doctor.models import Slot, WeeklyHours
from doctor.signals import slots_changed, slots_closing
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    PublishedScheduleFactory,
    ScheduleFactory,
    WeeklyHoursFactory,
)
from doctor.tests.monday_hours import MONDAY, THIRD
from tests.statements import counted_statements

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday_morning")]


@pytest.fixture
def holds() -> Any:
    """Yield a set of keys of slots; on `slots_closing`, each of these slots releases one place.

    This stands in for offers to the waitlist, which are withdrawn before their slot closes.
    """
    held: set[int] = set()

    def withdraw(slots: set[int], **signal: Any) -> None:
        for slot in Slot.objects.filter(pk__in=slots & held):
            slot.release()

    slots_closing.connect(withdraw)
    yield held
    slots_closing.disconnect(withdraw)


def hold(slot: Slot, holds: set[int]) -> Slot:
    """Take a place of the slot as an offer does, add it to `holds`, and return the stored slot."""
    slot.take()
    holds.add(slot.pk)
    return Slot.objects.get(pk=slot.pk)


# --- Weekly hours ---------------------------------------------------------------------------------


def test_new_slots_are_announced(signals_sent: Any) -> None:
    hours = WeeklyHoursFactory()
    assert signals_sent == [("changed", set(hours.schedules.values_list("slots", flat=True)))]


def test_held_slots_are_announced_before_they_close_and_changed_ones_afterwards(
    hours: WeeklyHours, booked: Appointment, signals_sent: Any
) -> None:
    hours.revise(keep=True, weekday=1)
    made = set(Slot.objects.filter(schedule__date__week_day=3).values_list("pk", flat=True))
    assert signals_sent[0] == ("closing", {booked.slot_id})
    assert signals_sent[-1] == ("changed", made | {booked.slot_id})


def test_a_hold_that_is_withdrawn_when_its_slot_closes_strands_no_patient(
    hours: WeeklyHours, booked: Appointment, holds: set[int]
) -> None:
    slot = hold(hours.schedules.get(date=THIRD).slots.first(), holds)
    with pytest.raises(ScheduleInUse) as refused:
        hours.revise(weekday=1)
    assert refused.value.extra == {"appointments": [booked.pk]}
    booked.cancel()
    hours.refresh_from_db()
    hours.revise(weekday=1)
    assert not Slot.objects.filter(pk=slot.pk).exists()


def test_a_hold_gives_way_to_fewer_places_and_its_slot_is_announced(
    hours: WeeklyHours, holds: set[int], signals_sent: Any
) -> None:
    slot = hours.schedules.get(date=THIRD).slots.first()
    AppointmentFactory(slot=slot)
    hold(slot, holds)
    hours.revise(capacity=1)
    assert signals_sent == [("closing", {slot.pk}), ("changed", {slot.pk})]
    slot.refresh_from_db()
    assert (slot.taken, slot.capacity, slot.kept_over) == (1, 1, False)


def test_more_places_are_announced(hours: WeeklyHours, signals_sent: Any) -> None:
    hours.revise(capacity=3)
    coming = Slot.objects.filter(schedule__date__gt=MONDAY)
    assert signals_sent == [("changed", set(coming.values_list("pk", flat=True)))]


# --- A session ------------------------------------------------------------------------------------


def test_the_slots_of_a_new_session_are_announced(signals_sent: Any) -> None:
    session = PublishedScheduleFactory()
    assert signals_sent == [("changed", set(session.slots.values_list("pk", flat=True)))]


def test_an_unchanged_session_sends_no_signal(signals_sent: Any) -> None:
    session = ScheduleFactory()
    session.publish()
    assert signals_sent == []


def test_holds_give_way_to_a_session_that_is_changed_or_deleted(
    signals_sent: Any, holds: set[int]
) -> None:
    session = ScheduleFactory(capacity=2)
    first, last = session.slots.earliest("starts_at"), session.slots.latest("starts_at")
    for slot in (first, last):
        hold(slot, holds)
    session.revise(start_time=time(9, 30))
    assert signals_sent == [("closing", {first.pk})]
    session.unpublish()
    assert signals_sent[1:] == [("closing", {last.pk})]
    assert not Slot.objects.exists()


def test_more_places_of_a_session_are_announced(signals_sent: Any) -> None:
    session = ScheduleFactory()
    session.revise(capacity=2)
    assert signals_sent == [("changed", set(session.slots.values_list("pk", flat=True)))]


# --- A slot ---------------------------------------------------------------------------------------


def test_a_slot_that_grows_is_announced_and_one_that_shrinks_is_not(
    signals_sent: Any,
) -> None:
    slot = ScheduleFactory(capacity=3).slots.first()
    slot.resize(2)
    assert signals_sent == []
    slot.resize(4)
    assert signals_sent == [("changed", {slot.pk})]


def test_a_hold_gives_way_to_a_slot_that_shrinks(signals_sent: Any, holds: set[int]) -> None:
    slot = ScheduleFactory(capacity=2).slots.first()
    AppointmentFactory(slot=slot)
    hold(slot, holds)
    slot.resize(1)
    assert signals_sent == [("closing", {slot.pk}), ("changed", {slot.pk})]
    slot.refresh_from_db()
    assert (slot.taken, slot.capacity) == (1, 1)


def test_a_refused_change_gives_the_holds_back(holds: set[int]) -> None:
    slot = ScheduleFactory(capacity=3).slots.first()
    visits = [AppointmentFactory(slot=slot).pk for _ in range(2)]
    hold(slot, holds)
    with pytest.raises(ScheduleInUse) as refused:
        slot.resize(1)
    assert refused.value.extra == {"appointments": visits}
    assert Slot.objects.get(pk=slot.pk).taken == 3


# --- New slots ------------------------------------------------------------------------------------


def test_the_signal_names_the_slots_that_are_new() -> None:
    signals: list[tuple[set[int], set[int]]] = []

    def receive(**signal: Any) -> None:
        signals.append((signal["slots"], signal["new"]))

    slots_changed.connect(receive)
    try:
        session = PublishedScheduleFactory()
        old = set(session.slots.values_list("pk", flat=True))
        session.revise(capacity=2, end_time=time(12))
    finally:
        slots_changed.disconnect(receive)
    every = set(session.slots.values_list("pk", flat=True))
    assert signals == [(old, old), (every, every - old)]


def statements_on_appointments(publish: Callable[[], object]) -> list[str]:
    with counted_statements() as statements:
        publish()
    return [sql for sql in statements if '"appointment_appointment"' in sql]


def test_publishing_a_new_session_reads_no_appointment() -> None:
    session = ScheduleFactory.build(doctor=DoctorFactory(), location=LocationFactory())
    assert statements_on_appointments(session.publish) == []
    assert session.slots.count() == 4


def test_publishing_new_weekly_hours_reads_no_appointment() -> None:
    hours = WeeklyHoursFactory.build(doctor=DoctorFactory(), location=LocationFactory())
    assert statements_on_appointments(hours.publish) == []
    assert Slot.objects.filter(schedule__weekly_hours=hours).exists()
