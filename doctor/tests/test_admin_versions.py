"""Staff give weekly hours other values from a date on, on their page in the admin."""

from datetime import time, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission

from accounts.models import User
from appointment.models import Appointment
from doctor.admin.weekly_hours import FIRST_DATE_STAYS
from doctor.models import WeeklyHours
from doctor.tests.monday_hours import MONDAY, SECOND, THIRD, slot_times_on, stored_rows
from extensions.admin.form_keys import SENT_TWICE
from tests.admin_client import (
    AdminClient,
    FormReader,
    confirm,
    form_errors,
    messages_of,
    page,
    take_back,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday_morning")]
A_DAY = timedelta(days=1)


@pytest.fixture
def admin_client(superuser: User) -> AdminClient:
    return AdminClient(superuser)


def test_with_a_date_the_hours_end_and_new_ones_begin(
    admin_client: AdminClient, hours: WeeklyHours
) -> None:
    answer = admin_client.change(hours, first=str(SECOND), end_time="10:00")
    version = WeeklyHours.objects.exclude(pk=hours.pk).get()
    hours.refresh_from_db()
    assert (hours.valid_until, hours.end_time) == (SECOND - A_DAY, time(11))
    assert (version.valid_from, version.end_time) == (SECOND, time(10))
    assert slot_times_on(SECOND) == slot_times_on(THIRD) == ["09:00", "09:30"]
    link = f'<a href="{page(version, "change")}">{version}</a>'
    assert messages_of(answer)[0] == f"From Mon 18 Jan 2027 on: {link}."
    logged = {entry.object_id: entry.get_change_message() for entry in LogEntry.objects.all()}
    ended = "These hours end before Mon 18 Jan 2027, and new ones take over."
    assert logged == {str(version.pk): "Added.", str(hours.pk): ended}


def test_sessions_that_go_are_confirmed_and_the_page_leads_back_with_the_date(
    admin_client: AdminClient, hours: WeeklyHours
) -> None:
    path, before = page(hours, "change"), stored_rows()
    asked = admin_client.change(hours, first=str(SECOND), weekday="1")
    html = asked.content.decode()
    assert "These hours end before Mon 18 Jan 2027, and new ones take over." in html
    assert "2 sessions to come would be removed. 1 would be added." in html
    back = FormReader(take_back(admin_client, path, asked).content.decode()).sent
    assert (back["first"], back["weekday"]) == ([str(SECOND)], ["1"])
    assert stored_rows() == before
    for _ in range(2):
        said = confirm(admin_client, path, asked)
    assert messages_of(said) == [SENT_TWICE]
    assert list(WeeklyHours.objects.values_list("weekday", flat=True)) == [0, 1]


def test_visits_outside_the_new_hours_are_kept_or_refuse_them(
    admin_client: AdminClient, hours: WeeklyHours, booked: Appointment
) -> None:
    later = {"first": str(SECOND), "start_time": "10:00"}
    [fault] = form_errors(admin_client.change(hours, **later))
    assert page(booked, "change") in fault
    admin_client.change(hours, **later, keep="on")
    assert slot_times_on(SECOND) == ["(09:30)", "10:00", "10:30"]


def test_a_wrong_date_is_reported_beside_its_field(
    admin_client: AdminClient, hours: WeeklyHours
) -> None:
    before = stored_rows()
    wrong: list[tuple[dict[str, Any], str, str]] = [
        ({"first": str(MONDAY)}, "first", "Use a date after today."),
        ({"first": "1/2/2027"}, "first", "Day and month could be mistaken"),
        ({"first": str(THIRD), "valid_from": str(SECOND)}, "valid_from", FIRST_DATE_STAYS),
        ({"first": str(THIRD), "valid_until": str(SECOND)}, "__all__", "The last date is before"),
    ]
    for typed, field, fault in wrong:
        refused = admin_client.change(hours, **typed)
        [errors] = refused.context["adminform"].form.errors.items()
        assert (errors[0], errors[1][0][: len(fault)]) == (field, fault)
    assert stored_rows() == before


def test_without_the_permission_to_add_there_is_no_such_field_and_it_is_ignored(
    hours: WeeklyHours, staff: User
) -> None:
    staff.user_permissions.set(Permission.objects.filter(codename="change_weeklyhours"))
    reception = AdminClient(User.objects.get(pk=staff.pk))
    assert "first" not in reception.open(page(hours, "change"))
    reception.change(hours, first=str(SECOND), capacity="7")
    assert WeeklyHours.objects.get().capacity == 7


def test_a_change_without_a_date_is_saved_each_time(
    admin_client: AdminClient, hours: WeeklyHours
) -> None:
    path = page(hours, "change")
    form = admin_client.open(path)
    for capacity in ("3", "4"):
        admin_client.send(path, form, capacity=capacity)
    assert WeeklyHours.objects.get().capacity == 4
