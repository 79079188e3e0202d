"""The worker's loop reads requests and sends answers: no thread waits for a client.

Each test is one worker without a process, a client at the other end of a socket pair, and a clock
that the test moves. The pool answers at once, in the same thread.
"""

import socket
from typing import Any
from unittest.mock import Mock

import pytest
from django.conf import settings
from django.urls import reverse
from gunicorn.config import Config

from config import worker as module
from config.connections import MAX_HEAD, Connection, RequestBuffer
from config.tests.bench import CHUNKED, CLIENT, GET, MAX_BODY, POST, Bench, received, status
from config.uploads import longest_body
from config.worker import SECONDS, Worker


def sent_in_pieces(bench: Bench, client: socket.socket, data: bytes, size: int) -> None:
    for start in range(0, len(data), size):
        client.sendall(data[start : start + size])
        bench.turn()


# --- Reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (GET, b""),
        (POST % 5 + b"hello", b"hello"),
        (CHUNKED + b"3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", b"hello"),
        (CHUNKED + b"5\r\nhello\r\n0\r\nX-A: b\r\n\r\n", b"hello"),
        (b"\r\n" + GET, b""),
        (b"GET /a HTTP/1.0\r\n\r\n", b""),
    ],
    ids=["no body", "length", "chunks", "trailer", "empty line", "HTTP/1.0"],
)
def test_a_thread_gets_a_request_only_with_its_last_byte(
    bench: Bench, sent: bytes, body: bytes
) -> None:
    client = bench.connect()
    for position in range(len(sent)):
        assert bench.pool.jobs == 0, sent[:position]
        client.sendall(sent[position : position + 1])
        bench.turn()
    assert bench.bodies() == [body]
    assert status(client) == "200"


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_body_in_many_pieces_reaches_the_application_whole(bench: Bench, framing: str) -> None:
    body = bytes(range(256)) * (MAX_BODY // 256)
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(piece), piece)
        for piece in (body[start : start + 9_000] for start in range(0, len(body), 9_000))
    )
    sent = POST % len(body) + body if framing == "length" else CHUNKED + chunks + b"0\r\n\r\n"
    client = bench.connect()
    sent_in_pieces(bench, client, sent, 7_001)
    assert bench.pool.jobs == 1
    assert bench.bodies() == [body]
    assert bench.worker.held == 0


def test_requests_sent_at_once_are_answered_in_order(bench: Bench) -> None:
    client = bench.connect()
    client.sendall(POST % 1 + b"1" + POST % 1 + b"2" + CHUNKED + b"1\r\n3\r\n0\r\n\r\n" + GET[:9])
    bench.turn()
    assert bench.bodies() == [b"1", b"2", b"3"]
    client.sendall(GET[9:])
    bench.turn()
    assert bench.bodies() == [b"1", b"2", b"3", b""]
    assert (received(client) or b"").count(b"HTTP/1.1 200 OK") == 4


def test_a_client_that_waits_for_100_continue_gets_it_once(bench: Bench) -> None:
    client = bench.connect()
    head = (POST % 5).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
    client.sendall(head)
    bench.turn()
    assert received(client) == b"HTTP/1.1 100 Continue\r\n\r\n"
    sent_in_pieces(bench, client, b"hello", 2)
    assert bench.bodies() == [b"hello"]
    assert (received(client) or b"").startswith(b"HTTP/1.1 200 OK")


def test_a_client_that_waits_with_a_body_too_large_gets_413_instead(bench: Bench) -> None:
    client = bench.connect()
    client.sendall(
        (POST % (MAX_BODY + 1)).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
    )
    bench.turn()
    assert (received(client) or b"").startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"GET /a HTTP/1.1\nHost: localhost\n\n", "400"),
        (b"\r\n\r\n", "400"),
        (b"GET /a HTTP/1.1\r\nX A: b\r\n\r\n", "400"),
        (b"POST /a HTTP/1.1\r\nTransfer-Encoding: junk\r\n\r\n", "501"),
        (CHUNKED + b"zz\r\n", "400"),
        (b"GET /" + b"a" * MAX_HEAD, "431"),
    ],
)
def test_what_is_not_http_is_refused_at_once(bench: Bench, sent: bytes, answer: str) -> None:
    client = bench.connect()
    client.sendall(sent)
    bench.turn()
    assert status(client) == answer
    assert bench.requests == []
    assert received(client) is None


