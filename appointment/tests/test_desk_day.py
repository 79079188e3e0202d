"""The desk's day: what a cell shows, what a refresh sends, what a click does."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.models import AuditEvent, User
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Location
from doctor.tests.factories import ScheduleFactory, TimeOffFactory

pytestmark = pytest.mark.django_db
NOON = datetime(2027, 3, 3, 11, 0, tzinfo=UTC)  # a Wednesday; 12:00 in Madrid
DAY = date(2027, 3, 3)
HTMX = {"hx-request": "true"}


@pytest.fixture
def noon() -> Iterator[Any]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def desk(staff: User, noon: Any) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def page(desk: Client, site: Location, day: date = DAY) -> str:
    answer = desk.get("/admin/desk/", {"location": site.pk, "date": day.isoformat()})
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_works(desk: Client, here: Location) -> None:
    session = ScheduleFactory(location=here, date=DAY, start_time=time(11), end_time=time(14))
    for slot in session.slots.all()[:4]:
        AppointmentFactory(slot=slot)
    html = page(desk, here)
    assert "Check in" in html
    open("/tmp/i12/day.html", "w").write(html)
