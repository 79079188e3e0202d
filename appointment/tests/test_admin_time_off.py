"""Staff enter leave in a location's local time; the admin first shows the affected visits."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from accounts.models import User
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Doctor, Location, TimeOff
from doctor.models.time_off import OUT_OF_RANGE
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    TimeOffFactory,
    day_ahead,
)
from extensions.formats import day_text
from tests.admin_client import (
    AdminClient,
    FormReader,
    confirm,
    form_errors,
    messages_of,
    page,
    take_back,
)
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db
ADD = "/admin/doctor/timeoff/add/"


@pytest.fixture
def reception(staff: User) -> AdminClient:
    return AdminClient(staff)


@pytest.fixture
def visit() -> Appointment:
    """Return a visit at 09:00 three days ahead whose doctor also works on the next day."""
    visit: Appointment = AppointmentFactory()
    ScheduleFactory(doctor=visit.doctor, location=visit.location, date=day_ahead(4))
    return visit


def typed(
    doctor: Doctor | None = None, clock: Location | None = None, **more: Any
) -> dict[str, Any]:
    """Return the form fields of one day of leave, three days ahead in the local time of `clock`."""
    wall = {"starts_0": str(day_ahead()), "starts_1": "00:00"}
    wall |= {"ends_0": str(day_ahead(4)), "ends_1": "00:00"}
    whose = {"doctor": doctor.pk} if doctor else {}
    on = {"clock": clock.pk} if clock else {}
    return {**whose, **on, **wall, "reason": "Training", **more}


# --- The clock of the form ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of_location", "zone", "day", "starts", "ends"),
    [
        (False, "Europe/Madrid", "2027-03-28", "2027-03-27T23:00", "2027-03-28T22:00"),
        (True, "America/New_York", "2027-11-07", "2027-11-07T04:00", "2027-11-08T05:00"),
    ],
)
def test_a_day_off_is_a_day_on_the_clocks_of_the_location(
    of_location: bool, zone: str, day: str, starts: str, ends: str, reception: AdminClient
) -> None:
    place = LocationFactory(time_zone=zone)
    whose = {"location": place.pk} if of_location else {"doctor": DoctorFactory().pk}
    next_day = (datetime.fromisoformat(day) + timedelta(days=1)).date()
    clock = {} if of_location else {"clock": place.pk}
    wall = {"starts_0": day, "starts_1": "00:00", "ends_0": str(next_day), "ends_1": "00:00"}
    reception.send(ADD, **whose, **clock, **wall)
    leave = TimeOff.objects.get()
    reported = [datetime.fromisoformat(instant).replace(tzinfo=UTC) for instant in (starts, ends)]
    assert [leave.starts_at, leave.ends_at] == reported


def test_a_time_in_the_gap_means_its_end_and_one_in_the_fold_the_first(
    reception: AdminClient,
) -> None:
    madrid = LocationFactory(time_zone="Europe/Madrid")
    for day, wall, instant in (("2027-03-28", "02:30", "01:00"), ("2027-10-31", "02:30", "00:30")):
        TimeOff.objects.all().delete()
        more = {"starts_0": day, "starts_1": wall, "ends_0": day, "ends_1": "12:00"}
        reception.send(ADD, **typed(DoctorFactory(), madrid, **more))
        assert f"{TimeOff.objects.get().starts_at:%Y-%m-%d %H:%M}" == f"{day} {instant}"


def test_the_form_shows_leave_on_the_clocks_that_it_was_typed_on(reception: AdminClient) -> None:
    place = LocationFactory(time_zone="America/New_York")
    doctor = ScheduleFactory(location=place, date=day_ahead(9)).doctor
    reception.send(ADD, **typed(doctor, place))
    form = reception.open(page(TimeOff.objects.get(), "change"))
    shown = {name: form[name] for name in ("starts_0", "starts_1", "ends_0", "ends_1", "clock")}
    assert shown == {
        "starts_0": [str(day_ahead())],
        "starts_1": ["00:00:00"],
        "ends_0": [str(day_ahead(4))],
        "ends_1": ["00:00:00"],
        "clock": [str(place.pk)],
    }


def test_leave_is_shown_on_the_clock_of_the_site_where_the_doctor_works_then(
    reception: AdminClient,
) -> None:
    """Later the doctor works in another zone, which is the one of the last session."""
    place = LocationFactory(time_zone="America/New_York")
    doctor = ScheduleFactory(location=place).doctor
    ScheduleFactory(doctor=doctor, date=day_ahead(9))
    reception.send(ADD, **typed(doctor, place))
    form = reception.open(page(TimeOff.objects.get(), "change"))
    assert (form["starts_1"], form["clock"]) == (["00:00:00"], [str(place.pk)])


@pytest.mark.usefixtures("row_by_row")
def test_an_unchanged_time_keeps_its_microseconds(reception: AdminClient) -> None:
    leave = TimeOffFactory(location=LocationFactory())
    TimeOff.objects.update(starts_at=leave.starts_at + timedelta(microseconds=7))
    before = TimeOff.objects.values("starts_at", "ends_at").get()
    reception.change(leave, reason="Painters")
    leave.refresh_from_db()
    assert leave.reason == "Painters"
    assert TimeOff.objects.values("starts_at", "ends_at").get() == before


def test_leave_on_another_clock_is_at_another_time(reception: AdminClient) -> None:
    madrid, new_york = LocationFactory(), LocationFactory(time_zone="America/New_York")
    doctor = ScheduleFactory(location=madrid).doctor
    reception.send(ADD, **typed(doctor, madrid))
    leave = TimeOff.objects.get()
    reception.change(leave, clock=new_york.pk)
    before = leave.starts_at
    leave.refresh_from_db()
    assert leave.starts_at - before >= timedelta(hours=5)


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({}, "Choose the location on whose clock you typed the times."),
    ({"ends_0": str(day_ahead(2))}, "Leave ends after it starts."),
    ({"starts_0": "1999-12-31"}, OUT_OF_RANGE),
    ({"starts_0": "9999-12-31"}, OUT_OF_RANGE),
    ({"starts_0": "2000-01-01"}, OUT_OF_RANGE),  # an hour earlier in UTC
    ({"ends_0": "2100-12-31"}, OUT_OF_RANGE),
    ({"starts_0": "0001-01-01"}, OUT_OF_RANGE),  # in no year of UTC
    ({"doctor": ""}, "Give either a doctor or a location."),
    ({"starts_1": ""}, "This field is required."),
]


def test_invalid_leave_is_reported_and_not_saved(reception: AdminClient) -> None:
    doctor, place = DoctorFactory(), LocationFactory()
    for wrong, fault in FAULTS:
        form = {**typed(doctor, place if wrong else None), **wrong}
        assert form_errors(reception.send(ADD, **form)) == [fault], wrong
    assert not TimeOff.objects.exists()


@pytest.mark.parametrize("field", ["starts", "ends"])
def test_a_time_out_of_range_is_reported_beside_its_field(
    field: str, reception: AdminClient
) -> None:
    place = LocationFactory(time_zone="America/New_York")
    late = {f"{field}_0": "2099-12-31", f"{field}_1": "23:59"}  # five hours later in UTC
    refused = reception.send(ADD, **{**typed(clock=place), "location": place.pk, **late})
    assert refused.context["adminform"].form.errors == {field: [OUT_OF_RANGE]}
    assert not TimeOff.objects.exists()


def test_a_closure_is_not_on_the_clocks_of_another_zone(reception: AdminClient) -> None:
    place, other = LocationFactory(), LocationFactory(time_zone="America/New_York")
    refused = reception.send(ADD, **typed(clock=other, location=place.pk))
    assert form_errors(refused) == ["A closure is in the time of the location that is closed."]


# --- The affected visits --------------------------------------------------------------------------


def test_leave_that_affects_no_visit_is_saved_at_once(reception: AdminClient) -> None:
    reception.send(ADD, **typed(DoctorFactory(), LocationFactory()))
    assert TimeOff.objects.count() == 1


def test_the_page_shows_affected_visits_and_other_times_before_leave_is_saved(
    reception: AdminClient, visit: Appointment
) -> None:
    shown = reception.send(ADD, **typed(visit.doctor, visit.location))
    html = shown.content.decode()
    assert not TimeOff.objects.exists()
    assert "1 visit would have to be moved" in html
    assert str(visit.patient) in html
    assert html.count(f"{day_text(day_ahead(4))}, 09:00") == 1
    confirm(reception, ADD, shown)
    leave = TimeOff.objects.get()
    assert (leave.doctor, leave.reason) == (visit.doctor, "Training")
    visit.refresh_from_db()
    assert visit.needs_rebooking


def test_the_page_shows_the_times_on_the_clock_of_the_site_and_names_its_zone(
    reception: AdminClient,
) -> None:
    """The doctor's last session is in another zone."""
    place = LocationFactory(name="Harbour", time_zone="America/New_York")
    visit = AppointmentFactory(slot=ScheduleFactory(location=place).slots.first())
    ScheduleFactory(doctor=visit.doctor, date=day_ahead(9))
    shown = reception.send(ADD, **typed(visit.doctor, place, starts_1="08:00"))
    html = shown.content.decode()
    assert f"away from {day_text(day_ahead())}, 08:00 E" in html
    assert "on the clock of Harbour (America/New_York)." in html
    [message] = messages_of(confirm(reception, ADD, shown))
    assert f"{day_text(day_ahead())}, 08:00 E" in message


