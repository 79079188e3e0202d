"""Check-in, completion and no-show on the day of a visit, and corrections by staff."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import partial

import pytest

from accounts.models import User
from accounts.tests.factories import SuperuserFactory, UserFactory
from appointment.exceptions import InvalidTransition
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from appointment.tests.rescheduling import free
from doctor.tests.factories import ScheduleFactory
from patient.models import Patient
from patient.tests.factories import DependentFactory, PatientFactory
from tests.balance import assert_balanced
from tests.threads import run_together

pytestmark = pytest.mark.django_db

INSTANT, HOUR = timedelta(microseconds=1), timedelta(hours=1)
Verb = Callable[..., Appointment]


@pytest.fixture
def visit() -> Appointment:
    """Return a visit at 09:00 three days ahead."""
    booked: Appointment = AppointmentFactory()
    return booked


def reported(visit: Appointment) -> list[tuple[str, str, str]]:
    """Return (kind, from_status, to_status) of each event after the booking, oldest first."""
    events = visit.events.order_by("pk")
    return [(event.kind, event.from_status, event.to_status) for event in events][1:]


# --- Check-in -------------------------------------------------------------------------------------


def midnights(visit: Appointment) -> tuple[datetime, datetime]:
    """Return when the day of the visit begins and ends at its location."""
    zone, day = visit.location.zone, visit.date
    return tuple(  # type: ignore[return-value]
        datetime.combine(day + timedelta(days=n), time(), tzinfo=zone) for n in (0, 1)
    )


@pytest.mark.parametrize("zone", ["Europe/Madrid", "Asia/Tokyo", "America/Los_Angeles"])
@pytest.mark.parametrize("day", [date(2027, 3, 28), date(2027, 10, 31), date(2027, 6, 1)])
def test_a_patient_is_checked_in_on_the_local_day_from_midnight_to_midnight(
    zone: str, day: date
) -> None:
    slots = ScheduleFactory(location__time_zone=zone, date=day).slots.all()
    first, last = (AppointmentFactory(slot=slot) for slot in slots[:2])
    begins, ends = midnights(first)
    for at in (begins - INSTANT, ends):
        with pytest.raises(InvalidTransition):
            first.check_in(at=at)
    assert first.check_in(at=begins).checked_in_at == begins
    assert last.check_in(at=ends - INSTANT).checked_in_at == ends - INSTANT


def test_checking_in_again_keeps_the_first_time_and_leaves_one_event(
    visit: Appointment, staff: User
) -> None:
    stale, first = Appointment.objects.get(pk=visit.pk), visit.starts_at - HOUR
    visit.check_in(by=staff, at=first)
    for again in (visit, stale):
        assert again.check_in(at=first + timedelta(minutes=5)).checked_in_at == first
    assert reported(visit) == [("checked_in", "scheduled", "scheduled")]
    event = visit.events.get(kind="checked_in")
    assert (event.at, event.actor, event.by) == (first, staff, "staff")
    assert_balanced(visit.slot)


def test_checking_in_again_is_refused_on_another_day(visit: Appointment) -> None:
    visit.check_in(at=visit.starts_at)
    with pytest.raises(InvalidTransition):
        visit.check_in(at=visit.starts_at + timedelta(days=1))


@pytest.mark.parametrize("verb", ["cancel", "complete", "mark_no_show"])
def test_a_visit_that_is_not_scheduled_takes_no_check_in(visit: Appointment, verb: str) -> None:
    at = visit.starts_at - (HOUR if verb == "cancel" else timedelta(0))
    getattr(Appointment.objects.get(pk=visit.pk), verb)(at=at)
    with pytest.raises(InvalidTransition):
        visit.check_in(at=at)
    assert len(reported(visit)) == 1


def test_the_day_is_that_of_the_slot_the_visit_was_moved_to(visit: Appointment) -> None:
    stale, before = Appointment.objects.get(pk=visit.pk), visit.starts_at
    visit.reschedule(to=free())
    with pytest.raises(InvalidTransition):
        stale.check_in(at=before)
    stale.check_in(at=visit.starts_at)
    assert stale.checked_in_at == visit.starts_at


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_simultaneous_check_ins_leave_one_event() -> None:
    visit = AppointmentFactory()
    copies = [Appointment.objects.get(pk=visit.pk) for _ in range(8)]
    done = run_together(8, lambda n: copies[n].check_in(at=visit.starts_at))
    assert {type(outcome) for outcome in done} == {Appointment}
    assert len(reported(visit)) == 1


# --- Before the start of a visit ------------------------------------------------------------------


def test_before_its_start_only_a_checked_in_visit_can_be_completed(visit: Appointment) -> None:
    early = visit.starts_at - HOUR
    with pytest.raises(InvalidTransition):
        visit.complete(at=early)
    visit.check_in(at=early)
    assert visit.complete(at=early).status == "completed"
    assert_balanced(visit.slot)


def test_before_its_start_no_visit_is_a_no_show(visit: Appointment, staff: User) -> None:
    early = visit.starts_at - INSTANT
    with pytest.raises(InvalidTransition):
        visit.mark_no_show(by=staff, at=early)
    visit.check_in(at=early)
    with pytest.raises(InvalidTransition):
        visit.mark_no_show(by=staff, at=early)
    visit.complete(by=staff, at=early)
    with pytest.raises(InvalidTransition):
        visit.mark_no_show(by=staff, at=early)
    assert visit.mark_no_show(by=staff, at=early + INSTANT).status == "no_show"


# --- Corrections ----------------------------------------------------------------------------------

ENDS: dict[str, Verb] = {"completed": Appointment.complete, "no_show": Appointment.mark_no_show}


@pytest.mark.parametrize(("wrong", "right"), [("completed", "no_show"), ("no_show", "completed")])
def test_staff_correct_a_status_and_both_events_are_kept(
    visit: Appointment, staff: User, wrong: str, right: str
) -> None:
    ENDS[wrong](visit, at=visit.starts_at)
    ENDS[right](visit, by=staff, at=visit.ends_at)
    assert Appointment.objects.get().status == visit.status == right
    assert reported(visit) == [(wrong, "scheduled", wrong), (right, wrong, right)]
    assert visit.events.latest("pk").actor == staff
    assert_balanced(visit.slot)


@pytest.mark.parametrize("status", ENDS)
def test_a_repeated_correction_is_refused(visit: Appointment, staff: User, status: str) -> None:
    ENDS[status](visit, at=visit.starts_at)
    with pytest.raises(InvalidTransition):
        ENDS[status](visit, by=staff, at=visit.starts_at)
    assert len(reported(visit)) == 1


@pytest.mark.parametrize(("wrong", "right"), [("completed", "no_show"), ("no_show", "completed")])
@pytest.mark.parametrize("who", ["doctor", "patient", "nobody"])
def test_only_staff_correct_a_final_status(
    visit: Appointment, wrong: str, right: str, who: str
) -> None:
    visit.doctor.revise(user=UserFactory())
    by = {"doctor": visit.doctor.user, "patient": visit.patient.user, "nobody": None}[who]
    ENDS[wrong](visit, at=visit.starts_at)
    with pytest.raises(InvalidTransition):
        ENDS[right](visit, by=by, at=visit.ends_at)
    assert Appointment.objects.get().status == wrong


def test_a_canceled_visit_cannot_be_corrected(visit: Appointment, staff: User) -> None:
    visit.cancel()
    for end in ENDS.values():
        with pytest.raises(InvalidTransition):
            end(visit, by=staff, at=visit.ends_at)
    assert_balanced(visit.slot)


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_one_of_several_simultaneous_corrections_succeeds() -> None:
    visit, clerk = AppointmentFactory(), SuperuserFactory()
    visit.mark_no_show(at=visit.starts_at)
    copies = [Appointment.objects.get(pk=visit.pk) for _ in range(6)]
    done = run_together(6, lambda n: copies[n].complete(by=clerk, at=visit.ends_at))
    kinds = sorted(type(outcome).__name__ for outcome in done)
    assert kinds == ["Appointment", *["InvalidTransition"] * 5]
    assert reported(visit)[1:] == [("completed", "no_show", "completed")]


def test_a_doctor_with_only_admin_access_cannot_correct_a_status() -> None:
    visit, user = AppointmentFactory(), UserFactory(is_staff=True)
    visit.doctor.revise(user=user)
    visit.mark_no_show(at=visit.starts_at)
    with pytest.raises(InvalidTransition):
        visit.complete(by=user, at=visit.ends_at)


# --- The role of the actor ------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["patient", "carer", "doctor", "staff", "system"])
def test_an_event_says_in_which_role_the_actor_acted(
    patient: Patient, staff: User, who: str
) -> None:
    whose = DependentFactory(user=patient.user) if who == "carer" else patient
    visit = AppointmentFactory(patient=whose)
    visit.doctor.revise(user=UserFactory())
    users = {"doctor": visit.doctor.user, "staff": staff, "system": None}
    by = users.get(who, patient.user)
    for act in (
        partial(visit.amend, "Test results"),
        partial(visit.check_in, at=visit.starts_at),
        partial(visit.complete, at=visit.starts_at),
    ):
        act(by=by)
    events = visit.events.order_by("pk")[1:]
    assert {(event.by, event.actor) for event in events} == {
        ("patient" if who == "carer" else who, by)
    }


def test_the_event_names_staff_where_they_check_in_their_own_visit(staff: User) -> None:
    visit = AppointmentFactory(patient=PatientFactory(user=staff))
    visit.check_in(by=staff, at=visit.starts_at)
    visit.undo(by=staff, at=visit.starts_at)
    visit.cancel(by=staff)
    assert [each.by for each in visit.events.order_by("pk")[1:]] == ["staff", "staff", "patient"]


def test_a_doctor_who_sets_a_rule_aside_acts_as_staff(staff: User) -> None:
    visit = AppointmentFactory()
    visit.doctor.revise(user=staff)
    visit.refresh_from_db()
    visit.cancel(by=staff, override_reason="He asked for it")
    assert visit.events.latest("pk").by == "staff"


def test_a_doctor_who_is_the_patient_acts_as_the_patient(visit: Appointment) -> None:
    visit.doctor.revise(user=visit.patient.user)
    visit.refresh_from_db()
    visit.cancel(by=visit.patient.user)
    assert visit.events.get(kind="canceled").by == "patient"
