"""The line at the desk: who waits, and offers that staff answer on the phone."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, OutgoingMessage, User
from accounts.tests.factories import StaffFactory
from appointment.models import Appointment, WaitlistEntry
from appointment.tests.waitlist import offered, only_visit, waiting
from doctor.tests.factories import (
    LocationFactory,
    SiteStaffFactory,
    SpecialtyFactory,
    day_ahead,
)
from patient.tests.factories import PatientFactory
from tests.balance import assert_balanced
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db
LINE, OFFERS = "/admin/desk/line/", "/admin/desk/line/offers/"
HTMX = {"hx-request": "true"}


@pytest.fixture
def desk(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


@pytest.fixture
def offer() -> Any:
    """Return an open offer of a visit's place; one more person waits behind."""
    visit = only_visit()
    first = waiting(visit, patient=PatientFactory(phone_number="+34612345678"))
    waiting(visit, patient=PatientFactory(last_name="Following"))
    visit.cancel()
    return first.offers.get()


def said(answer: Any) -> str:
    return str(answer.content.decode())


def test_the_offers_of_a_site_are_a_part_with_their_clock(desk: Client, offer: Any) -> None:
    site = offer.slot.location_id
    with time_machine.travel(timezone.now() + timedelta(minutes=10), tick=False):
        part = said(desk.get(OFFERS, {"location": site}, headers=HTMX))
    patient = offer.entry.patient
    for words in (patient.name, 'href="tel:+34612345678"', "19 min left", str(offer.slot.doctor)):
        assert words in part
    assert "Not told: call" not in part
    OutgoingMessage.objects.filter(kind="offer", object_id=offer.pk).update(
        given_up_at=timezone.now(), failure="no account"
    )
    assert "Not told: call" in said(desk.get(OFFERS, {"location": site}, headers=HTMX))
    assert "No offer is open" in said(
        desk.get(OFFERS, {"location": LocationFactory().pk}, headers=HTMX)
    )
    day = said(desk.get("/admin/desk/", {"location": site}))
    assert f'hx-get="{OFFERS}?location={site}" hx-target="#panel"><b>1</b> offer open<' in day
    looker, viewer = StaffFactory(), Client()  # may not see the line
    looker.user_permissions.add(Permission.objects.get(codename="view_appointment"))
    viewer.force_login(looker)
    assert "offer open" not in said(viewer.get("/admin/desk/", {"location": site}))
    assert not AuditEvent.objects.filter(kind="desk.line").exists()
    page = desk.get(LINE)
    assert "Following" in said(page)
    shown = {"version": page.context["version"], "proof": page.context["proof"]}
    with time_machine.travel(offer.expires_at - timedelta(minutes=10), tick=False):
        later = desk.get(LINE, shown, headers=HTMX)
        assert "10 min left" in said(later)
        shown |= {"version": later.context["version"]}
        assert desk.get(LINE, shown, headers=HTMX).status_code == 204
        WaitlistEntry.objects.order_by("pk").last().leave()
        assert "Following" not in said(desk.get(LINE, shown, headers=HTMX))
    assert AuditEvent.objects.filter(kind="desk.line").count() == 1


@pytest.mark.both_databases
def test_an_offer_is_accepted_by_one_click_and_the_sentence_names_the_visit(
    desk: Client, offer: Any
) -> None:
    answer = desk.post(f"{LINE}{offer.entry_id}/accept/", headers=HTMX)
    visit = Appointment.objects.get(slot=offer.slot, status="scheduled")
    sentence = said(answer)
    for words in (visit.patient.name, "is booked", str(visit.doctor), "09:00", str(visit.location)):
        assert words in sentence
    assert "desk-changed" in answer["HX-Trigger"]
    assert visit.events.get().by == "staff"
    assert_balanced(offer.slot)
    again = said(desk.post(f"{LINE}{offer.entry_id}/accept/", headers=HTMX))
    assert f"{visit.patient.name} has this time already" in again
    assert Appointment.objects.filter(slot=offer.slot, status="scheduled").count() == 1


def test_an_offer_that_the_page_no_longer_shows_truly_is_not_answered(
    desk: Client, offer: Any
) -> None:
    """The offer on the page has run out, and the person has got another one meanwhile."""
    for verb in ("accept", "decline"):
        url = f"{LINE}{offer.entry_id}/{verb}/"
        stale = said(desk.post(url, {"offer": offer.pk + 1}, headers=HTMX))
        assert f"{offer.entry.patient.name}: Nothing is being offered" in stale
    assert not Appointment.objects.filter(status="scheduled").exists()
    page = said(desk.get(LINE))
    assert page.count(f'name="offer" value="{offer.pk}"') == 2
    accepted = said(desk.post(f"{LINE}{offer.entry_id}/accept/", {"offer": offer.pk}))
    assert Appointment.objects.filter(status="scheduled").count() == 1, accepted


