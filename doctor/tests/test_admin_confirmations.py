"""The admin says what it would take away before it saves, and leads back to the form as typed."""

from datetime import time, timedelta
from typing import Any

import pytest

from accounts.models import User
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.admin.confirmations import length_text
from doctor.exceptions import ScheduleOverlap
from doctor.models import Schedule, WeeklyHours
from doctor.models.hours_preview import preview_deletion
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    WeeklyHoursFactory,
)
from doctor.tests.monday_hours import MONDAY, SECOND, THIRD, slot_times_on, stored_rows
from extensions.admin.confirmation import BACK, NOT_SAVED
from extensions.admin.form_keys import CONFIRMED
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


@pytest.fixture
def admin_client(superuser: User) -> AdminClient:
    return AdminClient(superuser)


def session(**typed: Any) -> dict[str, Any]:
    """Return form values of a session on the third Monday, from 09:00 to 13:00."""
    of = {"doctor": DoctorFactory().pk, "location": LocationFactory().pk, "date": str(THIRD)}
    times = {"start_time": "09:00", "end_time": "13:00", "slot_minutes": "30"}
    return {**of, **times, "capacity": "1", "is_active": "on", **typed}


def weekly(**typed: Any) -> dict[str, Any]:
    """Return form values of weekly hours on Mondays, from 09:00 to 13:00."""
    hours = session(weekday="0", every_weeks="1", valid_from=str(MONDAY), **typed)
    return {name: value for name, value in hours.items() if name not in {"date", "is_active"}}


def text_of(response: Any) -> str:
    return str(response.content.decode())


# --- Weekly hours ---------------------------------------------------------------------------------


def test_a_later_first_day_says_how_many_sessions_it_removes_before_it_saves(
    admin_client: AdminClient, hours: WeeklyHours
) -> None:
    before, path = stored_rows(), page(hours, "change")
    asked = admin_client.change(hours, valid_from=str(THIRD + timedelta(days=1)))
    assert "2 sessions to come would be removed." in text_of(asked)
    assert stored_rows() == before
    confirm(admin_client, path, asked)
    hours.refresh_from_db()
    assert hours.valid_from == THIRD + timedelta(days=1)
    assert slot_times_on(SECOND) == slot_times_on(THIRD) == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"valid_until": str(SECOND)}, "1 session to come would be removed."),
        ({"weekday": "1"}, "2 sessions to come would be removed. 2 would be added."),
    ],
)
def test_each_edit_that_removes_sessions_is_asked_about(
    typed: dict[str, str], said: str, admin_client: AdminClient, hours: WeeklyHours
) -> None:
    before = stored_rows()
    assert said in text_of(admin_client.change(hours, **typed))
    assert stored_rows() == before


def test_an_edit_that_removes_no_session_is_saved_at_once(
    admin_client: AdminClient, hours: WeeklyHours
) -> None:
    saved = admin_client.change(hours, start_time="10:00", capacity="3")
    assert "changed successfully" in messages_of(saved)[0]


def test_visits_that_are_kept_are_counted_and_without_keep_the_change_is_refused(
    admin_client: AdminClient, hours: WeeklyHours, booked: Appointment
) -> None:
    path = page(hours, "change")
    [fault] = form_errors(admin_client.change(hours, valid_from=str(THIRD)))
    assert "or keep them: they then stay at their times" in fault
    asked = admin_client.change(hours, valid_from=str(THIRD), keep="on")
    assert "1 visit would stay at its time and go to the work list." in text_of(asked)
    booked.refresh_from_db()
    assert booked.needs_rebooking is False
    confirm(admin_client, path, asked)
    booked.refresh_from_db()
    assert booked.needs_rebooking is True


def test_a_confirmation_counts_for_what_it_was_asked_about(
    admin_client: AdminClient, hours: WeeklyHours
) -> None:
    """A visit that was booked since then is asked about, and so is another first day."""
    path = page(hours, "change")
    asked = admin_client.change(hours, valid_from=str(THIRD), keep="on")
    sent = FormReader(text_of(asked)).sent
    AppointmentFactory(slot=hours.schedules.get(date=SECOND).slots.first())
    before = stored_rows()
    assert "1 visit would stay" in text_of(admin_client.send(path, sent))
    later = admin_client.send(path, sent, valid_from=str(THIRD + timedelta(days=1)))
    assert "2 sessions to come" in text_of(later)
    for junk in ("", "on"):
        admin_client.send(path, {**sent, CONFIRMED: junk})
    assert stored_rows() == before


