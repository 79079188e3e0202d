"""Staff note that they have called a patient without an answer."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import StaffFactory
from appointment.exceptions import InvalidTransition
from appointment.tests.factories import AppointmentFactory
from doctor.tests.factories import ScheduleFactory, day_ahead

pytestmark = pytest.mark.django_db


def test_a_call_without_an_answer_is_an_event_that_undo_passes_over(
    staff: User, client_of: Callable[[User | None], APIClient]
) -> None:
    visit = AppointmentFactory(slot=ScheduleFactory(date=day_ahead(0)).slots.first())
    with time_machine.travel(visit.starts_at, tick=False):
        visit.check_in(by=staff)
        visit.note_call(by=staff)
        visit.note_call(by=staff)  # a second click
        patient = client_of(visit.patient.user)
        history = patient.get(f"/api/appointment/my-appointments/{visit.pk}/").json()["events"]
        assert [(each["kind"], each["by"]) for each in history[1:]] == [
            ("checked_in", "staff"),
            ("called", "staff"),
        ]
        visit.undo(by=StaffFactory(is_superuser=True))
        later = visit.starts_at + timedelta(minutes=1)
        visit.note_call(by=staff, at=later)
        visit.note_call(by=StaffFactory(), at=later)  # at another desk
    calls = visit.events.filter(kind="called")
    assert list(calls.values_list("detail", "by")) == [("", "staff")] * 3
    visit.refresh_from_db()
    assert visit.checked_in_at is None
    assert visit.events.get(kind="undone").undoes == "checked_in"


def test_a_visit_that_is_not_scheduled_has_no_call(staff: User) -> None:
    visit = AppointmentFactory()
    visit.cancel()
    with pytest.raises(InvalidTransition):
        visit.note_call(by=staff)
    assert visit.events.count() == 2
