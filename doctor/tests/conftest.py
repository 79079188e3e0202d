"""Fixtures of the tests of weekly hours: hours on three Mondays, and a visit on the second one."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import WeeklyHours
from doctor.signals import slots_changed, slots_closing
from doctor.tests.factories import WeeklyHoursFactory
from doctor.tests.monday_hours import SECOND


@pytest.fixture
def monday_morning(settings) -> Iterator[None]:
    """Freeze the clock on Monday 11 January 2027, 08:00 in Madrid; sessions reach 14 days ahead."""
    settings.HOURS_AHEAD_DAYS = 14
    with time_machine.travel(datetime(2027, 1, 11, 7, tzinfo=UTC), tick=False):
        yield


@pytest.fixture
def hours(monday_morning: None, db: None) -> WeeklyHours:
    """Publish weekly hours: 09:00 to 11:00 on three Mondays, each with four slots of two places."""
    made: WeeklyHours = WeeklyHoursFactory(capacity=2)
    return made


@pytest.fixture
def booked(hours: WeeklyHours) -> Appointment:
    """Return a visit at 09:30 on the second Monday."""
    slot = hours.schedules.get(date=SECOND).slots.order_by("starts_at")[1]
    visit: Appointment = AppointmentFactory(slot=slot)
    return visit


@pytest.fixture
def signals_sent() -> Any:
    """Yield a list that records each signal: "closing" or "changed", and the keys of its slots."""
    heard: list[tuple[str, set[int]]] = []

    def closing(**signal: Any) -> None:
        heard.append(("closing", signal["slots"]))

    def changed(**signal: Any) -> None:
        heard.append(("changed", signal["slots"]))

    slots_closing.connect(closing)
    slots_changed.connect(changed)
    yield heard
    slots_closing.disconnect(closing)
    slots_changed.disconnect(changed)
