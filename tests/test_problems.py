"""Every error under /api/ is a problem of RFC 9457, and none reveals more than it should."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from doctor.models import Doctor, Language
from doctor.tests.factories import DoctorFactory, LanguageFactory
from patient.models import Patient
from tests.problems import MEDIA_TYPE, assert_invalid, assert_problem

pytestmark = pytest.mark.django_db

LANGUAGES = "/api/doctor/languages/"
PROFILE = "/api/patient/profile/"
LOGIN = "/api/auth/login/"
FORM = "application/x-www-form-urlencoded"
KIB = 1024
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
def client(patient: Patient, client_of) -> APIClient:
    return client_of(patient.user)


@pytest.fixture
def console(caplog: pytest.LogCaptureFixture) -> Iterator[io.StringIO]:
    """Yield a StringIO to which the project's log handlers write instead of the console."""
    written = io.StringIO()
    named = (logging.getLogger(name).handlers for name in (None, "django"))
    ours = [handler for handlers in named for handler in handlers if handler.name == "console"]
    streams = [handler.setStream(written) for handler in ours]  # type: ignore[attr-defined]
    assert streams, "no handler is called console"
    yield written
    for handler, stream in zip(ours, streams, strict=True):
        handler.setStream(stream)  # type: ignore[attr-defined]


