"""The page of figures: what its numbers count, for whom, and the file for spreadsheets."""

import csv
from datetime import UTC, date, datetime, time, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.db.models import F
from django.test import Client

from accounts.models import AuditEvent, User
from appointment.desk.figures_query import (
    DOCTOR,
    MONTH,
    SITE,
    WEEK,
    FiguresOfPeriod,
    next_free_by_specialty,
    total_of,
)
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Doctor, Slot
from doctor.tests.factories import (
    DoctorFactory,
    ScheduleFactory,
    SiteStaffFactory,
    SpecialtyFactory,
    day_ahead,
)
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db
PAGE = "/admin/desk/figures/"
NOVEMBER = (date(2026, 11, 1), date(2026, 11, 30))
MONDAY, LAST = date(2026, 11, 2), date(2026, 11, 30)  # Mondays
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.fixture
def desk(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def visit(slot: Slot, status: str = "scheduled", days: int = 4) -> Appointment:
    """Insert a visit of this status, booked so many days before it starts."""
    made = AppointmentFactory(slot=slot)
    columns: dict[str, Any] = {"status": status, "created_at": slot.starts_at - timedelta(days)}
    if status == "canceled":
        columns["canceled_at"] = slot.starts_at - timedelta(hours=1)
        Slot.objects.filter(pk=slot.pk).update(taken=F("taken") - 1)
    Appointment.objects.filter(pk=made.pk).update(**columns)
    return made


@pytest.fixture
def november() -> tuple[Doctor, Doctor]:
    """Two doctors at two sites; the first has visits of every kind on two Mondays."""
    with time_machine.travel(datetime(2026, 11, 1, 12, tzinfo=UTC), tick=False):
        first = DoctorFactory(last_name="Abad")
        other = DoctorFactory(last_name="Zamora")
        begin = ScheduleFactory(doctor=first, date=MONDAY, capacity=2, location__name="Centro")
        one, two, three, _ = begin.slots.order_by("starts_at")
        visit(one, "completed", days=2)
        visit(one, "no_show", days=6)
        visit(two, "canceled", days=100)
        visit(three)
        # Staff have added a place to a time and used it: it counts.
        Slot.objects.filter(pk=three.pk).update(capacity=3, extra_places=1)
        # A session that is not active: of its closed times only what is held counts.
        off = ScheduleFactory(doctor=first, location=begin.location, date=LAST, capacity=5)
        visit(off.slots.first())
        off.slots.update(is_open=False)
        ScheduleFactory(doctor=other, date=LAST, end_time=time(10), location__name="Norte")
        ScheduleFactory(doctor=other, location=begin.location, date=date(2026, 12, 1))
    return first, other


def numbers(row: Any) -> tuple[int, ...]:
    return (row.places, row.held, row.booked, row.done, row.no_show, row.canceled)


@pytest.mark.both_databases
def test_the_figures_count_places_as_the_times_do_and_visits_by_what_became_of_them(
    november: tuple[Doctor, Doctor], superuser: User
) -> None:
    of_first, of_other = (10, 4, 4, 1, 1, 1), (2, 0, 0, 0, 0, 0)
    by_doctor = FiguresOfPeriod(superuser, *NOVEMBER, DOCTOR).rows()
    assert {row.label: numbers(row) for row in by_doctor} == {
        "Dr. Elena Abad": of_first,
        "Dr. Elena Zamora": of_other,
    }
    assert [row.use for row in by_doctor] == [40, 0]
    assert by_doctor[0].lead_days == pytest.approx((2 + 6 + 4 + 4) / 4)  # not the canceled one
    assert by_doctor[1].lead_days is None
    total = total_of(by_doctor)
    assert numbers(total) == (12, 4, 4, 1, 1, 1)
    assert total.lead_days == by_doctor[0].lead_days
    assert total.held == sum(Slot.objects.values_list("taken", flat=True))

    by_site = FiguresOfPeriod(superuser, *NOVEMBER, SITE).rows()
    assert [(row.label, row.places) for row in by_site] == [("Centro", 10), ("Norte", 2)]

    days = (date(2026, 11, 4), date(2026, 12, 1))
    by_week = FiguresOfPeriod(superuser, *days, WEEK).rows()
    assert [(row.label, row.places) for row in by_week] == [
        ("Week of 2 Nov 2026", 0), ("Week of 9 Nov 2026", 0), ("Week of 16 Nov 2026", 0),
        ("Week of 23 Nov 2026", 0), ("Week of 30 Nov 2026", 7),
    ]  # fmt: skip
    by_month = FiguresOfPeriod(superuser, MONDAY, days[1], MONTH).rows()
    assert [(row.label, row.places) for row in by_month] == [("Nov 2026", 12), ("Dec 2026", 4)]
    assert by_month[0].lead_days == by_doctor[0].lead_days

    alone = FiguresOfPeriod(superuser, *NOVEMBER, WEEK, doctor=november[1].pk)
    assert numbers(total_of(alone.rows())) == of_other


@pytest.mark.both_databases
def test_the_next_free_time_of_a_specialty_is_the_first_that_anyone_can_book(
    superuser: User,
) -> None:
    skin, heart, nobody = (SpecialtyFactory(name=name) for name in ("Skin", "Heart", "Zzz"))
    full, free, later = DoctorFactory.create_batch(3)
    for doctor in (full, free):
        doctor.specialties.add(skin)
    later.specialties.add(skin, heart)
    AppointmentFactory(slot=ScheduleFactory(doctor=full, end_time=time(9, 30)).slots.get())
    session = ScheduleFactory(doctor=free, location__min_notice_minutes=30 * 24 * 60)
    next_one = ScheduleFactory(doctor=later, location__name="Norte").slots.first()
    day_after = next_one.schedule.date + timedelta(days=1)
    ScheduleFactory(doctor=free, location=next_one.location, date=day_after)
    at = next_one.starts_at - timedelta(hours=12)
    found = next_free_by_specialty(superuser, at)
    assert [(each.specialty, each.slot, each.days) for each in found] == [
        ("Heart", next_one, 0.5),
        ("Skin", next_one, 0.5),
    ]
    there = next_free_by_specialty(superuser, at, location=session.location_id)
    assert [(each.specialty, each.slot, each.start) for each in there] == [("Skin", None, "")]
    assert nobody.name not in {each.specialty for each in found}


def test_staff_of_a_site_get_the_figures_of_their_sites(
    november: tuple[Doctor, Doctor], desk: Client, staff: User
) -> None:
    there = ScheduleFactory(doctor__last_name="Elsewhere", date=LAST)
    here = Slot.objects.earliest("pk").location
    SiteStaffFactory(user=staff, location=here)
    left = ScheduleFactory(doctor__last_name="Long gone", location=here, date=day_ahead(-800))
    days = {"from": "2026-11-01", "to": "2026-11-30"}
    page = desk.get(PAGE, days).content.decode()
    assert "Abad" in page
    assert "Elsewhere" not in page
    # The doctor has a session here in December and one elsewhere in November.
    assert '<th scope="row">Dr. Elena Zamora' not in page
    assert "Long gone" not in page
    refused = (("doctor", there.doctor), ("doctor", left.doctor), ("location", there.location))
    for name, row in refused:
        assert desk.get(PAGE, {name: row.pk}).status_code == 404


def test_the_page_shows_this_month_so_far_in_a_fixed_number_of_statements(
    november: tuple[Doctor, Doctor], desk: Client
) -> None:
    with time_machine.travel(NOW, tick=False):
        with counted_statements() as before:
            page = desk.get(PAGE).content.decode()
        for n in range(3):
            doctor = DoctorFactory()
            doctor.specialties.add(SpecialtyFactory())
            visit(ScheduleFactory(doctor=doctor, date=MONDAY + timedelta(days=n)).slots.first())
        with counted_statements() as after:
            desk.get(PAGE)
    assert "Sun 1 Nov 2026 to Sun 29 Nov 2026" in page
    assert page.count('<svg class="plot"') == 2  # no doctor has a specialty yet
    assert page.count('role="img"') == 2
    assert "style=" not in page.split('id="desk"')[1]
    assert "Dr. Elena Abad: 1 done, 1 no-show, 1 due, 6 free, 33% held" in page
    events = AuditEvent.objects.values_list("kind", "action", "patient_id")
    assert list(events) == [("desk.figures", "read", None)] * 2
    assert len(after) <= len(before) + 1  # the next free times


@pytest.mark.parametrize(
    "query",
    [
        {"from": "yesterday"}, {"to": "2026-02-30"}, {"from": "2026-11-02", "to": "2026-11-01"},
        {"from": "2024-01-01", "to": "2026-01-01"}, {"to": "9999-12-31"}, {"from": "0001-01-01"},
        {"by": "patient"}, {"format": "xlsx"}, {"from": "\0"}, {"to": "1" * 5000},
    ],
)  # fmt: skip
def test_parameters_that_make_no_sense_are_400_on_a_page_that_says_so(
    desk: Client, query: dict[str, str]
) -> None:
    answer = desk.get(PAGE, query)
    assert answer.status_code == 400
    assert 'role="alert"><p>' in answer.content.decode()
    assert not AuditEvent.objects.exists()


def test_keys_that_no_row_has_are_404(desk: Client) -> None:
    for name in ("location", "doctor"):
        for key in ("x", 10**22, "\0", "-1", 999_999):
            assert desk.get(PAGE, {name: key}).status_code == 404


def test_the_file_has_numbers_no_formula_and_an_event_of_its_export(
    november: tuple[Doctor, Doctor], desk: Client
) -> None:
    Doctor.objects.filter(pk=november[0].pk).update(title="=1+1", first_name="")
    query = {"from": "2026-11-01", "to": "2026-11-30", "format": "csv"}
    answer = desk.get(PAGE, query)
    text = answer.content.decode()
    assert text.startswith("\ufeffDoctor,Places,Held,Booked,Done,No-show,Canceled,Use (%),")
    rows = list(csv.reader(StringIO(text)))
    assert rows[1] == ["'=1+1 Abad", "10", "4", "4", "1", "1", "1", "40.0", "4.0"]
    assert rows[2][-2:] == ["0.0", ""]
    assert rows[3:] == [["All", "12", "4", "4", "1", "1", "1", "33.3", "4.0"]]
    name = "figures-by-doctor-2026-11-01-to-2026-11-30.csv"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    events = AuditEvent.objects.values_list("kind", "action", "role", "patient_id")
    assert list(events) == [("desk.figures", "export", "staff", None)]
    link = '?from=2026-11-01&amp;to=2026-11-30&amp;by=week&amp;format=csv"'
    assert link in desk.get(PAGE, {**query, "by": "week", "format": ""}).content.decode()
    weeks = desk.get(PAGE, {**query, "by": "week"}).content.decode().splitlines()
    assert weeks[1].startswith("2026-10-26,0,")
    assert weeks[-1].startswith("All,12,")
