"""What the server itself refuses is a problem under /api/, short, and the end of the connection."""

import json
from http import HTTPStatus
from unittest.mock import Mock

import pytest

from config.connections import MAX_HEAD
from config.problems import Problem
from config.refusals import refusal
from config.tests.bench import GET, Bench, received

CHUNKED_API = b"POST /api/a/?b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "refused"),
    [
        (CHUNKED_API + b"zz\r\n", 400),
        (CHUNKED_API + b"1\r\nxx\r\n0\r\n\r\n", 400),
        (b"POST /api/a/ HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET /api/a/ HTTP/1.1\r\nX-A: a\x01b\r\n\r\n", 400),
        (b"GET /api/a/ HTTP/1.1\r\nExpect: x\r\n\r\n", 417),
        (b"GET /api/a/?b=" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /api/a/ HTTP/1.1\r\nX-A: " + b"a" * 9_000 + b"\r\n\r\n", 431),
        (b"GET /api/a/ HTTP/1.1\r\nX-A: " + b"a" * MAX_HEAD, 431),
        (b"POST /api/a/ HTTP/1.1\r\nTransfer-Encoding: junk\r\n\r\n", 501),
    ],
    ids=lambda value: value if isinstance(value, int) else "",
)
def test_what_is_not_http_is_refused_under_api_as_a_problem(
    bench: Bench, sent: bytes, refused: int
) -> None:
    client = bench.connect()
    client.sendall(sent)
    bench.turn()
    head, _, body = (received(client) or b"").partition(b"\r\n\r\n")
    phrase = HTTPStatus(refused).phrase
    assert head.splitlines() == [
        f"HTTP/1.1 {refused} {phrase}".encode(),
        b"Connection: close",
        b"Cache-Control: no-store",
        b"Content-Type: application/problem+json",
        f"Content-Length: {len(body)}".encode(),
    ]
    document = json.loads(body)
    assert document["detail"].endswith(".")
    expected = Problem(refused, "parse_error", document["detail"]).document(Mock(path="/api/a/"))
    assert document == expected
    assert received(client) is None


def test_a_request_that_comes_too_slowly_is_refused_as_a_problem(bench: Bench) -> None:
    client = bench.connect()
    client.sendall(b"GET /api/a")
    bench.turn(10)
    head, _, body = (received(client) or b"").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body)["code"] == "parse_error"


@pytest.mark.parametrize(
    ("line", "body"),
    [
        (b"GET /api", b"400 Bad Request\n"),
        (b"GET /admin/?next=/api/ HTTP/1.1", b"400 Bad Request\n"),
        (b"HEAD /api/a/ HTTP/1.1", b""),
    ],
)
def test_a_refusal_elsewhere_is_a_line_and_one_of_head_a_head(line: bytes, body: bytes) -> None:
    assert refusal(400, line).partition(b"\r\n\r\n")[2] == body


@pytest.mark.parametrize("line", [b"", b"GET", b"\xff\0", b"GET /api/" + b"a" * 9_000])
def test_a_refusal_of_an_unknown_path_is_a_short_problem(line: bytes) -> None:
    document = json.loads(refusal(414, line).partition(b"\r\n\r\n")[2])
    assert (document["code"], "instance" in document) == ("parse_error", False)


def test_a_fault_in_a_body_that_nobody_reads_is_no_second_answer(bench: Bench) -> None:
    bench.reads_bodies = False
    client = bench.connect()
    client.sendall(CHUNKED_API + b"zz\r\n")
    bench.turn()
    assert (received(client) or b"").count(b"HTTP/1.1 ") == 1


def test_a_fault_of_the_application_is_a_problem_and_logged(bench: Bench) -> None:
    bench.answer = None  # type: ignore[assignment]
    client = bench.connect()
    client.sendall(GET.replace(b"/a", b"/api/a/"))
    bench.turn()
    answer = received(client) or b""
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b'"code": "server_error"' in answer
    bench.worker.log.exception.assert_called_once()
