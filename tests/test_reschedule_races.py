"""Races of visits that are rescheduled, with real threads, on the suite's database.

The last one is a control: if a move locks its old slot first and then the new one, instead of both
in one statement, opposite moves deadlock.
"""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError

from appointment.exceptions import InvalidTransition, NotCancelable
from appointment.models import Appointment
from appointment.models.booking import RescheduleAppointment
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import SlotFull
from doctor.models import Slot
from doctor.tests.factories import ScheduleFactory
from tests import race_rescheduling
from tests.race_bodies import (
    assert_apart,
    booking,
    count_by_type,
    one_slot,
    people,
    race,
    visits_in,
)
from tests.race_rescheduling import moving, taken_of
from tests.races import assert_in_order

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]
ROUNDS = range(2)
NONE = type(None)


def test_opposite_moves_all_go_well() -> None:
    for pairs in (1, 4):
        race_rescheduling.assert_opposite_moves_all_go_well(pairs)
    assert_in_order()


@pytest.mark.parametrize("devices", [2, 6])
def test_a_visit_moved_to_two_slots_at_once_is_in_one(devices: int) -> None:
    for _ in ROUNDS:
        race_rescheduling.assert_one_visit_is_in_one_of_two_slots(devices)
    assert_in_order()


def test_a_visit_moved_while_it_is_canceled_gives_every_place_back_once() -> None:
    for _ in ROUNDS:
        reported = race_rescheduling.assert_moved_and_or(Appointment.cancel)
        assert reported in ({Appointment: 2}, {Appointment: 1, NotCancelable: 1})
        assert Appointment.objects.filter(status="canceled").count() == 1
        Appointment.objects.all().delete()


@pytest.mark.parametrize("verb", ["complete", "mark_no_show"])
def test_a_visit_is_either_moved_or_concluded_at_the_instant_of_its_start(verb: str) -> None:
    for _ in ROUNDS:
        reported = race_rescheduling.assert_moved_and_or(
            lambda visit: getattr(visit, verb)(at=visit.starts_at),
            move_at=lambda visit: visit.starts_at - timedelta(microseconds=1),
        )
        assert reported in (
            {Appointment: 1, InvalidTransition: 1},
            {Appointment: 1, NotCancelable: 1},
        )
        Appointment.objects.all().delete()


def test_a_visit_discarded_while_it_is_moved_is_gone_and_holds_nothing() -> None:
    for _ in ROUNDS:
        reported = race_rescheduling.assert_moved_and_or(Appointment.discard)
        gone = {NotCancelable: 1}, {Appointment.DoesNotExist: 1}, {Appointment: 1}
        assert reported in [{NONE: 1, **moved} for moved in gone]
        assert Appointment.objects.count() == 1
        Appointment.objects.all().delete()


def test_of_many_who_move_to_the_last_place_one_gets_it_and_the_others_keep_theirs() -> None:
    for movers in (2, 6):
        race_rescheduling.assert_the_last_place_goes_to_one(movers)
    assert_in_order()


def test_the_place_that_a_moved_visit_leaves_is_booked_once() -> None:
    for _ in ROUNDS:
        old, new = one_slot(1), one_slot(1)
        [visit], others = visits_in(old, people(1)), people(4)
        moved, *booked = race(moving(visit, new), *(booking(who, old) for who in others))
        assert count_by_type([moved]) == {Appointment: 1}
        assert count_by_type(booked) in ({SlotFull: 4}, {Appointment: 1, SlotFull: 3})
        taken_of(old, new)


def test_visits_of_one_patient_moved_at_once_never_overlap() -> None:
    for _ in ROUNDS:
        [patient] = people(1)
        visits = [
            AppointmentFactory(patient=patient, slot=slot) for slot in ScheduleFactory().slots.all()
        ]
        targets = ScheduleFactory(capacity=2).slots.all()[:2]
        calls = [moving(visit, targets[n % 2]) for n, visit in enumerate(visits)]
        race(*calls)
        assert_apart(patient.appointments.active())
        assert_in_order()


def test_a_patient_erased_while_their_visit_is_moved_leaves_no_place_taken() -> None:
    for _ in ROUNDS:
        old, new = one_slot(1), one_slot(1)
        [visit] = visits_in(old, people(1))
        moved, erased = race(moving(visit, new), visit.patient.erase)
        assert count_by_type([erased]) == {NONE: 1}
        assert not isinstance(moved, OperationalError), moved
        assert taken_of(old, new) == [0, 0]
        assert_in_order()


# --- Without the common order ---------------------------------------------------------------------


@pytest.fixture
def in_order_of_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make two moves lock the slot of their visit and, once both have, the slot to move to."""
    barrier = threading.Barrier(2, timeout=120)

    def lock_slots(self: RescheduleAppointment, to: int) -> tuple[Slot, Slot]:
        old = self.appointment.slot.lock()
        barrier.wait()
        return old, Slot.objects.get(pk=to).lock()

    monkeypatch.setattr(RescheduleAppointment, "_lock_slots", lock_slots)


@pytest.mark.only_on("postgres")
@pytest.mark.usefixtures("in_order_of_request")
def test_opposite_moves_deadlock_where_slots_are_locked_one_after_the_other() -> None:
    with pytest.raises(AssertionError, match="deadlock detected"):
        race_rescheduling.assert_opposite_moves_all_go_well(1)
    assert_in_order()
