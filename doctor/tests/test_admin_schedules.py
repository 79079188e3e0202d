"""Staff publish, revise and delete sessions in the admin through their verbs."""

from datetime import time, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission

from accounts.models import User
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import ScheduleOverlap
from doctor.models import Schedule, Slot
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory, day_ahead
from tests.admin_client import AdminClient, confirm, form_errors, messages_of, page
from tests.balance import assert_balanced

pytestmark = pytest.mark.django_db
ADD = "/admin/doctor/schedule/add/"


@pytest.fixture
def reception(staff: User) -> AdminClient:
    return AdminClient(staff)


def hours(schedule: Schedule | None = None, **changes: object) -> dict[str, object]:
    """Return form values of a session, with the doctor and location of `schedule` or new ones."""
    doctor = schedule.doctor if schedule else DoctorFactory()
    location = schedule.location if schedule else LocationFactory()
    typed = {"date": day_ahead(5), "start_time": "09:00", "end_time": "10:00", "slot_minutes": "20"}
    typed |= {"doctor": doctor.pk, "location": location.pk, "capacity": "2", "is_active": "on"}
    return {**typed, **changes}


def test_adding_a_session_publishes_its_slots(reception: AdminClient) -> None:
    reception.send(ADD, **hours())
    assert Schedule.objects.get().slots.count() == 3
    assert set(Slot.objects.values_list("capacity", "is_open")) == {(2, True)}


def test_an_overlap_of_the_doctor_is_reported_and_nothing_typed_is_lost(
    reception: AdminClient,
) -> None:
    there = ScheduleFactory()
    typed = hours(there, date=there.date, start_time="10:30", end_time="12:00", capacity="7")
    refused = reception.send(ADD, **typed)
    assert form_errors(refused) == [str(ScheduleOverlap.message)]
    html = refused.content.decode()
    assert 'value="10:30"' in html
    assert 'value="7"' in html
    assert f'<option value="{there.doctor_id}" selected>{there.doctor}' in html
    assert Schedule.objects.count() == 1


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ({"end_time": "08:00"}, "A session ends after it starts, on the same day."),
        ({"slot_minutes": "90"}, "The session is too short for a single visit."),
        ({"capacity": "0"}, "Ensure this value is greater than or equal to 1."),
        ({"date": "1999-12-31"}, "Use a date from 2000 to ten years ahead."),
    ],
)
def test_hours_that_make_no_session_are_reported(
    reception: AdminClient, typed: dict[str, object], fault: str
) -> None:
    assert fault in form_errors(reception.send(ADD, **hours(**typed)))
    assert not Schedule.objects.exists()


def test_changing_the_hours_remakes_free_slots_and_keeps_taken_ones(reception: AdminClient) -> None:
    schedule = ScheduleFactory()
    taken = AppointmentFactory(slot=schedule.slots.first()).slot
    reception.change(schedule, end_time="13:00", capacity="2")
    assert schedule.slots.count() == 8
    assert schedule.slots.get(pk=taken.pk).capacity == 2
    assert_balanced(taken)


def test_a_change_that_strands_an_appointment_is_refused_with_a_link_to_it(
    reception: AdminClient,
) -> None:
    schedule = ScheduleFactory()
    visit = AppointmentFactory(slot=schedule.slots.first())
    refused = reception.change(schedule, start_time="10:00", capacity="5")
    [fault] = form_errors(refused)
    assert fault.startswith("Visits are booked in this session. Move or cancel them first.")
    assert f'In the way: <a href="{page(visit, "change")}">{visit}</a>.' in fault
    assert fault in refused.content.decode(), "shown as a link, not as its source"
    assert 'value="5"' in refused.content.decode()
    schedule.refresh_from_db()
    assert (schedule.start_time, schedule.capacity) == (time(9), 1)


