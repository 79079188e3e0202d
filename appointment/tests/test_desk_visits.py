"""What a click on a visit does at the desk, and the sentence that answers it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.models import User
from appointment.models import Appointment, AppointmentEvent
from appointment.models.event import Status
from doctor.models import Location, Slot
from doctor.tests.factories import DoctorFactory, ScheduleFactory, SpecialtyFactory
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.balance import assert_balanced
from tests.threads import run_together

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 12, 2, 11, 0, tzinfo=UTC)  # a Wednesday; 12:00 in Madrid
HTMX = {"hx-request": "true"}
ANYWAY = {"panel": "1", "override_reason": "The patient is on the way"}


@pytest.fixture(autouse=True)
def noon() -> Iterator[Any]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def desk(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


@pytest.fixture
def slots(here: Location) -> list[Slot]:
    """Return the slots of a doctor, half an hour each, from 13:00 to 15:00 today."""
    doctor = DoctorFactory(last_name="Gil", first_name="Eva")
    made = ScheduleFactory(
        doctor=doctor, location=here, date=NOON.date(), start_time=time(13), end_time=time(15)
    )
    return list(made.slots.order_by("starts_at"))


@pytest.fixture
def visit(slots: list[Slot]) -> Appointment:
    """Return a visit at 13:00, booked by the verb."""
    patient = PatientFactory(first_name="Ana", last_name="Ruiz")
    return Appointment(patient=patient, slot=slots[0]).book()


def click(desk: Client, visit: Appointment, verb: str, **form: Any) -> str:
    answer = desk.post(f"/admin/desk/visits/{visit.pk}/{verb}/", form, headers=HTMX)
    assert answer.status_code == 200
    assert answer["HX-Trigger"] == '{"desk-changed": {}}'
    visit.refresh_from_db()
    return answer.content.decode()


def said(html: str) -> str:
    found = re.search(r'<div class="(?:done|refused)">(.*)', html)
    assert found, html
    return found[1].strip()


def sentence(done: str, at: str = "13:00") -> str:
    where = visit_place()
    return f"Ana Ruiz {done}: Dr. Eva Gil, Wed 2 Dec 2026, {at} CET, {where}."


def visit_place() -> str:
    return str(Location.objects.get())


def test_each_click_is_answered_by_a_sentence_and_a_way_back(
    desk: Client, visit: Appointment, noon: Any
) -> None:
    html = click(desk, visit, "check-in")
    assert said(html) == sentence("is checked in")
    assert f'action="/admin/desk/visits/{visit.pk}/undo/?of=checked_in"' in html
    assert said(click(desk, visit, "check-in")) == sentence("is checked in")  # a double click
    html = click(desk, visit, "undo")
    assert said(html) == sentence("is due again")
    assert 'id="panel"' not in html  # what is typed there stays
    noon.move_to(NOON + timedelta(hours=1, minutes=10))
    assert said(click(desk, visit, "no-show")) == sentence("is marked as a no-show")
    assert said(click(desk, visit, "check-in")) == sentence("is checked in")
    assert said(click(desk, visit, "done")) == sentence("is done")
    assert said(click(desk, visit, "done")) == sentence("is done")
    assert said(click(desk, visit, "undo")) == sentence("is waiting again")
    assert "There is nothing to undo" in said(click(desk, visit, "undo"))
    kinds = AppointmentEvent.objects.filter(appointment=visit).values_list("kind", flat=True)
    assert list(kinds) == [
        "booked", "checked_in", "undone", "no_show", "checked_in", "completed", "undone",
    ]  # fmt: skip


def test_without_a_script_a_click_leads_back_to_the_page_with_the_sentence(
    desk: Client, visit: Appointment
) -> None:
    came_from = "http://testserver/admin/desk/?date=2026-12-02"
    path = f"/admin/desk/visits/{visit.pk}/check-in/"
    answer = desk.post(path, headers={"referer": came_from}, follow=True)
    assert answer.redirect_chain == [(came_from, 302)]
    assert [str(each) for each in answer.context["messages"]] == [sentence("is checked in")]
    page = desk.get(f"/admin/desk/visits/{visit.pk}/move/")
    assert "<html" in page.content.decode()
    assert 'name="slot"' in page.content.decode()
    canceled = {"panel": 1, "reason": "Doctor ill"}
    assert (
        desk.post(f"/admin/desk/visits/{visit.pk}/cancel/", canceled)["Location"] == "/admin/desk/"
    )


def test_a_visit_is_canceled_for_a_reason_from_the_list(desk: Client, visit: Appointment) -> None:
    asked = desk.get(f"/admin/desk/visits/{visit.pk}/cancel/", headers=HTMX).content.decode()
    assert re.findall('name="reason" value="(.*?)"', asked) == [
        "Patient asked", "Doctor ill", "Booked by mistake", "Other",
    ]  # fmt: skip
    assert "override_reason" not in asked
    refused = said(click(desk, visit, "cancel", panel=1, reason="made up"))
    assert refused == f"Choose a reason. {sentence('is due')}"
    html = click(desk, visit, "cancel", panel=1, reason="Doctor ill", detail="flu")
    assert said(html) == sentence("is canceled")
    assert (visit.status, visit.cancel_reason) == (Status.CANCELED, "Doctor ill: flu")
    assert '<div id="panel" hx-swap-oob="innerHTML"></div>' in html
    again = click(desk, visit, "cancel", panel=1, reason="Doctor ill", detail="flu")
    assert said(again) == sentence("is canceled")  # a double click; then another desk
    other = click(desk, visit, "cancel", panel=1, reason="Patient asked")
    assert said(other) == sentence("was already canceled")
    assert said(click(desk, visit, "undo")) == sentence("is due again")
    assert_balanced(visit.slot)


def test_the_deadline_and_the_notice_of_a_site_cost_no_further_click(
    desk: Client, visit: Appointment, here: Location
) -> None:
    here.cancel_deadline_minutes, here.min_notice_minutes = 120, 120
    here.publish()
    assert said(click(desk, visit, "cancel", reason="Patient asked")) == sentence("is canceled")
    assert said(click(desk, visit, "undo")) == sentence("is due again")
    reasons = visit.events.order_by("pk").values_list("override_reason", flat=True)
    assert list(reasons) == ["", "Patient asked", "The cancelation was taken back at the desk."]


def test_to_cancel_a_visit_that_has_begun_takes_a_reason(
    desk: Client, visit: Appointment, noon: Any
) -> None:
    noon.move_to(visit.starts_at + timedelta(minutes=1))
    asked = desk.get(f"/admin/desk/visits/{visit.pk}/cancel/", headers=HTMX).content.decode()
    assert "Cancel anyway because" in asked
    html = click(desk, visit, "cancel", panel=1, reason="Patient asked", detail="went home")
    assert visit.status == Status.SCHEDULED
    assert 'name="detail" value="went home"' in html
    assert "Cancel anyway because" in html
    html = click(desk, visit, "cancel", reason="Patient asked", **ANYWAY)
    assert said(html) == sentence("is canceled")
    assert visit.events.last().override_reason == ANYWAY["override_reason"]


def test_a_visit_moves_by_a_click_on_a_free_time_of_the_week_and_back(
    desk: Client, visit: Appointment, slots: list[Slot], other_patient: Patient
) -> None:
    Appointment(patient=other_patient, slot=slots[1]).book()
    path = f"/admin/desk/visits/{visit.pk}/move/"
    asked = desk.get(path, headers=HTMX).content.decode()
    assert re.findall(r'value="(\d+)">([\d:]+)', asked) == [
        (str(slots[2].pk), "14:00"),
        (str(slots[3].pk), "14:30"),
    ]
    assert "Week before" not in asked
    html = click(desk, visit, "move", panel=1, slot=slots[1].pk)
    assert said(html).startswith("No place is left at this time")
    assert f'value="{slots[2].pk}"' in html  # the free times as they are now
    html = click(desk, visit, "move", panel=1, slot=slots[2].pk)
    moved = sentence("is moved from Wed 2 Dec 2026, 13:00 CET", at="14:00")
    assert said(html) == moved
    assert said(click(desk, visit, "move", panel=1, slot=slots[2].pk)).startswith("Ana Ruiz is")
    [back] = re.findall(f'action="({path}[^"]*)"', html)
    answer = desk.post(back, headers=HTMX)
    assert said(answer.content.decode()) == sentence("is moved from Wed 2 Dec 2026, 14:00 CET")
    visit.refresh_from_db()
    assert visit.slot_id == slots[0].pk


def test_a_move_against_a_rule_takes_a_reason(
    desk: Client, visit: Appointment, slots: list[Slot], here: Location
) -> None:
    here.min_notice_minutes = 150
    here.publish()
    asked = desk.get(f"/admin/desk/visits/{visit.pk}/move/", headers=HTMX).content.decode()
    assert re.findall(r">([\d:]+ ?\*?)\n?</button>", asked) == ["13:30 *", "14:00 *", "14:30"]
    html = click(desk, visit, "move", panel=1, slot=slots[2].pk)
    assert "Move anyway because" in html
    assert f'name="slot" value="{slots[2].pk}"' in html
    html = click(desk, visit, "move", slot=slots[2].pk, **ANYWAY)
    assert said(html).endswith("14:00 CET, " + visit_place() + ".")


def test_the_panel_offers_other_weeks_and_other_doctors_of_the_specialty(
    desk: Client, visit: Appointment, here: Location
) -> None:
    specialty, colleague = SpecialtyFactory(), DoctorFactory(last_name="Colleague")
    visit.doctor.specialties.add(specialty)
    colleague.specialties.add(specialty)
    ScheduleFactory(location=here, date=NOON.date() + timedelta(days=7), doctor=visit.doctor)
    ScheduleFactory(
        location=here, date=NOON.date(), start_time=time(16), end_time=time(17), doctor=colleague
    )
    ScheduleFactory(location=here, date=NOON.date(), start_time=time(16), end_time=time(17))
    path = f"/admin/desk/visits/{visit.pk}/move/"
    week = desk.get(path, {"week": "2026-12-10"}, headers=HTMX).content.decode()
    assert "Wed 9 Dec 2026" in week
    assert "?week=2026-11-30" in week
    others = desk.get(path, {"others": 1}, headers=HTMX).content.decode()
    assert re.findall("<legend>(.*?)</legend>", others) == ["Wed 2 Dec 2026, Dr. Elena Colleague"]


@pytest.mark.parametrize("key", ["0", "x", "1" * 18, "1" * 23, "\0"])
def test_made_up_keys_are_absent(desk: Client, visit: Appointment, key: str) -> None:
    path = f"/admin/desk/visits/{visit.pk}/move/"
    answer = desk.post(path, {"slot": key, "panel": 1}, headers=HTMX)
    assert answer.status_code in {200, 404}
    assert desk.get(f"/admin/desk/visits/{key}/cancel/").status_code == 404
    assert desk.get(path, {"week": key}).status_code in {200, 400}
    assert desk.post(path, {"override_reason": "a\0", "slot": visit.slot_id}).status_code == 302


def test_a_person_shows_visits_today_and_ahead_the_last_ones_and_the_way_to_book(
    desk: Client, visit: Appointment, slots: list[Slot], here: Location
) -> None:
    old = ScheduleFactory(location=here, date=NOON.date() - timedelta(days=9))
    past = Appointment(patient=visit.patient, slot=old.slots.first())
    with time_machine.travel(NOON - timedelta(days=10)):
        past.book()
    html = desk.get(f"/admin/desk/people/{visit.patient_id}/", headers=HTMX).content.decode()
    ahead, before = html.split("The last visits")
    assert "Wed 2 Dec 2026, 13:00 CET" in ahead
    assert f"/admin/desk/visits/{visit.pk}/check-in/" in ahead
    assert "Mon 23 Nov 2026" in before
    assert f'/admin/desk/book/?patient={visit.patient_id}"' in html


# --- Two desks at once ----------------------------------------------------------------------------


def test_a_refusal_names_the_visit_and_how_it_stands(
    desk: Client, staff: User, visit: Appointment, slots: list[Slot]
) -> None:
    visit.check_in()
    assert said(click(desk, visit, "no-show")).endswith(f"first. {sentence('is waiting')}")
    visit.cancel(by=staff, override_reason="Asked")
    assert said(click(desk, visit, "done")).endswith(sentence("is canceled"))
    html = click(desk, visit, "move", panel=1, slot=slots[2].pk)
    assert said(html).endswith(sentence("is canceled"))
    assert "This visit is canceled by now." in html
    assert "anyway" not in html  # no reason makes it possible


def test_an_undo_takes_back_what_the_page_has_shown_and_no_other_change(
    desk: Client, visit: Appointment
) -> None:
    visit.check_in()
    visit.complete()
    checked_in, done = "undo/?of=checked_in", "undo/?of=completed"

    def undo(path: str) -> str:
        answer = desk.post(f"/admin/desk/visits/{visit.pk}/{path}", headers=HTMX)
        return said(answer.content.decode())

    refused = "Another user has changed this visit meanwhile: that is not taken back. {}"
    assert undo(checked_in) == refused.format(sentence("is done"))
    assert undo(done) == sentence("is waiting again")
    assert undo(done) == sentence("is waiting again")  # a double click
    assert undo(checked_in).startswith("There is nothing to undo")
    again = click(desk, visit, "check-in")
    assert said(again) == sentence("is checked in")
    assert "Undo" not in again  # an undo is not undone


def test_undo_is_offered_where_there_is_one(
    desk: Client, staff: User, visit: Appointment, slots: list[Slot]
) -> None:
    def offered() -> list[str]:
        day = desk.get("/admin/desk/").content.decode()
        person = desk.get(f"/admin/desk/people/{visit.patient_id}/", headers=HTMX)
        found = [re.findall(r'formaction="[^"]*undo/\?of=(\w*)"', html)
                 for html in (day, person.content.decode())]  # fmt: skip
        assert found[0] == found[1]
        return found[0]

    assert offered() == []
    visit.check_in()
    assert offered() == ["checked_in"]
    visit.complete()
    assert offered() == ["completed"]
    visit.undo()
    assert offered() == []
    visit.reschedule(slots[1], by=staff, override_reason="Asked")
    assert offered() == []  # though the patient has checked in
    visit.cancel(by=staff, override_reason="Asked")
    assert offered() == ["canceled"]
    Appointment.objects.update(slot=None)
    assert offered() == []


def test_a_move_leaves_a_visit_that_another_desk_has_moved(
    desk: Client, visit: Appointment, slots: list[Slot]
) -> None:
    panel = desk.get(f"/admin/desk/visits/{visit.pk}/move/", headers=HTMX).content.decode()
    assert f'name="was" value="{slots[0].pk}"' in panel
    visit.reschedule(slots[1])
    html = click(desk, visit, "move", panel=1, slot=slots[2].pk, was=slots[0].pk)
    assert said(html).startswith("Another user has moved this visit meanwhile. Ana Ruiz is due:")
    assert "13:30 CET" in said(html)
    assert (visit.slot_id, visit.events.count()) == (slots[1].pk, 2)
    assert f'name="was" value="{slots[1].pk}"' in html
    moved = click(desk, visit, "move", panel=1, slot=slots[2].pk, was=slots[1].pk)
    assert f"move/?slot={slots[1].pk}&amp;was={slots[2].pk}" in moved
    assert_balanced(slots[1])


def at_once(staff: User, visit: Appointment, *requests: tuple[str, dict[str, Any]]) -> list[str]:
    """Send the requests from as many desks at the same moment; return their sentences."""
    desks = [Client(headers=HTMX) for _ in requests]
    for each in desks:
        each.force_login(staff)

    def send(number: int) -> str:
        verb, form = requests[number]
        answer = desks[number].post(f"/admin/desk/visits/{visit.pk}/{verb}/", form)
        return said(answer.content.decode())

    outcomes = run_together(len(desks), send)
    visit.refresh_from_db()
    return [str(each) for each in outcomes]


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_of_two_desks_that_change_a_visit_at_once_one_is_told_how_it_stands(
    staff: User, visit: Appointment, slots: list[Slot], noon: Any
) -> None:
    was = {"panel": 1, "was": slots[0].pk}
    moves = [("move", {**was, "slot": slots[n].pk}) for n in (1, 2)]
    answers = at_once(staff, visit, *moves)
    [lost] = [n for n, text in enumerate(answers) if "is moved from" not in text]
    assert answers[lost].startswith("Another user has moved this visit meanwhile. Ana Ruiz is due")
    assert (visit.slot, visit.events.count()) == (slots[2 - lost], 2)
    for slot in slots[:3]:
        assert_balanced(slot)
    noon.move_to(visit.starts_at)
    visit.check_in()
    undone, done = at_once(staff, visit, ("undo", {"of": "checked_in"}), ("done", {}))
    kinds = list(visit.events.order_by("pk").values_list("kind", flat=True)[3:])
    if "is due again" in undone:
        assert kinds == ["undone", "completed"]  # the visit has begun
    else:
        assert "that is not taken back" in undone
        assert kinds == ["completed"]
    assert "is done" in done
