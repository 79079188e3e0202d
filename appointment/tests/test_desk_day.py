"""The desk's day: what a cell shows, what a refresh sends, and what it costs."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.test import Client
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import AuditEvent, User
from accounts.tests.factories import StaffFactory
from appointment.models import Appointment
from appointment.models.event import Status
from appointment.tests.factories import AppointmentFactory
from doctor.models import Location, Slot
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    SiteStaffFactory,
    SpecialtyFactory,
    TimeOffFactory,
)
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 12, 2, 11, 0, tzinfo=UTC)  # a Wednesday; 12:00 in Madrid
DAY = NOON.date()
HTMX = {"hx-request": "true"}
STATEMENTS = 12  # of a page, at most; its refresh records nothing and needs one less


@pytest.fixture(autouse=True)
def noon() -> Iterator[Any]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def desk(staff: User) -> Client:
    return signed_in(staff)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def open_day(desk: Client, site: Location, day: date = DAY) -> str:
    answer = desk.get("/admin/desk/", {"location": site.pk, "date": day.isoformat()})
    assert answer.status_code == 200
    return answer.content.decode()


def text_of(html: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", html).split())


def cell(html: str, slot: Slot | None, key: str = "") -> str:
    """Return the text of the cell of a slot."""
    found = re.search(f'<td id="{key or f"s{slot.pk}"}"(.*?</td>)', html, re.DOTALL)
    assert found, html
    return text_of(f"<td {found[1]}")


def session(site: Location, start: int, end: int, **more: Any) -> list[Slot]:
    """Return the slots, half an hour each, of a doctor's session on the day."""
    times = {"start_time": time(start), "end_time": time(end)}
    made = ScheduleFactory(**{"location": site, "date": DAY, **times, **more})
    return list(made.slots.order_by("starts_at"))


def refresh(desk: Client, html: str) -> Any:
    """Send what the page `html` sends every 20 seconds."""
    sent = re.findall(r'<input type="hidden"[^>]* name="(\w+)" value="([^"]*)"', html)
    form: dict[str, list[str]] = {}
    for name, value in sent:
        form.setdefault(name, []).append(value)
    del form["csrfmiddlewaretoken"]
    return desk.post("/admin/desk/changes/", form, headers=HTMX)


# --- What the day shows ---------------------------------------------------------------------------


def test_each_visit_stands_at_its_time_with_its_state_and_what_can_be_done(
    desk: Client, here: Location
) -> None:
    born = {"date_of_birth": date(1984, 12, 3), "phone_number": "+34612345678"}
    patient = PatientFactory(first_name="Ana", last_name="<Ruiz>", **born)
    slots = session(here, 11, 14)
    late = AppointmentFactory(slot=slots[0], patient=patient, reason="Knee")
    waiting = AppointmentFactory(slot=slots[2], checked_in_at=NOON - timedelta(minutes=12))
    AppointmentFactory(slot=slots[3])
    gone = AppointmentFactory(slot=slots[4], status=Status.CANCELED, canceled_at=NOON)
    AppointmentFactory(slot=slots[5]).check_in().complete()
    Slot.objects.filter(pk=gone.slot_id).update(taken=0)
    html = open_day(desk, here)
    assert cell(html, slots[0]) == (
        "&lt;Ruiz&gt; late 60 min 1984 +34 612 34 56 78 Knee Check in Done No-show Move Cancel"
    ).replace("&lt;", "Ana &lt;", 1)
    assert cell(html, slots[1]) == "past"
    assert "waiting 12 min" in cell(html, slots[2])
    assert cell(html, slots[3]).endswith("due Check-up Check in Move Cancel Squeeze in")
    assert cell(html, slots[4]).startswith("Free canceled Ana")
    assert cell(html, slots[5]).endswith("done Check-up Undo Squeeze in")
    assert f"/admin/desk/walk-in/?doctor={late.doctor_id}&amp;location={here.pk}" in html
    assert "/walk-in/" not in open_day(desk, here, DAY + timedelta(days=1))
    counts = "1 due 1 waiting 1 late 1 done 0 no-show 1 canceled 0 to rebook"
    assert counts in text_of(html)
    assert html.count('aria-current="time"') == 1
    assert {late.status, waiting.status} == {Status.SCHEDULED}


