"""Staff move visits, check patients in, correct statuses and override rules in the admin."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission

from accounts.models import User
from accounts.tests.factories import StaffFactory
from appointment.exceptions import InvalidTransition
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from appointment.tests.rescheduling import (
    assert_places,
    assert_unmoved,
    free,
    late,
    limited,
    moved,
    near_horizon,
    short_notice,
)
from doctor.exceptions import SlotFull
from doctor.models import Slot
from extensions.formats import day_text
from patient.models import Patient
from tests.admin_client import AdminClient, form_errors, messages_of, page

pytestmark = pytest.mark.django_db
ADD = "/admin/appointment/appointment/add/"


@pytest.fixture
def reception(staff: User) -> AdminClient:
    return AdminClient(staff)


@pytest.fixture
def visit() -> Appointment:
    booked: Appointment = AppointmentFactory()
    return booked


def on_its_page(admin_client: AdminClient, visit: Appointment) -> str:
    html: str = admin_client.get(page(visit, "change")).content.decode()
    return html


# --- Moving ---------------------------------------------------------------------------------------


def test_another_slot_on_its_page_moves_it(
    reception: AdminClient, staff: User, visit: Appointment
) -> None:
    old, new = visit.slot, free()
    reception.change(visit, slot=new.pk)
    event = moved(visit)
    assert (event.actor, event.by, event.override_reason) == (staff, "staff", "")
    assert_places((old, 0), (new, 1))
    html = on_its_page(reception, visit)
    assert f"Rescheduled by {staff.name}: {old} to {new}" in html


def test_slot_and_reason_are_changed_together(reception: AdminClient, visit: Appointment) -> None:
    new = free()
    reception.change(visit, slot=new.pk, reason="Test results")
    stored = Appointment.objects.get()
    assert (stored.slot, stored.reason) == (new, "Test results")
    kinds = visit.events.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["booked", "rescheduled", "amended"]


def test_a_changed_reason_alone_moves_nothing(reception: AdminClient, visit: Appointment) -> None:
    reception.change(visit, reason="Test results", override_reason="By mistake")
    assert_unmoved(visit)
    assert Appointment.objects.get().reason == "Test results"


def test_a_refused_move_is_reported_and_changes_nothing(
    reception: AdminClient, visit: Appointment
) -> None:
    full = free()
    AppointmentFactory(slot=full)
    refused = reception.change(visit, slot=full.pk, reason="Typed at length")
    [fault] = form_errors(refused)
    assert fault.startswith(f"{SlotFull.staff_message} Free instead: ")
    assert "Typed at length" in refused.content.decode()
    assert Appointment.objects.get(pk=visit.pk).reason == "Check-up"
    assert_unmoved(visit)


def test_a_live_visit_is_never_without_a_slot(reception: AdminClient, visit: Appointment) -> None:
    assert form_errors(reception.change(visit, slot="")) == ["This field is required."]
    assert_unmoved(visit)


def test_a_page_opened_before_a_move_does_not_move_the_visit_back(
    reception: AdminClient, visit: Appointment
) -> None:
    """A colleague moves the visit while the page is open; the page sends the old slot unchanged."""
    new, path = free(), page(visit, "change")
    form = reception.open(path)
    visit.reschedule(to=new)
    reception.send(path, form, reason="Test results")
    stored = Appointment.objects.get()
    assert (stored.slot, stored.reason) == (new, "Test results")


@pytest.mark.parametrize("end", ["canceled", "begun"])
def test_a_visit_that_is_over_is_not_moved(staff: User, visit: Appointment, end: str) -> None:
    new, form = free(), AdminClient(staff).open(page(visit, "change"))
    if end == "canceled":
        visit.cancel()
    at = visit.starts_at - timedelta(hours=0 if end == "begun" else 1)
    with time_machine.travel(at, tick=False):
        answer = AdminClient(staff).send(page(visit, "change"), form, slot=new.pk)
    [fault] = form_errors(answer)
    assert fault.startswith("Only a scheduled visit can be canceled or moved.")
    assert_unmoved(visit)


def test_staff_who_may_only_view_move_nothing(visit: Appointment) -> None:
    viewer = StaffFactory()
    viewer.user_permissions.add(Permission.objects.get(codename="view_appointment"))
    answer = AdminClient(viewer).send(page(visit, "change"), slot=free().pk, reason="x")
    assert answer.status_code == 403
    assert_unmoved(visit)


# --- Setting rules aside --------------------------------------------------------------------------

RULES = [short_notice, near_horizon, limited]


@pytest.mark.parametrize("rule", RULES)
def test_staff_need_a_reason_to_override_a_rule(
    reception: AdminClient, patient: Patient, rule: Any
) -> None:
    slot = free()
    rule(None, slot)
    refused = reception.send(ADD, patient=patient.pk, slot=slot.pk)
    assert len(form_errors(refused)) == 1
    assert not Appointment.objects.exists()
    why = "The doctor asked."
    reception.send(ADD, patient=patient.pk, slot=slot.pk, override_reason=why)
    visit = Appointment.objects.get()
    assert visit.events.get().override_reason == why
    assert f"(rules set aside: {why})" in on_its_page(reception, visit)
    assert_places((slot, 1))


def test_staff_who_give_a_reason_move_a_visit_past_deadline_and_rules(
    reception: AdminClient, visit: Appointment
) -> None:
    new = free()
    late(visit, new)
    for rule in RULES:
        rule(visit, new)
    assert len(form_errors(reception.change(visit, slot=new.pk))) == 1
    assert_unmoved(visit)
    reception.change(visit, slot=new.pk, override_reason="He is in hospital.")
    assert moved(visit).override_reason == "He is in hospital."
    assert_places((new, 1))


def test_a_cancelation_after_the_deadline_needs_a_reason(
    reception: AdminClient, visit: Appointment
) -> None:
    late(visit, visit.slot)
    [refusal] = messages_of(reception.act("cancel", visit))
    assert "deadline to cancel or move has passed" in refusal
    assert "Call the location" not in refusal
    assert messages_of(reception.act("cancel", visit, override_reason="A death.")) == [
        "1 canceled."
    ]
    assert visit.events.get(kind="canceled").override_reason == "A death."
    assert_places((visit.slot, 0))


def test_slots_that_are_too_soon_or_too_far_are_offered_to_staff(reception: AdminClient) -> None:
    slots = [free(days) for days in (5, 6)]
    for slot, rule in zip(slots, (short_notice, near_horizon), strict=True):
        rule(None, slot)
    offered = {int(found["id"]) for found in reception.suggestions(Appointment, "slot")}
    assert {slot.pk for slot in slots} <= offered
    assert not Slot.objects.bookable(slots[0].starts_at - timedelta(days=3)).exists()


@pytest.mark.parametrize("words", ["x" * 501, "a\0b"])
def test_an_invalid_reason_is_reported(
    reception: AdminClient, visit: Appointment, words: str
) -> None:
    answer = reception.change(visit, slot=free().pk, override_reason=words)
    assert len(form_errors(answer)) == 1
    reception.act("cancel", visit, override_reason=words)
    assert_unmoved(visit)
    assert Appointment.objects.get().status == "scheduled"


# --- The day of a visit ---------------------------------------------------------------------------


def test_a_patient_is_checked_in_and_the_list_shows_the_time(
    staff: User, visit: Appointment
) -> None:
    with time_machine.travel(visit.starts_at - timedelta(minutes=5), tick=False):
        admin_client = AdminClient(staff)
        assert messages_of(admin_client.act("check_in", visit)) == ["1 checked in."]
        assert messages_of(admin_client.act("check_in", visit)) == ["1 checked in."]
        assert "came 08:55" in admin_client.get(page(Appointment)).content.decode()
        assert f"{day_text(visit.date)}, 08:55" in on_its_page(admin_client, visit)
    event = visit.events.get(kind="checked_in")
    assert (event.actor, event.by) == (staff, "staff")


def test_on_another_day_no_visit_is_checked_in(reception: AdminClient, visit: Appointment) -> None:
    refusal = f"{visit}: {InvalidTransition.staff_message}"
    assert messages_of(reception.act("check_in", visit)) == [refusal]
    assert visit.events.count() == 1


@pytest.mark.parametrize(
    ("wrong", "right", "status"),
    [("complete", "mark_no_show", "no_show"), ("mark_no_show", "complete", "completed")],
)
def test_staff_correct_a_status(
    staff: User, visit: Appointment, wrong: str, right: str, status: str
) -> None:
    getattr(visit, wrong)(at=visit.starts_at)
    with time_machine.travel(visit.ends_at, tick=False):
        AdminClient(staff).act(right, visit)
    visit.refresh_from_db()
    assert visit.status == status
    assert visit.events.latest("pk").from_status == {"no_show": "completed"}.get(status, "no_show")
    assert_places((visit.slot, 1))


def test_the_list_finds_the_visits_that_need_rebooking(
    reception: AdminClient, visit: Appointment
) -> None:
    hit = AppointmentFactory()
    Appointment.objects.filter(pk=hit.pk).update(needs_rebooking=True)
    found = reception.get(page(Appointment), needs_rebooking__exact=1).context["cl"].result_list
    assert list(found) == [hit]
