"""Every read, write or refusal of a patient's data at the API leaves an audit event."""

import pytest
from django.db import DatabaseError, OperationalError
from django.test import Client

from accounts.models import AuditEvent
from appointment.models import Appointment
from patient.models import MedicalHistory
from tests.audit_events import events, events_kept
from tests.problems import assert_problem
from tests.routes import api_routes
from tests.sample_data import SampleData, call, rolled_back

pytestmark = pytest.mark.django_db

# These routes hold nothing of a patient's record. Look twice before you add to either list.
EXEMPT_ROUTES = (
    "/api/auth/",  # the account: who signs in, not who is seen
    "/api/appointment/webhooks/",  # where events are sent: no message that it shows names a patient
    "/api/patient/notifications/",  # of the account: how it wants to be written to
    "/api/doctor/",  # the public directory and calendar; a refusal lists ids of visits at most
)
# These exempt routes show patients' data only if a query parameter asks for it.
PARTLY = ("/api/doctor/time-off/", "/api/doctor/doctors/{doctor_id}/available-slots/")
FEEDS = ("GET", "/api/appointment/calendar-feeds/")  # of the account: when which was made
RECORDS = [
    (method, route)
    for route, methods in api_routes().items()
    for method in sorted(methods)
    if not route.startswith(EXEMPT_ROUTES) and (method, route) != FEEDS
]


@pytest.mark.parametrize(("method", "route"), RECORDS)
def test_every_call_that_goes_well_leaves_an_event(
    method: str, route: str, sample_data: SampleData
) -> None:
    client, person = sample_data.client_for(method, route), sample_data.person_for(method, route)
    with events() as left:
        answer = call(client, method, sample_data.path(route), sample_data.body(method, route))
    assert answer.status_code < 300, answer.content
    assert left
    assert {event.outcome for event in left} == {"allowed"}
    assert {event.channel for event in left} == {"api"}
    assert {event.request_id for event in left} == {answer["X-Request-ID"]}
    mine = [event for event in left if event.actor_id == sample_data.accounts[person].pk]
    wanted = {"read", "export"} if method == "GET" else {"create", "change", "delete", "erase"}
    assert {event.action for event in mine} <= wanted | {"create", "merge"}
    assert any(event.action in wanted for event in mine)
    assert all(event.patient_id for event in mine)
    assert all(event.address == "127.0.0.1" for event in mine)


@pytest.mark.parametrize(("method", "route"), RECORDS)
@pytest.mark.parametrize("person", ["anonymous", "other"])
def test_every_refused_call_leaves_an_event(
    method: str, route: str, person: str, sample_data: SampleData
) -> None:
    client, path = sample_data.client(person), sample_data.path(route)
    with events() as left:
        answer = call(client, method, path, sample_data.body(method, route))
    denied = [event for event in left if event.outcome == "denied"]
    if answer.status_code not in {401, 403, 404}:
        assert denied == []
        return
    [event] = left
    assert event in denied
    assert event.request_id == answer["X-Request-ID"]
    account = sample_data.accounts.get(person)
    assert (event.actor_id, event.role) == (account and account.pk, "stranger")
    assert event.patient_id is None
    key = path.rstrip("/").split("/")[-1] if route.endswith("}/") else None
    if key and "{doctor_id}" not in route:
        assert event.object_id == int(key)


