"""Leave at the desk, and the visits to rebook: what is hit is shown first, and nothing is lost."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, User
from appointment.models import Appointment, Proposal
from appointment.tests.factories import AppointmentFactory
from doctor.models import Doctor, Slot, TimeOff
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    SiteStaffFactory,
    TimeOffFactory,
    day_ahead,
)
from tests.admin_client import FormReader, messages_of
from tests.balance import assert_balanced
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db
AWAY = "/admin/desk/away/"
ALL = "/admin/desk/away/visits/all/"
HTMX = {"hx-request": "true"}


@pytest.fixture
def desk(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def a_day(visits: int = 3, **session: Any) -> list[Appointment]:
    """Return visits of half an hour from 09:00 three days ahead, with free times a week later."""
    session = {"end_time": time(9 + visits // 2, visits % 2 * 30), **session}
    day = ScheduleFactory(**session)
    hit: list[Any] = [AppointmentFactory(slot=slot) for slot in day.slots.order_by("starts_at")]
    later = {"date": day.date + timedelta(days=7), "location": day.location}
    ScheduleFactory(doctor=day.doctor, end_time=time(9 + visits), slot_minutes=20, **later)
    return hit


def form(doctor: Doctor, desk: Client, **typed: Any) -> dict[str, Any]:
    """Return the form of this doctor, as the page has it after what it hits was shown."""
    typed = {"who": f"doctor-{doctor.pk}", "why": "Ill", **typed}
    shown = desk.get(f"{AWAY}hits/", typed, headers=HTMX).content.decode()
    seen = FormReader(f'<form method="post">{shown}</form>').sent
    return {**seen, **typed}


@pytest.mark.both_databases
def test_the_rest_of_today_is_entered_on_the_sites_clock_and_leads_to_its_visits(
    desk: Client,
) -> None:
    site = LocationFactory(time_zone="America/New_York")
    with time_machine.travel(datetime(2026, 11, 1, 5, 30, 12, tzinfo=UTC), tick=False):  # 01:30 EDT
        today = site.today(timezone.now())
        # The clocks go back at 02:00: 01:00 to 02:00 is two hours, and the day has 25.
        before, *hit = a_day(location=site, date=today, start_time=time(1), end_time=time(2))
        doctor = hit[0].doctor
        page = desk.get(f"{AWAY}hits/", {"who": f"doctor-{doctor.pk}"}, headers=HTMX)
        assert "3 visits and 0 free times" in page.content.decode()
        sent = form(doctor, desk, when="rest", reason="Flu")
        answer = desk.post(AWAY, sent, follow=True)
        leave = TimeOff.objects.get()
        assert leave.starts_at == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
        assert leave.ends_at == datetime(2026, 11, 2, 5, tzinfo=UTC)
        assert leave.reason == "Ill: Flu"
        assert answer.request["QUERY_STRING"] == f"leave={leave.pk}"
        assert "3 visits to rebook" in messages_of(answer)[0]
        rows = answer.context["rebooking"].rows
        assert [len(row.times) for row in rows] == [3, 3, 3]
        again = desk.post(AWAY, form(doctor, desk, when="rest"), follow=True)
        assert "entered already" in messages_of(again)[0]
        assert TimeOff.objects.count() == 1
    assert not Appointment.objects.get(pk=before.pk).needs_rebooking


def test_leave_is_not_saved_before_the_page_has_shown_what_it_hits(desk: Client) -> None:
    first, *_ = a_day()
    typed = {"who": f"doctor-{first.doctor_id}", "when": "dates", "first": first.date.isoformat()}
    asked = desk.post(AWAY, typed)
    assert "3 visits and 0 free times" in asked.content.decode()
    assert not TimeOff.objects.exists()
    sent = form(first.doctor, desk, **typed)
    noon = {"date": first.date, "start_time": time(12), "end_time": time(12, 30)}
    AppointmentFactory(slot=ScheduleFactory(doctor=first.doctor, **noon).slots.get())
    assert "4 visits" in desk.post(AWAY, sent).content.decode()  # one was booked meanwhile
    assert not TimeOff.objects.exists()
    desk.post(AWAY, form(first.doctor, desk, **typed, first_time="09:30", last_time="10:00"))
    leave, zone = TimeOff.objects.get(), ZoneInfo("Europe/Madrid")
    assert leave.starts_at == datetime.combine(first.date, time(9, 30), zone)
    assert leave.ends_at == datetime.combine(first.date, time(10), zone)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"who": "doctor-9999999999999999999999"}, "Choose the doctor"),
        ({"who": "site-0"}, "Choose the doctor"),
        ({"when": "dates"}, "Choose the first day"),
        ({"when": "dates", "first": "9999-12-31"}, "Use a time from"),
        ({"when": "dates", "first": "2001-01-01"}, "This time is over"),
        ({"when": "dates", "first": "2030-02-02", "last": "2030-02-01"}, "ends after it starts"),
        ({"when": "dates", "first": "\x00"}, "Enter a valid date"),
    ],
)
def test_what_is_no_leave_is_said_on_the_page(
    desk: Client, typed: dict[str, str], sentence: str
) -> None:
    LocationFactory()
    page = desk.post(AWAY, {"who": f"doctor-{DoctorFactory().pk}", **typed})
    assert page.status_code == 200
    assert sentence in page.content.decode()
    assert not TimeOff.objects.exists()


def test_a_closed_site_is_on_its_own_clock_and_can_be_taken_back(desk: Client) -> None:
    LocationFactory(name="A")
    site = LocationFactory(name="B", time_zone="Asia/Tokyo")
    [visit] = a_day(1, location=site)
    typed = {"who": f"site-{site.pk}", "when": "dates", "first": visit.date.isoformat()}
    shown = desk.post(AWAY, {**typed, **form(visit.doctor, desk, **typed)}, follow=True)
    leave = TimeOff.objects.get()
    assert leave.starts_at == datetime.combine(visit.date, time(), ZoneInfo("Asia/Tokyo"))
    assert "B is closed from" in shown.content.decode()
    desk.post(f"{AWAY}leave/{leave.pk}/take-back/")
    assert not TimeOff.objects.exists()
    assert not Appointment.objects.get(pk=visit.pk).needs_rebooking


def listed(desk: Client, **query: Any) -> Any:
    """Return the visits to rebook, as the page shows them."""
    return desk.get(AWAY, query).context["rebooking"]


@pytest.fixture
def ill(desk: Client) -> list[Appointment]:
    """Return three visits of a doctor who is on leave that day; times are proposed for them."""
    visits = a_day()
    TimeOffFactory(doctor=visits[0].doctor)
    desk.post(f"{AWAY}propose/")
    return visits


def test_one_click_moves_a_visit_and_a_lost_time_is_replaced_with_a_message(
    desk: Client, ill: list[Appointment]
) -> None:
    first, second, _ = rows = listed(desk).rows
    url = f"{AWAY}visits/{first.visit.pk}/"
    booked = AppointmentFactory(slot=first.times[0].slot)
    refused = desk.post(url, {"do": "move", "slot": booked.slot_id}, headers=HTMX).content.decode()
    assert f"{first.card.person} is not moved" in refused
    assert first.times[0].label in refused
    replaced = listed(desk).rows[0].times
    assert f"Proposed instead: {replaced[0].label}" in refused
    others = {time.slot.pk for row in rows[1:] for time in row.times}
    assert not others & {time.slot.pk for time in replaced}
    desk.post(f"{AWAY}visits/{second.visit.pk}/", {"do": "called"}, headers=HTMX)
    moved = desk.post(url, {"do": "move", "slot": replaced[0].slot.pk}, headers=HTMX)
    assert "desk-changed" in moved["HX-Trigger"]
    assert f"{first.card.person} is moved" in moved.content.decode()
    [called, _] = listed(desk).rows
    assert called.visit == second.visit
    assert called.call_texts == [called.call_texts[0]]
    assert "by " in called.call_texts[0]
    assert_balanced(booked.slot)
    late = desk.post(url, {"do": "move", "slot": replaced[1].slot.pk}, headers=HTMX)
    assert "not to be rebooked any more" in late.content.decode()


@pytest.mark.usefixtures("row_by_row")
def test_all_are_moved_to_what_the_page_showed_and_a_lost_one_stays_alone(
    desk: Client, ill: list[Appointment]
) -> None:
    rebooking = listed(desk)
    shown = {row.visit.pk: row.times[0].slot for row in rebooking.rows}
    lost, *others = shown
    AppointmentFactory(slot=shown[lost])
    sent = {"do": "move", "firsts": " ".join(rebooking.firsts)}
    answer = desk.post(ALL, sent, headers=HTMX).content.decode()
    assert "2 of 3 visits moved, 1 not." in answer
    assert answer.count("Done:") == 2
    assert "Proposed instead" in answer
    slots = dict(Appointment.objects.filter(pk__in=shown).values_list("pk", "slot"))
    assert {slots[pk] for pk in others} == {shown[pk].pk for pk in others}
    [left] = listed(desk).rows
    assert left.visit.pk == lost
    assert left.times
    for slot in shown.values():
        assert_balanced(slot)
    twice = desk.post(ALL, sent, headers=HTMX).content.decode()
    assert "2 of 3 visits moved, 1 not." in twice  # a second click is answered as the first
    elsewhere = {"do": "move", "firsts": f"{others[0]}:{shown[others[1]].pk} {10**17}:1"}
    late = desk.post(ALL, elsewhere, headers=HTMX).content.decode()
    assert f"{rebooking.rows[1].card.person} is not to be rebooked any more" in late
    assert "1 visit not there any more." in late


def test_all_are_canceled_for_a_reason_and_one_that_has_begun_stays(desk: Client) -> None:
    first, second = a_day(2, date=day_ahead(0))
    with time_machine.travel(first.starts_at + timedelta(minutes=1), tick=False):
        TimeOffFactory(doctor=first.doctor, starts_at=first.starts_at)
        page = desk.get(AWAY)
        assert page.content.decode().count("has begun: a reason is needed") == 1
        sent = {"do": "cancel", "visits": f"{first.pk} {second.pk}"}
        assert "Choose a reason" in desk.post(ALL, sent).content.decode()
        sent |= {"reason": "Doctor ill", "detail": "sorry"}
        assert "1 of 2 visits canceled, 1 not." in desk.post(ALL, sent).content.decode()
        second.refresh_from_db()
        assert (second.status, second.cancel_reason) == ("canceled", "Doctor ill: sorry")
        desk.post(f"{AWAY}propose/")
        url, slot = f"{AWAY}visits/{first.pk}/", listed(desk).rows[0].times[0].slot
        assert f'<option value="{slot.pk}"' in desk.get(url, headers=HTMX).content.decode()
        assert AuditEvent.objects.filter(object_id=first.pk, action="read").count() == 1
        desk.post(url, {"do": "move", "slot": slot.pk})
        assert Appointment.objects.get(pk=first.pk).slot_id == first.slot_id
        desk.post(url, {"do": "move", "slot": slot.pk, "override_reason": "Never began"})
        assert Appointment.objects.get(pk=first.pk).slot_id == slot.pk


def test_a_page_that_has_not_changed_is_not_sent_again(
    desk: Client, ill: list[Appointment]
) -> None:
    part = f"{AWAY}visits/"
    version = listed(desk).version

    def refresh() -> Any:
        return desk.get(part, {"version": version}, headers=HTMX)

    assert refresh().status_code == 204
    ill[0].note_call()
    changed = refresh()
    html = changed.content.decode()
    assert "Called, no answer: " in html
    assert '<span id="number-to-move" hx-swap-oob="true">3 visits</span>' in html
    version = changed.context["rebooking"].version
    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=False):
        assert 'hx-trigger="load, submit"' in refresh().content.decode()  # they run out soon
        desk.post(f"{AWAY}propose/", headers=HTMX)
        assert 'hx-trigger="submit"' in desk.get(part, headers=HTMX).content.decode()
    leave = TimeOff.objects.get()
    shown = {"leave": leave.pk}
    leave.unpublish()
    gone = desk.get(part, shown, headers=HTMX)
    assert gone["HX-Redirect"] == AWAY
    assert "has been taken back" in desk.get(AWAY).content.decode()


def test_what_is_typed_stands_outside_of_what_a_refresh_swaps(
    desk: Client, ill: list[Appointment]
) -> None:
    html = desk.get(AWAY).content.decode()
    before, swapped = html.split('<div id="visits"')
    assert 'name="detail"' in before
    assert "detail" not in swapped.split("</section>")[0]
    assert f'form="cancel-all-form" name="visits" value="{ill[0].pk} ' in swapped
    assert 'form="move-all-form" name="firsts"' in swapped


def test_a_visit_that_was_moved_meanwhile_is_not_moved_or_canceled_by_another_desk(
    ill: list[Appointment],
) -> None:
    """Each desk has read the visit while it was on the list."""
    mine, theirs, last = (Appointment.objects.with_names().get(pk=ill[0].pk) for _ in range(3))
    first, second = Slot.objects.bookable(timezone.now())[:2]
    mine.reschedule(first, listed=True)
    with pytest.raises(Appointment.DoesNotExist):
        theirs.reschedule(second, listed=True)
    with pytest.raises(Appointment.DoesNotExist):
        last.cancel(listed=True)
    stands = Appointment.objects.get(pk=mine.pk)
    assert (stands.slot_id, stands.status) == (first.pk, "scheduled")
    for slot in (first, second, ill[0].slot):
        assert_balanced(slot)


def test_a_second_click_on_enter_leads_to_the_same_visits(desk: Client) -> None:
    first, *_ = a_day()
    sent = form(first.doctor, desk, when="dates", first=first.date.isoformat())
    once, twice = (desk.post(AWAY, sent) for _ in range(2))
    assert once["Location"] == twice["Location"]
    assert "leave=" in once["Location"]
    assert TimeOff.objects.count() == 1


def test_leave_that_is_taken_back_says_how_many_visits_take_place_again(
    desk: Client, ill: list[Appointment]
) -> None:
    moved = listed(desk).rows[0]
    slot = moved.times[0].slot
    desk.post(f"{AWAY}visits/{moved.visit.pk}/", {"do": "move", "slot": slot.pk})
    other = ScheduleFactory(doctor=ill[0].doctor, date=day_ahead(20)).slots.first()
    leave = TimeOff.objects.get()
    second = TimeOffFactory(doctor=ill[0].doctor, starts_at=ill[2].starts_at, ends_at=other.ends_at)
    url = f"{AWAY}leave/{leave.pk}/take-back/"
    answer = desk.post(url, follow=True)
    assert "1 visit takes place again. 1 still to rebook" in messages_of(answer)[-1]
    assert Appointment.objects.get(pk=moved.visit.pk).slot_id == slot.pk
    assert not Appointment.objects.get(pk=ill[1].pk).needs_rebooking
    assert Slot.objects.get(pk=ill[1].slot_id).is_open
    assert desk.post(url).status_code == 404
    twice = desk.post(url, headers=HTMX)
    assert twice["HX-Redirect"] == AWAY
    assert "has been taken back" in messages_of(desk.get(AWAY))[0]
    assert TimeOff.objects.get() == second


def test_today_is_on_the_clock_of_the_site_where_the_doctor_is(desk: Client, staff: User) -> None:
    madrid = LocationFactory(name="A")
    tokyo = LocationFactory(name="B", time_zone="Asia/Tokyo")
    at = datetime(2026, 11, 1, 20, tzinfo=UTC)  # Monday 05:00 in Tokyo, Sunday in Madrid
    with time_machine.travel(at, tick=False):
        today = tokyo.today(at)
        doctor = ScheduleFactory(location=tokyo, date=today, doctor=DoctorFactory()).doctor
        AppointmentFactory(slot=doctor.slots.first())
        typed = form(doctor, desk, when="rest", location=madrid.pk)
        page = desk.post(AWAY, typed, follow=True).content.decode()
        assert page.count("to Tue 3 Nov 2026, 00:00 JST") == 3  # the message, the page, its button
        leave = TimeOff.objects.get()
        assert leave.ends_at == datetime(2026, 11, 2, 15, tzinfo=UTC)  # midnight in Tokyo
        ScheduleFactory(
            location=madrid,
            date=madrid.today(at),
            start_time=time(22),
            doctor=doctor,
            end_time=time(23),
        )
        desk.post(AWAY, form(doctor, desk, when="today", location=madrid.pk))
        assert TimeOff.objects.latest("pk").ends_at == datetime(2026, 11, 1, 23, tzinfo=UTC)


def test_a_time_that_no_longer_fits_the_patient_is_replaced_too(
    desk: Client, ill: list[Appointment]
) -> None:
    row = listed(desk).rows[0]
    slot = row.times[0].slot
    span = {"date": slot.starts_at.date(), "location": slot.location}
    other = ScheduleFactory(**span).slots.first()  # of another doctor, at the same time
    AppointmentFactory(slot=other, patient=row.visit.patient)
    url = f"{AWAY}visits/{row.visit.pk}/"
    said = desk.post(url, {"do": "move", "slot": slot.pk}, headers=HTMX).content.decode()
    assert f"{row.card.person} is not moved" in said
    instead = listed(desk).rows[0].times
    assert f"Proposed instead: {instead[0].label}" in said
    assert slot.pk not in {time.slot.pk for time in instead}
    assert instead


def test_persons_who_cannot_come_have_no_times_but_leave_the_list(desk: Client) -> None:
    dead, erased, left = a_day(3, date=day_ahead(0))
    with time_machine.travel(erased.ends_at - timedelta(minutes=1), tick=False):
        TimeOffFactory(doctor=dead.doctor, starts_at=dead.starts_at)
        Appointment.objects.filter(pk=dead.pk).update(needs_rebooking=True)
        dead.patient.mark_deceased()
        Appointment.objects.filter(pk=erased.pk).update(patient=None)
        desk.post(f"{AWAY}propose/")
        first, second, third = listed(desk).rows
        assert [first.times, second.times] == [[], []]
        assert third.times
        assert listed(desk).firsts == [third.first]
        html = desk.get(AWAY).content.decode()
        assert "deceased: cancel or keep" in html
        assert "the person has been erased: cancel or keep" in html
        for visit in (dead, erased):
            url = f"{AWAY}visits/{visit.pk}/"
            assert "Keep as booked" in desk.get(url, {"do": "keep"}, headers=HTMX).content.decode()
            desk.post(url, {"do": "keep", "reason": "Nothing to move"})
        assert [row.visit.pk for row in listed(desk).rows] == [left.pk]


def test_a_kept_visit_needs_a_reason_and_leaves_the_list(
    desk: Client, ill: list[Appointment]
) -> None:
    url = f"{AWAY}visits/{ill[0].pk}/"
    assert "Say why" in desk.post(url, {"do": "keep"}, headers=HTMX).content.decode()
    desk.post(url, {"do": "keep", "reason": "The doctor comes"}, headers=HTMX)
    assert [row.visit.pk for row in listed(desk).rows] == [visit.pk for visit in ill[1:]]


def test_the_statements_do_not_grow_with_the_visits(desk: Client) -> None:
    def statements() -> int:
        with counted_statements() as counted:
            assert desk.get(AWAY).status_code == 200
        return len(counted)

    visits = a_day(2)
    TimeOffFactory(doctor=visits[0].doctor)
    desk.post(f"{AWAY}propose/")
    statements()
    few = statements()
    for visit in a_day(6):
        visit.note_call()
    TimeOffFactory(doctor=Appointment.objects.order_by("-pk")[0].doctor)
    desk.post(f"{AWAY}propose/")
    assert len(listed(desk).rows) == 8
    assert statements() == few


def test_a_page_that_is_opened_proposes_nothing_by_itself(
    desk: Client, ill: list[Appointment]
) -> None:
    Proposal.objects.all().delete()
    html = desk.get(AWAY).content.decode()
    assert not Proposal.objects.exists()
    assert 'hx-trigger="load, submit"' in html  # the script sends the form by POST
    Slot.objects.filter(taken=0).update(is_open=False)
    desk.post(f"{AWAY}propose/", headers=HTMX)
    part = desk.get(f"{AWAY}visits/", headers=HTMX).content.decode()
    assert "3 without a time proposed" in part
    assert 'hx-trigger="submit"' in part  # else the script would send it for ever


def test_staff_of_a_site_see_and_change_what_is_there_alone(
    desk: Client, staff: User, ill: list[Appointment]
) -> None:
    SiteStaffFactory(user=staff)
    foreign, leave = ill[0], TimeOff.objects.get()
    assert listed(desk).rows == []
    for url in (f"{AWAY}visits/{foreign.pk}/", f"{AWAY}leave/{leave.pk}/take-back/"):
        assert desk.post(url, {"do": "called"}).status_code == 404
    assert desk.get(AWAY, {"leave": leave.pk}).status_code == 404
    assert desk.get(f"{AWAY}visits/{foreign.pk}/").status_code == 404
    assert desk.get(AWAY, {"location": foreign.location_id}).status_code == 404
    said = desk.post(ALL, {"do": "cancel", "visits": foreign.pk, "reason": "Doctor ill"})
    assert "0 of 1 visits canceled" in said.content.decode()
    asked = desk.post(AWAY, {"who": f"doctor-{foreign.doctor_id}", "when": "today"})
    assert "Choose the doctor" in asked.content.decode()
    assert set(Appointment.objects.values_list("status", flat=True)) == {"scheduled"}
    assert TimeOff.objects.count() == 1
