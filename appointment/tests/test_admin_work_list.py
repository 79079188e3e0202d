"""Staff move or cancel the visits that leave affects in one step, on the admin's work list."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission

from accounts.models import User
from accounts.tests.factories import StaffFactory
from appointment.models import Appointment, WorkListItem
from appointment.tests.factories import AppointmentFactory
from doctor.models import Slot
from doctor.tests.factories import LocationFactory, ScheduleFactory, TimeOffFactory, day_ahead
from extensions.formats import day_text
from tests.admin_client import AdminClient, form_errors, messages_of, page
from tests.balance import assert_balanced

pytestmark = pytest.mark.django_db
LIST = page(WorkListItem)


@pytest.fixture
def reception(staff: User) -> AdminClient:
    return AdminClient(staff)


def flagged(**session: Any) -> WorkListItem:
    """Return a row of the work list: its doctor is on leave that day and works on the next day."""
    visit = AppointmentFactory(slot=ScheduleFactory(**session).slots.first())
    ScheduleFactory(doctor=visit.doctor, date=visit.date + timedelta(days=1))
    TimeOffFactory(doctor=visit.doctor, starts_at=visit.starts_at)
    return WorkListItem.objects.get(pk=visit.pk)


def listed(admin_client: AdminClient) -> list[int]:
    return [row.pk for row in admin_client.get(LIST).context["cl"].result_list]


def free(visit: Appointment) -> list[Slot]:
    return list(Slot.objects.filter(doctor=visit.doctor, is_open=True).order_by("starts_at"))


def test_the_list_shows_flagged_visits_soonest_first(reception: AdminClient) -> None:
    later, sooner = flagged(date=day_ahead(5)), flagged()
    AppointmentFactory()
    assert listed(reception) == [sooner.pk, later.pk]


def test_a_row_shows_the_patient_the_cause_and_alternatives(reception: AdminClient) -> None:
    visit = flagged()
    visit.patient.revise(phone_number="+34 612 34 56 78")
    html = reception.get(LIST).content.decode()
    for words in (str(visit.patient), "+34 612 34 56 78", "the doctor is away"):
        assert words in html
    assert html.count(f"{day_text(visit.date + timedelta(days=1))}") == 3


def test_a_row_shows_the_cause_of_the_flag(reception: AdminClient) -> None:
    closed, left, changed = AppointmentFactory(), AppointmentFactory(), AppointmentFactory()
    TimeOffFactory(location=closed.location)
    left.doctor.revise(is_active=False)
    Slot.objects.filter(pk=changed.slot_id).update(kept_over=True)
    Appointment.objects.update_rebooking_flags({changed.slot_id}, changed.created_at)
    rows = reception.get(LIST).context["cl"].result_list
    assert {row.pk: row.cause for row in rows} == {
        closed.pk: "the location is closed",
        left.pk: "the doctor has left",
        changed.pk: "the hours have changed",
    }


def test_the_page_of_a_visit_proposes_the_first_alternative(reception: AdminClient) -> None:
    visit = flagged()
    assert reception.open(page(visit, "change"))["decision"] == [str(free(visit)[0].pk)]


def test_saving_the_page_moves_the_visit_to_the_chosen_slot(
    reception: AdminClient, staff: User
) -> None:
    visit = flagged()
    old, slot = visit.slot, free(visit)[1]
    reception.change(visit, decision=str(slot.pk))
    visit.refresh_from_db()
    assert (visit.slot, visit.needs_rebooking, visit.status) == (slot, False, "scheduled")
    assert visit.events.latest("pk").actor == staff
    assert_balanced(old)
    assert_balanced(slot)


def test_a_visit_is_moved_to_any_other_slot(reception: AdminClient) -> None:
    visit, slot = flagged(), ScheduleFactory(date=day_ahead(8)).slots.first()
    found = reception.suggestions(Appointment, "slot", slot.doctor.last_name.split()[-1])
    assert str(slot.pk) in {each["id"] for each in found}
    reception.change(visit, decision="other", other_slot=slot.pk)
    visit.refresh_from_db()
    assert visit.slot == slot


def test_a_visit_is_canceled_with_a_reason(reception: AdminClient) -> None:
    visit = flagged()
    reception.change(visit, decision="cancel", cancel_because="No time suits")
    visit.refresh_from_db()
    assert (visit.status, visit.cancel_reason) == ("canceled", "No time suits")
    assert_balanced(visit.slot)
    assert listed(reception) == []


def test_several_are_canceled_from_the_list(reception: AdminClient) -> None:
    visits = [flagged(), flagged()]
    assert messages_of(reception.act("cancel", *visits)) == ["2 canceled."]
    assert listed(reception) == []


def test_another_slot_has_to_be_chosen(reception: AdminClient) -> None:
    refused = reception.change(flagged(), decision="other")
    assert form_errors(refused) == ["Choose the time to move it to."]


def test_a_refusal_of_the_rule_is_a_message(reception: AdminClient) -> None:
    visit = flagged()
    taken = AppointmentFactory(slot=ScheduleFactory(date=day_ahead(8)).slots.first()).slot
    refused = reception.change(visit, decision="other", other_slot=taken.pk)
    assert form_errors(refused)[0].startswith("No place is left at this time.")
    assert listed(reception) == [visit.pk]


def test_a_visit_that_is_no_longer_flagged_cannot_be_moved_on_this_page(
    reception: AdminClient,
) -> None:
    visit = AppointmentFactory()
    row = WorkListItem.objects.get(pk=visit.pk)
    sent = reception.send(page(row, "change"), decision="cancel")
    visit.refresh_from_db()
    assert visit.status == "scheduled"
    assert "Perhaps it was deleted?" in messages_of(sent)[0]


def test_staff_who_may_only_view_appointments_change_nothing_on_this_page() -> None:
    visit, user = flagged(), StaffFactory()
    user.user_permissions.set(Permission.objects.filter(codename="view_appointment"))
    admin_client = AdminClient(user)
    assert listed(admin_client) == [visit.pk]
    assert "decision" not in admin_client.open(page(visit, "change"))
    assert (
        admin_client.client.post(page(visit, "change"), {"decision": "cancel"}).status_code == 403
    )
    admin_client.act("cancel", visit)
    visit.refresh_from_db()
    assert visit.status == "scheduled"


def test_the_list_is_filtered_and_searched(reception: AdminClient) -> None:
    one, other = flagged(location=LocationFactory()), flagged()
    other.patient.revise(last_name="Zubizarreta")
    by_place = reception.get(LIST, location__id__exact=one.location.pk).context["cl"].result_list
    by_name = reception.get(LIST, q="zubiza").context["cl"].result_list
    assert [row.pk for row in by_place] == [one.pk]
    assert [row.pk for row in by_name] == [other.pk]