def test_leave_on_the_clock_of_another_site_shows_its_times_at_the_visits_too(
    reception: AdminClient, visit: Appointment
) -> None:
    place = LocationFactory(name="Harbour", time_zone="America/New_York")
    html = reception.send(ADD, **typed(visit.doctor, place)).content.decode()
    here = f"on the clock of {visit.location} (Europe/Madrid)."
    assert re.search(
        rf"That is from {day_text(day_ahead())}, 0[56]:00 CES?T to .*, {re.escape(here)}", html
    )


def test_taken_back_the_form_is_as_it_was_typed(reception: AdminClient, visit: Appointment) -> None:
    form = {**reception.open(ADD), **typed(visit.doctor, visit.location, starts_1="07:30")}
    back = take_back(reception, ADD, reception.send(ADD, form))
    assert not TimeOff.objects.exists()
    shown = FormReader(back.content.decode()).sent
    for name, value in typed(visit.doctor, visit.location, starts_1="07:30").items():
        assert shown[name] == [str(value)], name


def test_a_visit_that_was_booked_since_the_question_is_asked_about(
    reception: AdminClient, visit: Appointment
) -> None:
    shown = reception.send(ADD, **typed(visit.doctor, visit.location))
    AppointmentFactory(slot=visit.slot.schedule.slots.last())
    again = confirm(reception, ADD, shown)
    assert "2 visits would have to be moved" in again.content.decode()
    assert not TimeOff.objects.exists()
    confirm(reception, ADD, again)
    assert TimeOff.objects.count() == 1