def test_a_client_that_leaves_in_the_middle_is_forgotten(bench: Bench) -> None:
    for sent in (b"", GET[:9], POST % 5 + b"hel"):
        client = bench.connect()
        client.sendall(sent)
        bench.turn()
        client.close()
        bench.turn()
        assert bench.worker.nr_conns == 0
    assert bench.pool.jobs == 0


# --- Deadlines ------------------------------------------------------------------------------------


def test_a_head_has_ten_seconds_however_it_trickles(bench: Bench) -> None:
    client = bench.connect()
    for position in range(9):
        client.sendall(GET[position : position + 1])
        bench.turn(1)
    assert received(client) == b""
    client.sendall(GET[9:10])
    bench.turn(1)
    assert status(client) == "408"
    assert received(client) is None
    assert bench.pool.jobs == 0


def test_a_client_that_sends_nothing_is_cut_off_without_an_answer(bench: Bench) -> None:
    client = bench.connect()
    bench.turn(9)
    assert received(client) == b""
    bench.turn(1)
    assert received(client) is None


@pytest.mark.parametrize("framing", [POST % 1000, CHUNKED + b"3e8\r\n"])
def test_a_body_has_thirty_seconds_after_its_head(bench: Bench, framing: bytes) -> None:
    client = bench.connect()
    bench.turn(9)
    client.sendall(framing)
    bench.turn()
    for _ in range(29):
        bench.turn(1)
        client.sendall(b"x")
    assert received(client) == b""
    bench.turn(1)
    assert status(client) == "408"
    assert bench.pool.jobs == 0


def test_a_kept_connection_has_five_seconds_to_begin_and_ten_for_the_next_head(
    bench: Bench,
) -> None:
    client, idle = bench.connect(), bench.connect()
    for each in (client, idle):
        each.sendall(GET)
    bench.turn()
    assert [status(client), status(idle)] == ["200", "200"]
    bench.turn(4)
    client.sendall(GET[:9])
    bench.turn(1)
    assert received(idle) is None
    bench.turn(8)
    client.sendall(GET[9:])
    bench.turn()
    assert status(client) == "200"


def test_a_refused_client_that_does_not_close_is_cut_off(bench: Bench) -> None:
    client = bench.connect()
    client.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    bench.turn()
    assert bench.worker.nr_conns == 1
    bench.turn(SECONDS["close"])
    assert bench.worker.nr_conns == 0


# --- Bodies that are too large --------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        POST % (MAX_BODY + 1),
        CHUNKED + b"%x\r\n" % (MAX_BODY + 1),
        CHUNKED + b"1\r\nx\r\n" * (MAX_BODY // 5 + 1),
    ],
    ids=["length", "a chunk", "more framing than body"],
)
def test_the_application_answers_a_body_too_large_without_it(bench: Bench, sent: bytes) -> None:
    client = bench.connect()
    sent_in_pieces(bench, client, sent, 60_000)
    [(environ, body)] = bench.requests
    assert int(environ["CONTENT_LENGTH"]) > MAX_BODY
    assert body == b""
    answer = received(client) or b""
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"Connection: close" in answer


def test_the_rest_of_a_body_too_large_is_read_and_dropped(bench: Bench) -> None:
    client = bench.connect()
    client.sendall(POST % 5_000_000)
    bench.turn()
    for _ in range(5):
        sent_in_pieces(bench, client, b"x" * 100_000, 50_000)
        bench.turn(5)
    assert status(client) == "413"
    assert (bench.worker.nr_conns, bench.worker.held) == (1, 0)
    bench.turn(5)
    assert bench.worker.nr_conns == 0


# --- Clients that do not read ---------------------------------------------------------------------


def test_a_client_that_does_not_read_holds_no_thread(bench: Bench) -> None:
    bench.answer = b"x" * 3_000_000
    client = bench.connect()
    client.sendall(GET)
    bench.turn()
    assert bench.pool.jobs == 1
    assert bench.worker.held > 1_000_000
    got = 0
    for _ in range(100):
        got += len(received(client) or b"")
        bench.turn()
    assert got > 3_000_000
    assert bench.worker.held == 0
    client.sendall(GET)
    bench.turn()
    assert bench.pool.jobs == 2


