"""What lies in the past is saved only on purpose: sessions, leave, and hours that are over."""

import re
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from doctor.models import Schedule, TimeOff, WeeklyHours
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    TimeOffFactory,
    day_ahead,
)
from extensions.admin.past import CONFIRMED
from tests.admin_client import AdminClient, FormReader, confirm, form_errors, page

pytestmark = pytest.mark.django_db
CHECKBOX = f'type="checkbox" name="{CONFIRMED}"'


@pytest.fixture
def staff_client(superuser: User) -> AdminClient:
    return AdminClient(superuser)


def confirmed(html: str) -> dict[str, str]:
    """Return what a browser sends of the checkbox on this page once it is checked."""
    found = re.search(f'{CHECKBOX} value="([^"]+)"', html)
    assert found, html
    return {CONFIRMED: unescape(found[1])}


def hours(**typed: Any) -> dict[str, Any]:
    times = {"start_time": "09:00", "end_time": "10:00", "capacity": "1", "is_active": "on"}
    return {"doctor": DoctorFactory().pk, "location": LocationFactory().pk, **times, **typed}


def leave(first: int, last: int) -> dict[str, Any]:
    times = {"starts_0": day_ahead(first), "starts_1": "09:00"}
    times |= {"ends_0": day_ahead(last), "ends_1": "10:00"}
    return {"doctor": DoctorFactory().pk, "clock": LocationFactory().pk, **times}


ASKED = [
    (Schedule, lambda: hours(date=day_ahead(-330)), "This session begins in the past: "),
    (TimeOff, lambda: leave(-330, -329), "This leave is over: it ended on "),
    (
        WeeklyHours,
        lambda: hours(
            weekday="0", every_weeks="1", valid_from="2025-01-01", valid_until="2025-12-31"
        ),
        "The last day of these hours is over: Wed 31 Dec 2025, ",
    ),
]


@pytest.mark.parametrize(("model", "typed", "words"), ASKED)
def test_what_lies_in_the_past_is_asked_about_and_saved_on_purpose(
    staff_client: AdminClient, model: Any, typed: Any, words: str
) -> None:
    assert CHECKBOX not in staff_client.get(page(model, "add")).content.decode()
    asked = staff_client.send(page(model, "add"), typed())
    [fault] = form_errors(asked)
    assert fault.startswith(words)
    assert fault.endswith("months ago.")
    html = asked.content.decode()
    assert CHECKBOX in html
    assert not model.objects.exists()
    staff_client.send(page(model, "add"), FormReader(html).sent)  # unchecked: it asks again
    assert not model.objects.exists()
    staff_client.send(page(model, "add"), {**FormReader(html).sent, **confirmed(html)})
    assert model.objects.count() == 1


def test_a_confirmation_is_of_what_was_asked_about(staff_client: AdminClient) -> None:
    """A user who corrects the date into another wrong one is asked again."""
    path, typed = page(Schedule, "add"), hours(date=day_ahead(-27))
    html = staff_client.send(path, typed).content.decode()
    for junk in ("on", "True", "x" * 5_000):
        staff_client.send(path, {**FormReader(html).sent, CONFIRMED: junk})
    other = {**FormReader(html).sent, **confirmed(html), "date": "2012-01-02"}
    again = staff_client.send(path, other).content.decode()
    assert "Mon 2 Jan 2012" in again
    assert confirmed(again) != confirmed(html)
    assert not Schedule.objects.exists()
    staff_client.send(path, {**FormReader(again).sent, **confirmed(again)})
    assert Schedule.objects.get().date == date(2012, 1, 2)


NOT_ASKED = [
    (TimeOff, lambda: leave(-1, 1)),
    (WeeklyHours, lambda: hours(weekday="0", every_weeks="1", valid_from="2025-01-01")),
]


@pytest.mark.parametrize(("model", "typed"), NOT_ASKED)
def test_what_lasts_or_comes_is_saved_without_a_question(
    staff_client: AdminClient, model: Any, typed: Any
) -> None:
    staff_client.send(page(model, "add"), typed())
    assert model.objects.count() == 1


def test_a_session_that_is_moved_into_the_past_is_asked_about(staff_client: AdminClient) -> None:
    schedule = ScheduleFactory()
    asked = staff_client.change(schedule, date=str(day_ahead(-330)))
    assert CHECKBOX in asked.content.decode()
    schedule.refresh_from_db()
    assert schedule.date == day_ahead(3)
    checked = confirmed(asked.content.decode())
    asked = staff_client.change(schedule, date=str(day_ahead(-330)), **checked)
    confirm(staff_client, page(schedule, "change"), asked)  # that it removes four free times
    schedule.refresh_from_db()
    assert schedule.date == day_ahead(-330)
    staff_client.change(schedule, capacity="5")  # it is there already
    schedule.refresh_from_db()
    assert schedule.capacity == 5


def test_the_reason_of_past_leave_is_changed_without_a_question(staff_client: AdminClient) -> None:
    begun = timezone.now() - timedelta(days=300)
    row = TimeOffFactory(doctor=ScheduleFactory().doctor, starts_at=begun)  # on the session's clock
    staff_client.change(row, reason="Flu")
    row.refresh_from_db()
    assert row.reason == "Flu"
