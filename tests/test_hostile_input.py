"""A hostile body gets a clear 4xx, and never a 5xx.

Every endpoint reads its body by the same parsers: the tests send each kind of body to one endpoint,
and one hostile body to all. They send every value to one field of each class, because the same code
reads all fields that the document describes in the same way.
"""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import RequestFactory
from rest_framework.test import APIClient

from config.wsgi import Handler, Request
from tests.bodies import BARE, flat
from tests.document import writable
from tests.problems import MEDIA_TYPE, assert_problem
from tests.routes import api_routes
from tests.sample_data import SampleData, call, rolled_back

pytestmark = pytest.mark.django_db

WRITING = [
    (method, route)
    for route, methods in api_routes().items()
    for method in sorted(methods & {"POST", "PUT", "PATCH"})
]
BODYLESS = ("/logout/", "/logout-all/", *BARE)
OF_THE_DAY = (
    "/check-in/{appointment_id}/",
    "/complete/{appointment_id}/",
    "/no-show/{appointment_id}/",
)
WITH_BODY = [case for case in WRITING if not case[1].endswith((*BODYLESS, *OF_THE_DAY))]
WITHOUT_BODY = [
    ("DELETE", route) for route, methods in api_routes().items() if "DELETE" in methods
] + [case for case in WRITING if case[1].endswith((*BODYLESS, *OF_THE_DAY))]

ONE = ("POST", "/api/appointment/book/{doctor_id}/")  # the endpoint to which every kind is sent

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
# Only a text field may take these, and then everything has to keep working.
VALUES: list[Any] = [
    10**22, -1, 10**400, 1e300, 1.5, True, None, "", "a\0b", "\u202e\ufeff\U0010ffff", "\u0661",
    "1_0", "x" * 5000, "9" * 5000, "0001-01-01", "9999-12-31", "24:00:00", "23:59:59.999999",
    [], [[["x"]]], {}, {"\0": None},
]  # fmt: skip
# Only some calls that create a row take these members, instead of others or with them.
KEYS = ("schedule_id", "patient_id")


def send(client: APIClient, method: str, path: str, body: bytes, kind: str = "application/json"):
    return client.generic(method, path, body, content_type=kind)


def assert_clear(response: Any, *context: object) -> None:
    """Assert that the response is a success or a 4xx problem."""
    assert response.status_code < 500, (context, response.content[:500])
    if response.status_code >= 400:
        problem = assert_problem(response, response.status_code, response.json()["code"])
        assert problem["title"] == HTTPStatus(response.status_code).phrase


def assert_still_reads(sample_data: SampleData, route: str) -> None:
    """Assert that what was just stored can be read, alone and in its list."""
    client, path = sample_data.client_for("DELETE", route), sample_data.path(route)
    for read in {path, sample_data.path(route.partition("{")[0])}:
        assert client.get(read).status_code == 200, read


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_body_that_cannot_be_read_is_a_parse_error(name: str, sample_data: SampleData) -> None:
    assert_unreadable(sample_data, *ONE, UNREADABLE[name])


@pytest.mark.parametrize(("method", "route"), WITH_BODY)
def test_every_endpoint_refuses_a_body_that_cannot_be_read(
    method: str, route: str, sample_data: SampleData
) -> None:
    assert_unreadable(sample_data, method, route, UNREADABLE["lone surrogate"])


def assert_unreadable(sample_data: SampleData, method: str, route: str, body: bytes) -> None:
    answer = send(sample_data.client_for(method, route), method, sample_data.path(route), body)
    assert answer.status_code == 400, answer.content[:500]
    assert_problem(answer, 400, "parse_error")
    assert b"reason" not in answer.content


@pytest.mark.parametrize("name", NOT_OBJECTS)
def test_a_body_that_is_not_an_object_is_invalid(name: str, sample_data: SampleData) -> None:
    assert_no_object(sample_data, *ONE, NOT_OBJECTS[name])


@pytest.mark.parametrize(("method", "route"), WITH_BODY)
def test_every_endpoint_refuses_a_body_that_is_not_an_object(
    method: str, route: str, sample_data: SampleData
) -> None:
    assert_no_object(sample_data, method, route, NOT_OBJECTS["list of objects"])


def assert_no_object(sample_data: SampleData, method: str, route: str, body: bytes) -> None:
    answer = send(sample_data.client_for(method, route), method, sample_data.path(route), body)
    assert answer.status_code == 400, answer.content[:500]
    problem = assert_problem(answer, 400, "validation_error")
    assert [error["field"] for error in problem["errors"]] == ["non_field_errors"]


