"""Staff keep a visit of the work list as booked, until another closure hits it."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from appointment.exceptions import InvalidTransition
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from appointment.tests.rescheduling import free
from doctor.models import Slot
from doctor.tests.factories import TimeOffFactory
from tests.balance import assert_balanced
from tests.problems import assert_invalid, assert_problem
from tests.races import assert_in_order

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def visit() -> Appointment:
    """Return a visit that leave of its doctor has put on the work list."""
    booked = AppointmentFactory()
    on_leave(booked)
    booked.refresh_from_db()
    return booked


def on_leave(visit: Appointment) -> Any:
    """Publish leave of the doctor during the visit."""
    times = {"starts_at": visit.starts_at, "ends_at": visit.ends_at}
    return TimeOffFactory(doctor=visit.doctor, **times)


def is_flagged(visit: Appointment) -> bool:
    """Return the flag; check that it is what `check_invariants` expects."""
    assert_in_order()
    return Appointment.objects.to_rebook().filter(pk=visit.pk).exists()


def recompute(visit: Appointment) -> None:
    """Recompute the flags twice: a repetition changes nothing."""
    for _ in range(2):
        Appointment.objects.update_rebooking_flags({visit.slot_id or 0}, visit.created_at)


def test_a_kept_visit_leaves_the_work_list(visit: Appointment, staff: User) -> None:
    assert is_flagged(visit)
    visit.keep("The doctor comes for him", by=staff)
    assert not is_flagged(visit)
    event = visit.events.latest("pk")
    assert (event.kind, event.by, event.detail) == ("kept", "staff", "The doctor comes for him")
    assert_balanced(visit.slot)


def test_the_same_closure_does_not_flag_it_again(visit: Appointment) -> None:
    visit.keep("He comes.")
    recompute(visit)
    assert not is_flagged(visit)
    leave = visit.doctor.time_off.get()
    leave.revise(reason="Flu")
    leave.revise(ends_at=visit.ends_at.replace(hour=23))
    visit.doctor.revise(accepts_patients=False)
    assert not is_flagged(visit)


def closed(visit: Appointment) -> None:
    TimeOffFactory(location=visit.location, starts_at=visit.starts_at)


def left(visit: Appointment) -> None:
    visit.doctor.revise(is_active=False)


def hours_changed(visit: Appointment) -> None:
    Slot.objects.filter(pk=visit.slot_id).update(kept_over=True, is_open=False)
    recompute(visit)


@pytest.mark.parametrize("another", [on_leave, closed, left, hours_changed])
def test_another_closure_flags_a_kept_visit_again(
    visit: Appointment, another: Callable[[Appointment], Any]
) -> None:
    visit.keep("He comes.")
    another(visit)
    assert is_flagged(visit)
    visit.refresh_from_db()
    visit.keep("He still comes.")
    recompute(visit)
    assert not is_flagged(visit)


def test_a_closure_that_comes_back_is_another_one(visit: Appointment) -> None:
    visit.keep("He comes.")
    visit.doctor.time_off.get().unpublish()
    assert not is_flagged(visit)
    on_leave(visit)
    assert is_flagged(visit)


def test_of_two_closures_that_were_kept_the_one_left_does_not_flag(visit: Appointment) -> None:
    second = on_leave(visit)
    visit.keep("He comes.")
    second.unpublish()
    assert not is_flagged(visit)
    on_leave(visit)
    assert is_flagged(visit)


def test_a_visit_stays_flagged_when_only_the_closure_that_was_not_kept_is_left(
    visit: Appointment,
) -> None:
    kept = visit.doctor.time_off.get()
    visit.keep("He comes.")
    another = on_leave(visit)
    kept.unpublish()
    assert is_flagged(visit)
    another.unpublish()
    assert not is_flagged(visit)


def test_another_closure_ends_the_keeping_for_good(visit: Appointment) -> None:
    visit.keep("He comes.")
    on_leave(visit).unpublish()
    assert is_flagged(visit)


def test_leave_moved_onto_a_kept_visit_is_another_closure(visit: Appointment) -> None:
    length = visit.ends_at - visit.starts_at
    later = {"starts_at": visit.ends_at, "ends_at": visit.ends_at + length}
    beside = TimeOffFactory(doctor=visit.doctor, **later)
    visit.keep("He comes.")
    beside.revise(starts_at=visit.starts_at)
    assert is_flagged(visit)


def test_a_visit_that_was_kept_and_moved_is_flagged_in_its_new_slot(visit: Appointment) -> None:
    visit.keep("He comes.")
    visit.reschedule(to=free())
    on_leave(visit)
    assert is_flagged(visit)


@pytest.mark.parametrize("hit", [False, True])
def test_a_kept_visit_that_is_completed_by_mistake_stays_kept_unless_it_was_hit(
    visit: Appointment, hit: bool
) -> None:
    visit.keep("He comes.")
    visit.complete(at=visit.starts_at)
    if hit:
        on_leave(visit).unpublish()
    visit.undo(at=visit.starts_at)
    assert is_flagged(visit) is hit


def test_only_a_visit_of_the_work_list_is_kept(visit: Appointment) -> None:
    sound, stale = AppointmentFactory(), Appointment.objects.get(pk=visit.pk)
    visit.keep("He comes.")
    for other in (sound, stale):
        with pytest.raises(InvalidTransition):
            other.keep("He comes.")
    assert visit.events.filter(kind="kept").count() == 1


# --- The API --------------------------------------------------------------------------------------


def test_staff_keep_a_visit_in_one_call(visit: Appointment, staff: User, client_of: Any) -> None:
    client: APIClient = client_of(staff)
    path = f"/api/appointment/rebooking/{visit.pk}/keep/"
    assert_invalid(client.post(path, {}), "reason")
    assert_invalid(client.post(path, {"reason": " "}), "reason")
    kept = client.post(path, {"reason": "The doctor comes for him"})
    assert (kept.status_code, kept.json()["status"]) == (200, "scheduled")
    assert client.get("/api/appointment/rebooking/").json()["count"] == 0
    assert_problem(client.post(path, {"reason": "Again"}), 404, "not_found")
    history = client_of(visit.patient.user).get(f"/api/appointment/my-appointments/{visit.pk}/")
    assert [event["kind"] for event in history.json()["events"]] == ["booked", "kept"]
