"""Staff book, cancel and move visits of their patients by the paths that patients use."""

from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.utils import timezone
from rest_framework.test import APIClient
from rest_framework.throttling import SimpleRateThrottle

from accounts.models import AuditEvent, User
from appointment.models import Appointment, AppointmentEvent
from appointment.tests.factories import AppointmentFactory
from appointment.tests.rescheduling import assert_unmoved, free, moved
from doctor.models import Location, Slot
from doctor.tests.factories import LocationFactory, ScheduleFactory, SiteStaffFactory
from patient.models import Patient
from patient.tests.factories import DependentFactory, PatientFactory
from tests.balance import assert_balanced
from tests.problems import assert_invalid, assert_problem

pytestmark = pytest.mark.django_db

BORN = date(1984, 12, 3)
WHY = {"override_reason": "The doctor asked for it"}


@pytest.fixture
def client(staff: User, client_of: Any) -> APIClient:
    made: APIClient = client_of(staff)
    return made


def book(client: APIClient, slot: Slot, **body: object) -> Any:
    return client.post(f"/api/appointment/book/{slot.doctor_id}/", {"slot_id": slot.pk, **body})


def cancel(client: APIClient, visit: Appointment, **body: object) -> Any:
    return client.post(f"/api/appointment/cancel/{visit.pk}/", body)


def move(client: APIClient, visit: Appointment, slot: Slot, **body: object) -> Any:
    path = f"/api/appointment/reschedule/{visit.pk}/"
    return client.post(path, {"slot_id": slot.pk, **body})


def only_event(kind: str) -> AppointmentEvent:
    event: AppointmentEvent = AppointmentEvent.objects.get(kind=kind)
    return event


# --- Booking --------------------------------------------------------------------------------------


@pytest.mark.parametrize("account", [True, False])
def test_staff_book_for_a_patient_with_and_without_an_account(
    client: APIClient, staff: User, account: bool
) -> None:
    whose = PatientFactory() if account else PatientFactory(user=None)
    slot = free()
    answer = book(client, slot, patient_id=whose.pk)
    assert answer.status_code == 201
    assert answer.json()["patient"]["id"] == whose.pk
    visit = Appointment.objects.get()
    assert (visit.patient, visit.booked_by, only_event("booked").by) == (whose, staff, "staff")
    created = AuditEvent.objects.get(action="create", patient_id=whose.pk)
    assert (created.actor, created.role) == (staff, "staff")
    assert_balanced(slot)


def test_staff_without_a_key_book_for_themselves(client: APIClient, staff: User) -> None:
    assert book(client, free()).status_code == 201
    assert Appointment.objects.get().patient.user == staff
    assert only_event("booked").by == "patient"


def test_staff_book_the_earliest_time_of_a_session(client: APIClient) -> None:
    whose, slots = PatientFactory(), ScheduleFactory().slots.all()
    path = f"/api/appointment/book/{slots[0].doctor_id}/"
    body = {"schedule_id": slots[0].schedule_id, "patient_id": whose.pk}
    assert client.post(path, body).json()["slot_id"] == slots[0].pk


def test_only_staff_with_the_permission_book_for_others(
    client: APIClient, staff: User, doctor_user: User, other_patient: Patient, client_of: Any
) -> None:
    slot = free()
    staff.groups.clear()
    for caller in (client, client_of(doctor_user), client_of(PatientFactory().user)):
        assert_problem(book(caller, slot, patient_id=other_patient.pk), 404, "not_found")
    assert_problem(book(client, slot, patient_id=987654), 404, "not_found")
    assert not Appointment.objects.exists()


RULES = {
    "too_soon": {"min_notice_minutes": 30 * 24 * 60},
    "too_far": {"horizon_days": 1},
    "too_many_appointments": {"max_live_per_patient": 0},
}


@pytest.mark.parametrize("code", RULES)
def test_a_rule_holds_for_staff_until_they_give_a_reason(client: APIClient, code: str) -> None:
    whose, slot = PatientFactory(user=None), free(location=LocationFactory(**RULES[code]))
    assert_problem(book(client, slot, patient_id=whose.pk), 409, code)
    assert_problem(book(client, slot, patient_id=whose.pk, override_reason="  "), 409, code)
    assert book(client, slot, patient_id=whose.pk, **WHY).status_code == 201
    assert only_event("booked").override_reason == WHY["override_reason"]


def test_no_reason_sets_aside_what_is_not_waivable(client: APIClient) -> None:
    whose, closed, full, busy = PatientFactory(user=None), free(3), free(4), free(5)
    closed.schedule.revise(is_active=False)
    AppointmentFactory(slot=full)
    AppointmentFactory(patient=whose, slot=busy)
    overlapped = ScheduleFactory(date=busy.schedule.date).slots.first()
    expected = {"slot_closed": closed, "slot_full": full, "already_booked": busy}
    for code, slot in {**expected, "patient_overlap": overlapped}.items():
        assert_problem(book(client, slot, patient_id=whose.pk, **WHY), 409, code)