@pytest.mark.parametrize(("method", "route"), WITHOUT_BODY)
def test_a_call_that_takes_no_body_ignores_an_invalid_one(
    method: str, route: str, sample_data: SampleData
) -> None:
    client, path = sample_data.client_for(method, route), sample_data.path(route)
    for body in (UNREADABLE["lone surrogate"], b"[]"):
        with rolled_back():
            assert send(client, method, path, body).status_code in {200, 201, 202, 204}


@pytest.mark.parametrize(("method", "route"), WRITING)
def test_a_body_of_over_512_kib_is_413(method: str, route: str, sample_data: SampleData) -> None:
    answer = send(
        sample_data.client_for(method, route), method, sample_data.path(route), b" " * 524_289
    )
    assert_problem(answer, 413, "payload_too_large")


def class_of(described: dict[str, Any]) -> str:
    """Return the class of a field as JSON: its type, its format and whether it has choices."""
    kind = {name: described.get(name) for name in ("type", "format")}
    return json.dumps({**kind, "choices": "enum" in json.dumps(described)})


def fields_by_class(method: str) -> Iterator[tuple[str, str]]:
    """Yield (route, name) of one field of each class that the method can write.

    PATCH reads a field as PUT does, so that only classes that no PUT has are left to it.
    """
    found: set[str] = set()
    for verb in ("PUT", "PATCH") if method == "PATCH" else (method,):
        for route in (route for each, route in WITH_BODY if each == verb):
            for name, described in writable(verb, route).items():
                if class_of(described) not in found:
                    found.add(class_of(described))
                    if verb == method:
                        yield route, name


# On SQLite too, since numbers of over 64 bits, dates and odd characters reach a statement.
@pytest.mark.parametrize(
    "method", [pytest.param("POST", marks=pytest.mark.both_databases), "PUT", "PATCH"]
)
def test_no_value_of_a_field_causes_a_server_error_or_breaks_later_reads(
    method: str, sample_data: SampleData
) -> None:
    for route, field in fields_by_class(method):
        client, path = sample_data.client_for(method, route), sample_data.path(route)
        others = {} if method == "PATCH" else sample_data.body(method, route)
        for value in VALUES:
            with rolled_back():
                answer = call(client, method, path, {**(others or {}), field: value})
                assert_clear(answer, route, field, value)
                if answer.status_code < 300 and method == "PUT":
                    assert_still_reads(sample_data, route)


@pytest.mark.parametrize(("method", "route"), WITH_BODY)
def test_a_value_that_no_field_takes_causes_no_server_error(
    method: str, route: str, sample_data: SampleData
) -> None:
    client, path, right = (
        sample_data.client_for(method, route),
        sample_data.path(route),
        sample_data.body(method, route),
    )
    assert right is not None
    for fields in (
        right.keys(),
        *([key] for key in KEYS),
    ):  # a call reads all fields before it ends
        with rolled_back():
            others = {} if method == "PATCH" else right
            wrong = dict.fromkeys(fields, VALUES[-1])
            assert_clear(call(client, method, path, {**others, **wrong}), *fields)


@pytest.mark.parametrize(("method", "route"), WITH_BODY)
def test_a_field_with_a_nul_is_refused_by_name(
    method: str, route: str, sample_data: SampleData
) -> None:
    """Send a NUL in all fields at once. The answer names each field."""
    right = sample_data.body(method, route)
    assert right is not None
    answer = call(
        sample_data.client_for(method, route),
        method,
        sample_data.path(route),
        dict.fromkeys(right, "a\0b"),
    )
    problem = assert_problem(answer, 400, "validation_error")
    assert {error["field"].partition(".")[0] for error in problem["errors"]} == set(right)


@pytest.mark.parametrize(("method", "route"), WITH_BODY)
def test_a_number_is_not_accepted_as_text(method: str, route: str, sample_data: SampleData) -> None:
    """Send a number in all texts at once. The answer names each text."""
    texts = [
        name
        for name, described in writable(method, route).items()
        if "string" in described.get("type", ())
    ]
    body = {**(sample_data.body(method, route) or {}), **dict.fromkeys(texts, 7)}
    answer = call(sample_data.client_for(method, route), method, sample_data.path(route), body)
    if texts:
        problem = assert_problem(answer, 400, "validation_error")
        assert {error["field"] for error in problem["errors"]} >= set(texts)


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", "us-ascii", "latin-1", "nonsense", ""])
def test_supported_charsets_are_read(charset: str, sample_data: SampleData) -> None:
    client, path, kind = (
        sample_data.client_for(*ONE),
        sample_data.path(ONE[1]),
        "application/json; charset=",
    )
    body = json.dumps(sample_data.body(*ONE)).encode()
    assert_problem(send(client, ONE[0], path, b"\xff", kind + charset), 400, "parse_error")
    assert send(client, ONE[0], path, body, kind + charset).status_code < 300


