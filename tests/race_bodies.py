"""The bodies of races that run with and without their guards, and functions of all races.

A body runs its race and asserts the result. `test_races.py` runs it with the guards in place,
`test_race_controls.py` runs it with a guard taken out.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import time
from functools import partial
from itertools import pairwise
from threading import Barrier
from typing import Any

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.test import override_settings

from accounts.models import User
from appointment.exceptions import AlreadyWaiting, NotCancelable, TooManyEntries
from appointment.models import Appointment, WaitlistEntry
from appointment.models.waitlist import MAX_ENTRIES
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from doctor.exceptions import (
    AlreadyBooked,
    PatientOverlap,
    ScheduleOverlap,
    SlotFull,
    TooManyAppointments,
)
from doctor.models import Doctor, Schedule, Slot
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory, day_ahead
from extensions.exceptions import DomainError
from patient.models import Patient
from patient.tests.factories import DependentFactory, PatientFactory
from tests.balance import assert_balanced
from tests.threads import run_together

Call = Callable[..., Any]
Outcomes = list[Any]
FORESEEN = (DomainError, ObjectDoesNotExist)

# --- Steps ----------------------------------------------------------------------------------------


def race(*calls: Callable[[], Any]) -> Outcomes:
    """Start these calls at the same moment. Return what each returned or raised, in their order."""
    return run_together(len(calls), lambda number: calls[number]())


def count_by_type(outcomes: Outcomes) -> dict[type, int]:
    """Map each type that a call returned or raised to the number of such calls.

    Raises AssertionError for any exception but a DomainError and an ObjectDoesNotExist.
    """
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, FORESEEN):
            raise AssertionError(f"unforeseen in a race: {outcome!r}") from outcome
    return dict(Counter(map(type, outcomes)))


def people(n: int) -> list[Patient]:
    """Make this number of patients, each with an account."""
    with transaction.atomic():
        return PatientFactory.create_batch(n, user__password="")


def one_slot(capacity: int, **session: Any) -> Slot:
    """Make a session with a single slot, and return the slot."""
    return ScheduleFactory(slot_minutes=None, capacity=capacity, **session).slots.get()


def copies_of(row: Any, n: int) -> list[Any]:
    """Load the same row n times, once for each caller."""
    return [type(row).objects.get(pk=row.pk) for _ in range(n)]


def booking(patient: Patient, slot: Slot) -> Callable[[], Appointment]:
    """Return a call that books the slot for the patient."""
    return lambda: Appointment(patient=patient, slot=slot).book()


def booking_own(user: User, slot: Slot, *, by_schedule: bool = False) -> Callable[[], Appointment]:
    """Return a call that books the slot, or any slot of its session, for a user as the API does."""
    where = {"schedule_id": slot.schedule_id} if by_schedule else {"slot_id": slot.pk}
    return partial(Appointment.objects.book_own, user, slot.doctor_id, **where)


def visits_in(slot: Slot, patients: list[Patient]) -> list[Appointment]:
    """Book a visit in the slot for each of them."""
    with transaction.atomic():
        return [AppointmentFactory(slot=slot, patient=patient) for patient in patients]


def erase_all(patients: list[Patient]) -> None:
    """Erase them all in one transaction, as the admin does."""
    Patient.objects.filter(pk__in=[patient.pk for patient in patients]).erase_all()


def close_and_count(session: Schedule) -> int:
    """Close the doctor to bookings, and return the number of appointments by then.

    A greater number at the end of the race shows a booking after the closing.
    """
    with transaction.atomic():
        session.doctor.revise(accepts_patients=False)
        return Appointment.objects.count()


def shrink(slot: Slot) -> None:
    """Lower the capacity one by one to 1. Raises ScheduleInUse once visits need the places."""
    for capacity in range(slot.capacity, 0, -1):
        slot.resize(capacity)


# Each way to change a session, and the method of Schedule that it calls before it locks the slots.
REVISIONS: dict[str, tuple[Callable[[Schedule], None], str]] = {
    "start": (lambda session: session.revise(start_time=time(10)), "save"),
    "length": (lambda session: session.revise(slot_minutes=20), "save"),
    "capacity": (lambda session: session.revise(capacity=1), "save"),
    "doctor": (lambda session: session.revise(doctor=DoctorFactory()), "save"),
    "gone": (lambda session: session.unpublish(), "lock_calendar"),
}


def held_until(patch: pytest.MonkeyPatch, step: str, calls: list[Call]) -> list[Call]:
    """Return the calls, each held until a session calls its method `step`, which waits for them.

    So the bookings and the change of the session get to its slots at the same moment.
    """
    barrier, go_on = Barrier(len(calls) + 1, timeout=120), getattr(Schedule, step)

    def meet(then: Call, *args: Any, **kwargs: Any) -> Any:
        barrier.wait()
        return then(*args, **kwargs)

    patch.setattr(Schedule, step, lambda row, *args, **kwargs: meet(go_on, row, *args, **kwargs))
    return [partial(meet, call) for call in calls]


def assert_apart(rows: Iterable[Slot | Appointment]) -> None:
    """Assert that no two of them overlap. They may touch (invariant I2)."""
    spans = sorted((row.starts_at, row.ends_at) for row in rows)
    for (_, ends_at), (starts_at, _) in pairwise(spans):
        assert ends_at <= starts_at, f"one is until {ends_at}, the next from {starts_at}"


def assert_not_stranded(appointments: Iterable[Appointment]) -> None:
    """Assert that each of the visits has a slot with the same times, doctor and location (I4)."""
    for appointment in appointments:
        slot = Slot.objects.get(pk=appointment.slot_id)
        for name in ("starts_at", "ends_at", "doctor_id", "location_id"):
            assert getattr(appointment, name) == getattr(slot, name)
        assert_balanced(slot)


# --- Bodies ---------------------------------------------------------------------------------------


def assert_five_win(tries: int) -> None:
    """Let this number of patients try at once for one slot of five places."""
    slot = one_slot(capacity=5)
    outcomes = race(*(booking(patient, slot) for patient in people(tries)))
    assert_balanced(slot)
    assert count_by_type(outcomes) == {Appointment: 5, SlotFull: tries - 5}


def assert_five_slots_are_sold_once(tries: int) -> None:
    """Let this number of patients try at once for a session of five slots of one place each."""
    session = ScheduleFactory(slot_minutes=24, capacity=1)
    slot, users = session.slots.first(), [patient.user for patient in people(tries)]
    outcomes = race(*(booking_own(user, slot, by_schedule=True) for user in users))
    assert count_by_type(outcomes) == {Appointment: 5, SlotFull: tries - 5}
    assert [slot.taken for slot in session.slots.all()] == [1] * 5
    assert_not_stranded(Appointment.objects.all())


def assert_one_cancels(tries: int) -> None:
    """Let this number of callers cancel one visit at once, in a slot with as many other visits."""
    appointment, *_ = visits_in(one_slot(capacity=2 * tries), people(tries + 1))
    outcomes = race(*(copy.cancel for copy in copies_of(appointment, tries)))
    assert_balanced(appointment.slot)
    assert appointment.slot.taken == tries
    assert appointment.events.filter(kind="canceled").count() == 1
    assert count_by_type(outcomes) == {Appointment: 1, NotCancelable: tries - 1}


def assert_one_of_two_doctors_is_booked() -> None:
    """Let one patient's 20 devices book two doctors for the same hour at once, ten tries each."""
    [patient] = people(1)
    slots = [one_slot(capacity=20), one_slot(capacity=20, start_time=time(10))]
    outcomes = race(*(booking(patient, slots[number % 2]) for number in range(20)))
    for slot in slots:
        assert_balanced(slot)
    assert_apart(patient.appointments.active())
    assert count_by_type(outcomes) == {Appointment: 1, AlreadyBooked: 9, PatientOverlap: 10}