def test_a_page_that_shows_patients_on_request_records_an_event_then(
    sample_data: SampleData,
) -> None:
    times, preview = PARTLY[1], f"{PARTLY[0]}?preview=true"
    leave = {
        **sample_data.away(),
        "starts_at": "2020-01-01T00:00:00Z",
        "ends_at": "2099-01-01T00:00:00Z",
    }
    patient = sample_data.entry.patient
    owner, admin_client = sample_data.client("owner"), sample_data.client("superuser")
    with events() as plain:
        owner.get(sample_data.path(times))
    with events() as explained:
        owner.get(sample_data.path(times), query_params={"explain": "true"})
    with events() as refused:
        sample_data.client("other").get(
            sample_data.path(times), query_params={"patient": patient.pk}
        )
    with events() as previewed:
        hits = admin_client.post(preview, leave).json()["appointments"]
    assert plain == []
    assert [(event.action, event.patient_id) for event in explained] == [("read", patient.pk)]
    assert [(event.outcome, event.patient_id) for event in refused] == [("denied", patient.pk)]
    assert {event.patient_id for event in previewed} == {
        Appointment.objects.get(pk=hit["appointment"]["id"]).patient_id for hit in hits
    }
    assert hits


def test_a_list_leaves_one_event_for_each_patient_shown_and_one_where_it_is_empty(
    sample_data: SampleData,
) -> None:
    with events() as agenda:
        shown = sample_data.client("doctor").get("/api/appointment/agenda/").json()["results"]
    with events() as of_empty_list:
        sample_data.client("other").get("/api/patient/medical-history/")
    assert shown
    assert sorted(str(event.patient_id) for event in agenda) == sorted(
        {str(visit["patient"]["id"]) for visit in shown}
    )
    assert {(event.kind, event.role) for event in agenda} == {("appointment.appointment", "doctor")}
    assert [(event.kind, event.patient_id) for event in of_empty_list] == [
        ("patient.medicalhistory", None)
    ]


def test_a_replayed_answer_is_recorded_as_a_read(sample_data: SampleData) -> None:
    client, path = (
        sample_data.client("owner"),
        sample_data.path("/api/appointment/book/{doctor_id}/"),
    )
    body = sample_data.body("POST", "/api/appointment/book/{doctor_id}/")
    with rolled_back():
        for _ in range(2):
            with events_kept() as left:
                answer = client.post(path, body, headers={"Idempotency-Key": "once"})
            assert answer.status_code == 201
        assert "Idempotency-Replayed" in answer.headers
    [event] = left
    assert (event.action, event.patient_id) == ("read", sample_data.entry.patient_id)


def test_a_read_or_write_whose_audit_event_fails_fails_too(
    sample_data: SampleData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(rows: object) -> None:
        raise OperationalError("the disk is full")

    monkeypatch.setattr("accounts.audit.models.insert_together", refuse)
    client = sample_data.client("owner")
    assert_problem(client.get("/api/patient/medical-history/"), 503, "unavailable")
    history = "/api/patient/medical-history/{id}/"
    with rolled_back():
        assert_problem(client.delete(sample_data.path(history)), 503, "unavailable")
        assert MedicalHistory.objects.filter(pk=sample_data.entry.pk).exists()
    assert client.get("/api/doctor/doctors/").status_code == 200


def test_a_refusal_whose_audit_event_fails_stays_a_refusal(
    sample_data: SampleData, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(rows: object) -> None:
        raise DatabaseError

    monkeypatch.setattr("accounts.audit.models.insert_together", refuse)
    answer = Client().get("/api/patient/profile/")
    assert_problem(answer, 401, "not_authenticated")
    assert answer["X-Request-ID"] in caplog.text


def test_a_check_in_that_changes_nothing_is_a_read(sample_data: SampleData) -> None:
    path = sample_data.path("/api/appointment/check-in/{appointment_id}/")
    client = sample_data.client("staff")
    with rolled_back():
        assert client.post(path).status_code == 200
        before = AuditEvent.objects.count()
        assert client.post(path).status_code == 200
        last = AuditEvent.objects.first()
        assert AuditEvent.objects.count() == before + 1
        assert (last.action, last.patient_id) == ("read", sample_data.begun.patient_id)


def test_a_page_beyond_the_last_records_no_read_and_no_denial(sample_data: SampleData) -> None:
    with events() as left:
        answer = sample_data.client("owner").get("/api/appointment/my-appointments/?page=99")
    assert (answer.status_code, left) == (404, [])
