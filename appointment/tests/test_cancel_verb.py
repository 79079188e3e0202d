"""Canceling or discarding a visit gives its place back exactly once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AuditEvent
from appointment.exceptions import NotCancelable
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Slot
from doctor.tests.factories import ScheduleFactory
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.balance import assert_balanced

pytestmark = pytest.mark.django_db

INSTANT = timedelta(microseconds=1)


@pytest.fixture
def booked(patient: Patient) -> Appointment:
    """Return a visit in a slot with three places, two of which are taken."""
    slot = ScheduleFactory(capacity=3).slots.first()
    AppointmentFactory(slot=slot)
    visit: Appointment = AppointmentFactory(slot=slot, patient=patient)
    return visit


def taken(slot: Slot) -> int:
    slot.refresh_from_db()
    return slot.taken


def test_canceling_records_time_reason_and_actor_and_gives_the_place_back(
    booked: Appointment,
) -> None:
    at, user = timezone.now(), booked.patient.user
    assert booked.cancel(by=user, reason="I have a cold.", at=at) is booked
    assert (booked.status, booked.canceled_at, booked.cancel_reason) == (
        "canceled",
        at,
        "I have a cold.",
    )
    stored = Appointment.objects.get(pk=booked.pk)
    assert (stored.status, stored.canceled_at, stored.cancel_reason) == (
        "canceled",
        at,
        "I have a cold.",
    )
    assert booked.events.get(kind="canceled").actor == user
    assert taken(booked.slot) == 1
    assert_balanced(booked.slot)


def test_canceling_touches_no_other_patients_visit(booked: Appointment) -> None:
    booked.cancel()
    other = booked.slot.appointments.exclude(pk=booked.pk).get()
    assert (other.status, other.canceled_at, other.events.count()) == ("scheduled", None, 1)


def test_canceling_twice_gives_one_place_back(booked: Appointment) -> None:
    stale = Appointment.objects.get(pk=booked.pk)
    first = booked.cancel(reason="First")
    for again in (booked, stale):
        with pytest.raises(NotCancelable):
            again.cancel(reason="Second")
    assert taken(booked.slot) == 1
    assert_balanced(booked.slot)
    assert booked.events.filter(kind="canceled").count() == 1
    first.refresh_from_db()
    assert first.cancel_reason == "First"


def test_canceling_without_a_reason_stores_none(booked: Appointment) -> None:
    booked.cancel()
    booked.refresh_from_db()
    assert booked.cancel_reason == ""
    assert booked.events.get(kind="canceled").detail == ""
    assert_balanced(booked.slot)


def test_the_place_can_be_booked_by_the_next() -> None:
    slot = AppointmentFactory().slot
    slot.appointments.get().cancel()
    Appointment(patient=PatientFactory(), slot=slot).book()
    assert_balanced(slot)


def test_a_visit_can_be_canceled_until_the_instant_before_it_begins(booked: Appointment) -> None:
    assert booked.can_cancel(at=booked.starts_at - INSTANT)
    booked.cancel(at=booked.starts_at - INSTANT)
    assert_balanced(booked.slot)


@pytest.mark.parametrize("after", [timedelta(0), INSTANT, timedelta(days=9)])
def test_a_visit_that_begins_now_or_has_begun_cannot_be_canceled(
    booked: Appointment, after: timedelta
) -> None:
    assert not booked.can_cancel(at=booked.starts_at + after)
    with pytest.raises(NotCancelable):
        booked.cancel(at=booked.starts_at + after)
    assert taken(booked.slot) == 2
    assert_balanced(booked.slot)


@pytest.mark.parametrize("conclude", ["complete", "mark_no_show"])
def test_a_visit_that_is_over_cannot_be_canceled_at_any_time(
    booked: Appointment, conclude: str
) -> None:
    getattr(booked, conclude)(at=booked.starts_at)
    before = booked.starts_at - timedelta(days=1)
    assert not booked.can_cancel(at=before)
    with pytest.raises(NotCancelable):
        booked.cancel(at=before)
    assert taken(booked.slot) == 2
    assert_balanced(booked.slot)


def test_a_canceled_visit_whose_slot_is_gone_stays_canceled() -> None:
    booked = AppointmentFactory()
    booked.cancel()
    booked.slot.schedule.unpublish()
    booked.refresh_from_db()
    with pytest.raises(NotCancelable):
        booked.cancel()
    assert booked.events.filter(kind="canceled").count() == 1


def test_a_visit_on_a_closed_slot_can_be_canceled(booked: Appointment) -> None:
    booked.slot.schedule.revise(is_active=False)
    booked.cancel()
    assert_balanced(booked.slot)


# --- Discarding a visit that was a mistake --------------------------------------------------------


@pytest.mark.parametrize("first", ["", "complete", "mark_no_show"])
def test_discarding_a_visit_gives_back_the_place_it_holds(booked: Appointment, first: str) -> None:
    if first:
        getattr(booked, first)(at=booked.starts_at)
    slot = booked.slot
    booked.discard()
    assert not Appointment.objects.filter(patient=booked.patient).exists()
    assert taken(slot) == 1
    assert_balanced(slot)


def test_discarding_leaves_an_event_of_the_patient(booked: Appointment) -> None:
    key, slot = booked.pk, booked.slot
    booked.discard()
    event = AuditEvent.objects.get(action=AuditEvent.Action.DELETE, object_id=key)
    assert event.patient_id == booked.patient.pk
    assert_balanced(slot)


def test_discarding_a_canceled_visit_gives_no_place_back(booked: Appointment) -> None:
    slot = booked.slot
    booked.cancel()
    booked.discard()
    assert taken(slot) == 1
    assert_balanced(slot)


def test_discarding_twice_gives_one_place_back(booked: Appointment) -> None:
    slot, stale = booked.slot, Appointment.objects.get(pk=booked.pk)
    booked.discard()
    stale.discard()
    assert taken(slot) == 1
    assert_balanced(slot)


def test_a_canceled_visit_whose_slot_is_gone_can_be_discarded() -> None:
    booked = AppointmentFactory()
    booked.cancel()
    booked.slot.schedule.unpublish()
    booked.refresh_from_db()
    booked.discard()
    assert not Appointment.objects.exists()
