"""A POST goes to public addresses alone, to the very one that was checked, and ends in time."""

import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from extensions import public_http
from extensions.public_http import Answer, NoAnswer, UrlRefused, check, is_public, parse, post

pytestmark = pytest.mark.only_on("sqlite")  # no database has a part in this

PRIVATE = """
    0.0.0.0 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 168.63.129.16 169.254.169.254 172.16.0.1
    192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 203.0.113.5 224.0.0.1 240.0.0.1
    255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1
    64:ff9b:1::1 100::1 2001::1 2001:db8::1 2002:7f00:1:: fc00::1 fd00:ec2::254 fe80::1
    fe80::1%eth0 fec0::1 ff02::1 nonsense
"""


def resolving(*addresses: str) -> Callable[[str, int], list[str]]:
    return lambda host, port: list(addresses)


@pytest.mark.parametrize("address", PRIVATE.split())
def test_an_address_of_no_public_network_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://hook.example/", "url_not_https"),
        ("https://user:pass@hook.example/", "url_credentials"),
        ("https://user@hook.example/", "url_credentials"),
        ("https://hook.example:22/", "url_port"),
        ("https://hook.example:0/", "url_port"),
        ("https://127.0.0.1/", "url_not_public"),
        ("https://[::1]/", "url_not_public"),
        ("https://2130706433/", "url_not_public"),
        ("https://0x7f.1/", "url_not_public"),
        ("https://nowhere.invalid/", "url_unresolvable"),
        ("ftp://hook.example/", "url_invalid"),
        ("hook.example", "url_invalid"),
        ("https://", "url_invalid"),
        ("https://hook.example/#part", "url_invalid"),
        ("https://hook.example:99999/", "url_invalid"),
        ("https://hook.example/\r\nX: y", "url_invalid"),
        ("https://hook example/", "url_invalid"),
        (f"https://hook.example/{'x' * 500}", "url_invalid"),
    ],
)
def test_a_url_is_refused_with_a_code(url: str, code: str) -> None:
    with pytest.raises(UrlRefused) as refused:
        check(url)
    assert refused.value.code == code


def test_one_private_address_among_public_ones_refuses_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(public_http, "resolve", resolving("8.8.8.8", "10.0.0.1"))
    with pytest.raises(UrlRefused):
        check("https://hook.example/")
    monkeypatch.setattr(public_http, "resolve", resolving("8.8.8.8", "1.1.1.1"))
    check("https://hook.example/")


def test_a_host_is_named_in_ascii_and_a_path_is_encoded() -> None:
    target = parse("https://BÜCHER.example:8443/a b".replace(" ", "%20") + "?x=ü")
    assert (target.host, target.host_header) == (
        "xn--bcher-kva.example",
        "xn--bcher-kva.example:8443",
    )
    assert target.path == "/a%20b?x=%C3%BC"


# --- The connection -------------------------------------------------------------------------------