def test_the_deletion_page_counts_sessions_and_visits_as_the_preview_does(
    admin_client: AdminClient, hours: WeeklyHours, booked: Appointment
) -> None:
    AppointmentFactory(slot=hours.schedules.get(date=MONDAY).slots.first())  # today's stays
    hours.schedules.get(date=THIRD).revise(capacity=5)  # and so does an edited one
    preview = preview_deletion(hours, booked.created_at)
    assert (preview.sessions_removed, preview.appointments) == (1, [booked.pk])
    html = text_of(admin_client.get(page(hours, "delete")))
    assert "1 session to come would be deleted." in html
    assert "1 visit is booked there, so the deletion will be refused." in html
    booked.cancel()
    assert "is booked there" not in text_of(admin_client.get(page(hours, "delete")))


def test_the_deletion_page_of_several_hours_counts_them_together(
    admin_client: AdminClient, hours: WeeklyHours
) -> None:
    other = WeeklyHoursFactory()
    chosen = admin_client.act("delete_selected", hours, other)
    assert "4 sessions to come would be deleted." in text_of(chosen)


# --- Sessions -------------------------------------------------------------------------------------


def test_an_edit_that_removes_free_times_of_a_session_says_how_many(
    admin_client: AdminClient,
) -> None:
    row = ScheduleFactory(date=THIRD)
    asked = admin_client.change(row, start_time="10:00", end_time="12:00")
    assert "2 free times would be removed. 2 would be added." in text_of(asked)
    row.refresh_from_db()
    assert row.start_time == time(9)
    confirm(admin_client, page(row, "change"), asked)
    assert slot_times_on(THIRD) == ["10:00", "10:30", "11:00", "11:30"]


def test_an_edit_of_a_session_that_would_be_refused_is_not_asked_about(
    admin_client: AdminClient,
) -> None:
    visit = AppointmentFactory(slot=ScheduleFactory(date=THIRD).slots.first())
    [fault] = form_errors(admin_client.change(visit.slot.schedule, start_time="10:00"))
    assert fault.startswith("Visits are booked in this session.")


def test_the_deletion_page_of_a_session_counts_free_times_and_visits(
    admin_client: AdminClient,
) -> None:
    visit = AppointmentFactory(slot=ScheduleFactory(date=THIRD).slots.first())
    html = text_of(admin_client.get(page(visit.slot.schedule, "delete")))
    assert "3 free times to come would be deleted." in html
    assert "1 visit is booked there" in html


# --- An empty slot length -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "form", "typed", "said"),
    [
        (Schedule, session, {}, "one visit of four hours, 09:00 to 13:00."),
        (
            WeeklyHours,
            weekly,
            {"end_time": "11:30"},
            "one visit of two hours and 30 minutes, 09:00 to 11:30.",
        ),
        (
            WeeklyHours,
            weekly,
            {"capacity": "8"},
            "one time of four hours, for 8 visits at once, 09:00 to 13:00.",
        ),
    ],
)
def test_an_empty_slot_length_is_called_one_visit_before_it_is_saved(
    model: Any, form: Any, typed: dict[str, str], said: str, admin_client: AdminClient
) -> None:
    path = page(model, "add")
    asked = admin_client.send(path, **form(slot_minutes="", **typed))
    assert (
        f"The length of each time is empty. {'Each' if form is weekly else 'The'} session is {said}"
        in (text_of(asked))
    )
    assert not model.objects.exists()
    confirm(admin_client, path, asked)
    row = model.objects.get()
    assert row.slot_minutes is None
    assert f"If this is empty, the whole session is {said.partition(', 0')[0]}." in text_of(
        admin_client.get(page(row, "change"))
    )


