"""A doctor's day on paper: what the sheet shows, to whom, and what is recorded."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from django.db.models import F
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, User
from appointment.desk.printing_query import DoctorsDay
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Slot
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    SiteStaffFactory,
    TimeOffFactory,
    day_ahead,
)
from patient.tests.factories import PatientFactory
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db
PAGE = "/admin/desk/print/"


@pytest.fixture
def desk(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


@pytest.mark.both_databases
def test_the_sheet_has_visits_free_times_and_leave_by_time(superuser: User) -> None:
    session = ScheduleFactory(end_time=time(13), location__name="Centro", date=day_ahead())
    doctor, slots = session.doctor, list(session.slots.order_by("starts_at"))
    born = PatientFactory(
        first_name="Eva", last_name="Mora", date_of_birth="1980-04-24", phone_number="+34612345678"
    )
    AppointmentFactory(slot=slots[0], patient=born, reason="Cough")
    canceled = AppointmentFactory(slot=slots[3])
    Appointment.objects.filter(pk=canceled.pk).update(status="canceled", canceled_at=timezone.now())
    Slot.objects.filter(pk=slots[3].pk).update(taken=F("taken") - 1)
    TimeOffFactory(
        doctor=doctor, starts_at=slots[5].starts_at, ends_at=slots[5].ends_at, reason="Dentist"
    )
    Slot.objects.filter(pk=slots[4].pk).update(capacity=3)
    afternoon = {"start_time": time(15), "end_time": time(16)}
    ScheduleFactory(doctor=doctor, date=session.date, location__name="Abajo", **afternoon)
    with counted_statements() as statements:
        other, sheet = DoctorsDay(superuser, doctor, session.date, timezone.now()).sheets()
    assert len(statements) == 3
    assert [(line.times, line.text) for line in other.lines] == [
        ("11:30-12:00", "away"),
        ("15:00-16:00", "free"),
    ]
    assert [(line.times, line.text) for line in sheet.lines] == [
        ("09:00-09:30", ""),
        ("09:30-11:00", "free"),  # the canceled visit holds no place
        ("11:00-11:30", "3 places free at each time"),
        ("11:30-12:00", "away"),
        ("12:00-13:00", "free"),
    ]
    visit = sheet.lines[0]
    assert (visit.card.person, visit.born, visit.card.phone, sheet.visits) == (
        "Eva Mora", "24 Apr 1980", "+34 612 34 56 78", 1,
    )  # fmt: skip
    assert (visit.card.visit.reason, visit.notes) == ("Cough", [])


def test_the_page_records_one_event_and_no_reason_of_leave(desk: Client) -> None:
    visit = AppointmentFactory(patient__last_name="<b>Lind</b>")
    day = datetime.combine(visit.date, time(), visit.location.zone)
    leave = {"starts_at": day, "ends_at": day + timedelta(days=2)}
    TimeOffFactory(doctor=visit.doctor, reason="Chemotherapy", **leave)
    query = {"doctor": visit.doctor_id, "date": visit.date.isoformat()}
    page = desk.get(PAGE, query).content.decode()
    assert "&lt;b&gt;Lind&lt;/b&gt;" in page
    assert page.count('class="sheet-box"') == 1
    assert '<td class="sheet-time">all day</td><td colspan="3">away</td>' in page
    assert "Chemotherapy" not in page
    events = AuditEvent.objects.values_list("kind", "action", "patient_id")
    assert list(events) == [("desk.print", "read", None)]


def test_the_sheet_of_a_site_has_what_is_there_and_staff_of_a_site_print_no_other(
    desk: Client, staff: User
) -> None:
    here, there = AppointmentFactory(), AppointmentFactory()
    afternoon = {"start_time": time(15), "end_time": time(16)}
    elsewhere = ScheduleFactory(doctor=here.doctor, date=here.date, **afternoon)
    hidden = AppointmentFactory(slot=elsewhere.slots.first())
    query = {"doctor": here.doctor_id, "date": here.date.isoformat()}
    page = desk.get(PAGE, query).content.decode()
    assert page.count('class="sheet-head"') == 2
    page = desk.get(PAGE, {**query, "location": here.location_id}).content.decode()
    assert page.count('class="sheet-head"') == 1
    assert hidden.patient.name not in page
    SiteStaffFactory(user=staff, location=here.location)
    page = desk.get(PAGE, query).content.decode()
    assert here.patient.name in page
    assert hidden.patient.name not in page
    assert elsewhere.location.name not in page
    assert desk.get(PAGE, {**query, "doctor": there.doctor_id}).status_code == 404


def test_a_day_without_times_says_so_and_odd_parameters_are_refused(desk: Client) -> None:
    LocationFactory()
    doctor = DoctorFactory()
    assert "No times and no visits" in desk.get(PAGE, {"doctor": doctor.pk}).content.decode()
    assert "Choose a doctor" in desk.get(PAGE).content.decode()
    for key in ("x", 10**22, "\0", doctor.pk + 1):
        assert desk.get(PAGE, {"doctor": key}).status_code == 404
    for day in ("9999-12-31", "0001-01-01", "today", "\0"):
        answer = desk.get(PAGE, {"doctor": doctor.pk, "date": day})
        assert answer.status_code == 400
        assert "This is not a date" in answer.content.decode()
    assert AuditEvent.objects.count() == 2  # of the two pages above, and none of those refused


def test_times_name_their_zone_where_the_clocks_change(superuser: User) -> None:
    with time_machine.travel(datetime(2026, 10, 20, tzinfo=UTC), tick=False):
        night = ScheduleFactory(date=date(2026, 10, 25), start_time=time(2), end_time=time(4))
        AppointmentFactory(slot=night.slots.order_by("starts_at")[1])
        day = DoctorsDay(superuser, night.doctor, night.date, timezone.now()).sheets()
    assert [line.times for line in day[0].lines] == [
        "02:00 CEST-02:30 CEST", "02:30 CEST-02:00 CET", "02:00 CET-04:00 CET",
    ]  # fmt: skip
    assert day[0].lines[-1].end - day[0].lines[-1].start == timedelta(hours=2)
