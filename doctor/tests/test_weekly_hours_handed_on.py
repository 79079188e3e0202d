"""Weekly hours that another doctor takes over, and the slots that both doctors then have."""

from datetime import time, timedelta

import pytest
from django.core.management import call_command

from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Slot
from doctor.tests.factories import DoctorFactory, WeeklyHoursFactory
from doctor.tests.monday_hours import SECOND, slot_times_on, stored_rows
from tests.balance import assert_balanced

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday_morning")]


def test_slots_kept_for_one_doctor_block_no_time_of_the_other() -> None:
    hours, colleague = WeeklyHoursFactory(weekday=0), DoctorFactory()
    visit: Appointment = AppointmentFactory(slot=slots(hours.doctor)[0])
    times = slot_times_on(visit.date)
    hours.revise(keep=True, doctor=colleague)
    assert slot_times_on(visit.date, doctor=colleague) == times
    assert slot_times_on(visit.date, doctor=visit.doctor) == [f"({times[0]})"]
    assert_balanced(visit.slot)


def test_new_slots_avoid_the_kept_slots_of_the_other_doctor() -> None:
    hours = WeeklyHoursFactory(weekday=0, slot_minutes=30)
    whole = WeeklyHoursFactory(weekday=0, slot_minutes=None)
    kept = AppointmentFactory(slot=slots(whole.doctor)[0])
    whole.revise(keep=True, weekday=1)
    for slot in slots(hours.doctor)[1:3]:
        AppointmentFactory(slot=slot)
    hours.revise(keep=True, doctor=whole.doctor)
    assert [
        at for at in slot_times_on(kept.date, doctor=whole.doctor) if not at.startswith("(")
    ] == []


def slots(doctor: object) -> list[Slot]:
    """Return the doctor's slots on the second Monday."""
    return list(Slot.objects.filter(doctor=doctor, schedule__date=SECOND).order_by("starts_at"))


@pytest.mark.parametrize("changes", [{"start_time": time(9, 15)}, {"slot_minutes": 60}])
def test_extend_schedules_makes_slots_again_once_a_kept_visit_is_canceled(
    changes: dict[str, object],
) -> None:
    hours = WeeklyHoursFactory(weekday=0)
    visit = AppointmentFactory(slot=slots(hours.doctor)[0])
    hours.revise(keep=True, **changes)
    visit.cancel()
    call_command("extend_schedules")
    wanted = slot_times_on(SECOND + timedelta(days=7), doctor=hours.doctor)
    assert slot_times_on(visit.date, doctor=hours.doctor) == wanted
    before = stored_rows()
    call_command("extend_schedules")
    assert stored_rows() == before
