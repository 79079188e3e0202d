"""After check-in only staff cancel or move a visit; staff do so also once it has begun."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts.models import User
from appointment.exceptions import CheckedIn, NotCancelable
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from appointment.tests.rescheduling import free
from patient.models import Patient
from patient.tests.factories import DependentFactory
from tests.balance import assert_balanced
from tests.problems import assert_problem

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
Change = Callable[..., Any]


def move(visit: Appointment, **how: Any) -> Appointment:
    return visit.reschedule(to=free(), **how)


CHANGES: list[Change] = [Appointment.cancel, move]


@pytest.fixture
def visit(patient: Patient) -> Appointment:
    """Return a visit of `patient` at 09:00 three days ahead."""
    return AppointmentFactory(patient=patient)


@pytest.mark.parametrize("change", CHANGES)
def test_the_patient_cannot_change_a_visit_after_check_in(
    visit: Appointment, staff: User, change: Change
) -> None:
    early, user = visit.starts_at - HOUR, visit.patient.user
    assert visit.can_cancel(early)
    visit.check_in(at=early)
    assert not visit.can_cancel(early)
    assert not visit.can_reschedule
    for at in (early, visit.starts_at):
        with pytest.raises(CheckedIn):
            change(visit, by=user, at=at)
    change(visit, by=staff, at=early)
    for slot in (visit.slot, Appointment.objects.get().slot):
        assert_balanced(slot)


def test_the_app_answers_checked_in(visit: Appointment, client_of: Any) -> None:
    client: APIClient = client_of(visit.patient.user)
    to = free().pk
    with time_machine.travel(visit.starts_at - HOUR, tick=False):
        visit.check_in()
        row = client.get(f"/api/appointment/my-appointments/{visit.pk}/").json()
        assert (row["can_cancel"], row["can_reschedule"]) == (False, False)
        for call, body in (("cancel", {}), ("reschedule", {"slot_id": to})):
            refused = client.post(f"/api/appointment/{call}/{visit.pk}/", body)
            assert_problem(refused, 409, "checked_in")


def test_a_dependent_who_has_checked_in_is_not_deleted(patient: Patient, client_of: Any) -> None:
    child = DependentFactory(user=patient.user)
    visit = AppointmentFactory(patient=child)
    with time_machine.travel(visit.starts_at - HOUR, tick=False):
        visit.check_in()
        deleted = client_of(patient.user).delete(f"/api/patient/dependents/{child.pk}/")
        assert_problem(deleted, 409, "checked_in")
        visit.patient.erase()  # by staff, or of oneself
    assert Appointment.objects.get().status == "canceled"


def test_a_patient_who_has_checked_in_is_not_a_no_show(visit: Appointment, staff: User) -> None:
    visit.check_in(at=visit.starts_at)
    with pytest.raises(CheckedIn) as refused:
        visit.mark_no_show(by=staff, at=visit.starts_at)
    assert "undo the check-in" in refused.value.staff_message
    visit.undo(by=staff, at=visit.starts_at)
    assert visit.mark_no_show(by=staff, at=visit.starts_at).status == "no_show"


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("checked_in", [False, True])
def test_staff_change_a_visit_that_has_begun_with_a_reason(
    visit: Appointment, staff: User, change: Change, checked_in: bool
) -> None:
    if checked_in:
        visit.check_in(at=visit.starts_at)
    old, at = visit.slot, visit.starts_at + timedelta(minutes=5)
    with pytest.raises(NotCancelable):
        change(visit, by=staff, at=at)
    change(visit, by=staff, at=at, override_reason="The doctor fell ill")
    event = visit.events.latest("pk")
    assert (event.kind, event.override_reason) == (
        "canceled" if change is Appointment.cancel else "rescheduled",
        "The doctor fell ill",
    )
    assert old.appointments.holding_a_place().count() == 0
    assert_balanced(old)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("end", ["complete", "mark_no_show", "cancel"])
def test_no_reason_changes_a_visit_that_is_not_scheduled(
    visit: Appointment, staff: User, change: Change, end: str
) -> None:
    getattr(visit, end)(at=visit.starts_at - HOUR if end == "cancel" else visit.starts_at)
    with pytest.raises(NotCancelable):
        change(visit, by=staff, at=visit.starts_at, override_reason="The doctor fell ill")


@pytest.mark.parametrize("change", CHANGES)
def test_a_check_in_that_is_written_meanwhile_still_refuses_the_patient(
    visit: Appointment, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check-in locks the appointment alone, so it may come after the verb has read the row."""
    early = visit.starts_at - HOUR
    check_in = partial(Appointment.objects.get(pk=visit.pk).check_in, at=early)
    refuse = Appointment.refuse_change

    def then_check_in(self: Appointment, *args: Any, **kwargs: Any) -> None:
        refuse(self, *args, **kwargs)
        monkeypatch.setattr(Appointment, "refuse_change", refuse)
        check_in()

    monkeypatch.setattr(Appointment, "refuse_change", then_check_in)
    with pytest.raises(CheckedIn):
        change(visit, by=visit.patient.user, at=early)
    assert Appointment.objects.get().status == "scheduled"
    assert_balanced(visit.slot)


def test_a_stale_visit_of_an_erased_person_is_not_moved(visit: Appointment, staff: User) -> None:
    stale = Appointment.objects.get(pk=visit.pk)
    visit.patient.erase()
    with pytest.raises(NotCancelable):
        move(stale, by=staff, override_reason="The doctor fell ill")