def test_closed_times_name_their_reason_and_those_of_one_reason_are_one_cell(
    desk: Client, here: Location
) -> None:
    slots = session(here, 13, 16)
    visit = AppointmentFactory(slot=slots[0])
    span = {"starts_at": slots[0].starts_at, "ends_at": slots[4].starts_at}
    TimeOffFactory(doctor=visit.doctor, reason="Training", **span)
    held = session(here, 13, 14, capacity=3)
    Slot.objects.filter(pk=held[0].pk).update(taken=2)
    AppointmentFactory(slot=held[1])
    html = open_day(desk, here)
    assert "to rebook" in cell(html, slots[0])
    assert cell(html, slots[0]).endswith("Away: Training")
    assert cell(html, slots[1]) == "Away: Training"
    assert re.search(f'<td id="s{slots[1].pk}" rowspan="3"', html)
    assert f'"s{slots[2].pk}"' not in html
    assert cell(html, slots[4]) == "Free"
    assert cell(html, held[0]) == "Free 2 held for the waitlist"
    assert cell(html, held[1]).endswith("2 free")


def test_a_visit_that_has_lost_its_time_and_that_of_a_doctor_who_left_are_shown(
    desk: Client, here: Location
) -> None:
    slots = session(here, 15, 16)
    lost = AppointmentFactory(slot=slots[1], status=Status.CANCELED, canceled_at=NOON)
    slots[1].delete()
    left = session(here, 17, 18, doctor=DoctorFactory(last_name="Gone"))
    AppointmentFactory(slot=left[0])
    left[0].doctor.is_active = False
    left[0].doctor.publish()
    empty = session(here, 17, 18, doctor=DoctorFactory(last_name="Unseen", is_active=False))
    html = open_day(desk, here)
    assert cell(html, None, f"v{lost.pk}").startswith("no such time any more canceled")
    assert "Gone has left" in text_of(html)
    assert cell(html, left[0]).endswith("The doctor has left")
    assert "Unseen" not in html
    assert f'"s{empty[0].pk}"' not in html


def test_the_hour_that_the_clocks_show_twice_has_two_names(
    staff: User, here: Location, noon: Any
) -> None:
    noon.move_to(datetime(2026, 10, 24, 10, tzinfo=UTC))
    slots = session(here, 1, 4, date=date(2026, 10, 25), slot_minutes=60)
    desk = signed_in(staff)
    heads = re.findall(
        r'<th scope="row" id="t\d+">([^<]*)', open_day(desk, here, date(2026, 10, 25))
    )
    times = ["01:00 CEST", "02:00 CEST", "02:00 CET", "03:00 CET"]
    assert heads == times
    visit = AppointmentFactory(slot=slots[0])
    panel = desk.get(f"/admin/desk/visits/{visit.pk}/move/", headers=HTMX).content.decode()
    assert re.findall(r">(\d\d:\d\d \w+)</button>", panel) == times[1:]


def test_an_empty_day_leads_to_the_next_one_with_hours(desk: Client, here: Location) -> None:
    assert "No doctor has hours or visits" in open_day(desk, here)
    session(here, 9, 10, date=date(2026, 12, 9))
    html = open_day(desk, here)
    assert f'<a href="/admin/desk/?location={here.pk}&amp;date=2026-12-09">Wednesday 9' in html


def test_without_any_site_the_page_says_who_adds_one(desk: Client) -> None:
    assert "An administrator adds sites" in desk.get("/admin/desk/").content.decode()
    assert desk.post("/admin/desk/changes/").status_code == 400


