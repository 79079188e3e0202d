"""Undo takes back the latest change of a visit, and a no-show who comes late is checked in."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from accounts.models import User
from accounts.tests.factories import UserFactory
from appointment.exceptions import InvalidTransition, NothingToUndo
from appointment.models import Appointment, Offer
from appointment.tests.factories import AppointmentFactory
from appointment.tests.rescheduling import free
from appointment.tests.waitlist import only_visit, waiting
from doctor.exceptions import (
    AlreadyBooked,
    PatientDeceased,
    PatientOverlap,
    SlotClosed,
    SlotFull,
    SlotInPast,
    TooFar,
    TooManyAppointments,
    TooSoon,
)
from doctor.models import Slot
from doctor.tests.factories import ScheduleFactory, TimeOffFactory
from extensions.exceptions import DomainError
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.balance import assert_balanced
from tests.races import assert_in_order

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

HOUR = timedelta(hours=1)
Prepare = Callable[[Appointment], Any]


@pytest.fixture
def visit() -> Appointment:
    """Return a visit at 09:00 three days ahead."""
    booked: Appointment = AppointmentFactory()
    return booked


def latest(visit: Appointment) -> tuple[str, ...]:
    """Return kind, statuses and `undoes` of the visit's latest event."""
    event = visit.events.order_by("pk").last()
    assert event is not None
    return (event.kind, event.from_status, event.to_status, event.undoes)


def stored(visit: Appointment) -> Appointment:
    """Read the visit again, and check that the object which the verb changed says the same."""
    row = Appointment.objects.get(pk=visit.pk)
    for name in ("status", "checked_in_at", "canceled_at", "cancel_reason", "needs_rebooking"):
        assert getattr(row, name) == getattr(visit, name), name
    return row


# --- What is taken back ---------------------------------------------------------------------------


def test_a_check_in_is_taken_back(visit: Appointment, staff: User) -> None:
    visit.check_in(at=visit.starts_at)
    visit.undo(by=staff, at=visit.starts_at)
    assert (stored(visit).status, visit.checked_in_at) == ("scheduled", None)
    assert latest(visit) == ("undone", "scheduled", "scheduled", "checked_in")
    assert visit.events.latest("pk").actor == staff
    visit.check_in(at=visit.starts_at)
    assert visit.events.filter(kind="checked_in").count() == 2


def test_a_completion_is_taken_back_and_the_check_in_stays(visit: Appointment) -> None:
    visit.check_in(at=visit.starts_at)
    arrived = visit.checked_in_at
    visit.complete(at=visit.starts_at)
    visit.undo(at=visit.ends_at)
    assert (stored(visit).status, visit.checked_in_at) == ("scheduled", arrived)
    assert latest(visit) == ("undone", "completed", "scheduled", "completed")
    assert_balanced(visit.slot)


def test_a_no_show_is_taken_back(visit: Appointment) -> None:
    visit.mark_no_show(at=visit.starts_at)
    visit.undo(at=visit.ends_at)
    assert stored(visit).status == "scheduled"
    assert latest(visit) == ("undone", "no_show", "scheduled", "no_show")


def test_a_correction_is_taken_back_to_the_status_before_it(
    visit: Appointment, staff: User
) -> None:
    visit.complete(at=visit.starts_at)
    visit.mark_no_show(by=staff, at=visit.ends_at)
    visit.undo(by=staff, at=visit.ends_at)
    assert stored(visit).status == "completed"
    assert latest(visit) == ("undone", "no_show", "completed", "no_show")


def test_a_canceled_visit_takes_its_place_again(visit: Appointment) -> None:
    before = visit.starts_at - HOUR
    visit.cancel(reason="The wrong line", at=before)
    visit.undo(at=before)
    assert (stored(visit).status, visit.canceled_at, visit.cancel_reason) == ("scheduled", None, "")
    assert visit.reason == "Check-up"
    assert latest(visit) == ("undone", "canceled", "scheduled", "canceled")
    assert_balanced(visit.slot)
    assert visit.slot.taken == 1
    visit.cancel(at=before)
    assert_balanced(visit.slot)
    assert_in_order()  # two events `canceled`, one of them undone


@pytest.mark.parametrize("ends", ["amend", "move", "undo", "book", "keep"])
def test_nothing_but_the_latest_event_is_undone(visit: Appointment, ends: str) -> None:
    if ends != "book":
        visit.check_in(at=visit.starts_at)
    {
        "amend": lambda: visit.amend("Test results"),
        "move": lambda: visit.reschedule(to=free()),
        "undo": lambda: visit.undo(at=visit.starts_at),
        "book": lambda: None,
        "keep": lambda: (TimeOffFactory(doctor=visit.doctor), visit.keep("He comes.")),
    }[ends]()
    events = visit.events.count()
    with pytest.raises(NothingToUndo):
        visit.undo(at=visit.starts_at)
    assert visit.events.count() == events


# --- A place that is taken again ------------------------------------------------------------------


def taken(visit: Appointment) -> None:
    AppointmentFactory(slot=visit.slot)