def test_staff_act_as_patients_for_their_own_until_they_give_a_reason(
    client: APIClient, staff: User
) -> None:
    child, strict = DependentFactory(user=staff), LocationFactory(horizon_days=1)
    slots = [free(days, location=strict) for days in (5, 6)]
    for whose, slot in zip(({"patient_id": child.pk}, {}), slots, strict=True):
        assert_problem(book(client, slot, **whose), 409, "too_far")
        assert book(client, slot, **whose, **WHY).status_code == 201
    assert {event.by for event in AppointmentEvent.objects.all()} == {"staff"}
    assert set(AuditEvent.objects.filter(kind="appointment.appointment").values_list("role")) == {
        ("staff",)
    }


def test_a_reason_from_a_caller_who_is_not_staff_is_refused(
    patient: Patient, doctor_user: User, client_of: Any
) -> None:
    slot, visit = free(), AppointmentFactory(patient=patient)
    client, doctor = client_of(patient.user), client_of(doctor_user)
    calls = (
        book(client, slot, **WHY),
        book(doctor, slot, **WHY),
        cancel(client, visit, **WHY),
        move(client, visit, slot, **WHY),
    )
    for answer in calls:
        assert_problem(answer, 403, "permission_denied")
    assert_unmoved(visit)
    for empty in ("", "   "):
        assert move(client, visit, free(6), override_reason=empty).status_code == 200


@pytest.mark.parametrize("wrong", ["x" * 501, "one\ntwo", 5, None, [], {}])
def test_a_reason_is_one_line_of_at_most_500_characters(client: APIClient, wrong: Any) -> None:
    visit, slot = AppointmentFactory(), free()
    calls: list[Any] = [
        book(client, slot, patient_id=visit.patient_id, override_reason=wrong),
        cancel(client, visit, override_reason=wrong),
        move(client, visit, slot, override_reason=wrong),
    ]
    for answer in calls:
        assert_invalid(answer, "override_reason")
    assert_unmoved(visit)


# --- A time under way -----------------------------------------------------------------------------


def test_with_a_reason_staff_book_a_time_until_it_ends(client: APIClient) -> None:
    slot, whose = free(), [PatientFactory(user=None) for _ in range(3)]
    with time_machine.travel(slot.ends_at - timedelta(seconds=1), tick=False):
        assert_problem(book(client, slot, patient_id=whose[0].pk), 409, "slot_in_past")
        assert book(client, slot, patient_id=whose[1].pk, **WHY).status_code == 201
    later = ScheduleFactory(date=slot.schedule.date).slots.first()
    with time_machine.travel(later.ends_at, tick=False):
        refused = book(client, later, patient_id=whose[2].pk, **WHY)
    assert_problem(refused, 409, "slot_in_past")


def test_with_a_reason_staff_move_a_visit_into_a_time_under_way(client: APIClient) -> None:
    visit, now = AppointmentFactory(slot=free(9)), free()
    with time_machine.travel(now.starts_at + timedelta(minutes=5), tick=False):
        assert_problem(move(client, visit, now), 409, "slot_in_past")
        assert move(client, visit, now, **WHY).status_code == 200
    assert moved(visit).override_reason == WHY["override_reason"]


# --- Cancel and move ------------------------------------------------------------------------------


def test_staff_cancel_and_move_the_visits_of_others(client: APIClient, staff: User) -> None:
    canceled, visit, new = AppointmentFactory(), AppointmentFactory(), free()
    assert cancel(client, canceled, reason="Ill").json()["status"] == "canceled"
    assert move(client, visit, new).json()["slot_id"] == new.pk
    for event in (only_event("canceled"), moved(visit)):
        assert (event.actor, event.by) == (staff, "staff")


def test_a_reason_sets_the_deadline_aside(client: APIClient) -> None:
    strict = LocationFactory(cancel_deadline_minutes=7 * 24 * 60)
    visits = [AppointmentFactory(slot=free(days, location=strict)) for days in (3, 4)]
    for visit, call in zip(
        visits,
        (
            lambda **why: cancel(client, visits[0], **why),
            lambda **why: move(client, visits[1], free(5), **why),
        ),
        strict=True,
    ):
        assert_problem(call(), 409, "cancel_deadline_passed")
        assert call(**WHY).status_code == 200
        assert visit.events.latest("pk").override_reason == WHY["override_reason"]


def test_staff_without_the_permission_and_doctors_find_no_visit_of_others(
    client: APIClient, staff: User, doctor_user: User, client_of: Any
) -> None:
    visit = AppointmentFactory(slot=free(doctor=doctor_user.doctor))
    staff.groups.clear()
    for caller in (client, client_of(doctor_user)):
        for answer in (cancel(caller, visit), move(caller, visit, free())):
            assert_problem(answer, 404, "not_found")
    assert_unmoved(visit)


def test_what_staff_read_as_their_own_stays_their_own(client: APIClient) -> None:
    visit = AppointmentFactory()
    own = "/api/appointment/my-appointments/"
    assert client.get(own).json()["count"] == 0
    assert client.get(f"{own}{visit.pk}/").status_code == 404


# --- Staff of a site ------------------------------------------------------------------------------


