"""Controls of the races: each body of `race_bodies.py` fails with one guard taken out.

The guard is replaced by check-then-write. A barrier makes every thread read before any writes, so
that the interleaving is certain and not a matter of luck. A body that passes without the guard does
not test the guard. The controls run on PostgreSQL alone, since SQLite's transactions take turns
from their first statement.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from appointment.exceptions import NotCancelable
from appointment.models import Appointment, AppointmentEvent, Status, WaitlistEntry, booking
from appointment.models.booking import booking_context
from appointment.models.event import LIVE
from doctor.models import Schedule, Slot
from doctor.models.booking_rules import BookingContext
from doctor.models.doctor import DoctorQuerySet
from extensions.db.inserts import insert_together
from patient.models import PatientQuerySet
from patient.tests.factories import PatientFactory
from tests import race_bodies
from tests.balance import assert_balanced
from tests.races import without

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("postgres")]
T = TypeVar("T")
Patch = pytest.MonkeyPatch


def after_all(n: int, read: Callable[..., T]) -> Callable[..., T]:
    """Wrap a read: it returns in each of n threads only once all n have read."""
    barrier = threading.Barrier(n, timeout=120)

    def read_and_wait(*args: Any, **kwargs: Any) -> T:
        found = read(*args, **kwargs)
        barrier.wait()
        return found

    return read_and_wait


def lost(body: Callable[[], object]) -> str:
    """Run a race that must fail, and return the first line of its AssertionError."""
    with pytest.raises(AssertionError) as seen:
        body()
    return str(seen.value).splitlines()[0]


# --- 20 for 5 places -----------------------------------------------------------------------------


@pytest.mark.usefixtures("direct")
def test_places_are_oversold_when_a_slot_is_read_then_saved(monkeypatch: Patch) -> None:
    """All 20 find the slot empty. No constraint stops it: each writes that one place is taken."""
    read = after_all(20, Slot.objects.get)

    def take_with(self: Slot, rows: Any, context: BookingContext) -> bool:
        slot = read(pk=self.pk)
        if refusal := slot.refusal(context=context):
            raise refusal
        slot.taken += 1
        slot.save(update_fields=["taken"])
        return insert_together(rows)

    monkeypatch.setattr(Slot, "take_with", take_with)
    seen = lost(partial(race_bodies.assert_five_win, 20))
    assert seen == "1 places taken, 20 appointments hold one"


@pytest.mark.usefixtures("direct")
def test_the_database_refuses_the_sixth_place_that_no_code_guards(monkeypatch: Patch) -> None:
    """No code guards the count, so doctor_slot_taken_within_capacity has to stop it."""
    read = after_all(20, Slot.objects.get)

    def take_with(self: Slot, rows: Any, context: BookingContext) -> bool:
        if refusal := read(pk=self.pk).refusal(context=context):
            raise refusal
        Slot.objects.filter(pk=self.pk).update(taken=F("taken") + 1)
        return insert_together(rows)

    monkeypatch.setattr(Slot, "take_with", take_with)
    assert "doctor_slot_taken_within_capacity" in lost(partial(race_bodies.assert_five_win, 20))
    assert_balanced(Slot.objects.get())
    assert Appointment.objects.count() == 5


# --- One visit canceled by 10 ---------------------------------------------------------------------


@pytest.mark.usefixtures("direct")
def test_places_are_restored_10_times_when_a_visit_is_read_then_saved(monkeypatch: Patch) -> None:
    """All 10 find the visit scheduled. No constraint stops it while others hold places."""
    read = after_all(10, Appointment.objects.get)

    def cancel(self: Appointment) -> Appointment:
        at = timezone.now()
        with transaction.atomic():
            visit = read(pk=self.pk)
            if not visit.can_cancel(at):
                raise NotCancelable
            visit.status, visit.canceled_at = Status.CANCELED, at
            visit.save()
            visit.slot.release()
            visit._record("canceled", None, at, LIVE, Status.CANCELED)
        return visit

    monkeypatch.setattr(Appointment, "cancel", cancel)
    seen = lost(partial(race_bodies.assert_one_cancels, 10))
    assert seen == "1 places taken, 10 appointments hold one"
    assert AppointmentEvent.objects.filter(kind="canceled").count() == 10


# --- One patient, two doctors ---------------------------------------------------------------------


@pytest.fixture
def unlocked_patient(monkeypatch: Patch) -> None:
    """Take no lock of the patient, and let all 20 tries read the visits before any try books."""
    monkeypatch.setattr(PatientQuerySet, "lock", lambda patients, pk: patients.get(pk=pk))
    monkeypatch.setattr(booking, "booking_context", after_all(20, booking_context))


@pytest.mark.usefixtures("unlocked_patient")
def test_a_patient_is_double_booked_without_lock_and_constraint() -> None:
    """The patient gets one visit with each doctor. The unique constraint stops more in one slot."""
    with without(Appointment, "appointment_no_overlap_of_one_patient"):
        assert lost(race_bodies.assert_one_of_two_doctors_is_booked).startswith("one is until ")
        assert Appointment.objects.active().count() == 2


@pytest.mark.usefixtures("unlocked_patient")
def test_without_its_lock_a_constraint_still_stops_a_double_booking() -> None:
    """The losers fail only at the constraint, perhaps by a deadlock. So the code needs the lock."""
    with suppress(AssertionError):
        race_bodies.assert_one_of_two_doctors_is_booked()
    race_bodies.assert_not_stranded(Appointment.objects.active())
    assert Appointment.objects.active().count() == 1


# --- One account with a cap -----------------------------------------------------------------------


def test_an_account_exceeds_its_cap_without_its_lock(monkeypatch: Patch) -> None:
    """Each person is locked, but not the account: all eight read that it has no visit ahead."""
    monkeypatch.setattr(
        PatientQuerySet, "lock", lambda patients, pk: patients.filter(pk=pk).select_for_update()[0]
    )
    monkeypatch.setattr(booking, "booking_context", after_all(8, booking_context))
    lost(race_bodies.assert_three_of_eight_people_are_booked)
    assert Appointment.objects.active().count() == 8


def test_an_account_has_too_many_entries_without_its_lock(monkeypatch: Patch) -> None:
    """Each person is locked, but not the account: all eight read that two entries are left."""
    monkeypatch.setattr(
        PatientQuerySet, "lock", lambda patients, pk: patients.filter(pk=pk).select_for_update()[0]
    )
    counted = after_all(8, WaitlistEntry._refuse_repetition)
    monkeypatch.setattr(WaitlistEntry, "_refuse_repetition", counted)
    lost(race_bodies.assert_two_of_eight_people_join)
    assert WaitlistEntry.objects.count() == 16


def test_a_wish_is_noted_twice_without_a_lock(monkeypatch: Patch) -> None:
    monkeypatch.setattr(PatientQuerySet, "lock", lambda patients, pk: patients.get(pk=pk))
    compared = after_all(8, WaitlistEntry._refuse_repetition)
    monkeypatch.setattr(WaitlistEntry, "_refuse_repetition", compared)
    lost(lambda: race_bodies.assert_a_wish_is_noted_once(PatientFactory(user=None)))
    assert WaitlistEntry.objects.count() == 8


# --- Two overlapping sessions ---------------------------------------------------------------------


@pytest.fixture
def unlocked_doctor(monkeypatch: Patch) -> None:
    """Take no lock of the doctor, and let both look for overlaps before either makes slots."""
    monkeypatch.setattr(
        DoctorQuerySet, "lock", lambda doctors, pks: list(doctors.filter(pk__in=pks))
    )
    monkeypatch.setattr(Schedule, "_refuse_overlap", after_all(2, Schedule._refuse_overlap))


@pytest.mark.usefixtures("unlocked_doctor")
def test_slots_of_a_doctor_overlap_without_lock_and_constraint() -> None:
    """No two slots start together, so the unique constraint does not stop the overlap."""
    with without(Slot, "doctor_slot_no_overlap"):
        assert lost(race_bodies.assert_one_of_two_sessions_is_published).startswith("one is until ")
        assert Slot.objects.count() == 7 + 8


@pytest.mark.usefixtures("unlocked_doctor")
def test_without_its_lock_a_constraint_still_stops_an_overlap() -> None:
    """The loser fails only at the constraint, perhaps by a deadlock. So the code needs the lock."""
    with suppress(AssertionError):
        race_bodies.assert_one_of_two_sessions_is_published()
    race_bodies.assert_apart(Slot.objects.all())
    assert Slot.objects.count() in {7, 8}