@pytest.mark.parametrize("typed", ["x", "0001-01-01", "9999-12-31", "2026-02-30", "\0", "1" * 23])
def test_what_is_no_date_is_refused(desk: Client, here: Location, typed: str) -> None:
    assert desk.get("/admin/desk/", {"date": typed}).status_code == 400


def test_staff_who_may_only_look_see_no_button(here: Location) -> None:
    user = StaffFactory()
    user.user_permissions.add(Permission.objects.get(codename="view_appointment"))
    slots = session(here, 13, 15)
    visit = AppointmentFactory(slot=slots[0])
    desk = signed_in(user)
    html = open_day(desk, here)
    assert cell(html, slots[0]).endswith("due Check-up")
    assert cell(html, slots[1]) == "1 free"
    assert "<button" not in html.partition('id="day"')[2]
    assert desk.post(f"/admin/desk/visits/{visit.pk}/check-in/").status_code == 403
    assert desk.get("/admin/desk/search/", {"q": "Ruiz"}).status_code == 403
    for panel in ("move", "cancel"):
        assert desk.get(f"/admin/desk/visits/{visit.pk}/{panel}/").status_code == 403


# --- The refresh ----------------------------------------------------------------------------------


def test_a_refresh_sends_what_changed_and_nothing_else(
    desk: Client, here: Location, noon: Any
) -> None:
    slots = session(here, 14, 16)
    visit = AppointmentFactory(slot=slots[0])
    AppointmentFactory(slot=slots[1])
    html = open_day(desk, here)
    assert refresh(desk, html).status_code == 204
    visit.check_in()
    sent = refresh(desk, html).content.decode()
    assert re.findall(r'<t[dh] [^>]*id="(\w+)"', sent) == [f"s{slots[0].pk}"]
    assert "waiting 0 min" in sent
    assert "1 waiting" in text_of(sent)
    assert f'id="d-{visit.doctor_id}"' in sent
    noon.move_to(slots[0].starts_at)  # the mark of the present time moves, and both visits age
    later = refresh(desk, html).content.decode()
    assert re.findall(r'<t[dh] [^>]*id="(\w+)"', later) == ["t0", f"s{slots[0].pk}"]


def test_a_refresh_sends_the_whole_table_when_its_times_have_changed(
    desk: Client, here: Location
) -> None:
    session(here, 14, 15)
    html = open_day(desk, here)
    [other] = session(here, 14, 15, slot_minutes=60)
    sent = refresh(desk, html).content.decode()
    assert "<table" in sent
    assert f'id="s{other.pk}"' in sent
    assert (
        desk.post(
            "/admin/desk/changes/", {"date": "2026-12-02", "column": ["x", "time:y"]}
        ).status_code
        == 200
    )


def test_a_page_left_open_past_midnight_says_that_the_day_is_over(
    staff: User, here: Location, noon: Any
) -> None:
    session(here, 14, 15)
    noon.move_to(datetime(2026, 12, 2, 22, 59, tzinfo=UTC))
    desk = signed_in(staff)
    html = open_day(desk, here)
    assert 'id="day-when"><span class="desk-tag">today</span>' in html
    assert f'href="/admin/desk/?location={here.pk}">Today' in html  # of the day it is then
    noon.move_to(datetime(2026, 12, 2, 23, 1, tzinfo=UTC))  # 00:01 in Madrid
    sent = refresh(desk, html).content.decode()
    assert "this day is over" in sent
    assert "/walk-in/" not in sent


# --- The audit ------------------------------------------------------------------------------------


def events() -> list[tuple[Any, ...]]:
    found = AuditEvent.objects.order_by("pk").values_list("kind", "action", "patient_id")
    return list(found)


