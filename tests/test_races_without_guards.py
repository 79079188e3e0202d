"""More races, each run twice: with its guard, and with the guard replaced by check-then-write.

In the second run no thread writes before all have read, so that the fault is certain and not a
matter of luck. These runs need PostgreSQL: on SQLite a transaction that has begun keeps the others
out. The four races of `race_bodies.py` have their controls in `test_race_controls.py`.
"""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import IntegrityError, transaction
from django.db.models import F

from accounts.models import User
from accounts.tests.factories import UserFactory
from appointment import receivers
from appointment.exceptions import InvalidTransition, NotCancelable
from appointment.models import Appointment, AppointmentEvent, booking
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import AlreadyBooked, ScheduleInUse, SlotClosed
from doctor.models import Schedule, Slot
from doctor.models.booking_rules import BookingContext
from doctor.models.slot import SlotQuerySet
from doctor.tests.factories import ScheduleFactory
from extensions.db.inserts import insert_together
from patient.models import Patient, PatientQuerySet
from patient.tests.factories import PatientFactory
from tests.balance import assert_balanced
from tests.races import Wait, assert_in_order, gate, outcomes, then_wait, without
from tests.threads import run_together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]
Patch = pytest.MonkeyPatch

# --- One visit comes to two ends ------------------------------------------------------------------


def race_to_an_end(visit: Appointment, tries: int) -> dict[type, int]:
    """Let half of the tries cancel, an hour before the start, and half complete, at the start."""

    def end(n: int) -> Appointment:
        mine = Appointment.objects.get(pk=visit.pk)
        if n % 2:
            return mine.complete(at=mine.starts_at)
        return mine.cancel(at=mine.starts_at - timedelta(hours=1))

    return outcomes(tries, end)


def test_a_visit_that_many_cancel_and_complete_gets_one_final_status() -> None:
    visit = AppointmentFactory()
    ends = race_to_an_end(visit, 20)
    assert ends[Appointment] == 1
    assert ends[NotCancelable] + ends[InvalidTransition] == 19
    assert visit.events.count() == 2
    assert_balanced(visit.slot)
    assert_in_order()


@pytest.mark.only_on("postgres")
def test_with_check_then_write_a_visit_gets_two_final_statuses(monkeypatch: Patch) -> None:
    wait = gate(2)

    def read_then_write(self: Appointment, status: str, at: datetime | None) -> Appointment:
        with transaction.atomic():
            assert Appointment.objects.get(pk=self.pk).status == "scheduled"
            wait()
            changes = {"status": status, "canceled_at": at}
            Appointment.objects.filter(pk=self.pk).update(**changes)
            AppointmentEvent.objects.create(appointment=self, kind=status, to_status=status)
        return self

    cancel: Any = lambda self, at: read_then_write(self, "canceled", at)  # noqa: E731
    complete: Any = lambda self, at: read_then_write(self, "completed", None)  # noqa: E731
    monkeypatch.setattr(Appointment, "cancel", cancel)
    monkeypatch.setattr(Appointment, "complete", complete)
    visit = AppointmentFactory()
    assert race_to_an_end(visit, 2) == {Appointment: 2}
    assert visit.events.count() == 3
    with pytest.raises(CommandError):
        assert_in_order()


# --- A first booking makes a profile --------------------------------------------------------------


def race_to_a_first_booking(tries: int) -> dict[type, int]:
    slot, user = ScheduleFactory(capacity=30).slots.first(), UserFactory()
    book_own = Appointment.objects.book_own
    return outcomes(tries, lambda n: book_own(user, slot.doctor_id, slot_id=slot.pk))


def test_a_first_booking_from_20_threads_makes_one_profile_and_one_visit() -> None:
    assert race_to_a_first_booking(20) == {Appointment: 1, AlreadyBooked: 19}
    assert Patient.objects.count() == 1
    assert_in_order()


@pytest.mark.only_on("postgres")
def test_with_check_then_write_19_bookings_violate_the_constraint(monkeypatch: Patch) -> None:
    wait = gate(20)

    def lock_for(self: PatientQuerySet, user: User, patient_id: None) -> Patient:
        own = self.own_of(user).first()
        wait()
        return own or self.create(user=user, first_name="Ana", last_name="Ruiz")

    monkeypatch.setattr(PatientQuerySet, "lock_for", lock_for)
    assert race_to_a_first_booking(20) == {Appointment: 1, IntegrityError: 19}


# --- A profile is erased while its owner books ----------------------------------------------------


def race_to_erase(user: User, slots: list[Slot], erasers: int) -> list[Any]:
    """Let the first threads erase the user's profile, and each of the others book a slot."""

    def leave_or_book(n: int) -> Any:
        if n < erasers:
            return Patient.objects.get(user=user).erase(by=user)
        slot = slots[n - erasers]
        return Appointment.objects.book_own(user, slot.doctor_id, slot_id=slot.pk)

    return run_together(erasers + len(slots), leave_or_book)


def test_booking_while_the_profile_is_erased_loses_no_visit() -> None:
    slots = list(ScheduleFactory(slot_minutes=12).slots.all())
    user = PatientFactory().user
    done = race_to_erase(user, slots, erasers=3)
    assert {type(outcome) for outcome in done[:3]} <= {type(None), Patient.DoesNotExist}
    assert [type(outcome) for outcome in done[3:]] == [Appointment] * len(slots)
    for visit in done[3:]:
        visit.refresh_from_db()
        assert (visit.status, visit.patient is None) in {("scheduled", False), ("canceled", True)}
    assert Patient.objects.filter(user=user).count() <= 1
    assert_in_order()