def fail_with(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Make each read of languages raise this error, like a bug or a fault of the database."""

    def raising(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr("doctor.views.LanguageViewSet.filter_queryset", raising)


# --- The members ----------------------------------------------------------------------------------


def test_a_problem_has_exactly_the_members_of_the_contract() -> None:
    response = APIClient().get(f"{LANGUAGES}999999/?secret=1")
    assert response.headers["Content-Type"] == MEDIA_TYPE
    assert response.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Not found.",
        "instance": f"{LANGUAGES}999999/",
        "code": "not_found",
    }


def test_a_validation_error_names_every_wrong_field_and_the_fault(client) -> None:
    wrong = {"last_name": "", "sex": "x", "date_of_birth": "2026-02-30"}
    refusals = assert_invalid(client.post(PROFILE, wrong), *wrong, "first_name")
    assert refusals == {
        "first_name": "required",
        "last_name": "blank",
        "sex": "invalid_choice",
        "date_of_birth": "invalid",
    }


def test_errors_of_no_single_field_are_non_field_errors(client) -> None:
    assert_invalid(client.post(PROFILE, []), "non_field_errors")


# --- The codes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options"])
@pytest.mark.parametrize("path", ["/api/", "/api/none/", "/api/doctor/", "/api/doctor/doctors/x/"])
def test_an_unknown_path_is_404_for_every_caller(method: str, path: str, client) -> None:
    for caller in (APIClient(), client):
        assert_problem(getattr(caller, method)(path), 404, "not_found")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", [LOGIN, PROFILE, "/api/appointment/book/1/"])
def test_a_write_without_the_trailing_slash_is_404_and_not_redirected(
    method: str, path: str, client
) -> None:
    assert_problem(getattr(client, method)(path.rstrip("/"), {}), 404, "not_found")


def test_a_read_without_the_trailing_slash_is_redirected() -> None:
    response = APIClient().get("/api/doctor/doctors?page=1")
    assert (response.status_code, response["Location"]) == (301, "/api/doctor/doctors/?page=1")


@pytest.mark.parametrize("path", [LANGUAGES, "/api/schema/", "/api/docs/"])
def test_an_unsupported_method_is_405_and_names_the_supported_ones(path: str) -> None:
    for method in ("post", "put", "patch", "delete"):
        response = getattr(APIClient(), method)(path, {})
        assert_problem(response, 405, "method_not_allowed")
        assert "GET" in response["Allow"]
    assert_problem(APIClient().generic("BREW", path), 405, "method_not_allowed")


@pytest.mark.parametrize("accept", ["", " ", ",", "*/*"])
def test_an_empty_accept_header_means_json(accept: str) -> None:
    found = APIClient().get(LANGUAGES, HTTP_ACCEPT=accept)
    assert (found.status_code, found["Content-Type"]) == (200, "application/json")
    assert_problem(APIClient().get("/api/nowhere/", HTTP_ACCEPT=accept), 404, "not_found")


@pytest.mark.parametrize("charset", ["", "; charset=utf-8", "; charset=UTF8"])
def test_a_byte_order_mark_before_json_is_ignored(client: APIClient, charset: str) -> None:
    body = "\ufeff" + json.dumps({"first_name": "Ana", "last_name": "Nu\u00f1ez"})
    kind = f"application/json{charset}"
    answer = client.generic("PATCH", PROFILE, body.encode(), content_type=kind)
    assert (answer.status_code, answer.json()["last_name"]) == (200, "Nu\u00f1ez")
    twice = client.generic("PATCH", PROFILE, ("\ufeff" + body).encode(), content_type=kind)
    assert_problem(twice, 400, "parse_error")


@pytest.mark.parametrize("path", [LANGUAGES, f"{LANGUAGES}1/", "/api/docs/"])
def test_an_unsupported_accept_header_is_406(path: str) -> None:
    assert_problem(APIClient().get(path, HTTP_ACCEPT="image/png"), 406, "not_acceptable")


@pytest.mark.parametrize("path", [LANGUAGES, f"{LANGUAGES}1/", "/api/docs/", "/api/schema/"])
@pytest.mark.parametrize("kind", ["xml", "null", "%00", "JSON"])
def test_a_format_that_is_not_offered_is_406(kind: str, path: str) -> None:
    answer = APIClient().get(f"{path}?format={kind}")
    assert_problem(answer, 406, "not_acceptable")
    assert answer.json()["detail"].startswith("The format can be ")


def test_a_format_that_is_offered_replaces_the_header() -> None:
    ask = APIClient().get
    assert ask(f"{LANGUAGES}?format=json")["Content-Type"] == "application/json"
    assert ask(f"{LANGUAGES}?format=api")["Content-Type"].startswith("text/html")
    assert ask(f"{LANGUAGES}?format=")["Content-Type"] == "application/json"


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "junk", "application/ld+json"])
def test_a_body_of_an_unknown_media_type_is_415(kind: str, client) -> None:
    for caller, path in ((client, PROFILE), (APIClient(), LOGIN)):
        response = caller.generic("POST", path, b"{}", content_type=kind)
        assert_problem(response, 415, "unsupported_media_type")


@pytest.mark.parametrize("body", ["{", "", "nul", "{'a': 1}", '{"a": NaN}', '{"a": 1e400}', "\x00"])
def test_a_body_that_is_not_json_is_400(body: str, client) -> None:
    response = client.generic("POST", PROFILE, body, content_type="application/json")
    if body:
        assert_problem(response, 400, "parse_error")
    else:
        assert_invalid(response, "first_name", "last_name")


@pytest.mark.parametrize("kind", ["application/json", FORM])
@pytest.mark.parametrize("path", [PROFILE, LOGIN, "/api/none/", LANGUAGES])
def test_a_body_over_512_kib_is_413_at_every_path(path: str, kind: str, client) -> None:
    body = b'{"first_name": "' + b"x" * (512 * KIB) + b'"}'
    assert_problem(client.generic("POST", path, body, content_type=kind), 413, "payload_too_large")


def test_a_body_of_512_kib_is_read(client) -> None:
    start, end = b'{"first_name": "Ana", "last_name": "Ruiz", "junk": "', b'"}'
    body = start + b"x" * (512 * KIB - len(start) - len(end)) + end
    assert len(body) == 512 * KIB
    assert client.generic("PUT", PROFILE, body, content_type="application/json").status_code == 200


def test_a_call_without_a_login_is_401_and_names_the_authentication_scheme() -> None:
    response = APIClient().get(PROFILE)
    assert_problem(response, 401, "not_authenticated")
    assert response["WWW-Authenticate"] == "Token"


def test_a_session_without_a_csrf_token_is_403(patient: Patient) -> None:
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(patient.user)
    response = browser.put(PROFILE, {"first_name": "Eva", "last_name": "Gil"})
    assert response.status_code == 403
    assert response.json()["code"] == "permission_denied"
    assert response["Content-Type"] == MEDIA_TYPE


# --- Our own faults -------------------------------------------------------------------------------


def test_a_server_error_is_500_without_details(monkeypatch, console) -> None:
    fail_with(monkeypatch, RuntimeError("SELECT secret FROM patient"))
    response = APIClient(raise_request_exception=False).get(LANGUAGES)
    assert_problem(response, 500, "server_error")
    assert b"secret" not in response.content
    assert b"Traceback" not in response.content
    assert "RuntimeError: (its words are left out)" in console.getvalue()


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_an_unreachable_or_locked_database_is_503_with_retry_after(
    error: type[Exception], monkeypatch
) -> None:
    fail_with(monkeypatch, error("could not connect to server db.internal"))
    response = APIClient().get(LANGUAGES)
    assert_problem(response, 503, "unavailable")
    assert int(response["Retry-After"]) >= 1
    assert b"db.internal" not in response.content


@pytest.mark.usefixtures("unreachable")
@pytest.mark.parametrize("path", [LANGUAGES, PROFILE, "/api/doctor/doctors/1/available-slots/"])
def test_without_a_database_every_call_is_503(path: str) -> None:
    for headers in ({}, {"HTTP_AUTHORIZATION": "Token " + "0" * 64}):
        if headers or path != PROFILE:
            assert_problem(APIClient().get(path, **headers), 503, "unavailable")


def test_an_answer_that_cannot_be_rendered_is_500(monkeypatch) -> None:
    def unrenderable(*args: Any, **kwargs: Any) -> dict[str, object]:
        return {"id": object()}

    LanguageFactory()
    monkeypatch.setattr("doctor.serializers.LanguageSerializer.to_representation", unrenderable)
    client = APIClient(raise_request_exception=False)
    assert_problem(client.get(LANGUAGES), 500, "server_error")


def test_as_many_fields_as_a_request_line_holds_are_read_and_a_form_of_more_is_400() -> None:
    """Django counts the fields of the query before the project's code could catch an error."""
    path = f"{LOGIN}?{'&' * 8190}"
    for kind in ("application/json; charset=utf-8", f"{FORM}; charset=utf-8"):
        response = APIClient().generic("POST", path, b"", content_type=kind)
        assert_invalid(response, "email", "password")
    response = APIClient().generic("POST", LOGIN, "&" * 10_001, content_type=FORM)
    assert_problem(response, 400, "parse_error")


# --- Browsers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/none/", 404),
        (f"{LANGUAGES}999999/", 404),
        (PROFILE, 401),
        (f"{LANGUAGES}?page=x", 400),
    ],
)
def test_a_browser_gets_its_errors_as_html(path: str, status: int) -> None:
    response = Client().get(path, HTTP_ACCEPT=BROWSER)
    assert response.status_code == status
    assert response["Content-Type"].startswith("text/html")


