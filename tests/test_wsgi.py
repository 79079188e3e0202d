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


@pytest.mark.parametrize(
    "sent", [b"X-A: a\0b", b"X A: b", b"Transfer-Encoding: junk", b"Content-Length: -1"]
)
def test_a_request_that_is_not_http_never_reaches_the_application(
    clinic: Server, sent: bytes
) -> None:
    """Gunicorn refuses it in a few words of its own, outside the contract of /api/."""
    address = urlsplit(clinic.base)
    with socket.create_connection((address.hostname, address.port), timeout=120) as line:
        line.sendall(b"POST /api/auth/login/ HTTP/1.1\r\nHost: localhost\r\n" + sent + b"\r\n\r\n")
        answer = line.makefile("rb").read()
    status = answer.partition(b"\r\n")[0]
    assert status.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 "))
    assert b"Traceback" not in answer


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