def test_the_page_shows_the_visits_that_a_change_affects(
    reception: AdminClient, visit: Appointment
) -> None:
    leave = TimeOffFactory(doctor=visit.doctor, starts_at=visit.ends_at + timedelta(days=9))
    path = page(leave, "change")
    wall = {"starts_0": str(day_ahead()), "starts_1": "00:00"}
    shown = reception.send(path, reception.open(path), clock=visit.location.pk, **wall)
    visit.refresh_from_db()
    assert visit.needs_rebooking is False
    confirm(reception, path, shown)
    visit.refresh_from_db()
    assert visit.needs_rebooking


def test_a_change_of_the_reason_alone_is_saved_at_once(
    reception: AdminClient, visit: Appointment
) -> None:
    leave = TimeOffFactory(doctor=visit.doctor)
    reception.change(leave, reason="Ill")
    leave.refresh_from_db()
    assert leave.reason == "Ill"


def test_the_page_costs_the_same_number_of_queries_for_1_visit_and_12_visits(
    reception: AdminClient,
) -> None:
    def cost(number: int) -> int:
        place = LocationFactory()
        for _ in range(number):
            doctor = DoctorFactory()
            ScheduleFactory(doctor=doctor, date=day_ahead(4))
            slot = ScheduleFactory(doctor=doctor, location=place).slots.first()
            AppointmentFactory(slot=slot)
        with counted_statements() as statements:
            shown = reception.send(ADD, **typed(location=place.pk))
        assert shown.content.decode().count("Dr. Elena") >= number
        return len(statements)

    assert cost(1) == cost(12)


# --- The end of leave -----------------------------------------------------------------------------


@pytest.mark.usefixtures("row_by_row")
def test_deleting_leave_opens_the_slots_again(reception: AdminClient, visit: Appointment) -> None:
    leaves = [
        TimeOffFactory(doctor=visit.doctor),
        TimeOffFactory(location=visit.location),
        TimeOffFactory(doctor=visit.doctor),
    ]
    reception.delete(leaves[0])
    visit.slot.refresh_from_db()
    assert visit.slot.is_open is False
    reception.delete_all(*leaves[1:])
    visit.slot.refresh_from_db()
    visit.refresh_from_db()
    assert (visit.slot.is_open, visit.needs_rebooking) == (True, False)
    assert not TimeOff.objects.exists()


def test_the_list_shows_times_on_the_local_clocks(reception: AdminClient) -> None:
    place = LocationFactory(time_zone="America/New_York")
    noon = datetime.combine(day_ahead(), time(12), UTC)
    TimeOffFactory(location=place, starts_at=noon)
    doctor = ScheduleFactory(location=place, date=day_ahead(9)).doctor
    TimeOffFactory(doctor=doctor, starts_at=noon)
    TimeOffFactory(starts_at=noon)
    html = reception.get(page(TimeOff)).content.decode()
    assert html.count(f"{day_text(day_ahead())}, 12:00 UTC</td>") == 1
    assert html.count(" EST</td>") + html.count(" EDT</td>") == 4


def test_the_list_is_searched_and_filtered(reception: AdminClient) -> None:
    over = TimeOffFactory(starts_at=datetime(2026, 1, 5, tzinfo=UTC))
    coming = TimeOffFactory(location=LocationFactory(name="Harbour"))
    for query, found in (
        ({"when": "coming"}, [coming]),
        ({"when": "over"}, [over]),
        ({"q": "harbour"}, [coming]),
        ({"doctor__id__exact": over.doctor_id}, [over]),
        ({"location__id__exact": coming.location_id}, [coming]),
    ):
        shown = reception.get(page(TimeOff), **query).context["cl"].result_list
        assert list(shown) == found, query