def test_a_page_a_search_and_a_person_record_one_event_each_and_a_refresh_none(
    desk: Client, here: Location, patient: Patient
) -> None:
    visit = AppointmentFactory(slot=session(here, 14, 15)[0], patient=patient)
    html = open_day(desk, here)
    refresh(desk, html)
    assert events() == [("desk.day", "read", None)]
    desk.get("/admin/desk/search/", {"q": "Rui"}, headers=HTMX)
    desk.get("/admin/desk/search/", {"q": "R"}, headers=HTMX)
    assert events()[1:] == [("desk.search", "read", None)]
    desk.get(f"/admin/desk/people/{patient.pk}/", headers=HTMX)
    desk.get(f"/admin/desk/visits/{visit.pk}/move/")
    assert events()[2:] == [("patient.patient", "read", patient.pk)] * 2


# --- The cost -------------------------------------------------------------------------------------


def fill(site: Location, doctors: int, visits: int) -> None:
    """Insert doctors with that many visits each on the day; half an hour each, from 08:00 on."""
    specialty, number = SpecialtyFactory(), Patient.objects.count()
    for _ in range(doctors):
        doctor = DoctorFactory()
        doctor.specialties.add(specialty)
        slots = session(site, 8, 18, doctor=doctor)[:visits]
        people = [
            Patient(last_name=f"Ruiz {number + n}", phone_number=f"+34612{number + n:06}")
            for n in range(visits)
        ]
        number += visits
        columns = ("doctor", "location", "starts_at", "ends_at")
        Slot.objects.filter(pk__in=[slot.pk for slot in slots]).update(taken=1)
        Appointment.objects.bulk_create(
            Appointment(
                patient=person,
                slot=slot,
                date=DAY,
                **{name: getattr(slot, name) for name in columns},
            )
            for person, slot in zip(Patient.objects.bulk_create(people), slots, strict=True)
        )


@pytest.mark.both_databases
def test_a_day_takes_as_many_statements_for_thirty_doctors_as_for_one(
    member: User, here: Location, settings: Any
) -> None:
    settings.ADMIN_SECOND_FACTOR = True
    code = TOTPDevice.objects.create(user=member, name="App", confirmed=True)
    desk, training = signed_in(member), session(here, 14, 16)
    browser = desk.session
    browser[DEVICE_ID_SESSION_KEY] = code.persistent_id
    browser.save()
    TimeOffFactory(
        doctor=training[0].doctor, starts_at=training[0].starts_at, ends_at=training[3].ends_at
    )
    for doctors, visits in ((1, 1), (29, 3)):
        fill(here, doctors, visits)
        with counted_statements() as page:
            html = open_day(desk, here)
        assert len(page) == STATEMENTS
        with counted_statements() as refreshed:
            assert refresh(desk, html).status_code == 204
        assert len(refreshed) == STATEMENTS - 1
    assert html.count('class="card ') == 88


def test_staff_of_a_site_see_its_day_and_find_its_patients_alone(
    member: User, here: Location, patient: Patient
) -> None:
    there = LocationFactory()
    SiteStaffFactory(location=there)
    elsewhere = AppointmentFactory(slot=session(there, 14, 15)[0], patient__last_name="Ruizo")
    AppointmentFactory(slot=session(here, 14, 15)[0], patient=patient)
    desk = signed_in(member)
    assert desk.get("/admin/desk/", {"location": there.pk}).status_code == 404
    assert desk.post("/admin/desk/changes/", {"location": there.pk}).status_code == 404
    for verb in ("check-in", "done", "no-show", "undo", "cancel", "move"):
        assert desk.post(f"/admin/desk/visits/{elsewhere.pk}/{verb}/").status_code == 404
    assert desk.get(f"/admin/desk/people/{elsewhere.patient_id}/").status_code == 404
    found = desk.get("/admin/desk/search/", {"q": "ruiz"}, headers=HTMX).content.decode()
    assert re.findall(r"<b>(.*?)</b>", found) == [patient.name]
    assert "Next visit Wed 2 Dec 2026, 14:00 CET" in found
