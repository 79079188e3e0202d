"""Staff list the visits that need rebooking, and move or cancel each in one step."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from accounts.models import User
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.tests.factories import ScheduleFactory, TimeOffFactory, day_ahead
from tests.balance import assert_balanced
from tests.problems import assert_invalid, assert_problem
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db

PATH = "/api/appointment/rebooking/"


@pytest.fixture
def client(staff: User, client_of: Any) -> APIClient:
    """Return a client signed in as a member of the Reception group."""
    client: APIClient = client_of(staff)
    return client


def flagged(**session: Any) -> Appointment:
    """Create a visit that leave flags for rebooking; its doctor works on the next day."""
    visit = AppointmentFactory(slot=ScheduleFactory(**session).slots.first())
    there = {"doctor": visit.doctor, "location": visit.location}
    ScheduleFactory(**there, date=visit.date + timedelta(days=1))
    span = {"starts_at": visit.starts_at, "ends_at": visit.starts_at + timedelta(hours=4)}
    TimeOffFactory(doctor=visit.doctor, **span)
    visit.refresh_from_db()
    return visit


def listed(client: APIClient) -> list[int]:
    answer = client.get(PATH)
    assert answer.status_code == 200
    return [line["id"] for line in answer.json()["results"]]


def test_the_list_shows_flagged_visits_soonest_first(client: APIClient) -> None:
    later, sooner = flagged(date=day_ahead(5)), flagged()
    AppointmentFactory()
    assert listed(client) == [sooner.pk, later.pk]


def test_a_row_has_the_visit_and_three_other_times(client: APIClient) -> None:
    visit = flagged()
    answer = client.get(PATH).json()
    assert answer["count"] == 1
    [line] = answer["results"]
    assert set(line) == {"id", "appointment", "alternatives"}
    assert (line["id"], line["appointment"]["id"]) == (visit.pk, visit.pk)
    assert line["appointment"]["patient"]["name"] == visit.patient.name
    starts = [slot["starts_at"] for slot in line["alternatives"]]
    assert len(starts) == 3
    assert starts == sorted(starts)


def test_canceled_moved_and_concluded_visits_are_not_listed(client: APIClient) -> None:
    canceled, moved, begun, seen = flagged(), flagged(), flagged(), flagged()
    canceled.cancel()
    moved.reschedule(to=ScheduleFactory().slots.first())
    seen.complete(at=seen.starts_at)
    assert listed(client) == [begun.pk]
    with time_machine.travel(begun.ends_at + timedelta(days=5), tick=False):
        assert listed(client) == [begun.pk]  # until staff decide what becomes of it


def test_a_visit_is_moved_to_an_alternative_in_one_step(client: APIClient, staff: User) -> None:
    visit = flagged()
    old = visit.slot
    slot = client.get(PATH).json()["results"][0]["alternatives"][0]
    answer = client.post(f"{PATH}{visit.pk}/move/", {"slot_id": slot["id"]})
    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["slot_id"]) == (visit.pk, slot["id"])
    assert answer.json()["starts_at"] == slot["starts_at"]
    assert listed(client) == []
    event = visit.events.latest("pk")
    assert (event.kind, event.actor, event.by) == ("rescheduled", staff, "staff")
    visit.refresh_from_db()
    assert_balanced(old)
    assert_balanced(visit.slot)


def test_a_visit_is_canceled_in_one_step(client: APIClient, staff: User) -> None:
    visit = flagged()
    answer = client.post(f"{PATH}{visit.pk}/cancel/", {"reason": "The doctor is ill"})
    assert answer.status_code == 200
    assert answer.json()["status"] == "canceled"
    assert answer.json()["cancel_reason"] == "The doctor is ill"
    assert visit.events.latest("pk").actor == staff
    assert listed(client) == []
    assert_balanced(visit.slot)


@pytest.mark.parametrize("step", ["move", "cancel"])
def test_a_flagged_visit_has_no_cancel_deadline(client: APIClient, step: str) -> None:
    visit = flagged()
    visit.location.revise(cancel_deadline_minutes=60 * 24 * 30)
    slot = client.get(PATH).json()["results"][0]["alternatives"][0]["id"]
    body = {"slot_id": slot} if step == "move" else {}
    assert client.post(f"{PATH}{visit.pk}/{step}/", body).status_code == 200


@pytest.mark.parametrize("step", ["move", "cancel", "keep"])
def test_a_visit_that_is_not_on_the_list_is_404(client: APIClient, step: str) -> None:
    sound, canceled, seen = AppointmentFactory(), flagged(), flagged()
    canceled.cancel()
    seen.complete(at=seen.starts_at)
    for visit in (sound, canceled, seen):
        problem = client.post(f"{PATH}{visit.pk}/{step}/", body_of(step))
        assert_problem(problem, 404, "not_found")


@pytest.mark.parametrize("step", ["move", "cancel"])
def test_a_visit_that_has_begun_needs_a_reason(client: APIClient, step: str) -> None:
    visit = flagged()
    body = body_of(step)
    with time_machine.travel(visit.starts_at + timedelta(minutes=5), tick=False):
        assert listed(client) == [visit.pk]
        refused = client.post(f"{PATH}{visit.pk}/{step}/", body)
        problem = assert_problem(refused, 409, "not_cancelable")
        assert "override reason" in problem["detail"]
        body["override_reason"] = "The doctor fell ill at 09:05"
        assert client.post(f"{PATH}{visit.pk}/{step}/", body).status_code == 200
        assert listed(client) == []
    event = visit.events.latest("pk")
    assert (event.by, event.override_reason) == ("staff", "The doctor fell ill at 09:05")
    assert_balanced(visit.slot)


def body_of(step: str) -> dict[str, Any]:
    """Return a right body for this step: `move` needs a free slot."""
    if step != "move":
        return {}
    return {"slot_id": ScheduleFactory(date=day_ahead(5)).slots.first().pk}


@pytest.mark.parametrize(
    ("which", "status", "code"),
    [
        ("own", 409, "already_booked"),
        ("closed", 409, "slot_closed"),
        ("full", 409, "slot_full"),
        ("overlapping", 409, "patient_overlap"),
        ("past", 409, "slot_in_past"),
        ("none", 404, "not_found"),
    ],
)
def test_a_refused_move_reports_the_rule(
    client: APIClient, which: str, status: int, code: str
) -> None:
    visit, session = flagged(), ScheduleFactory(date=day_ahead(6))
    slot = session.slots.first()
    if which == "full":
        AppointmentFactory(slot=slot)
    if which == "overlapping":
        same_time = ScheduleFactory(date=day_ahead(6)).slots.first()
        AppointmentFactory(slot=same_time, patient=visit.patient)
    keys = {
        "own": visit.slot_id,
        "closed": visit.slot.schedule.slots.last().pk,
        "past": ScheduleFactory(date=day_ahead(-2)).slots.first().pk,
        "none": 10**9,
    }
    answer = client.post(f"{PATH}{visit.pk}/move/", {"slot_id": keys.get(which, slot.pk)})
    assert_problem(answer, status, code)
    assert listed(client) == [visit.pk]


def test_a_move_without_a_slot_is_400(client: APIClient) -> None:
    assert_invalid(client.post(f"{PATH}{flagged().pk}/move/", {}), "slot_id")


@pytest.mark.parametrize(
    ("codename", "statuses"), [("view_appointment", (200, 403)), ("change_appointment", (403, 200))]
)
def test_each_step_asks_for_its_permission(
    codename: str, statuses: tuple[int, int], staff: User, client_of: Any
) -> None:
    visit = flagged()
    staff.groups.clear()
    staff.user_permissions.set(Permission.objects.filter(codename=codename))
    client = client_of(staff)
    read = client.get(PATH).status_code
    assert (read, client.post(f"{PATH}{visit.pk}/cancel/").status_code) == statuses


def test_a_page_of_eight_takes_as_many_statements_as_one_of_one(client: APIClient) -> None:
    costs = []
    for number in (1, 7):
        for _ in range(number):
            flagged()
        with counted_statements() as found:
            rows = client.get(PATH, query_params={"page_size": 100}).json()["results"]
        assert {len(line["alternatives"]) for line in rows} == {3}
        costs.append((len(rows), len(found)))
    assert [rows for rows, _ in costs] == [1, 8]
    assert costs[0][1] == costs[1][1] <= 16