def test_html_can_be_asked_for_by_name_too() -> None:
    response = Client().get(f"{LANGUAGES}999999/?format=api")
    assert (response.status_code, response["Content-Type"][:9]) == (404, "text/html")


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html;q=0.5"])
def test_a_client_that_accepts_json_gets_json(accept: str) -> None:
    for path in ("/api/none/", f"{LANGUAGES}999999/"):
        assert_problem(Client().get(path, HTTP_ACCEPT=accept), 404, "not_found")


# --- Limits of an error ---------------------------------------------------------------------------


def test_client_errors_are_logged_without_a_traceback(client, console) -> None:
    refusals = [
        (client.get("/api/none/"), 404),
        (client.delete(LANGUAGES), 405),
        (APIClient().get(PROFILE, HTTP_AUTHORIZATION="Token \xe9"), 401),
        (client.post(PROFILE, {}), 400),
        (client.generic("POST", PROFILE, "{", content_type="application/json"), 400),
        (client.generic("POST", PROFILE, "[" * 9999, content_type="application/json"), 400),
        (client.generic("POST", PROFILE, "x" * 600_000, content_type="application/json"), 413),
        (client.generic("POST", PROFILE, "&" * 10_001, content_type=FORM), 400),
        (client.get(LANGUAGES, HTTP_HOST="forged.example"), 400),
        (client.get(f"{LANGUAGES}?page=2"), 404),
    ]
    assert [response.status_code for response, _ in refusals] == [status for _, status in refusals]
    assert "Traceback" not in console.getvalue()


def test_an_error_does_not_repeat_what_was_sent(client) -> None:
    """A proxy may log the response, so it must not repeat a password or a diagnosis."""
    sent = {"email": "canary", "password": ["canary"], "first_name": {"canary": 1}, "last_name": 1}
    response = APIClient().post("/api/auth/register/", sent)
    assert response.status_code == 400
    assert b"canary" not in response.content


def test_errors_to_a_call_with_a_token_set_no_cookie(patient: Patient, client) -> None:
    client.force_login(patient.user)  # a session and a token
    for response in (client.get("/api/none/"), client.post(PROFILE, {}), client.delete(LANGUAGES)):
        assert response.status_code >= 400
        assert not response.cookies


def test_the_instance_of_a_problem_is_an_escaped_path() -> None:
    response = APIClient().get("/api/none/<b>%0d%0a%00/é/")
    document = json.loads(response.content)
    assert document["instance"].isascii()
    assert not set(document["instance"]) & set('<>"\r\n\0 ')


def test_permission_is_asked_before_the_body_is_read(client, staff: User, client_of) -> None:
    assert Doctor.objects.count() == Language.objects.count() == 0
    body = {"doctor": DoctorFactory().pk}
    assert_problem(client.post("/api/doctor/schedules/", body), 403, "permission_denied")
    assert client_of(staff).post("/api/doctor/schedules/", body).status_code == 400
