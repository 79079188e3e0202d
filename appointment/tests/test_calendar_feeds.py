"""/api/appointment/calendar-feeds/: secret addresses for calendar programs."""

import logging
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import pytest
import vobject
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.exceptions import CredentialsChanged
from accounts.models import AuditEvent, User
from accounts.tests.factories import PASSWORD, UserFactory
from appointment.models import Appointment, CalendarFeed, calendar_feed
from appointment.tests.factories import AppointmentFactory
from config.log import SecretPathFilter
from doctor.tests.factories import DoctorFactory, ScheduleFactory, day_ahead
from patient.models import Patient
from patient.tests.factories import DependentFactory, PatientFactory
from tests.admin_client import AdminClient, page
from tests.calendars import Subscriber, entries
from tests.problems import assert_problem
from tests.statements import counted_statements
from tests.threads import run_together

pytestmark = pytest.mark.django_db

FEEDS = "/api/appointment/calendar-feeds/"


@pytest.fixture
def api(patient: Patient, client_of: Any) -> APIClient:
    """Return a client signed in as the patient."""
    client: APIClient = client_of(patient.user)
    return client


@pytest.fixture
def doctor_account() -> User:
    """Return the account of an active doctor."""
    account: User = DoctorFactory(user=UserFactory()).user
    return account


def made(client: APIClient, kind: str = "patient") -> str:
    """Make a feed; return its path."""
    answer = client.post(FEEDS, {"kind": kind})
    assert answer.status_code == 201, answer.content
    url: str = answer.json()["url"]
    return url.removeprefix("http://testserver")


def read(path: str, **headers: Any) -> Any:
    """Read the feed as a calendar program does: without a login."""
    return APIClient().get(path, **headers)


def shown(path: str) -> dict[str, str]:
    """Return the status of each visit that the feed shows, by its start."""
    answer = read(path)
    assert answer.status_code == 200, answer.content
    found = entries(answer.content)
    return {event.dtstart.value.isoformat(): event.status.value for event in found}


def ended(path: str) -> bool:
    """Return whether the address is like one that never was."""
    unknown = read(f"{FEEDS}{'A' * 43}.ics")
    answer = read(path)
    kept = ("Content-Type", "Cache-Control", "ETag", "Set-Cookie")
    if answer.status_code != 404:
        return False
    assert_problem(answer, 404, "not_found")
    return [answer.get(name) for name in kept] == [unknown.get(name) for name in kept]


# --- Make, list, revoke ---------------------------------------------------------------------------


def test_the_address_is_shown_once_and_stored_as_a_digest_alone(api: APIClient) -> None:
    answer = api.post(FEEDS, {"kind": "patient"})
    assert set(answer.json()) == {"id", "kind", "created_at", "url"}
    secret = answer.json()["url"].rpartition("/")[2].removesuffix(".ics")
    assert len(secret) == 43  # 256 bits
    row = CalendarFeed.objects.values().get()
    assert secret not in map(str, row.values())
    assert row["digest"] == sha256(secret.encode()).hexdigest()
    [listed] = api.get(FEEDS).json()["results"]
    assert set(listed) == {"id", "kind", "created_at"}
    assert read(answer.json()["url"]).status_code == 200


def test_a_revoked_feed_answers_like_an_unknown_one(api: APIClient, client_of: Any) -> None:
    path, other = made(api), made(client_of(PatientFactory().user))
    pk = CalendarFeed.objects.earliest("pk").pk
    assert not ended(path)
    assert api.delete(f"{FEEDS}{pk}/").status_code == 204
    assert ended(path)
    assert not ended(other)
    assert_problem(api.delete(f"{FEEDS}{pk}/"), 404, "not_found")
    events = AuditEvent.objects.filter(kind="appointment.calendarfeed", object_id=pk)
    allowed = events.filter(outcome="allowed").order_by("pk").values_list("action", flat=True)
    assert list(allowed) == ["create", "read", "delete"]


def test_an_account_has_ten_feeds_at_most(api: APIClient, patient: Patient) -> None:
    for _ in range(10):
        made(api)
    made_by_other = CalendarFeed.objects.make(PatientFactory().user, "patient")
    assert_problem(api.post(FEEDS, {"kind": "patient"}), 409, "too_many_feeds")
    assert CalendarFeed.objects.filter(user=patient.user).count() == 10
    made_by_other.revoke()
    CalendarFeed.objects.filter(user=patient.user).first().revoke()
    made(api)


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_of_two_simultaneous_calls_one_makes_the_last_feed() -> None:
    user = PatientFactory().user
    for _ in range(9):
        CalendarFeed.objects.make(user, "patient")
    outcomes = run_together(4, lambda _: CalendarFeed.objects.make(user, "patient"))
    assert sorted(type(one).__name__ for one in outcomes) == ["CalendarFeed"] + 3 * ["TooManyFeeds"]