def test_a_client_has_sixty_seconds_to_read_the_answer(bench: Bench) -> None:
    bench.answer = b"x" * 3_000_000
    client = bench.connect()
    client.sendall(GET)
    bench.turn()
    for _ in range(12):
        assert bench.worker.nr_conns == 1
        bench.turn(5)
        client.recv(1000)
    assert bench.worker.nr_conns == 0


# --- Memory and connections -----------------------------------------------------------------------


def test_the_client_that_holds_most_memory_makes_room(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_HELD", 50_000)
    small, large, another = bench.connect(), bench.connect(), bench.connect()
    for client, size in ((large, 30_000), (small, 100), (another, 25_000)):
        client.sendall(POST % 40_000 + b"x" * size)
        bench.turn()
    assert received(large) is None
    assert [received(small), received(another)] == [b"", b""]
    assert bench.worker.held < 50_000


def test_of_too_many_connections_the_one_with_least_time_makes_room(bench: Bench) -> None:
    slow = []
    for _ in range(40):
        slow.append(bench.connect())
        bench.turn(0.1)
    assert [received(client) for client in slow[:20]] == [None] * 20
    assert bench.worker.nr_conns < 20
    quick = bench.connect()
    quick.sendall(GET)
    bench.turn()
    assert status(quick) == "200"


# --- The end of the server ------------------------------------------------------------------------


def test_a_server_that_ends_still_answers_the_request_that_arrives(bench: Bench) -> None:
    client, silent = bench.connect(), bench.connect()
    client.sendall(GET[:9])
    bench.turn()
    bench.worker.alive = False
    bench.worker._cap_keepalive(bench.clock.now + 2)
    bench.turn(2)
    assert received(silent) is None
    client.sendall(GET[9:])
    bench.turn()
    answer = received(client) or b""
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"Connection: close" in answer
    client.close()
    bench.turn()
    assert bench.worker.nr_conns == 0


def test_the_loop_of_a_server_that_ends_wakes_up_for_the_next_deadline(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.connect()
    bench.worker.alive = False
    bench.worker._cap_keepalive(bench.clock.now + 0.5)
    waits: list[float] = []

    def select(timeout: float) -> list[Any]:
        waits.append(timeout)
        return []

    monkeypatch.setattr(bench.worker.poller, "select", select)
    bench.worker.wait_for_and_dispatch_events(60)
    assert waits == [0.75]


def test_tls_is_refused() -> None:
    with pytest.raises(RuntimeError, match="speaks no TLS"):
        Worker.check_config(Mock(is_ssl=True), Mock())


# --- The buffer -----------------------------------------------------------------------------------


def test_a_request_is_complete_at_the_same_byte_however_it_is_cut() -> None:
    sent = CHUNKED + b"a\r\n0123456789\r\n1\r\nx\r\n0\r\nX-A: b\r\nX-B: c\r\n\r\n"
    for size in range(1, len(sent)):
        buffer = RequestBuffer(Config(), CLIENT, MAX_BODY)
        for start in range(0, len(sent), size):
            assert not buffer.is_complete
            buffer.feed(sent[start : start + size])
        assert buffer.is_complete
        assert next(buffer.parser()).body.read() == b"0123456789x"


def test_a_file_to_import_may_be_larger_than_any_other_body() -> None:
    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    longest = settings.UPLOAD_MAX_SIZE
    for path, length, excess in (
        (settings.UPLOAD_PATH, longest, None),
        (settings.UPLOAD_PATH, longest + 1, longest + 1),
        (f"{settings.UPLOAD_PATH}x", MAX_BODY + 1, MAX_BODY + 1),
    ):
        buffer = RequestBuffer(Config(), CLIENT, MAX_BODY, longest_body)
        buffer.feed(head % (path.encode(), length))
        assert buffer.excess == excess
    assert reverse("desk:import") == settings.UPLOAD_PATH


def test_gunicorn_never_reads_from_the_socket_of_a_client() -> None:
    client, accepted = socket.socketpair()
    with client, accepted:
        conn = Connection(Config(), accepted, CLIENT, ("127.0.0.1", 8000))
        client.sendall(b"more")
        assert conn.sock.recv(4) == b""
        conn.init()
        assert conn.parser is None
        assert accepted.recv(4) == b"more"
