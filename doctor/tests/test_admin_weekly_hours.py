"""Staff publish, revise and delete weekly hours in the admin through their verbs."""

from datetime import time, timedelta

import pytest
from django.contrib.admin.models import LogEntry

from accounts.models import User
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import HoursOverlap
from doctor.models import Schedule, Slot, WeeklyHours
from doctor.models.session_plan import OTHER_SESSION
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    WeeklyHoursFactory,
)
from doctor.tests.monday_hours import MONDAY, SECOND, THIRD, slot_times_on, stored_rows
from tests.admin_client import AdminClient, form_errors, messages_of, page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday_morning")]


@pytest.fixture
def admin_client(superuser: User) -> AdminClient:
    return AdminClient(superuser)


def typed(hours: WeeklyHours | None = None, **changes: object) -> dict[str, object]:
    """Return form values of weekly hours, with the doctor and location of `hours` or new ones."""
    of = {
        "doctor": (hours.doctor if hours else DoctorFactory()).pk,
        "location": (hours.location if hours else LocationFactory()).pk,
    }
    times = {"weekday": "0", "start_time": "09:00", "end_time": "10:00", "slot_minutes": "20"}
    return {**of, **times, "capacity": "2", "valid_from": MONDAY, "every_weeks": "1", **changes}


def test_adding_hours_makes_their_sessions(admin_client: AdminClient) -> None:
    answer = admin_client.send(page(WeeklyHours, "add"), **typed())
    assert WeeklyHours.objects.get().schedules.count() == 3
    assert Slot.objects.count() == 9
    assert len(messages_of(answer)) == 1


def test_days_that_are_left_out_are_reported(admin_client: AdminClient) -> None:
    there = ScheduleFactory(date=SECOND)
    answer = admin_client.send(page(WeeklyHours, "add"), **typed(doctor=there.doctor_id))
    assert f"Left out: Mon 18 Jan 2027. {OTHER_SESSION}" in messages_of(answer)


def test_some_of_many_days_left_out_are_named_and_the_rest_counted(
    admin_client: AdminClient, settings
) -> None:
    settings.HOURS_AHEAD_DAYS = 90
    doctor = DoctorFactory()
    for week in range(13):
        ScheduleFactory(doctor=doctor, date=MONDAY + timedelta(days=7 * week))
    messages = messages_of(admin_client.send(page(WeeklyHours, "add"), **typed(doctor=doctor.pk)))
    assert messages.count("Left out: 3 more days.") == 1
    assert len([message for message in messages if str(OTHER_SESSION) in message]) == 10


def test_hours_in_the_way_are_named_with_a_link(
    admin_client: AdminClient, hours: WeeklyHours
) -> None:
    refused = admin_client.send(
        page(WeeklyHours, "add"), **typed(hours, start_time="10:30", end_time="12:00")
    )
    [fault] = form_errors(refused)
    assert fault == (
        f'{HoursOverlap.message} In the way: <a href="{page(hours, "change")}">{hours}</a>.'
    )
    assert 'value="10:30"' in refused.content.decode()


def test_changing_hours_moves_free_slots(admin_client: AdminClient, hours: WeeklyHours) -> None:
    admin_client.change(hours, start_time="10:00")
    assert slot_times_on(SECOND) == slot_times_on(THIRD) == ["10:00", "10:30"]


def test_a_change_that_strands_a_visit_is_refused_with_a_link_to_it(
    admin_client: AdminClient, hours: WeeklyHours, booked: Appointment
) -> None:
    before = stored_rows()
    [fault] = form_errors(admin_client.change(hours, start_time="10:00"))
    assert f'In the way: <a href="{page(booked, "change")}">{booked}</a>.' in fault
    assert stored_rows() == before


def test_a_stranded_visit_is_kept_when_the_box_is_checked(
    admin_client: AdminClient, hours: WeeklyHours, booked: Appointment
) -> None:
    admin_client.change(hours, start_time="10:00", keep="on")
    assert slot_times_on(SECOND) == ["(09:30)", "10:00", "10:30"]


def test_the_box_is_unchecked_by_default_and_absent_for_new_hours(
    admin_client: AdminClient, hours: WeeklyHours
) -> None:
    assert "keep" not in admin_client.open(page(hours, "change"))
    assert 'name="keep"' in admin_client.get(page(hours, "change")).content.decode()
    assert 'name="keep"' not in admin_client.get(page(WeeklyHours, "add")).content.decode()


