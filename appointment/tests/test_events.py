"""Each verb writes one event, and no call changes or deletes it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import User
from appointment.models import Appointment, AppointmentEvent
from appointment.tests.factories import AppointmentFactory
from doctor.tests.factories import ScheduleFactory
from patient.models import Patient

pytestmark = pytest.mark.django_db

Verb = Callable[[Appointment, User, datetime], Appointment]
Seen = tuple[str, str, str, str, User | None, datetime]

# By kind of event: the verb, how long after the visit's start it runs, `to_status`, `detail`.
VERBS: dict[str, tuple[Verb, timedelta, str, str]] = {
    "canceled": (
        lambda visit, by, at: visit.cancel(by=by, reason="A cold", at=at),
        -timedelta(hours=1),
        "canceled",
        "A cold",
    ),
    "completed": (
        lambda visit, by, at: visit.complete(by=by, at=at),
        timedelta(0),
        "completed",
        "",
    ),
    "no_show": (
        lambda visit, by, at: visit.mark_no_show(by=by, at=at),
        timedelta(0),
        "no_show",
        "",
    ),
    "amended": (
        lambda visit, by, at: visit.amend("Test results", by=by, at=at),
        timedelta(hours=1),
        "scheduled",
        "",
    ),
}


def seen(event: AppointmentEvent) -> Seen:
    return (event.kind, event.from_status, event.to_status, event.detail, event.actor, event.at)


def test_booking_leaves_one_event(patient: Patient, staff: User) -> None:
    slot = ScheduleFactory().slots.first()
    at = slot.starts_at - timedelta(hours=2)
    visit = Appointment(patient=patient, slot=slot, booked_by=staff).book(at=at)
    assert [seen(event) for event in visit.events.all()] == [
        ("booked", "", "scheduled", "", staff, at)
    ]
    event = visit.events.get()
    assert (event.from_slot, event.to_slot, event.by) == (None, slot.pk, "staff")


@pytest.mark.parametrize("kind", VERBS)
def test_a_verb_leaves_one_event_with_actor_time_and_change(kind: str, staff: User) -> None:
    verb, after, to_status, detail = VERBS[kind]
    visit = AppointmentFactory()
    at = visit.starts_at + after
    verb(visit, staff, at)
    _, event = visit.events.all()
    assert seen(event) == (kind, "scheduled", to_status, detail, staff, at)


def test_amending_changes_the_reason_and_nothing_else(staff: User) -> None:
    visit = AppointmentFactory()
    before = Appointment.objects.values().get()
    assert visit.amend("Test results", by=staff) is visit
    assert visit.reason == "Test results"
    assert Appointment.objects.values().get() == {**before, "reason": "Test results"}


def test_an_event_without_a_user_has_no_actor() -> None:
    visit = AppointmentFactory()
    visit.cancel()
    assert visit.events.get(kind="canceled").actor is None


def test_events_are_in_chronological_order() -> None:
    visit = AppointmentFactory()
    visit.amend("Test results", at=visit.starts_at)
    visit.complete(at=visit.starts_at + timedelta(hours=1))
    assert [event.kind for event in visit.events.all()] == ["booked", "amended", "completed"]


def test_a_stored_event_is_never_changed() -> None:
    event = AppointmentFactory().events.get()
    event.detail = "It was otherwise"
    with pytest.raises(TypeError):
        event.save()
    event.refresh_from_db()
    assert event.detail == ""


def test_an_event_names_no_patient() -> None:
    event = AppointmentFactory().events.get()
    event.at = datetime(2026, 12, 1, 8, 30, tzinfo=UTC)
    assert str(event) == "Booked Tue 1 Dec 2026, 09:30 CET"
