"""Rescheduling takes the new place and gives the old one back, or changes neither."""

from datetime import time, timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from appointment.tests.rescheduling import (
    IN_ORDER,
    Prepare,
    assert_places,
    assert_unmoved,
    free,
    late,
    limited,
    moved,
    near_horizon,
    short_notice,
)
from doctor.tests.factories import LocationFactory, ScheduleFactory, day_ahead
from extensions.exceptions import DomainError
from patient.tests.factories import PatientFactory
from tests.balance import assert_balanced

pytestmark = pytest.mark.django_db


@pytest.fixture
def visit() -> Appointment:
    """Return a visit at 09:00 three days ahead."""
    booked: Appointment = AppointmentFactory()
    return booked


# --- The move -------------------------------------------------------------------------------------


def test_the_visit_keeps_its_id_and_copies_the_fields_of_the_new_slot(visit: Appointment) -> None:
    old, kept = visit.slot, {"pk": visit.pk, "reason": visit.reason, "created_at": visit.created_at}
    new = free(location__time_zone="America/New_York", slot_minutes=45)
    assert visit.reschedule(to=new) is visit
    for row in (visit, Appointment.objects.get()):
        assert {name: getattr(row, name) for name in kept} == kept
        assert (row.slot, row.doctor, row.location) == (new, new.doctor, new.location)
        assert (row.starts_at, row.ends_at) == (new.starts_at, new.ends_at)
        assert (row.date, row.status) == (day_ahead(5), "scheduled")
    assert_places((old, 0), (new, 1))


def test_the_date_is_that_at_the_new_location(visit: Appointment) -> None:
    tokyo = free(
        location__time_zone="Asia/Tokyo", start_time=time(8)
    )  # it is 23:00 UTC on the day before
    visit.reschedule(to=tokyo)
    assert visit.date == day_ahead(5)
    assert tokyo.starts_at.date() == day_ahead(4)


def test_a_slot_can_be_named_by_its_key(visit: Appointment) -> None:
    new = free()
    visit.reschedule(to=new.pk)
    assert visit.slot == new


def test_the_event_records_both_slots_the_time_and_the_actor(visit: Appointment) -> None:
    old, new, at = visit.slot, free(), timezone.now()
    visit.reschedule(to=new, by=visit.patient.user, at=at)
    event = moved(visit)
    assert visit.events.count() == 2
    assert (event.kind, event.from_slot, event.to_slot) == ("rescheduled", old.pk, new.pk)
    assert (event.from_status, event.to_status) == ("scheduled", "scheduled")
    assert (event.actor, event.by, event.at) == (visit.patient.user, "patient", at)
    assert event.detail == f"{old} to {new}"
    assert event.override_reason == ""


def test_a_name_that_is_too_long_for_the_detail_is_cut(visit: Appointment) -> None:
    visit.reschedule(to=free(location=LocationFactory(name="x" * 200)))
    visit.reschedule(to=free(6, location=LocationFactory(name="y" * 200)))
    assert max(len(event.detail) for event in visit.events.all()) <= 500


def test_a_move_clears_the_check_in(visit: Appointment) -> None:
    visit.check_in(at=visit.starts_at - timedelta(minutes=5))
    visit.reschedule(to=free(), at=visit.starts_at - timedelta(minutes=1))
    assert Appointment.objects.get().checked_in_at is None
    assert visit.checked_in_at is None


def test_a_move_clears_the_rebooking_flag(visit: Appointment) -> None:
    Appointment.objects.update(needs_rebooking=True)
    visit.reschedule(to=free())
    assert Appointment.objects.get().needs_rebooking is False
    assert visit.needs_rebooking is False


def test_moving_there_and_back_leaves_two_events_and_balanced_slots(visit: Appointment) -> None:
    old, new = visit.slot, free()
    visit.reschedule(to=new).reschedule(to=old)
    assert visit.slot == old
    moves = visit.events.filter(kind="rescheduled").values_list("from_slot", "to_slot")
    assert list(moves) == [(old.pk, new.pk), (new.pk, old.pk)]
    assert_places((old, 1), (new, 0))


def test_the_place_left_behind_can_be_booked_by_the_next(visit: Appointment) -> None:
    old = visit.slot
    visit.reschedule(to=free())
    Appointment(patient=PatientFactory(), slot=old).book()
    assert_balanced(old)


def test_only_this_visit_moves() -> None:
    slot = free(capacity=3)
    mine, other = AppointmentFactory(slot=slot), AppointmentFactory(slot=slot)
    mine.reschedule(to=free(6))
    other.refresh_from_db()
    assert (other.slot, other.events.count()) == (slot, 1)
    assert_balanced(slot)


def test_a_visit_on_a_closed_slot_can_move_away(visit: Appointment) -> None:
    visit.slot.schedule.revise(is_active=False)
    visit.reschedule(to=free())
    assert Appointment.objects.get().slot == visit.slot


def test_an_overlap_with_itself_does_not_count(visit: Appointment) -> None:
    longer = ScheduleFactory(start_time=time(8, 45), slot_minutes=60).slots.first()
    assert longer.starts_at < visit.ends_at < longer.ends_at
    visit.reschedule(to=longer)
    assert_balanced(longer)


def test_a_verb_reads_the_stored_row_and_not_the_loaded_visit(visit: Appointment) -> None:
    stale, third = Appointment.objects.get(pk=visit.pk), free(6)
    old, new = visit.slot, free()
    visit.reschedule(to=new)
    stale.reschedule(to=third)
    assert moved(stale).from_slot == new.pk
    assert_places((old, 0), (new, 0), (third, 1))


# --- Staff ----------------------------------------------------------------------------------------


def test_staff_override_the_locations_rules_with_a_reason(visit: Appointment, staff: User) -> None:
    new = free()
    late(visit, new)
    for prepare in (short_notice, near_horizon, limited):
        prepare(visit, new)
    visit.reschedule(to=new, by=staff, override_reason="The doctor asked.")
    event = moved(visit)
    assert (event.by, event.override_reason) == ("staff", "The doctor asked.")
    assert_balanced(new)


@pytest.mark.parametrize(("prepare", "refusal"), [IN_ORDER[n] for n in (0, 2, 3, 7)])
def test_staff_override_no_other_rule(
    visit: Appointment, staff: User, prepare: Prepare, refusal: type[DomainError]
) -> None:
    new = free()
    prepare(visit, new)
    with pytest.raises(refusal):
        visit.reschedule(to=new, by=staff, override_reason="The doctor asked.")
    assert_unmoved(visit)


def test_a_visit_flagged_for_rebooking_has_no_deadline(visit: Appointment) -> None:
    late(visit, visit.slot)
    Appointment.objects.update(needs_rebooking=True)
    visit.refresh_from_db()
    assert visit.can_reschedule
    visit.reschedule(to=free(), by=visit.patient.user)
    assert moved(visit).override_reason == ""
