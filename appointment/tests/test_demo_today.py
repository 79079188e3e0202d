"""The demo's day at the desk has a patient in each state, at any hour of any day."""

from datetime import UTC, datetime, time
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command

from appointment.demo import people, today
from appointment.desk.cards import VisitCard
from appointment.models import Appointment
from doctor.models import Location, Schedule

pytestmark = pytest.mark.django_db

SUNDAY_NIGHT = datetime(2026, 11, 29, 20, 10, tzinfo=UTC)  # 21:10 in Madrid


def test_the_desk_of_the_demo_is_alive_on_a_sunday_night_and_is_opened_once() -> None:
    with time_machine.travel(SUNDAY_NIGHT, tick=False):
        people.create()
        assert today.open_desks(SUNDAY_NIGHT)
        madrid = Location.objects.get(time_zone="Europe/Madrid")
        visits = Appointment.objects.filter(location=madrid).with_names()
        states = {VisitCard(visit, SUNDAY_NIGHT).state for visit in visits}
        assert states >= {"done", "waiting", "due"}
        assert {visit.date for visit in visits} == {madrid.today(SUNDAY_NIGHT)}
        assert not Schedule.objects.filter(end_time=time()).exists()  # no release before knows it
        before = Appointment.objects.count()
        assert not today.open_desks(SUNDAY_NIGHT)
        assert Appointment.objects.count() == before
        call_command("check_invariants", stdout=StringIO())