def on_leave(visit: Appointment) -> None:
    TimeOffFactory(doctor=visit.doctor, starts_at=visit.starts_at, ends_at=visit.ends_at)


def overlapped(visit: Appointment) -> None:
    beside = ScheduleFactory(date=visit.date).slots.first()
    AppointmentFactory(patient=visit.patient, slot=beside)


def booked_again(visit: Appointment) -> None:
    AppointmentFactory(patient=visit.patient, slot=visit.slot)


def gone(visit: Appointment) -> None:
    visit.slot.schedule.unpublish()


def at_other_times(visit: Appointment) -> None:
    visit.slot.schedule.revise(slot_minutes=60)


def short_notice(visit: Appointment) -> None:
    visit.location.revise(min_notice_minutes=30 * 24 * 60)


def near_horizon(visit: Appointment) -> None:
    visit.location.revise(horizon_days=0)


def limited(visit: Appointment) -> None:
    visit.location.revise(max_live_per_patient=0)


NEVER: list[tuple[Prepare, type[DomainError]]] = [
    (booked_again, AlreadyBooked),
    (overlapped, PatientOverlap),
    (on_leave, SlotClosed),
    (gone, SlotClosed),
    (at_other_times, SlotClosed),
    (taken, SlotFull),
]
WITHOUT_A_REASON: list[tuple[Prepare, type[DomainError]]] = [
    (short_notice, TooSoon),
    (near_horizon, TooFar),
    (limited, TooManyAppointments),
]


def assert_stays_canceled(visit: Appointment, error: type[DomainError], **how: Any) -> Any:
    with pytest.raises(error) as refused:
        Appointment.objects.get(pk=visit.pk).undo(**how)
    row = Appointment.objects.get(pk=visit.pk)
    assert (row.status, row.events.latest("pk").kind) == ("canceled", "canceled")
    for slot in Slot.objects.all():
        assert_balanced(slot)
    return refused.value


@pytest.mark.parametrize(("prepare", "error"), NEVER)
def test_no_reason_sets_these_rules_aside(
    visit: Appointment, staff: User, prepare: Prepare, error: type[DomainError]
) -> None:
    visit.cancel()
    prepare(visit)
    assert_stays_canceled(visit, error, by=staff, override_reason="A wrong click")


def test_a_full_slot_comes_with_other_times(visit: Appointment) -> None:
    visit.cancel()
    taken(visit)
    full = assert_stays_canceled(visit, SlotFull)
    assert len(full.extra["alternatives"]) == 3


@pytest.mark.parametrize(("prepare", "error"), WITHOUT_A_REASON)
def test_staff_set_these_rules_aside_with_a_reason(
    visit: Appointment, staff: User, prepare: Prepare, error: type[DomainError]
) -> None:
    visit.cancel()
    prepare(visit)
    visit.refresh_from_db()
    assert_stays_canceled(visit, error, by=staff)
    visit.undo(by=staff, override_reason="A wrong click")
    assert stored(visit).status == "scheduled"
    assert visit.events.latest("pk").override_reason == "A wrong click"


def test_the_first_rule_in_order_refuses(visit: Appointment) -> None:
    visit.cancel()
    short_notice(visit)
    taken(visit)
    on_leave(visit)
    assert_stays_canceled(visit, SlotClosed)
    overlapped(visit)
    assert_stays_canceled(visit, PatientOverlap)
    gone_visit = AppointmentFactory()
    gone_visit.cancel()
    gone(gone_visit)
    overlapped(gone_visit)
    assert_stays_canceled(gone_visit, PatientOverlap)


@pytest.mark.parametrize("prepare", [gone, on_leave, taken, booked_again])
def test_a_deceased_patient_is_named_before_any_other_reason(
    visit: Appointment, staff: User, prepare: Prepare
) -> None:
    visit.cancel()
    prepare(visit)
    Patient.objects.update(marked_deceased_at=visit.created_at)
    assert_stays_canceled(visit, PatientDeceased, by=staff, override_reason="A wrong click")


def test_a_time_that_has_begun_is_taken_again_with_a_reason_until_it_ends(
    visit: Appointment, staff: User
) -> None:
    visit.cancel()
    how = {"by": staff, "override_reason": "A wrong click"}
    assert_stays_canceled(visit, SlotInPast, by=staff, at=visit.starts_at)
    assert_stays_canceled(visit, SlotInPast, at=visit.ends_at, **how)
    visit.undo(at=visit.ends_at - timedelta(seconds=1), **how)
    assert stored(visit).status == "scheduled"
    assert_balanced(visit.slot)


def test_the_cap_of_the_account_refuses_no_undo(visit: Appointment, settings: Any) -> None:
    settings.MAX_AHEAD_PER_ACCOUNT = settings.MAX_AHEAD_UNVERIFIED = 1
    visit.cancel()
    AppointmentFactory(patient=visit.patient, slot=free())
    visit.undo()
    assert stored(visit).status == "scheduled"


