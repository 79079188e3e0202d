"""Bodies from hell: each is answered with a clear 4xx, and never with a 5xx."""

import json
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import RequestFactory
from rest_framework.test import APIClient

from config.wsgi import Handler, Request
from tests.document import writable
from tests.problems import MEDIA_TYPE, assert_problem
from tests.routes import api_routes
from tests.world import World, call, undone

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

WRITING = [
    (method, route)
    for route, methods in api_routes().items()
    for method in sorted(methods & {"POST", "PUT", "PATCH"})
]
BODYLESS = ("/logout/", "/logout-all/", "/accept/", "/decline/")
OF_THE_DAY = (
    "/check-in/{appointment_id}/",
    "/complete/{appointment_id}/",
    "/no-show/{appointment_id}/",
)
WITH_BODY = [case for case in WRITING if not case[1].endswith((*BODYLESS, *OF_THE_DAY))]
# These read and write by the serializer of profile/{id}/, where every value is tried.
TWINS = [("PUT", "/api/patient/profile/"), ("PATCH", "/api/patient/profile/")]
WITHOUT_BODY = [
    ("DELETE", route) for route, methods in api_routes().items() if "DELETE" in methods
] + [case for case in WRITING if case[1].endswith((*BODYLESS, *OF_THE_DAY))]

DEEP = 100_000
UNREADABLE = {
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep lists, never closed": b"[" * DEEP,
    "deep objects": b'{"reason":' * (DEEP // 3) + b"1" + b"}" * (DEEP // 3),
    "deep in a field": b'{"reason": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "lone surrogate": b'{"reason": "\\ud800"}',
    "lone surrogate as a name": b'{"\\udfff": 1}',
    "half a document": b'{"reason": ',
    "two documents": b"{}{}",
    "words": b"reason=x",
    "not UTF-8": b'{"reason": "\xff\xfe"}',
    "UTF-8 of a surrogate": b'{"reason": "\xed\xa0\x80"}',
    "NUL": b"\0",
    "NUL in a string": b'{"reason": "\0"}',
    "NaN": b'{"reason": NaN}',
    "Infinity": b'{"reason": -Infinity}',
    "1e400": b'{"reason": 1e400}',
    "5,000 digits": b'{"reason": ' + b"9" * 5000 + b"}",
    "a member twice": b'{"reason": "a", "reason": "b"}',
    "a member twice, within": b'[{"slot": {"id": 1, "id": 1}}]',
}
NOT_OBJECTS = {
    "list": b"[]",
    "list of objects": b"[{}]",
    "null": b"null",
    "string": b'"reason"',
    "number": b"7",
    "float": b"1.5",
    "boolean": b"true",
}
# What no field but a text may take; a text may, and then everything has to go on working.
VALUES: list[Any] = [
    10**22, -1, 10**400, 1e300, 1.5, True, None, "", "a\0b", "\u202e\ufeff\U0010ffff", "\u0661",
    "1_0", "x" * 5000, "9" * 5000, "0001-01-01", "9999-12-31", "24:00:00", "23:59:59.999999",
    [], [[["x"]]], {}, {"\0": None},
]  # fmt: skip
# Members that some calls which make something take instead of another, or besides; no others do.
KEYS = ("schedule_id", "patient_id")


def send(client: APIClient, method: str, path: str, body: bytes, kind: str = "application/json"):
    return client.generic(method, path, body, content_type=kind)


def assert_clear(response: Any, *context: object) -> None:
    """A success, or a problem of the client's own making."""
    assert response.status_code < 500, (context, response.content[:500])
    if response.status_code >= 400:
        problem = assert_problem(response, response.status_code, response.json()["code"])
        assert problem["title"] == HTTPStatus(response.status_code).phrase


def assert_still_reads(world: World, route: str) -> None:
    """Whatever was stored just now can still be answered, alone and in its list."""
    client, path = world.client_for("DELETE", route), world.path(route)
    for read in {path, world.path(route.partition("{")[0])}:
        assert client.get(read).status_code == 200, read


@pytest.mark.parametrize(("method", "route"), WITH_BODY)
def test_a_body_that_cannot_be_read_is_a_parse_error(method: str, route: str, world: World) -> None:
    client, path = world.client_for(method, route), world.path(route)
    for name, body in UNREADABLE.items():
        answer = send(client, method, path, body)
        assert answer.status_code == 400, (name, answer.content[:500])
        assert_problem(answer, 400, "parse_error")
        assert b"reason" not in answer.content


@pytest.mark.parametrize(("method", "route"), WITH_BODY)
def test_a_body_that_is_no_object_is_invalid(method: str, route: str, world: World) -> None:
    client, path = world.client_for(method, route), world.path(route)
    for name, body in NOT_OBJECTS.items():
        answer = send(client, method, path, body)
        assert answer.status_code == 400, (name, answer.content[:500])
        problem = assert_problem(answer, 400, "validation_error")
        assert [error["field"] for error in problem["errors"]] == ["non_field_errors"], name


@pytest.mark.parametrize(("method", "route"), WITHOUT_BODY)
def test_a_call_that_takes_no_body_lets_none_stop_it(method: str, route: str, world: World) -> None:
    client, path = world.client_for(method, route), world.path(route)
    for body in (UNREADABLE["deep lists"], UNREADABLE["lone surrogate"], b"[]", b"null"):
        with undone():
            assert send(client, method, path, body).status_code in {200, 201, 204}


@pytest.mark.parametrize(("method", "route"), WRITING)
def test_a_body_of_over_512_kib_is_413(method: str, route: str, world: World) -> None:
    answer = send(world.client_for(method, route), method, world.path(route), b" " * 524_289)
    assert_problem(answer, 413, "payload_too_large")


@pytest.mark.parametrize(("method", "route"), [case for case in WITH_BODY if case not in TWINS])
def test_no_value_of_any_field_is_our_fault_or_spoils_what_is_read(
    method: str, route: str, world: World
) -> None:
    client, path, right = (
        world.client_for(method, route),
        world.path(route),
        world.body(method, route),
    )
    assert right is not None
    for field in (*right, *KEYS):
        is_costly = route.endswith("/delete-account/")  # each that goes well erases a person
        known = field in right or (method == "POST" and not is_costly)
        for value in VALUES if known else VALUES[-1:]:
            with undone():
                others = {} if method == "PATCH" else right
                answer = call(client, method, path, {**others, field: value})
                assert_clear(answer, field, value)
                if answer.status_code < 300 and method == "PUT":
                    assert_still_reads(world, route)


@pytest.mark.parametrize(("method", "route"), WITH_BODY)
def test_a_field_with_a_nul_is_refused_by_name(method: str, route: str, world: World) -> None:
    client, path, right = (
        world.client_for(method, route),
        world.path(route),
        world.body(method, route),
    )
    assert right is not None
    for field in right:
        problem = assert_problem(
            call(client, method, path, {**right, field: "a\0b"}), 400, "validation_error"
        )
        assert {error["field"] for error in problem["errors"]} == {field}


@pytest.mark.parametrize(("method", "route"), WITH_BODY)
def test_a_number_is_no_text(method: str, route: str, world: World) -> None:
    client, path, right = (
        world.client_for(method, route),
        world.path(route),
        world.body(method, route),
    )
    for name, described in writable(method, route).items():
        if "string" in described.get("type", ()):
            problem = assert_problem(
                call(client, method, path, {**(right or {}), name: 7}), 400, "validation_error"
            )
            assert name in {error["field"] for error in problem["errors"]}


@pytest.mark.parametrize(("method", "route"), WITH_BODY)
def test_a_charset_other_than_those_of_the_web_is_415(
    method: str, route: str, world: World
) -> None:
    client, path = world.client_for(method, route), world.path(route)
    body = json.dumps(world.body(method, route)).encode()
    for charset in ("utf-8", "UTF8", "us-ascii", "latin-1", "nonsense", ""):
        with undone():
            kind = f"application/json; charset={charset}"
            assert_problem(send(client, method, path, b"\xff", kind), 400, "parse_error")
            assert send(client, method, path, body, kind).status_code < 300, charset
    for charset in ("utf-16", "utf-7", "zlib", "bz2", "hex", "idna", "punycode", "undefined"):
        for kind in ("application/json", "application/x-www-form-urlencoded", "text/plain"):
            answer = send(client, method, path, body, f"{kind}; charset={charset}")
            assert_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("kind", "query", "status"),
    [
        ("application/json; a*=junk''x", "", 415),
        ("application/json; charset*=utf-8''%00", "", 415),
        ("application/json; charset=zlib", "a=%31", 415),
        ("application/json; charset=undefined", "a=%31", 415),
        ("application/json; charset=utf-8", "a=1&" * 10_001, 400),
        ("application/json; charset=utf-8", "a=%ff", 400),
    ],
)
def test_a_content_type_that_django_dies_of_is_answered(
    kind: str, query: str, status: int, db: None
) -> None:
    request = RequestFactory().generic("POST", "/api/auth/login/", b"{}", content_type="x/y")
    environ = {**request.environ, "CONTENT_TYPE": kind, "QUERY_STRING": query}
    answer = Handler().get_response(Request(environ))
    assert (answer.status_code, answer["Content-Type"]) == (status, MEDIA_TYPE)


@pytest.mark.parametrize(("method", "route"), WITH_BODY)
@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "junk", "text/html\0"])
def test_a_body_of_a_kind_that_is_not_taken_is_415(
    method: str, route: str, kind: str, world: World
) -> None:
    answer = send(world.client_for(method, route), method, world.path(route), b"{}", kind)
    assert_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(("method", "route"), WITH_BODY)