@pytest.fixture
def member_client(member: User, client_of: Any) -> APIClient:
    made: APIClient = client_of(member)
    return made


def test_staff_of_a_site_book_there_for_its_patients(
    member_client: APIClient, here: Location
) -> None:
    known = AppointmentFactory(slot=free(3, location=here)).patient
    assert book(member_client, free(4, location=here), patient_id=known.pk).status_code == 201
    elsewhere = book(member_client, free(5), patient_id=known.pk)
    assert_problem(elsewhere, 404, "not_found")


def test_a_stranger_to_a_site_is_booked_by_last_name_and_birth_date_alone(
    member_client: APIClient, here: Location
) -> None:
    stranger = PatientFactory(last_name="García López", date_of_birth=BORN)
    right = {"last_name": " garcía lópez", "date_of_birth": str(BORN)}
    slot = free(location=here)
    for wrong in ({"last_name": "García"}, {"date_of_birth": "1984-12-04"}):
        refused = book(member_client, slot, patient_id=stranger.pk, **{**right, **wrong})
        assert_problem(refused, 404, "not_found")
    for name, value in right.items():
        refused = book(member_client, slot, patient_id=stranger.pk, **{name: value})
        assert_problem(refused, 404, "not_found")
    assert AuditEvent.objects.filter(outcome="denied", kind="appointment.appointment").count() == 4
    assert book(member_client, slot, patient_id=stranger.pk, **right).status_code == 201
    assert book(member_client, free(6, location=here), patient_id=stranger.pk).status_code == 201


@time_machine.travel(timezone.now().replace(minute=30))  # a limit counts in hours of the clock
@pytest.mark.parametrize("limit", [{"named_search": "2/hour"}, {"named_search_daily": "2/day"}])
def test_bookings_by_name_count_toward_the_limit_on_searches_by_name(
    member_client: APIClient, client: APIClient, monkeypatch: Any, limit: Any
) -> None:
    rates = {**SimpleRateThrottle.THROTTLE_RATES, **limit}
    monkeypatch.setattr(SimpleRateThrottle, "THROTTLE_RATES", rates)
    slot, stranger = free(), PatientFactory()
    tries = [
        book(
            member_client,
            slot,
            patient_id=stranger.pk,
            last_name=stranger.last_name,
            date_of_birth=str(BORN + timedelta(days=day)),
        )
        for day in range(3)
    ]
    assert [answer.status_code for answer in tries] == [404, 404, 429]
    assert book(member_client, slot).status_code == 201  # a call without a name is not counted
    bodies: tuple[Any, ...] = ([], 5, "last_name", None)
    path = f"/api/appointment/book/{slot.doctor_id}/"
    for body in bodies:
        assert member_client.post(path, body, format="json").status_code in (400, 404)


def test_staff_of_a_site_change_the_visits_there_alone(
    member_client: APIClient, here: Location
) -> None:
    visit, elsewhere = AppointmentFactory(slot=free(location=here)), AppointmentFactory()
    for answer in (cancel(member_client, elsewhere), move(member_client, elsewhere, free())):
        assert_problem(answer, 404, "not_found")
    assert_problem(move(member_client, visit, free(6)), 404, "not_found")
    assert_unmoved(visit)
    assert move(member_client, visit, free(7, location=here)).status_code == 200
    assert cancel(member_client, visit).status_code == 200


def test_staff_of_a_site_set_nothing_aside_for_their_own_visits_elsewhere(
    member_client: APIClient, member: User
) -> None:
    visit = AppointmentFactory(patient=PatientFactory(user=member))
    for answer in (cancel(member_client, visit, **WHY), move(member_client, visit, free(), **WHY)):
        assert_problem(answer, 403, "permission_denied")
    assert_problem(book(member_client, free(6), **WHY), 404, "not_found")
    assert_unmoved(visit)
    assert cancel(member_client, visit).status_code == 200


def test_staff_without_a_site_change_and_book_for_their_own_alone(
    staff: User, client_of: Any, here: Location
) -> None:
    SiteStaffFactory(location=here)
    staff.user_permissions.set(Permission.objects.exclude(codename="view_all_sites"))
    client, visit = client_of(User.objects.get(pk=staff.pk)), AppointmentFactory()
    assert_problem(cancel(client, visit), 404, "not_found")
    assert_problem(book(client, free(), patient_id=visit.patient_id), 404, "not_found")
    assert book(client, free()).status_code == 201


# --- Repeated calls -------------------------------------------------------------------------------


def test_a_repeated_booking_of_staff_is_replayed_as_a_read_by_staff(
    client: APIClient, staff: User, other_patient: Patient
) -> None:
    slot, key = free(), {"Idempotency-Key": "desk-1"}
    path = f"/api/appointment/book/{slot.doctor_id}/"
    body = {"slot_id": slot.pk, "patient_id": other_patient.pk}
    first, second = (client.post(path, body, headers=key) for _ in range(2))
    assert (first.content, second.status_code) == (second.content, 201)
    assert Appointment.objects.count() == 1
    read = AuditEvent.objects.get(action="read", patient_id=other_patient.pk)
    assert (read.actor, read.role) == (staff, "staff")
