"""Hours that another doctor takes over: their calendar is their own."""

import pytest

from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Slot
from doctor.tests.factories import DoctorFactory, WeeklyHoursFactory
from doctor.tests.mondays import SECOND, on
from tests.balance import assert_balanced

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday_morning")]


def test_what_one_doctor_keeps_takes_no_time_of_the_other() -> None:
    hours, colleague = WeeklyHoursFactory(weekday=0), DoctorFactory()
    visit: Appointment = AppointmentFactory(slot=slots(hours.doctor)[0])
    times = on(visit.date)
    hours.revise(keep=True, doctor=colleague)
    assert on(visit.date, doctor=colleague) == times
    assert on(visit.date, doctor=visit.doctor) == [f"({times[0]})"]
    assert_balanced(visit.slot)


def test_what_the_other_keeps_is_gone_around() -> None:
    hours = WeeklyHoursFactory(weekday=0, slot_minutes=30)
    whole = WeeklyHoursFactory(weekday=0, slot_minutes=None)
    kept = AppointmentFactory(slot=slots(whole.doctor)[0])
    whole.revise(keep=True, weekday=1)
    for slot in slots(hours.doctor)[1:3]:
        AppointmentFactory(slot=slot)
    hours.revise(keep=True, doctor=whole.doctor)
    assert [at for at in on(kept.date, doctor=whole.doctor) if not at.startswith("(")] == []


def slots(doctor: object) -> list[Slot]:
    """The doctor's slots of the second Monday."""
    return list(Slot.objects.filter(doctor=doctor, schedule__date=SECOND).order_by("starts_at"))
