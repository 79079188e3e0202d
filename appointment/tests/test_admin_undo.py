"""Staff undo, check in late, keep, and cancel or move what has begun, in the admin."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from accounts.models import User
from appointment.models import Appointment, WorkListItem
from appointment.tests.factories import AppointmentFactory
from doctor.models import Slot
from doctor.tests.factories import ScheduleFactory, TimeOffFactory, day_ahead
from tests.admin_client import AdminClient, form_errors, messages_of, page
from tests.balance import assert_balanced

pytestmark = pytest.mark.django_db

LATE = timedelta(minutes=5)
ILL = "The doctor fell ill"


@pytest.fixture
def visit() -> Appointment:
    """Return a visit at 09:00 three days ahead."""
    return AppointmentFactory()


@pytest.fixture
def hit(visit: Appointment) -> WorkListItem:
    """Return the visit as a row of the work list: its doctor is on leave."""
    TimeOffFactory(doctor=visit.doctor, starts_at=visit.starts_at)
    return WorkListItem.objects.get(pk=visit.pk)


def act(user: User, visit: Appointment, action: str, **more: Any) -> list[str]:
    """Apply the action five minutes after the start of the visit; return the messages."""
    with time_machine.travel(visit.starts_at + LATE, tick=False):
        return messages_of(AdminClient(user).act(action, visit, **more))


def status(visit: Appointment) -> str:
    return Appointment.objects.get(pk=visit.pk).status


def test_a_wrong_click_is_undone(visit: Appointment, staff: User) -> None:
    assert act(staff, visit, "complete") == ["1 completed."]
    assert act(staff, visit, "undo") == ["1 undone."]
    assert status(visit) == "scheduled"
    [refusal] = act(staff, visit, "undo")
    assert "There is nothing to undo" in refusal
    history = AdminClient(staff).get(page(visit, "change")).content.decode()
    assert "Undone by" in history
    assert ": completed" in history


def test_a_canceled_visit_takes_its_place_again(staff: User, visit: Appointment) -> None:
    visit.cancel()
    visit.location.revise(min_notice_minutes=60 * 24 * 30)
    client = AdminClient(staff)
    [refusal] = messages_of(client.act("undo", visit))
    assert "more notice" in refusal
    assert messages_of(client.act("undo", visit, override_reason="The wrong line")) == ["1 undone."]
    assert status(visit) == "scheduled"
    assert_balanced(visit.slot)


def test_a_full_slot_is_reported_with_other_times(staff: User, visit: Appointment) -> None:
    visit.cancel()
    AppointmentFactory(slot=visit.slot)
    [refusal] = messages_of(AdminClient(staff).act("undo", visit))
    assert "Free instead: " in refusal


def test_a_no_show_who_comes_late_is_checked_in(visit: Appointment, staff: User) -> None:
    act(staff, visit, "mark_no_show")
    assert act(staff, visit, "check_in") == ["1 checked in."]
    assert status(visit) == "scheduled"
    [refusal] = act(staff, visit, "mark_no_show")
    assert "undo the check-in" in refusal


def test_what_has_begun_is_canceled_with_a_reason(visit: Appointment, staff: User) -> None:
    [refusal] = act(staff, visit, "cancel")
    assert "override reason" in refusal
    assert act(staff, visit, "cancel", override_reason=ILL) == ["1 canceled."]
    assert visit.events.latest("pk").override_reason == ILL
    assert_balanced(visit.slot)


@pytest.mark.parametrize("reason", ["   ", "\u200b", "two\nlines", "x" * 501])
def test_the_reason_beside_an_action_is_one_line_that_can_be_seen(
    visit: Appointment, staff: User, reason: str
) -> None:
    [refusal] = act(staff, visit, "cancel", override_reason=reason)
    no_reason = "give a reason (override reason)"
    assert (no_reason if reason.isspace() else "Cancel or undo anyway because: ") in refusal
    assert status(visit) == "scheduled"


def test_what_has_begun_is_moved_with_a_reason(visit: Appointment, staff: User) -> None:
    to = ScheduleFactory(date=day_ahead(5)).slots.first()
    with time_machine.travel(visit.starts_at + LATE, tick=False):
        client = AdminClient(staff)
        assert "override reason" in str(form_errors(client.change(visit, slot=to.pk)))
        client.change(visit, slot=to.pk, override_reason=ILL)
    assert Appointment.objects.get().slot == to
    for slot in Slot.objects.all():
        assert_balanced(slot)


# --- The work list --------------------------------------------------------------------------------


def test_the_work_list_keeps_a_visit_whose_time_has_come(hit: WorkListItem, staff: User) -> None:
    with time_machine.travel(hit.ends_at + timedelta(days=1), tick=False):
        client = AdminClient(staff)
        assert list(client.get(page(WorkListItem)).context["cl"].result_list) == [hit]
        client.change(hit, decision="cancel", override_reason=ILL)
        assert list(client.get(page(WorkListItem)).context["cl"].result_list) == []
    assert status(hit) == "canceled"


def test_a_visit_is_kept_on_its_page_with_a_reason(hit: WorkListItem, staff: User) -> None:
    client = AdminClient(staff)
    assert "Say why" in str(form_errors(client.change(hit, decision="keep")))
    client.change(hit, decision="keep", keep_because="The doctor comes for him")
    assert hit.events.get(kind="kept").detail == "The doctor comes for him"
    assert not WorkListItem.objects.to_rebook().exists()


def test_the_reasons_on_a_page_of_the_work_list_are_one_line(
    hit: WorkListItem, staff: User
) -> None:
    cancel = {"decision": "cancel", "cancel_because": "a\nb", "override_reason": "\u200b"}
    assert len(form_errors(AdminClient(staff).change(hit, **cancel))) == 2
    assert status(hit) == "scheduled"


def test_selected_visits_are_kept_with_a_reason(hit: WorkListItem, staff: User) -> None:
    client = AdminClient(staff)
    assert messages_of(client.act("keep", hit)) == ["Say why the visit takes place all the same."]
    assert messages_of(client.act("keep", hit, keep_reason="The doctor comes")) == ["1 kept."]
    assert not WorkListItem.objects.to_rebook().exists()


def test_a_visit_that_has_begun_is_moved_from_the_work_list(hit: WorkListItem, staff: User) -> None:
    to = ScheduleFactory(date=day_ahead(5)).slots.first()
    with time_machine.travel(hit.starts_at + LATE, tick=False):
        client = AdminClient(staff)
        move = {"decision": "other", "other_slot": to.pk}
        assert "override reason" in str(form_errors(client.change(hit, **move)))
        client.change(hit, **move, override_reason=ILL)
    assert Appointment.objects.get().slot == to
