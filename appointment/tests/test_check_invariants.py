"""`manage.py check_invariants` accepts rows that verbs wrote and reports each corrupted row."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from django.utils import timezone

from appointment.invariants import CHECKS, windows
from appointment.models import Appointment, AppointmentEvent, DeclinedSlot, Offer
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from doctor.models import Slot
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    PublishedScheduleFactory,
    ScheduleFactory,
    day_ahead,
)
from patient.tests.factories import PatientFactory

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

MINUTES = timedelta(minutes=5)
NAMES = ", ".join(sorted({check.invariant for check in CHECKS}))
# Corrupts the visit or its slot, and returns text that the command's report must contain.
Break = Callable[[Appointment], str]


def verdict(**options: int) -> tuple[int, str]:
    """Return the exit status of the command and its whole output."""
    said = StringIO()
    try:
        call_command("check_invariants", stdout=said, stderr=said, **options)
    except CommandError as error:
        return error.returncode, f"{said.getvalue()}{error}"
    return 0, said.getvalue()


@contextmanager
def without(table: str, *constraints: str) -> Iterator[None]:
    """Let a test write a row that violates these constraints.

    PostgreSQL drops them until the test's rollback; SQLite ignores all CHECKs in the block.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for name in constraints:
                cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
            yield
        else:
            cursor.execute("PRAGMA ignore_check_constraints = ON")
            yield
            cursor.execute("PRAGMA ignore_check_constraints = OFF")


@pytest.fixture
def booked() -> Appointment:
    """Return a visit in the second of four slots with two places each."""
    slot = ScheduleFactory(capacity=2).slots.all()[1]
    return AppointmentFactory(slot=slot)


# --- Valid rows -----------------------------------------------------------------------------------


def test_an_empty_clinic_is_in_order() -> None:
    assert verdict() == (0, f"{NAMES} hold: no rows checked.\n")


def test_rows_that_verbs_wrote_are_in_order_and_counted() -> None:
    slot = PublishedScheduleFactory(capacity=2).slots.all()[1]
    Appointment(patient=PatientFactory(), slot=slot).book()
    Appointment(patient=PatientFactory(), slot=slot).book().cancel()
    status, said = verdict()
    assert (status, said.startswith(f"{NAMES} hold: 4 slots, 2 appointments, ")) == (0, True)


# --- Rows that were broken by hand ----------------------------------------------------------------


def counter_too_high(booked: Appointment) -> str:
    Slot.objects.filter(pk=booked.slot_id).update(taken=2)
    return f"I1 Slot {booked.slot_id}: 2 of 2 places taken; 1 appointments and 0 offers hold one"


def counter_too_low(booked: Appointment) -> str:
    Slot.objects.filter(pk=booked.slot_id).update(taken=0)
    return f"I1 Slot {booked.slot_id}: 0 of 2 places taken; 1 appointments and 0 offers hold one"


def more_taken_than_there_are(booked: Appointment) -> str:
    with without("doctor_slot", "doctor_slot_taken_within_capacity"):
        Slot.objects.filter(pk=booked.slot_id).update(capacity=0)
    return f"I1 Slot {booked.slot_id}: 1 of 0 places taken; 1 appointments and 0 offers hold one"


def status_restored_without_its_place(booked: Appointment) -> str:
    booked.cancel()
    Appointment.objects.filter(pk=booked.pk).update(status="completed", canceled_at=None)
    booked.events.filter(kind="canceled").delete()
    return f"I1 Slot {booked.slot_id}: 0 of 2 places taken; 1 appointments and 0 offers hold one"


def offer_of_a_declined_slot(booked: Appointment) -> str:
    entry = WaitlistEntryFactory(doctor=booked.doctor)
    booked.cancel()
    offer = Offer.objects.get()
    DeclinedSlot.of(entry.patient_id, offer.slot).save()
    return f"I1 Offer {offer.pk}: its patient declined slot {offer.slot_id} before"


def two_visits_of_one_patient(booked: Appointment) -> str:
    later = ScheduleFactory(start_time="09:45").slots.first()
    other = AppointmentFactory(slot=later)
    with without("appointment_appointment", "appointment_no_overlap_of_one_patient"):
        Appointment.objects.filter(pk=other.pk).update(patient=booked.patient)
    return f"I2 Appointment {booked.pk}: appointment {other.pk} of the same patient begins"