@pytest.mark.parametrize(
    "charset", ["utf-16", "utf-7", "zlib", "bz2", "hex", "idna", "punycode", "undefined"]
)
def test_an_unsupported_charset_is_415(charset: str, sample_data: SampleData) -> None:
    for kind in ("application/json", "application/x-www-form-urlencoded", "text/plain"):
        assert_not_taken(sample_data, *ONE, f"{kind}; charset={charset}")


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "junk", "text/html\0"])
def test_a_body_of_an_unsupported_media_type_is_415(kind: str, sample_data: SampleData) -> None:
    assert_not_taken(sample_data, *ONE, kind)


@pytest.mark.parametrize(("method", "route"), WITH_BODY)
def test_every_endpoint_refuses_an_unsupported_charset_or_media_type(
    method: str, route: str, sample_data: SampleData
) -> None:
    assert_not_taken(sample_data, method, route, "application/json; charset=utf-16")
    assert_not_taken(sample_data, method, route, "application/xml")


def assert_not_taken(sample_data: SampleData, method: str, route: str, kind: str) -> None:
    answer = send(
        sample_data.client_for(method, route), method, sample_data.path(route), b"{}", kind
    )
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
def test_a_content_type_that_breaks_django_is_answered(
    kind: str, query: str, status: int, db: None
) -> None:
    request = RequestFactory().generic("POST", "/api/auth/login/", b"{}", content_type="x/y")
    environ = {**request.environ, "CONTENT_TYPE": kind, "QUERY_STRING": query}
    answer = Handler().get_response(Request(environ))
    assert (answer.status_code, answer["Content-Type"]) == (status, MEDIA_TYPE)


@pytest.mark.parametrize(("method", "route"), WITH_BODY)
def test_a_form_writes_the_same_as_json(method: str, route: str, sample_data: SampleData) -> None:
    client, path, right = (
        sample_data.client_for(method, route),
        sample_data.path(route),
        sample_data.body(method, route),
    )
    with rolled_back():
        as_json = call(client, method, path, right).status_code
    with rolled_back():
        fields = {name: "" if value is None else value for name, value in flat(right).items()}
        sent = urlencode(fields, doseq=True)
        form = client.generic(method, path, sent, content_type=FORM_KIND)
    assert form.status_code == as_json < 300


FORM_KIND = "application/x-www-form-urlencoded"
FORMS = {
    "NUL": b"reason=%00&first_name=%00&email=%00",
    "not UTF-8": b"reason=%ff&first_name=%ed%a0%80",
    "10,001 fields": b"&".join(b"f%d=1" % number for number in range(10_001)),
    "no name": b"=1&&&==",
    "nothing": b"",
}


KINDS_OF_FORM = (
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "multipart/form-data; boundary=\xff",
)


@pytest.mark.parametrize("name", FORMS)
def test_no_form_causes_a_server_error(name: str, sample_data: SampleData) -> None:
    assert_clear(
        send(
            sample_data.client_for(*ONE), ONE[0], sample_data.path(ONE[1]), FORMS[name], FORM_KIND
        ),
        name,
    )


@pytest.mark.parametrize("kind", KINDS_OF_FORM)
def test_no_multipart_form_causes_a_server_error(kind: str, sample_data: SampleData) -> None:
    for body in (b"", b"--x", b"--x\r\n\r\n\0\r\n--x--", FILE):
        answer = send(sample_data.client_for(*ONE), ONE[0], sample_data.path(ONE[1]), body, kind)
        assert_clear(answer, body)


@pytest.mark.parametrize(("method", "route"), WITH_BODY)
def test_a_form_without_text_or_with_a_file_causes_no_server_error(
    method: str, route: str, sample_data: SampleData
) -> None:
    client, path = sample_data.client_for(method, route), sample_data.path(route)
    for kind, body in ((FORM_KIND, FORMS["not UTF-8"]), (KINDS_OF_FORM[1], FILE)):
        with rolled_back():
            assert_clear(send(client, method, path, body, kind), kind)


FILE = (
    b'--x\r\nContent-Disposition: form-data; name="first_name"; filename="a"\r\n\r\nb\r\n'
    b'--x\r\nContent-Disposition: form-data; name="reason"; filename="a"\r\n\r\nb\r\n--x--\r\n'
)