def assert_three_of_eight_people_are_booked() -> None:
    """Let eight people of one account, which may have three visits ahead, book at once."""
    [owner] = people(1)
    family = [owner, *DependentFactory.create_batch(7, user=owner.user)]
    slots = [one_slot(capacity=1, date=day_ahead(3 + number)) for number in range(8)]
    with override_settings(MAX_AHEAD_PER_ACCOUNT=3):
        outcomes = race(*map(booking, family, slots))
    for slot in slots:
        assert_balanced(slot)
    assert count_by_type(outcomes) == {Appointment: 3, TooManyAppointments: 5}


def assert_two_of_eight_people_join() -> None:
    """Let eight people of one account, which has two entries less than it may have, join."""
    [owner] = people(1)
    family = [owner, *DependentFactory.create_batch(7, user=owner.user)]
    WaitlistEntryFactory.create_batch(MAX_ENTRIES - 2, patient=owner)
    outcomes = race(*(joining(person, DoctorFactory()) for person in family))
    assert count_by_type(outcomes) == {WaitlistEntry: 2, TooManyEntries: 6}


def assert_a_wish_is_noted_once(patient: Patient) -> None:
    """Let eight devices join the waitlist of one doctor for the patient."""
    outcomes = race(*[joining(patient, DoctorFactory())] * 8)
    assert count_by_type(outcomes) == {WaitlistEntry: 1, AlreadyWaiting: 7}


def joining(patient: Patient, doctor: Doctor) -> Callable[[], WaitlistEntry]:
    """Return a call that joins the waitlist of the doctor for the patient."""
    days = {"first_date": day_ahead(1), "last_date": day_ahead(9)}
    return lambda: WaitlistEntry(patient=patient, doctor=doctor, **days).join()


def overlapping_sessions() -> list[Schedule]:
    """Make two unpublished sessions of one doctor that overlap.

    Their locations and starts differ, so neither the lock of a location nor the unique start can
    replace the guard under test.
    """
    doctor = DoctorFactory()
    return [
        ScheduleFactory.build(
            doctor=doctor, location=LocationFactory(), start_time=start, slot_minutes=15
        )
        for start in (time(9), time(9, 10))
    ]


def assert_one_of_two_sessions_is_published() -> None:
    """Publish two overlapping sessions of one doctor at once."""
    one, other = overlapping_sessions()
    outcomes = race(one.publish, other.publish)
    assert_apart(one.doctor.slots.all())
    assert count_by_type(outcomes) == {type(None): 1, ScheduleOverlap: 1}
