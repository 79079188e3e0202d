"""Saving a doctor opens or closes the doctor's coming slots and keeps booked visits."""

from datetime import timedelta

import pytest

from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import SlotClosed
from doctor.models import Doctor, Slot
from doctor.tests.factories import DoctorFactory, ScheduleFactory, day_ahead
from tests.balance import assert_balanced
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db


def openness(doctor: Doctor) -> set[bool]:
    return set(Slot.objects.filter(doctor=doctor).values_list("is_open", flat=True))


def test_a_new_doctor_is_saved() -> None:
    doctor = DoctorFactory.build()
    doctor.publish()
    assert Doctor.objects.get() == doctor


@pytest.mark.parametrize("word", ["accepts_patients", "is_active"])
def test_a_doctor_who_accepts_no_patients_has_closed_slots_until_they_do_again(word: str) -> None:
    doctor, colleague = ScheduleFactory().doctor, ScheduleFactory().doctor
    setattr(doctor, word, False)
    doctor.publish()
    assert openness(doctor) == {False}
    assert openness(colleague) == {True}
    with pytest.raises(SlotClosed):
        Slot.objects.filter(doctor=doctor).first().take()
    setattr(doctor, word, True)
    doctor.publish()
    assert openness(doctor) == {True}


def test_either_of_the_two_fields_closes_slots() -> None:
    doctor = ScheduleFactory().doctor
    doctor.is_active = doctor.accepts_patients = False
    doctor.publish()
    doctor.is_active = True
    doctor.publish()
    assert openness(doctor) == {False}


def test_sessions_that_are_not_active_stay_closed() -> None:
    doctor = DoctorFactory()
    active, idle = (
        ScheduleFactory(doctor=doctor, date=day_ahead(n), is_active=n == 3) for n in (3, 4)
    )
    doctor.accepts_patients = False
    doctor.publish()
    doctor.accepts_patients = True
    doctor.publish()
    assert set(active.slots.values_list("is_open", flat=True)) == {True}
    assert set(idle.slots.values_list("is_open", flat=True)) == {False}


def test_a_booked_visit_stays_and_can_be_canceled() -> None:
    booked = AppointmentFactory()
    booked.doctor.is_active = False
    booked.doctor.publish()
    booked.refresh_from_db()
    assert booked.status == "scheduled"
    assert_balanced(booked.slot)
    booked.cancel()
    assert_balanced(booked.slot)


def test_slots_that_have_ended_stay_open_or_closed_as_they_were() -> None:
    doctor = DoctorFactory()
    past = ScheduleFactory(doctor=doctor, date=day_ahead(-3))
    coming = ScheduleFactory(doctor=doctor)
    doctor.accepts_patients = False
    doctor.publish()
    assert set(past.slots.values_list("is_open", flat=True)) == {True}
    assert set(coming.slots.values_list("is_open", flat=True)) == {False}
    closed = ScheduleFactory(doctor=doctor, date=day_ahead(-4))
    doctor.accepts_patients = True
    doctor.publish()
    assert set(closed.slots.values_list("is_open", flat=True)) == {False}
    assert set(coming.slots.values_list("is_open", flat=True)) == {True}


def test_a_slot_that_is_under_way_closes_and_one_that_just_ended_does_not() -> None:
    first, second, *_ = ScheduleFactory().slots.order_by("starts_at")
    first.doctor.accepts_patients = False
    first.doctor.publish(at=first.ends_at)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.is_open, second.is_open) == (True, False)
    first.doctor.publish(at=first.ends_at - timedelta(microseconds=1))
    first.refresh_from_db()
    assert first.is_open is False


def test_only_slots_that_change_are_written() -> None:
    doctor = ScheduleFactory().doctor
    written = []
    for accepts in (True, False):
        doctor.bio, doctor.accepts_patients = "Twenty years of hearts.", accepts
        with counted_statements() as statements:
            doctor.publish()
        written.append(sum(sql.startswith('UPDATE "doctor_slot"') for sql in statements))
    assert written == [0, 1]