def test_an_offered_place_is_full_and_the_offer_stands() -> None:
    visit = only_visit()
    entry = waiting(visit)
    at = visit.starts_at - 10 * HOUR
    visit.cancel(at=at)
    assert_stays_canceled(visit, SlotFull, at=at)
    assert entry.offers.get().status == "open"
    lapsed = entry.offers.get().hold_until
    visit.undo(at=lapsed)  # `run_due` has not run: anyone may book the place by now
    assert (stored(visit).status, Offer.objects.get().status) == ("scheduled", "expired")
    assert_balanced(visit.slot)


def test_a_doctor_sets_no_rule_aside(visit: Appointment) -> None:
    visit.doctor.revise(user=UserFactory())
    visit.cancel()
    short_notice(visit)
    doctor = Appointment.objects.get(pk=visit.pk).doctor.user
    for how, error in (({}, TooSoon), ({"override_reason": "Please"}, PermissionDenied)):
        with pytest.raises(error):
            Appointment.objects.get(pk=visit.pk).undo(by=doctor, **how)
    assert Appointment.objects.get().status == "canceled"


# --- Scheduled again ------------------------------------------------------------------------------

ENDS: dict[str, Callable[..., Any]] = {
    "completed": Appointment.complete,
    "no_show": Appointment.mark_no_show,
}


@pytest.mark.parametrize("status", ENDS)
@pytest.mark.parametrize(
    ("prepare", "error"), [(overlapped, PatientOverlap), (booked_again, AlreadyBooked)]
)
def test_a_visit_is_not_scheduled_again_beside_another(
    staff: User, status: str, prepare: Prepare, error: type[DomainError]
) -> None:
    visit = AppointmentFactory(slot=ScheduleFactory(capacity=2).slots.first())
    ENDS[status](visit, at=visit.starts_at)
    prepare(visit)
    with pytest.raises(error):
        visit.undo(by=staff, at=visit.starts_at, override_reason="A wrong click")
    assert Appointment.objects.get(pk=visit.pk).status == status
    if status == "no_show":
        with pytest.raises(error):
            visit.check_in(by=staff, at=visit.starts_at)
        assert Appointment.objects.get(pk=visit.pk).status == status


@pytest.mark.parametrize("end", ["cancel", "complete", "mark_no_show"])
def test_a_visit_of_an_erased_person_stays_as_it_is(visit: Appointment, end: str) -> None:
    at = visit.starts_at - HOUR if end == "cancel" else visit.starts_at
    getattr(visit, end)(at=at)
    visit.patient.erase()
    for stale in (visit, Appointment.objects.get(pk=visit.pk)):
        with pytest.raises(InvalidTransition):
            stale.undo(at=at)
    assert Appointment.objects.get().status == visit.status
    assert Appointment.objects.get().events.latest("pk").kind != "undone"


def test_the_flag_of_the_work_list_is_computed_when_a_visit_is_scheduled_again(
    visit: Appointment,
) -> None:
    leave = TimeOffFactory(doctor=visit.doctor, starts_at=visit.starts_at)
    visit.refresh_from_db()
    visit.complete(at=visit.starts_at)
    visit.undo(at=visit.starts_at)
    assert stored(visit).needs_rebooking
    visit.mark_no_show(at=visit.starts_at)
    leave.unpublish()
    visit.undo(at=visit.starts_at)
    assert not stored(visit).needs_rebooking
    assert_in_order()


# --- A late arrival -------------------------------------------------------------------------------


def test_staff_check_in_a_no_show_who_comes_late(visit: Appointment, staff: User) -> None:
    visit.mark_no_show(at=visit.starts_at)
    late = visit.starts_at + timedelta(minutes=10)
    visit.check_in(by=staff, at=late)
    assert (stored(visit).status, visit.checked_in_at) == ("scheduled", late)
    assert latest(visit) == ("checked_in", "no_show", "scheduled", "")
    assert_balanced(visit.slot)
    visit.check_in(by=staff, at=late + HOUR)
    assert stored(visit).checked_in_at == late
    visit.undo(by=staff, at=late)
    assert (stored(visit).status, visit.checked_in_at) == ("no_show", None)
    assert latest(visit) == ("undone", "scheduled", "no_show", "checked_in")


def test_a_late_arrival_is_checked_in_on_the_day_and_by_staff(
    visit: Appointment, staff: User
) -> None:
    visit.doctor.revise(user=UserFactory())
    visit.mark_no_show(at=visit.starts_at)
    visit.refresh_from_db()
    for by, at in (
        (visit.doctor.user, visit.starts_at),
        (None, visit.starts_at),
        (staff, visit.starts_at + timedelta(days=1)),
    ):
        with pytest.raises(InvalidTransition):
            visit.check_in(by=by, at=at)
    assert Appointment.objects.get().status == "no_show"


def test_an_erased_no_show_is_not_checked_in(staff: User) -> None:
    visit = AppointmentFactory(patient=PatientFactory())
    visit.mark_no_show(at=visit.starts_at)
    visit.patient.erase()
    with pytest.raises(InvalidTransition):
        visit.check_in(by=staff, at=visit.starts_at)