def test_a_form_writes_what_json_writes(method: str, route: str, world: World) -> None:
    client, path, right = (
        world.client_for(method, route),
        world.path(route),
        world.body(method, route),
    )
    with undone():
        as_json = call(client, method, path, right).status_code
    with undone():
        fields = {name: "" if value is None else value for name, value in right.items()}
        sent = urlencode(fields, doseq=True)
        form = client.generic(method, path, sent, content_type="application/x-www-form-urlencoded")
    assert form.status_code == as_json < 300


FORMS = {
    "NUL": b"reason=%00&first_name=%00&email=%00",
    "not UTF-8": b"reason=%ff&first_name=%ed%a0%80",
    "10,001 fields": b"&".join(b"f%d=1" % number for number in range(10_001)),
    "no name": b"=1&&&==",
    "nothing": b"",
}


@pytest.mark.parametrize(("method", "route"), WITH_BODY)
def test_no_form_is_our_fault(method: str, route: str, world: World) -> None:
    client, path = world.client_for(method, route), world.path(route)
    for name, body in FORMS.items():
        with undone():
            answer = send(client, method, path, body, "application/x-www-form-urlencoded")
            assert_clear(answer, name)
    for kind in (
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "multipart/form-data; boundary=\xff",
    ):
        for body in (b"", b"--x", b"--x\r\n\r\n\0\r\n--x--", FILE):
            with undone():
                assert_clear(send(client, method, path, body, kind), kind, body)


FILE = (
    b'--x\r\nContent-Disposition: form-data; name="first_name"; filename="a"\r\n\r\nb\r\n'
    b'--x\r\nContent-Disposition: form-data; name="reason"; filename="a"\r\n\r\nb\r\n--x--\r\n'
)