def test_the_page_names_some_of_many_stranded_appointments_and_counts_the_rest(
    reception: AdminClient,
) -> None:
    schedule = ScheduleFactory(capacity=13)
    visits = [AppointmentFactory(slot=schedule.slots.first()) for _ in range(13)]
    [fault] = form_errors(reception.change(schedule, start_time="10:00"))
    assert fault.count("<a ") == 10
    assert fault.endswith(f"{visits[9]}</a> and 3 more.")


def test_two_users_who_change_different_fields_of_an_open_page_both_succeed(
    reception: AdminClient, superuser: User
) -> None:
    schedule = ScheduleFactory()
    path, other = page(schedule, "change"), AdminClient(superuser)
    mine, theirs = reception.open(path), other.open(path)
    reception.send(path, mine, capacity="4")
    other.send(path, theirs, end_time="12:00")
    schedule.refresh_from_db()
    assert (schedule.capacity, schedule.end_time) == (4, time(12))
    assert set(schedule.slots.values_list("capacity")) == {(4,)}
    assert schedule.slots.count() == 6


def test_a_client_that_sends_only_the_fields_can_empty_one(superuser: User) -> None:
    """Without the hidden initial values of a browser, the form compares with the stored session."""
    schedule = ScheduleFactory()
    typed = hours(schedule, date=schedule.date, end_time="11:00", capacity="1", slot_minutes="")
    admin_client, path = AdminClient(superuser), page(schedule, "change")
    confirm(admin_client, path, admin_client.send(path, **typed))
    assert schedule.slots.count() == 1


def test_deactivating_closes_slots_and_keeps_booked_visits(reception: AdminClient) -> None:
    schedule = ScheduleFactory()
    visit = AppointmentFactory(slot=schedule.slots.first())
    reception.change(schedule, is_active=[])
    visit.refresh_from_db()
    assert visit.status == "scheduled"
    assert set(schedule.slots.values_list("is_open")) == {(False,)}


# --- Deleting ---


def test_deleting_a_session_takes_its_slots_with_it(superuser: User) -> None:
    schedule = ScheduleFactory()
    assert (
        "Its times are deleted with it."
        in AdminClient(superuser).get(page(schedule, "delete")).content.decode()
    )
    AdminClient(superuser).delete(schedule)
    assert not Schedule.objects.exists()
    assert not Slot.objects.exists()


def test_deleting_a_session_in_use_is_refused_and_deletes_nothing(superuser: User) -> None:
    schedule = ScheduleFactory()
    visit = AppointmentFactory(slot=schedule.slots.first())
    refused = AdminClient(superuser).delete(schedule)
    assert refused.redirect_chain[-1][0] == page(schedule, "change")
    [message] = messages_of(refused)
    assert str(visit) in message
    assert message in refused.content.decode()
    assert schedule.slots.count() == 4
    assert not LogEntry.objects.exists()


def test_a_bulk_deletion_with_one_in_use_deletes_none(superuser: User) -> None:
    free, used, last = (ScheduleFactory() for _ in range(3))
    visit = AppointmentFactory(slot=used.slots.first())
    refused = AdminClient(superuser).delete_all(free, used, last)
    [message] = messages_of(refused)
    assert str(visit) in message
    assert Schedule.objects.count() == 3
    assert Slot.objects.count() == 12
    assert not LogEntry.objects.exists()


@pytest.mark.usefixtures("row_by_row")
def test_a_bulk_deletion_takes_all_slots(superuser: User) -> None:
    answer = AdminClient(superuser).delete_all(*(ScheduleFactory() for _ in range(3)))
    assert messages_of(answer) == ["Successfully deleted 3 sessions."]
    assert not Slot.objects.exists()


def test_a_canceled_appointment_outlives_its_session(superuser: User) -> None:
    schedule = ScheduleFactory()
    visit = AppointmentFactory(slot=schedule.slots.first()).cancel()
    AdminClient(superuser).delete(schedule)
    visit.refresh_from_db()
    assert visit.slot is None
    assert AdminClient(superuser).status(page(visit, "change")) == 200
    assert AdminClient(superuser).status(page(Appointment)) == 200


