"""Hours that another doctor takes over: their calendar is their own."""

from datetime import time, timedelta

import pytest
from django.core.management import call_command

from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Slot
from doctor.tests.factories import DoctorFactory, WeeklyHoursFactory
from doctor.tests.monday_hours import SECOND, everything, on
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


@pytest.mark.parametrize("changes", [{"start_time": time(9, 15)}, {"slot_minutes": 60}])
def test_what_was_kept_and_then_given_up_is_made_again_by_extend_schedules(
    changes: dict[str, object],
) -> None:
    hours = WeeklyHoursFactory(weekday=0)
    visit = AppointmentFactory(slot=slots(hours.doctor)[0])
    hours.revise(keep=True, **changes)
    visit.cancel()
    call_command("extend_schedules")
    wanted = on(SECOND + timedelta(days=7), doctor=hours.doctor)
    assert on(visit.date, doctor=hours.doctor) == wanted
    before = everything()
    call_command("extend_schedules")
    assert everything() == before