def two_visits_at_the_same_instant(booked: Appointment) -> str:
    other = AppointmentFactory(slot=ScheduleFactory(start_time="09:30").slots.first())
    with without("appointment_appointment", "appointment_no_overlap_of_one_patient"):
        Appointment.objects.filter(pk=other.pk).update(patient=booked.patient)
    return f"I2 Appointment {other.pk}: appointment {booked.pk} of the same patient begins"


def two_slots_of_one_doctor(booked: Appointment) -> str:
    other = ScheduleFactory(start_time="09:45").slots.first()
    with without("doctor_slot", "doctor_slot_no_overlap"):
        Slot.objects.filter(pk=other.pk).update(doctor=booked.doctor)
    return f"I2 Slot {booked.slot_id}: slot {other.pk} of the same doctor begins during it"


def canceled_without_event(booked: Appointment) -> str:
    booked.cancel()
    booked.events.filter(kind="canceled").delete()
    return f"I3 Appointment {booked.pk}: status canceled,"


def canceled_by_two_events(booked: Appointment) -> str:
    booked.cancel()
    AppointmentEvent.objects.create(appointment=booked, kind="canceled", to_status="canceled")
    return f"I3 Appointment {booked.pk}: status canceled,"


def canceled_by_an_event_alone(booked: Appointment) -> str:
    AppointmentEvent.objects.create(appointment=booked, kind="canceled", to_status="canceled")
    return f"I3 Appointment {booked.pk}: status scheduled, canceled at None, canceled by 1 events"


def canceled_at_no_instant(booked: Appointment) -> str:
    booked.cancel()
    with without("appointment_appointment", "appointment_canceled_at_if_canceled"):
        Appointment.objects.filter(pk=booked.pk).update(canceled_at=None)
    return f"I3 Appointment {booked.pk}: status canceled, canceled at None"


def scheduled_but_with_the_instant_of_a_cancel(booked: Appointment) -> str:
    with without("appointment_appointment", "appointment_canceled_at_if_canceled"):
        Appointment.objects.filter(pk=booked.pk).update(canceled_at=timezone.now())
    return f"I3 Appointment {booked.pk}: status scheduled"


def holder_without_a_slot(booked: Appointment) -> str:
    with without("appointment_appointment", "appointment_only_canceled_outlive_their_slot"):
        Appointment.objects.filter(pk=booked.pk).update(slot=None)
    return f"I4 Appointment {booked.pk}: slot None does not have its times"


def holder_at_another_time(booked: Appointment) -> str:
    Appointment.objects.filter(pk=booked.pk).update(starts_at=F("starts_at") + MINUTES)
    return f"I4 Appointment {booked.pk}: slot {booked.slot_id} does not have its times"


def holder_with_another_end(booked: Appointment) -> str:
    Appointment.objects.filter(pk=booked.pk).update(ends_at=F("ends_at") - MINUTES)
    return f"I4 Appointment {booked.pk}: slot"


def holder_with_another_doctor(booked: Appointment) -> str:
    Appointment.objects.filter(pk=booked.pk).update(doctor=DoctorFactory())
    return f"I4 Appointment {booked.pk}: slot"


def holder_at_another_location(booked: Appointment) -> str:
    Appointment.objects.filter(pk=booked.pk).update(location=LocationFactory())
    return f"I4 Appointment {booked.pk}: slot"


def no_show_at_another_time(booked: Appointment) -> str:
    booked.mark_no_show(at=booked.starts_at)
    Appointment.objects.filter(pk=booked.pk).update(starts_at=F("starts_at") + MINUTES)
    return f"I4 Appointment {booked.pk}: slot"


def slot_of_another_doctor(booked: Appointment) -> str:
    free = booked.slot.schedule.slots.last()
    Slot.objects.filter(pk=free.pk).update(doctor=DoctorFactory())
    return f"I4 Slot {free.pk}: its doctor or location is not that of schedule {free.schedule_id}"


def slot_at_another_location(booked: Appointment) -> str:
    free = booked.slot.schedule.slots.last()
    Slot.objects.filter(pk=free.pk).update(location=LocationFactory())
    return f"I4 Slot {free.pk}: its doctor or location is not that of schedule"