def test_saving_an_unchanged_page_changes_nothing(
    admin_client: AdminClient, hours: WeeklyHours
) -> None:
    before = stored_rows()
    admin_client.change(hours)
    admin_client.change(hours, keep="on")
    assert stored_rows() == before


def test_two_users_who_change_different_fields_of_an_open_page_both_succeed(
    admin_client: AdminClient, hours: WeeklyHours
) -> None:
    path = page(hours, "change")
    mine, theirs = admin_client.open(path), admin_client.open(path)
    admin_client.send(path, mine, capacity="4")
    admin_client.send(path, theirs, end_time="12:00")
    hours.refresh_from_db()
    assert (hours.capacity, hours.end_time) == (4, time(12))
    assert len(slot_times_on(SECOND)) == 6


def test_deleting_hours_deletes_their_coming_sessions(
    admin_client: AdminClient, hours: WeeklyHours
) -> None:
    assert (
        "from tomorrow on are deleted with it"
        in admin_client.get(page(hours, "delete")).content.decode()
    )
    admin_client.delete(hours)
    assert not WeeklyHours.objects.exists()
    assert [row.date for row in Schedule.objects.all()] == [MONDAY]


def test_deleting_hours_in_use_is_refused_and_deletes_nothing(
    admin_client: AdminClient, hours: WeeklyHours, booked: Appointment
) -> None:
    before = stored_rows()
    [message] = messages_of(admin_client.delete(hours))
    assert str(booked) in message
    assert stored_rows() == before
    assert not LogEntry.objects.exists()


def test_a_bulk_deletion_with_one_in_use_deletes_none(
    admin_client: AdminClient, hours: WeeklyHours, booked: Appointment
) -> None:
    free = WeeklyHoursFactory()
    before = stored_rows()
    [message] = messages_of(admin_client.delete_all(free, hours))
    assert str(booked) in message
    assert stored_rows() == before
    booked.cancel()
    admin_client.delete_all(free, hours)
    assert not WeeklyHours.objects.exists()


def test_a_session_shows_the_hours_that_made_it_and_whether_they_still_change_it(
    admin_client: AdminClient, hours: WeeklyHours
) -> None:
    session, link = hours.schedules.get(date=SECOND), page(hours, "change")
    assert (
        f'<a href="{link}">{hours}</a></div>'
        in admin_client.get(page(session, "change")).content.decode()
    )
    session.revise(capacity=5)
    html = admin_client.get(page(session, "change")).content.decode()
    assert f'<a href="{link}">{hours}</a>, edited by hand' in html
    assert link not in admin_client.get(page(ScheduleFactory(), "change")).content.decode()


def test_the_link_to_the_sessions_of_hours_lists_them(
    admin_client: AdminClient, hours: WeeklyHours
) -> None:
    WeeklyHoursFactory()
    query = f"weekly_hours__id__exact={hours.pk}"
    assert f"{page(Schedule)}?{query}" in admin_client.get(page(hours, "change")).content.decode()
    found = admin_client.get(page(Schedule), weekly_hours__id__exact=hours.pk).context["cl"]
    assert set(found.result_list) == set(hours.schedules.all())


@pytest.mark.parametrize("term", ["elena", "downtown"])
def test_hours_are_found_by_doctor_and_location(admin_client: AdminClient, term: str) -> None:
    wanted = WeeklyHoursFactory(location__name="Downtown", every_weeks=2)
    WeeklyHoursFactory(doctor__first_name="Omar", doctor__last_name="Sy")
    answer = admin_client.get(page(WeeklyHours), q=term)
    assert list(answer.context["cl"].result_list) == [wanted]
    assert "Monday" in answer.content.decode()
    assert "<br>every 2 weeks<" in answer.content.decode()


def test_a_visit_to_a_kept_session_is_shown_like_any_other(
    admin_client: AdminClient, hours: WeeklyHours, booked: Appointment
) -> None:
    AppointmentFactory(slot=booked.slot)
    hours.revise(keep=True, weekday=1)
    for row in (booked, Slot.objects.get(pk=booked.slot_id).schedule):
        assert admin_client.status(page(row, "change")) == 200
