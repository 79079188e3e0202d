"""A scheduled visit is canceled, completed or a no-show, and only staff correct its status."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from accounts.models import User
from accounts.tests.factories import UserFactory
from appointment.exceptions import InvalidTransition, NotCancelable
from appointment.models import Appointment, Status
from appointment.models.event import HOLDING_STATUSES
from appointment.models.lifecycle import TRANSITIONS
from appointment.tests.factories import AppointmentFactory
from doctor.tests.factories import ScheduleFactory
from extensions.exceptions import DomainError
from patient.tests.factories import PatientFactory
from tests.balance import assert_balanced

pytestmark = pytest.mark.django_db

INSTANT = timedelta(microseconds=1)
Verb = Callable[[Appointment], Appointment]


def staff() -> User:
    user: User = UserFactory(is_staff=True, is_superuser=True)
    return user


VERBS: dict[str, Verb] = {
    "canceled": lambda visit: visit.cancel(at=visit.starts_at - INSTANT),
    "completed": lambda visit: visit.complete(by=staff(), at=visit.starts_at),
    "no_show": lambda visit: visit.mark_no_show(by=staff(), at=visit.starts_at),
}
REFUSALS: dict[str, type[DomainError]] = {
    "canceled": NotCancelable,
    "completed": InvalidTransition,
    "no_show": InvalidTransition,
}


def visit_that_is(status: str) -> Appointment:
    """Book a visit, and bring it to this status by its verb."""
    visit = Appointment(patient=PatientFactory(), slot=ScheduleFactory().slots.first()).book()
    return visit if status == "scheduled" else VERBS[status](visit)


def test_the_table_names_every_status() -> None:
    assert set(TRANSITIONS) == set(Status.values)
    assert {status for targets in TRANSITIONS.values() for status in targets} <= set(Status.values)


@pytest.mark.parametrize("target", VERBS)
@pytest.mark.parametrize("source", Status.values)
def test_a_verb_makes_only_the_transitions_of_the_table(source: str, target: str) -> None:
    visit = visit_that_is(source)
    events = visit.events.count()
    if target in TRANSITIONS[source]:
        assert VERBS[target](visit) is visit
        assert (visit.status, visit.events.count()) == (target, events + 1)
    else:
        with pytest.raises(REFUSALS[target]):
            VERBS[target](visit)
        assert visit.events.count() == events
    stored = Appointment.objects.get(pk=visit.pk)
    assert stored.status == (target if target in TRANSITIONS[source] else source)
    assert_balanced(visit.slot)


@pytest.mark.parametrize("verb", ["complete", "mark_no_show"])
@pytest.mark.parametrize("before", [INSTANT, timedelta(days=1)])
def test_a_visit_is_not_concluded_before_its_start(verb: str, before: timedelta) -> None:
    visit = AppointmentFactory()
    with pytest.raises(InvalidTransition):
        getattr(visit, verb)(at=visit.starts_at - before)
    visit.refresh_from_db()
    assert (visit.status, visit.events.count()) == ("scheduled", 1)
    assert_balanced(visit.slot)


@pytest.mark.parametrize("verb", ["complete", "mark_no_show"])
@pytest.mark.parametrize("after", [timedelta(0), INSTANT, timedelta(days=400)])
def test_a_visit_can_be_concluded_from_its_start_on(verb: str, after: timedelta) -> None:
    visit = AppointmentFactory()
    getattr(visit, verb)(at=visit.starts_at + after)
    assert_balanced(visit.slot)


@pytest.mark.parametrize("status", Status.values)
def test_every_status_but_canceled_holds_the_place(status: str) -> None:
    slot = visit_that_is(status).slot
    slot.refresh_from_db()
    assert slot.taken == (0 if status == "canceled" else 1)
    assert (status in HOLDING_STATUSES) is (status != "canceled")
    assert_balanced(slot)


def test_a_verb_reads_the_stored_row_and_not_the_loaded_visit() -> None:
    visit = AppointmentFactory()
    stale = Appointment.objects.get(pk=visit.pk)
    visit.complete(at=visit.starts_at)
    with pytest.raises(InvalidTransition):
        stale.mark_no_show(at=visit.starts_at)
    visit.refresh_from_db()
    assert visit.status == "completed"


def test_a_verb_touches_one_visit_only() -> None:
    visit, other = AppointmentFactory(), AppointmentFactory()
    visit.complete(at=visit.starts_at)
    other.refresh_from_db()
    assert other.status == "scheduled"