def test_only_an_active_doctor_makes_the_feed_of_a_doctor(
    api: APIClient, doctor_account: User, client_of: Any
) -> None:
    assert_problem(api.post(FEEDS, {"kind": "doctor"}), 403, "permission_denied")
    path = made(client_of(doctor_account), "doctor")
    assert not ended(path)
    doctor_account.doctor.revise(is_active=False)
    assert ended(path)
    answer = client_of(doctor_account).post(FEEDS, {"kind": "doctor"})
    assert_problem(answer, 403, "permission_denied")


def test_an_unknown_kind_is_refused(api: APIClient) -> None:
    assert_problem(api.post(FEEDS, {"kind": "all"}), 400, "validation_error")


def test_without_a_kind_a_doctor_gets_the_feed_of_a_doctor_and_others_that_of_a_patient(
    api: APIClient, doctor_account: User, client_of: Any
) -> None:
    clients = (api, client_of(doctor_account), client_of(UserFactory()))
    kinds = [client.post(FEEDS, {}).json()["kind"] for client in clients]
    assert kinds == ["patient", "doctor", "patient"]
    doctor_account.doctor.revise(is_active=False)
    assert client_of(doctor_account).post(FEEDS).json()["kind"] == "patient"


# --- What ends a feed -----------------------------------------------------------------------------


def change_password(user: User) -> None:
    user.change_password(PASSWORD, "a quite different phrase")


def sign_out_everywhere(user: User) -> None:
    user.sign_out_everywhere()


def set_password(user: User) -> None:
    user.set_password("a quite different phrase")
    user.save()


def become_inactive(user: User) -> None:
    user.revise(is_active=False)


def close_account(user: User) -> None:
    user.close(PASSWORD)


def erase_profile(user: User) -> None:
    user.patients.get(is_dependent=False).erase(by=user)


ENDS = (change_password, sign_out_everywhere, set_password, become_inactive, close_account,
        erase_profile)  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
def test_a_feed_ends_with_the_logins_the_account_and_the_person(end: Any) -> None:
    user = PatientFactory(user=UserFactory(password=PASSWORD)).user
    other = CalendarFeed.objects.make(PatientFactory().user, "patient")
    feed = CalendarFeed.objects.make(user, "patient")
    path = f"{FEEDS}{feed.secret}.ics"
    assert not ended(path)
    end(User.objects.get(pk=user.pk))
    assert ended(path)
    assert CalendarFeed.objects.get() == other


def test_a_login_that_has_ended_makes_no_feed(patient: Patient) -> None:
    stale = User.objects.get(pk=patient.user_id)
    patient.user.sign_out_everywhere()
    with pytest.raises(CredentialsChanged):
        CalendarFeed.objects.make(stale, "patient")


def test_the_feed_of_a_deceased_patient_answers_no_more_until_the_mark_is_taken_back(
    api: APIClient, patient: Patient
) -> None:
    path = made(api)
    DoctorFactory(user=patient.user)  # is a doctor as well
    patient.mark_deceased()
    assert ended(path)
    patient.unmark_deceased()
    assert not ended(path)


def test_the_visits_of_a_dependent_who_is_erased_or_deceased_leave_the_feed(
    api: APIClient, patient: Patient
) -> None:
    path = made(api)
    for leave in ("erase", "mark_deceased"):
        child = DependentFactory(user=patient.user)
        AppointmentFactory(patient=child)
        assert len(shown(path)) == 1
        getattr(child, leave)()
        assert shown(path) == {}


# --- What a feed shows ----------------------------------------------------------------------------


@pytest.mark.both_databases
def test_a_subscriber_sees_a_visit_booked_moved_and_gone(api: APIClient, patient: Patient) -> None:
    path, calendar = made(api), Subscriber()
    first, second = ScheduleFactory().slots.order_by("starts_at")[:2]
    etag = read(path)["ETag"]

    def polled() -> tuple[Any, ...]:
        nonlocal etag
        answer = read(path, HTTP_IF_NONE_MATCH=etag)
        if answer.status_code == 200:
            etag = answer["ETag"]
            calendar.take(answer.content, whole=True)
        return answer.status_code, [e.dtstart.value for e in calendar.kept.values()]

    assert polled() == (304, [])
    answer = api.post(f"/api/appointment/book/{first.doctor_id}/", {"slot_id": first.pk})
    pk = answer.json()["id"]
    assert polled() == (200, [first.starts_at])
    [uid] = calendar.kept
    assert polled() == (304, [first.starts_at])
    api.post(f"/api/appointment/reschedule/{pk}/", {"slot_id": second.pk})
    assert polled() == (200, [second.starts_at])
    api.post(f"/api/appointment/cancel/{pk}/", {})
    assert polled() == (200, [])
    assert list(shown(path).values()) == ["CANCELLED"]
    Appointment.objects.get(pk=pk).undo()
    assert polled() == (200, [second.starts_at])
    assert calendar.sequences == {uid: 3}
    file = api.get(f"/api/appointment/my-appointments/{pk}/calendar.ics").content
    assert entries(file)[0].uid.value == uid