def closed_without_reason(booked: Appointment) -> str:
    Slot.objects.filter(pk=booked.slot_id).update(is_open=False)
    return f"I4 Slot {booked.slot_id}: open: False; schedule, doctor and leave say: True"


def left_open_by_an_inactive_schedule(booked: Appointment) -> str:
    type(booked.slot.schedule).objects.update(is_active=False)
    return f"I4 Slot {booked.slot_id}: open: True; schedule, doctor and leave say: False"


def left_open_by_a_doctor_who_accepts_no_patients(booked: Appointment) -> str:
    type(booked.doctor).objects.update(accepts_patients=False)
    return f"I4 Slot {booked.slot_id}: open: True; schedule, doctor and leave say: False"


def left_open_by_an_inactive_doctor(booked: Appointment) -> str:
    type(booked.doctor).objects.update(is_active=False)
    return f"I4 Slot {booked.slot_id}: open: True; schedule, doctor and leave say: False"


@pytest.mark.parametrize(
    "by_hand",
    [
        counter_too_high,
        counter_too_low,
        offer_of_a_declined_slot,
        more_taken_than_there_are,
        status_restored_without_its_place,
        two_visits_of_one_patient,
        two_visits_at_the_same_instant,
        two_slots_of_one_doctor,
        canceled_without_event,
        canceled_by_two_events,
        canceled_by_an_event_alone,
        canceled_at_no_instant,
        scheduled_but_with_the_instant_of_a_cancel,
        holder_without_a_slot,
        holder_at_another_time,
        holder_with_another_end,
        holder_with_another_doctor,
        holder_at_another_location,
        no_show_at_another_time,
        slot_of_another_doctor,
        slot_at_another_location,
        closed_without_reason,
        left_open_by_an_inactive_schedule,
        left_open_by_a_doctor_who_accepts_no_patients,
        left_open_by_an_inactive_doctor,
    ],
)
def test_a_broken_row_is_named_and_the_command_fails(booked: Appointment, by_hand: Break) -> None:
    assert verdict()[0] == 0
    complaint = by_hand(booked)
    status, said = verdict()
    assert status == 1
    assert complaint in said


# --- A table of any size --------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_a_broken_row_is_found_with_windows_of_any_size(booked: Appointment, size: int) -> None:
    complaint = counter_too_high(booked)
    assert complaint in verdict(window=size)[1]


def test_windows_cover_every_row_once_also_where_keys_are_missing() -> None:
    slots = list(ScheduleFactory(slot_minutes=12).slots.order_by("pk"))
    Slot.objects.filter(pk__in=[slots[0].pk, slots[4].pk, slots[5].pk]).delete()
    keys = [
        list(Slot.objects.filter(pk__gt=part.after, pk__lte=part.last).values_list("pk", flat=True))
        for part in windows(Slot, 3)
    ]
    left = [slot.pk for slot in slots if slot not in (slots[0], slots[4], slots[5])]
    assert keys == [left[:3], left[3:6], left[6:]]
    assert [part.rows for part in windows(Slot, 3)] == [3, 3, 1]


def test_at_most_a_hundred_rows_of_a_rule_are_listed() -> None:
    ScheduleFactory(start_time="08:00", end_time="17:10", slot_minutes=5, capacity=2)
    Slot.objects.update(taken=1)
    status, said = verdict(window=30)
    assert status == 1
    assert said.count("I1 Slot") == 100
    assert "I1 and 10 more: " in said
    assert "110 violations in 110 slots" in said


def test_progress_is_printed(booked: Appointment, monkeypatch: pytest.MonkeyPatch) -> None:
    command = "appointment.management.commands.check_invariants"
    monkeypatch.setattr(f"{command}.PROGRESS_INTERVAL", -1)
    assert "... 1 slots\n... 2 slots\n" in verdict(window=1, verbosity=2)[1]
    assert "..." not in verdict(window=1)[1]


def test_slots_that_have_ended_stay_open_or_closed_as_they_were() -> None:
    ScheduleFactory(date=day_ahead(-5))
    Slot.objects.update(is_open=False)
    assert verdict()[0] == 0