@contextmanager
def listening(
    talk: Callable[[socket.socket], object], tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    """Let `talk` have each connection to the port that this yields."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
                with connection:
                    talk(tls.wrap_socket(connection, server_side=True) if tls else connection)
            except OSError:
                if server.fileno() < 0:
                    return

    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


def answering(status: int, *lines: str) -> Callable[[socket.socket], None]:
    """Return a talk that reads a request and answers with this status and these headers."""

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        head = "\r\n".join([f"HTTP/1.1 {status} X", "Content-Length: 0", *lines, "", ""])
        connection.sendall(head.encode())

    return talk


def test_the_connection_goes_to_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name server that answers differently the second time (DNS rebinding) is not asked."""
    answers = [["127.0.0.1"], ["127.0.0.9"]]
    monkeypatch.setattr(public_http, "resolve", lambda *of: answers.pop(0))
    asked: list[object] = []
    lookup = socket.getaddrinfo

    def note(host: object, *of: Any) -> Any:
        asked.append(host)
        return lookup(host, *of)

    monkeypatch.setattr(socket, "getaddrinfo", note)
    requests: list[bytes] = []

    def keep(connection: socket.socket) -> None:
        requests.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 204 X\r\n\r\n")

    with listening(keep) as port:
        assert post(f"http://hook.example:{port}/a", b"{}", {}, private=True) == Answer(204)
    assert len(answers) == 1
    assert set(asked) == {"127.0.0.1"}
    assert f"\r\nHost: hook.example:{port}\r\n".encode() in requests[0]


def test_the_other_addresses_are_tried_where_the_first_are_out_of_reach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As those of IPv6 are at a machine without a route for it."""
    found = resolving("::1", "::1", "127.0.0.1")
    monkeypatch.setattr(public_http, "resolve", found)
    with listening(answering(204)) as port:
        assert post(f"http://hook.example:{port}/", b"", {}, private=True).status == 204


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with listening(answering(204)) as port:
        assert post(f"http://127.0.0.1:{port}/", b"", {}, private=True).status == 204


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120.0), ("soon", None), ("-5", None), ("9" * 10, 86400.0), ("9" * 500, 86400.0)],
)
def test_a_redirect_is_an_answer_and_retry_after_is_read(value: str, seconds: float | None) -> None:
    lines = ("Location: http://127.0.0.1:1/", f"Retry-After: {value}")
    with listening(answering(302, *lines)) as port:
        found = post(f"http://127.0.0.1:{port}/", b"", {}, private=True)
    assert found == Answer(302, seconds)


def drip(connection: socket.socket) -> None:
    """Send a byte of an endless head again and again, until the client has gone."""
    connection.sendall(b"HTTP/1.1 200 X\r\nX: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.01)


def stay_silent(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


@pytest.mark.parametrize("talk", [drip, stay_silent])
def test_a_slow_answer_ends_at_the_deadline(
    monkeypatch: pytest.MonkeyPatch, talk: Callable[[socket.socket], object]
) -> None:
    monkeypatch.setattr(public_http, "TOTAL_SECONDS", 0.2)
    with listening(talk) as port, pytest.raises(NoAnswer, match=r"^timeout$"):
        post(f"http://127.0.0.1:{port}/", b"", {}, private=True)


def test_an_answer_may_take_all_of_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the few seconds only in which the connection has to be there."""
    timeouts: list[float] = []
    monkeypatch.setattr(socket.socket, "settimeout", lambda _, seconds: timeouts.append(seconds))
    with listening(answering(204)) as port:
        post(f"http://127.0.0.1:{port}/", b"", {}, private=True)
    assert timeouts[0] == public_http.STEP_SECONDS
    assert timeouts[-1] > public_http.STEP_SECONDS


def test_an_endless_body_is_read_no_further_than_the_limit() -> None:
    sent: list[int] = []

    def flood(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 X\r\n\r\n")
        while True:
            sent.append(connection.send(b"x" * 65536))

    with listening(flood) as port:
        assert post(f"http://127.0.0.1:{port}/", b"", {}, private=True).status == 200


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 X\r\n" + b"A" * 70000])
def test_an_invalid_answer_is_named_without_quoting_it(answer: bytes) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    with listening(talk) as port, pytest.raises(NoAnswer, match=r"^no valid answer$"):
        post(f"http://127.0.0.1:{port}/", b"", {}, private=True)


def test_a_port_on_which_nothing_listens_is_no_connection() -> None:
    with listening(stay_silent) as port:
        pass
    with pytest.raises(NoAnswer, match=r"^no connection$"):
        post(f"http://127.0.0.1:{port}/", b"", {}, private=True)


@pytest.mark.parametrize(
    ("host", "trusted", "fails"),
    [("hook.example", True, False), ("other.example", True, True), ("hook.example", False, True)],
)
def test_the_certificate_is_checked_by_the_name_of_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, trusted: bool, fails: bool
) -> None:
    """The connection itself goes to an address."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    of = ["-subj", "/CN=hook.example", "-addext", "subjectAltName=DNS:hook.example"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*make.split(), *of, *files], check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.create_default_context()
    if trusted:
        client.load_verify_locations(certificate)
    monkeypatch.setattr(public_http, "_tls", lambda: client)
    monkeypatch.setattr(public_http, "resolve", resolving("127.0.0.1"))
    with listening(answering(204), server) as port:
        if fails:
            with pytest.raises(NoAnswer, match=r"^TLS failed$"):
                post(f"https://{host}:{port}/", b"", {}, private=True)
        else:
            assert post(f"https://{host}:{port}/", b"", {}, private=True).status == 204