def test_deleting_sessions_needs_no_permission_on_slots(staff: User) -> None:
    staff.user_permissions.add(Permission.objects.get(codename="delete_schedule"))
    schedule = ScheduleFactory()
    AdminClient(staff).delete(schedule)
    assert not Schedule.objects.exists()


def test_the_reception_deletes_no_sessions(reception: AdminClient) -> None:
    schedule = ScheduleFactory()
    assert reception.delete(schedule).status_code == 403
    reception.delete_all(schedule)
    assert Schedule.objects.exists()


# --- Display ---


def test_the_page_shows_the_state_of_every_slot_at_the_location(reception: AdminClient) -> None:
    schedule = ScheduleFactory(capacity=3, location__time_zone="Asia/Tokyo")
    AppointmentFactory(slot=schedule.slots.all()[1])
    html = reception.get(page(schedule, "change")).content.decode()
    assert "<td>09:00-09:30 JST</td><td>3</td><td>0</td><td>open</td>" in html
    assert "<td>09:30-10:00 JST</td><td>3</td><td>1</td><td>open</td>" in html
    assert f'href="{page(Slot)}?schedule__id__exact={schedule.pk}"' in html


def test_the_link_to_the_slots_of_a_session_lists_them(reception: AdminClient) -> None:
    schedule, _ = ScheduleFactory(), ScheduleFactory()
    found = reception.get(page(Slot), schedule__id__exact=schedule.pk).context["cl"].result_list
    assert list(found) == list(schedule.slots.all())


def test_a_session_of_hundreds_of_slots_has_a_line_and_no_box_for_each(superuser: User) -> None:
    day = {"start_time": time(0), "end_time": time(23, 55), "slot_minutes": 5}
    schedule = ScheduleFactory(location__time_zone="UTC", **day)
    admin_client = AdminClient(superuser)
    assert len(admin_client.open(page(schedule, "change"))) < 25
    assert (
        admin_client.get(page(schedule, "change")).content.decode().count("<td>open</td></tr>")
        == 287
    )


def test_the_list_shows_bookable_and_all_places(reception: AdminClient) -> None:
    schedule = ScheduleFactory(capacity=2)
    AppointmentFactory(slot=schedule.slots.first())
    assert ">7 / 8<" in reception.get(page(Schedule)).content.decode()


@pytest.mark.parametrize("term", ["elena", "downtown", "{date}", "garcía downtown"])
def test_a_session_is_found_by_doctor_location_and_date(reception: AdminClient, term: str) -> None:
    wanted = ScheduleFactory(location__name="Downtown", date=day_ahead(4))
    ScheduleFactory(doctor__first_name="Omar", doctor__last_name="Sy", date=day_ahead(9))
    found = reception.get(page(Schedule), q=term.format(date=wanted.date)).context["cl"]
    assert list(found.result_list) == [wanted]


def test_slot_counters_are_read_only(superuser: User) -> None:
    slot = ScheduleFactory().slots.first()
    forged = {"taken": "1", "capacity": "9", "is_open": ""}
    assert AdminClient(superuser).client.post(page(slot, "change"), forged).status_code == 403
    assert Slot.objects.get(pk=slot.pk).capacity == 1


def test_the_day_hierarchy_counts_days_at_the_location(reception: AdminClient) -> None:
    """The time 09:00 in Auckland is on the day before in UTC."""
    schedule = ScheduleFactory(location__time_zone="Pacific/Auckland")
    day = schedule.date
    asked = {"schedule__date__year": day.year, "schedule__date__month": day.month}
    found = reception.get(page(Slot), **asked, schedule__date__day=day.day)
    assert found.context["cl"].result_count == 4
    before = day - timedelta(days=1)
    asked = {"schedule__date__year": before.year, "schedule__date__month": before.month}
    found = reception.get(page(Slot), **asked, schedule__date__day=before.day)
    assert found.context["cl"].result_count == 0