def visit_on(day: int, **known: Any) -> Appointment:
    """Return a visit at 9 on a day ahead; one that is negative is in the past."""
    visit: Appointment = AppointmentFactory(
        slot=ScheduleFactory(date=day_ahead(day)).slots.first(), **known
    )
    return visit


def test_a_patients_feed_has_own_and_dependents_visits_of_90_days_and_to_come(
    api: APIClient, patient: Patient
) -> None:
    visit_on(3)  # a stranger's
    visit_on(-92, patient=patient)
    now = timezone.now()
    wanted = [
        visit_on(-89, patient=patient),
        visit_on(4, patient=DependentFactory(user=patient.user)),
        visit_on(200, patient=patient),
    ]
    old, new = visit_on(5, patient=patient), visit_on(6, patient=patient)
    old.cancel(at=now - timedelta(days=31))
    new.cancel(at=now - timedelta(days=29))
    found = {visit.starts_at.astimezone(visit.location.zone): "CONFIRMED" for visit in wanted}
    found[new.starts_at.astimezone(new.location.zone)] = "CANCELLED"
    assert shown(made(api)) == {start.isoformat(): state for start, state in found.items()}


def test_a_feed_has_a_bounded_number_of_entries(
    api: APIClient, patient: Patient, doctor_account: User, client_of: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(calendar_feed, "MOST_ENTRIES", 2)
    for day in (-3, 4, 5):
        session = ScheduleFactory(doctor=doctor_account.doctor, date=day_ahead(day))
        AppointmentFactory(patient=patient, slot=session.slots.first())
    by_patient, by_doctor = (
        [date.fromisoformat(start[:10]) for start in shown(path)]
        for path in (made(api), made(client_of(doctor_account), "doctor"))
    )
    assert by_patient == [day_ahead(4), day_ahead(5)]
    assert by_doctor == [day_ahead(-3), day_ahead(4)]


def test_a_doctors_feed_names_no_patient_unless_a_setting_says_so(
    doctor_account: User, client_of: Any, settings: Any
) -> None:
    session = ScheduleFactory(doctor=doctor_account.doctor)
    person = PatientFactory(first_name="Ana", last_name="Núñez")
    visit = AppointmentFactory(patient=person, slot=session.slots.first(), reason="Knee pain")
    AppointmentFactory()  # with another doctor
    path = made(client_of(doctor_account), "doctor")
    plain = read(path)
    [event] = entries(plain.content)
    assert (event.summary.value, event.dtstart.value) == ("Visit", visit.starts_at)
    for word in ("Ana", "Núñez", "Knee"):
        assert word not in plain.content.decode()
    assert [each.patient_id for each in reads_of(doctor_account)] == [None]
    settings.DOCTOR_FEED_NAMES = True
    named = read(path, HTTP_IF_NONE_MATCH=plain["ETag"])
    assert entries(named.content)[0].summary.value == "Visit, Ana Núñez"
    assert "Knee" not in named.content.decode()
    assert [each.patient_id for each in reads_of(doctor_account)] == [None, person.pk]
    own = client_of(person.user).get(f"/api/appointment/my-appointments/{visit.pk}/calendar.ics")
    assert entries(own.content)[0].uid.value != event.uid.value


def reads_of(user: User) -> Any:
    """Return the recorded reads of the user's feeds, for which no user signed in."""
    return AuditEvent.objects.filter(
        action="read", kind="appointment.calendarfeed", actor=user, outcome="allowed"
    ).order_by("pk")


CHANGES: dict[str, Any] = {
    "the doctor's name": lambda visit: visit.doctor.revise(last_name="Other"),
    "the location's name": lambda visit: visit.location.revise(name="Other"),
    "the address": lambda visit: visit.location.revise(address="Elsewhere"),
    "the phone": lambda visit: visit.location.revise(phone="+34910123456"),
    "the deadline": lambda visit: visit.location.revise(cancel_deadline_minutes=60),
    "the dependent's name": lambda visit: visit.patient.revise(first_name="Noa"),
    "a flag": lambda visit: Appointment.objects.filter(pk=visit.pk).update(needs_rebooking=True),
    "the account's language": lambda visit: visit.patient.user.revise(language="es"),
    "the language": lambda visit: Patient.objects.own_of(visit.patient.user).update(
        preferred_language="es"
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_the_file_changes_its_etag(
    api: APIClient, patient: Patient, change: str
) -> None:
    visit = AppointmentFactory(patient=DependentFactory(user=patient.user))
    visit.location.revise(cancel_deadline_minutes=120)
    path = made(api)
    before = read(path)
    assert read(path, HTTP_IF_NONE_MATCH=before["ETag"]).status_code == 304
    CHANGES[change](visit)
    after = read(path, HTTP_IF_NONE_MATCH=before["ETag"])
    assert after.status_code == 200
    assert after.content != before.content


# --- How calendar programs read it ----------------------------------------------------------------


def test_a_program_reads_it_by_get_and_head_without_cookie_and_keeps_it_for_itself(
    api: APIClient, patient: Patient
) -> None:
    AppointmentFactory(patient=patient)
    path = made(api)
    for accept in ("*/*", "text/calendar", "application/json", "image/png"):
        answer = read(path, HTTP_ACCEPT=accept)
        assert (answer.status_code, answer.cookies) == (200, {})
        assert answer["Content-Type"] == "text/calendar; charset=utf-8"
        assert answer["Cache-Control"] == "private, max-age=300"
        assert answer["Content-Disposition"] == 'attachment; filename="visits.ics"'
    head = APIClient().head(path)
    assert (head.status_code, head.content, head["ETag"]) == (200, b"", answer["ETag"])
    [calendar] = vobject.readComponents(answer.content.decode())
    assert calendar.contents["x-wr-calname"][0].value == "My visits"
    assert "REFRESH-INTERVAL;VALUE=DURATION:PT1H" in answer.content.decode()
    assert APIClient().post(path, {}).status_code == 405


def test_an_unchanged_feed_costs_two_statements_and_a_new_one_the_same_for_any_number_of_visits(
    api: APIClient, patient: Patient
) -> None:
    path = made(api)
    costs = []
    for day in (3, 4):
        visit_on(day, patient=patient)
        visit_on(day, patient=DependentFactory(user=patient.user))
        with counted_statements() as whole:
            answer = read(path)
        with counted_statements() as same:
            assert read(path, HTTP_IF_NONE_MATCH=answer["ETag"]).status_code == 304
        costs.append((len(whole), len(same)))
        recorded = AuditEvent.objects.filter(kind="appointment.calendarfeed", action="read")
        assert {each.actor_id for each in recorded} == {patient.user_id}
    with counted_statements() as unknown:
        assert ended(path.replace(path[-10:], "AAAAAA.ics"))
    assert costs == [(4, 2), (4, 2)]
    assert len(unknown) == 2  # one each


def test_no_log_has_the_secret(api: APIClient, caplog: Any) -> None:
    path = made(api).replace(".ics", "")
    secret = path.rpartition("/")[2]
    caplog.handler.addFilter(SecretPathFilter())
    with caplog.at_level(logging.INFO):
        for other in (path, f"{path}.ics?x={secret}"[:-44], f"{path}.ics/", f"{path[:-1]}A.ics"):
            APIClient().get(other)
    assert "/api/appointment/calendar-feeds/***" in caplog.text
    assert secret[:-1] not in caplog.text
    record = logging.LogRecord("gunicorn.access", 20, "", 0, "%(U)s", ({"U": f"{path}.ics"},), None)
    assert SecretPathFilter().filter(record)
    assert record.getMessage() == "/api/appointment/calendar-feeds/***"
    plain = logging.LogRecord("x", 20, "", 0, "GET %s", (f"{FEEDS}12/",), None)
    assert SecretPathFilter().filter(plain)
    assert plain.getMessage() == f"GET {FEEDS}12/"


# --- In the admin ---------------------------------------------------------------------------------


def test_the_admin_lists_and_revokes_feeds_and_shows_no_digest(
    superuser: User, api: APIClient
) -> None:
    path, admin = made(api), AdminClient(superuser)
    feed = CalendarFeed.objects.get()
    for shown_at in (page(CalendarFeed), page(feed, "change"), page(feed, "delete")):
        html = admin.get(shown_at).content.decode()
        assert feed.user.email in html
        assert feed.digest not in html
    admin.delete(feed)
    assert ended(path)
    event = AuditEvent.objects.get(kind="appointment.calendarfeed", action="delete")
    assert (event.actor, event.role, event.patient_id) == (
        superuser,
        "staff",
        feed.user.patients.get().pk,
    )
