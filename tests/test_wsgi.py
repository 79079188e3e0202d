"""HTTP details of the real server: chunked bodies, malformed requests, HEAD, forged headers."""

import http.client
import json
import socket
from urllib.parse import urlsplit

import pytest

from tests.live import Server

LOGIN = {"email": "patient@example.com", "password": "clinic-demo"}


@pytest.fixture
def connection(clinic: Server) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(clinic.base).netloc, timeout=120)


def post_chunked(connection: http.client.HTTPConnection, body: bytes) -> http.client.HTTPResponse:
    """Send the body in chunks, as a client does that does not know its length."""
    pieces = (body[start : start + 50_000] for start in range(0, len(body), 50_000))
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/api/auth/login/", pieces, headers, encode_chunked=True)
    return connection.getresponse()


def test_a_chunked_body_is_read(connection: http.client.HTTPConnection) -> None:
    response = post_chunked(connection, json.dumps(LOGIN).encode())
    assert response.status == 200
    assert json.load(response)["user"]["email"] == LOGIN["email"]


@pytest.mark.parametrize("size", [600_000, 5_000_000])
def test_a_chunked_body_over_the_limit_is_413(
    connection: http.client.HTTPConnection, size: int
) -> None:
    response = post_chunked(connection, b" " * size)
    assert response.status == 413
    assert json.load(response)["code"] == "payload_too_large"


@pytest.mark.parametrize(("path", "status"), [("/api/auth/login/", 413), ("/admin/login/", 403)])
def test_a_client_that_sends_a_body_too_large_sees_the_answer(
    connection: http.client.HTTPConnection, path: str, status: int
) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", path, b"a" * 5_000_000, form)
    response = connection.getresponse()
    assert response.status == status
    assert response.headers["Connection"] == "close"


def answer_to(clinic: Server, sent: bytes) -> tuple[bytes, bytes]:
    """Return the head and the body of the server's answer to these bytes, its last."""
    address = urlsplit(clinic.base)
    with socket.create_connection((address.hostname, address.port), timeout=120) as line:
        line.sendall(sent)
        head, _, body = line.makefile("rb").read().partition(b"\r\n\r\n")
    return head, body


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"X-A: a\0b\r\n\r\n", 400),
        (b"X A: b\r\n\r\n", 400),
        (b"Content-Length: -1\r\n\r\n", 400),
        (b"Expect: x\r\n\r\n", 417),
        (b"X-A: " + b"a" * 9_000 + b"\r\n\r\n", 431),
        (b"Transfer-Encoding: junk\r\n\r\n", 501),
        (b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"Content-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n", 400),
    ],
    ids=lambda value: value if isinstance(value, int) else "",
)
def test_a_request_that_is_not_http_is_a_problem_of_the_server(
    clinic: Server, sent: bytes, status: int
) -> None:
    head, body = answer_to(clinic, b"POST /api/auth/login/ HTTP/1.1\r\nHost: localhost\r\n" + sent)
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Content-Type: application/problem+json" in head
    assert b"Connection: close" in head
    document = json.loads(body)
    assert (document["status"], document["code"]) == (status, "parse_error")
    assert document["instance"] == "/api/auth/login/"
    assert "Traceback" not in clinic.log.read_text()


def test_a_query_that_is_too_long_is_a_problem_of_the_server(clinic: Server) -> None:
    head, body = answer_to(
        clinic, b"GET /api/doctor/doctors/?search=" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n"
    )
    assert head.startswith(b"HTTP/1.1 414 ")
    assert json.loads(body)["instance"] == "/api/doctor/doctors/"


def test_head_answers_as_get_without_the_body(clinic: Server, connection) -> None:
    connection.request("HEAD", "/api/doctor/doctors/")
    response = connection.getresponse()
    assert response.status == 200
    assert response.read() == b""
    assert "no-body response" not in clinic.log.read_text()


def test_a_client_cannot_claim_https_by_a_header(clinic: Server, connection) -> None:
    connection.request(
        "GET", "/api/doctor/doctors/?page_size=1", headers={"X-Forwarded-Proto": "https"}
    )
    assert json.load(connection.getresponse())["next"].startswith("http://")