@pytest.mark.only_on("postgres")
def test_without_the_lock_a_booking_beside_an_erasure_violates_a_constraint(
    monkeypatch: Patch,
) -> None:
    slot, user, wait = ScheduleFactory().slots.first(), PatientFactory().user, gate(2)
    monkeypatch.setattr("patient.models.patient.lock_rows", list)
    monkeypatch.setattr(PatientQuerySet, "lock_for", lambda self, user, pk: self.get(user=user))
    then_wait(monkeypatch, receivers, "anonymize_for", wait)
    then_wait(monkeypatch, booking, "booking_context", wait)
    done = race_to_erase(user, [slot], erasers=1)
    assert any(isinstance(outcome, IntegrityError) for outcome in done), done


# --- A session is remade while it is booked -------------------------------------------------------


def race_to_remake(begin: Wait = list, end: Wait = list) -> list[Any]:
    """Book a slot while a revision of its session replaces that slot, and return both results.

    `begin` runs before the booking, `end` after it.
    """
    schedule, patient = ScheduleFactory(), PatientFactory()
    slot = schedule.slots.first()

    def book_or_remake(n: int) -> Any:
        if n:
            return schedule.revise(slot_minutes=60)
        begin()
        booked = Appointment(patient=patient, slot=slot).book()
        end()
        return booked

    return run_together(2, book_or_remake)


@pytest.mark.parametrize("again", range(5))
def test_a_slot_is_either_booked_or_remade(again: int) -> None:
    ends = tuple(type(outcome) for outcome in race_to_remake())
    assert ends in {(Appointment, ScheduleInUse), (Slot.DoesNotExist, type(None))}
    assert_in_order()


@pytest.fixture
def booked_unseen(monkeypatch: Patch) -> list[Any]:
    """Return the results of a booking, and of an edit that read the slots unlocked before it."""
    wait, drop = gate(2), Schedule._drop

    def drop_what_was_free(self: Schedule, slots: list[Slot]) -> None:
        if slots:  # a new session has no slots to drop
            wait()  # now the booking begins
            wait()  # now it is over
        drop(self, slots)

    monkeypatch.setattr(SlotQuerySet, "lock", lambda self: list(self.order_by("pk")))
    monkeypatch.setattr(Schedule, "_drop", drop_what_was_free)
    return race_to_remake(begin=wait, end=wait)


@pytest.mark.only_on("postgres")
def test_without_the_lock_the_constraint_keeps_a_booked_slot(booked_unseen: list[Any]) -> None:
    assert [type(outcome) for outcome in booked_unseen] == [Appointment, IntegrityError]
    assert_in_order()


@pytest.fixture
def no_constraint_on_slots() -> Any:
    with without(Appointment, "appointment_only_canceled_outlive_their_slot"):
        yield


@pytest.mark.only_on("postgres")
def test_without_lock_and_constraint_an_edit_strands_a_visit(
    no_constraint_on_slots: None, booked_unseen: list[Any]
) -> None:
    assert [type(outcome) for outcome in booked_unseen] == [Appointment, type(None)]
    with pytest.raises(CommandError):
        assert_in_order()


# --- A doctor stops accepting patients ------------------------------------------------------------


def race_to_close(
    tries: int, before: Wait = list, after: Wait = list
) -> tuple[list[Any], int, int]:
    """Let patients book while the doctor closes to patients.

    Return the results of the bookings, the number of visits right after the closing, and the
    number at the end. `before` and `after` run before and after the closing.
    """
    slot = ScheduleFactory(slot_minutes=None, capacity=tries).slots.get()
    patients, doctor = PatientFactory.create_batch(tries), slot.doctor

    def book_or_close(n: int) -> Any:
        if n < tries:
            return Appointment(patient=patients[n], slot=slot).book()
        before()
        doctor.revise(accepts_patients=False)
        once_closed = Appointment.objects.count()
        after()
        return once_closed

    done = run_together(tries + 1, book_or_close)
    once_closed = done.pop()
    assert isinstance(once_closed, int), once_closed
    return done, once_closed, Appointment.objects.count()


def test_once_a_doctor_has_closed_no_booking_succeeds() -> None:
    done, once_closed, in_the_end = race_to_close(20)
    assert {type(outcome) for outcome in done} <= {Appointment, SlotClosed}
    assert once_closed == in_the_end
    assert_in_order()


@pytest.mark.only_on("postgres")
def test_with_check_then_write_patients_book_with_a_closed_doctor(monkeypatch: Patch) -> None:
    wait = gate(6)  # passed twice: all have looked, and the doctor has closed

    def look_then_take(self: Slot, rows: Any, context: BookingContext) -> bool:
        assert Slot.objects.get(pk=self.pk).refusal(context=context) is None
        wait()
        wait()
        Slot.objects.filter(pk=self.pk).update(taken=F("taken") + 1)
        return insert_together(rows)

    monkeypatch.setattr(Slot, "take_with", look_then_take)
    done, once_closed, in_the_end = race_to_close(5, before=wait, after=wait)
    assert {type(outcome) for outcome in done} == {Appointment}
    assert (once_closed, in_the_end) == (0, 5)