def test_a_declined_offer_says_to_whom_the_place_goes(desk: Client, offer: Any) -> None:
    sentence = said(desk.post(f"{LINE}{offer.entry_id}/decline/", headers=HTMX))
    assert f"{offer.entry.patient.name} declined" in sentence
    second = WaitlistEntry.objects.order_by("pk").last()
    assert f"It is offered to {second.patient.name}" in sentence
    last = said(desk.post(f"{LINE}{second.pk}/decline/", headers=HTMX))
    assert "the time is free" in last
    assert_balanced(offer.slot)


def test_the_next_person_is_not_named_if_the_visit_to_move_is_at_another_site(
    desk: Client, staff: User, offer: Any
) -> None:
    following = WaitlistEntry.objects.order_by("pk").last()
    elsewhere = only_visit(date=day_ahead(9))
    Appointment.objects.filter(pk=elsewhere.pk).update(patient=following.patient)
    WaitlistEntry.objects.filter(pk=following.pk).update(replaces=elsewhere)
    SiteStaffFactory(user=staff, location=offer.slot.location)
    sentence = said(desk.post(f"{LINE}{offer.entry_id}/decline/", headers=HTMX))
    assert "It is offered to the next in line." in sentence
    assert "Following" not in sentence


def test_staff_set_a_rule_aside_with_a_reason_in_the_panel(desk: Client, offer: Any) -> None:
    site = offer.slot.location
    site.revise(max_live_per_patient=1)
    waiting_too = only_visit(location=site, date=day_ahead(5))
    Appointment.objects.filter(pk=waiting_too.pk).update(patient=offer.entry.patient)
    url = f"{LINE}{offer.entry_id}/accept/"
    assert "override reason" in said(desk.post(url, headers=HTMX))
    assert 'name="override_reason"' in said(desk.get(url, headers=HTMX))
    assert AuditEvent.objects.filter(object_id=offer.entry_id, action="read").count() == 1
    typed = {"override_reason": "She asked", "panel": "1"}
    answer = said(desk.post(url, typed, headers=HTMX))
    assert "is booked" in answer
    assert '<div id="panel" hx-swap-oob="innerHTML"></div>' in answer


def test_a_person_is_taken_off_by_staff_who_may(desk: Client, staff: User, offer: Any) -> None:
    url = f"{LINE}{offer.entry_id}/take-off/"
    assert "Yes, take off" in said(desk.get(url, headers=HTMX))
    assert "no longer waits" in said(desk.post(url, headers=HTMX))
    assert not WaitlistEntry.objects.filter(pk=offer.entry_id).exists()
    assert "not on the line any more" in said(desk.post(url, headers=HTMX))
    assert desk.post(url).status_code == 404
    may = Permission.objects.get(codename="delete_waitlistentry")
    staff.user_permissions.remove(may)
    for group in staff.groups.all():
        group.permissions.remove(may)
    [second] = WaitlistEntry.objects.all()
    assert desk.post(f"{LINE}{second.pk}/take-off/").status_code == 403
    assert "Take off" not in said(desk.get(LINE))


def test_staff_of_a_site_see_its_line_and_answer_its_offers_alone(
    desk: Client, staff: User, offer: Any
) -> None:
    here = SiteStaffFactory(user=staff).location
    mine = only_visit(location=here)
    specialty = SpecialtyFactory()
    mine.doctor.specialties.add(specialty)
    waiting(mine, doctor=None, specialty=specialty, patient=PatientFactory(last_name="Mine"))
    page = said(desk.get(LINE))
    assert "Mine" in page
    assert "Following" not in page
    assert "Open offers" in page
    assert offer.entry.patient.name not in page
    for verb in ("accept", "decline", "take-off"):
        assert desk.post(f"{LINE}{offer.entry_id}/{verb}/").status_code == 404
    assert desk.get(OFFERS, {"location": offer.slot.location_id}).status_code == 404
    assert desk.get(LINE, {"doctor": 10**22}).status_code == 404
    assert "Mine" not in said(desk.get(LINE, {"doctor": mine.doctor_id}))
    assert "Mine" in said(desk.get(LINE, {"specialty": specialty.pk}))


def test_the_statements_do_not_grow_with_the_line(desk: Client, offer: Any) -> None:
    def statements() -> int:
        with counted_statements() as counted:
            assert desk.get(LINE).status_code == 200
        return len(counted)

    statements()
    few = statements()
    for _ in range(3):
        visit = only_visit()
        waiting(visit)
        visit.cancel()
        assert offered(visit.slot) == 0
    assert len(desk.get(LINE).context["offers"].rows) == 4
    assert statements() == few