def test_a_slot_length_that_is_emptied_is_asked_about_and_another_field_is_not(
    admin_client: AdminClient,
) -> None:
    row = ScheduleFactory(date=THIRD)
    asked = admin_client.change(row, slot_minutes="")
    assert "one visit of two hours" in text_of(asked)
    confirm(admin_client, page(row, "change"), asked)
    admin_client.change(row, capacity="3")
    assert Schedule.objects.values_list("slot_minutes", "capacity").get() == (None, 3)


def test_a_session_of_an_hour_may_well_be_one_visit(admin_client: AdminClient) -> None:
    admin_client.send(page(Schedule, "add"), **session(slot_minutes="", end_time="10:00"))
    assert Schedule.objects.get().slots.count() == 1


def test_what_saving_would_refuse_is_not_asked_about(admin_client: AdminClient) -> None:
    there = ScheduleFactory(date=THIRD)
    typed = session(slot_minutes="", doctor=there.doctor_id, location=there.location_id)
    refused = admin_client.send(page(Schedule, "add"), **typed)
    assert form_errors(refused) == [str(ScheduleOverlap.message)]


def test_a_length_is_written_in_words() -> None:
    assert [length_text(minutes) for minutes in (0, 1, 45, 60, 61, 240, 750)] == [
        "0 minutes",
        "1 minute",
        "45 minutes",
        "one hour",
        "one hour and 1 minute",
        "four hours",
        "12 hours and 30 minutes",
    ]


# --- No, take me back -----------------------------------------------------------------------------


def test_taken_back_a_new_form_is_as_it_was_typed_and_can_be_saved(
    admin_client: AdminClient,
) -> None:
    path = page(WeeklyHours, "add")
    form = {**admin_client.open(path), **weekly(slot_minutes="", capacity="7")}
    back = take_back(admin_client, path, admin_client.send(path, form))
    assert messages_of(back) == [NOT_SAVED]
    assert not WeeklyHours.objects.exists()
    shown = FormReader(text_of(back)).sent
    assert form_errors(back) == []
    as_typed = {name: [str(value)] for name, value in weekly(capacity="7").items()}
    for name in as_typed.keys() - {"slot_minutes", "doctor", "location"}:
        assert shown[name] == as_typed[name], name
    assert (shown["slot_minutes"], shown["doctor"]) == ([""], [str(form["doctor"])])
    assert BACK not in shown
    assert CONFIRMED not in shown
    admin_client.send(path, shown, slot_minutes="30")
    assert WeeklyHours.objects.get().capacity == 7


def test_taken_back_a_changed_form_is_as_it_was_typed_and_still_knows_what_changed(
    admin_client: AdminClient, hours: WeeklyHours
) -> None:
    path = page(hours, "change")
    form = admin_client.open(path)
    asked = admin_client.send(path, form, valid_from=str(THIRD), keep="on", capacity="3")
    hours.revise(end_time=time(12))  # another user changes another field meanwhile
    back = take_back(admin_client, path, asked)
    shown = FormReader(text_of(back)).sent
    assert (shown["valid_from"], shown["capacity"], shown["keep"]) == ([str(THIRD)], ["3"], ["on"])
    admin_client.send(path, shown, valid_from=str(MONDAY))
    hours.refresh_from_db()
    assert (hours.capacity, hours.end_time, hours.valid_from) == (3, time(12), MONDAY)


def test_taken_back_from_a_popup_the_form_is_still_in_it(admin_client: AdminClient) -> None:
    path = f"{page(Schedule, 'add')}?_popup=1"
    asked = admin_client.send(path, **session(slot_minutes="", _popup="1"))
    assert 'class="breadcrumbs"' not in text_of(asked)
    back = take_back(admin_client, path, asked)
    assert FormReader(text_of(back)).sent["_popup"] == ["1"]
    confirmed = confirm(admin_client, path, asked)
    assert Schedule.objects.count() == 1
    assert "popup_response" in text_of(confirmed)


def test_taking_back_takes_the_permission_of_the_form(hours: WeeklyHours, staff: User) -> None:
    """Reception views weekly hours only."""
    refused = AdminClient(staff).send(page(hours, "change"), {BACK: "1", "capacity": "3"})
    assert refused.status_code == 403
