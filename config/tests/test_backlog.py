"""A worker refuses a request that would wait too long for a thread, and says when to come back."""

import json
import socket
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any
from unittest.mock import Mock

import pytest

from config.backlog import FIRST_PACE, LOGGED_EVERY, LONGEST_WAIT, MAX_WAIT, Backlog
from config.connections import RequestBuffer
from config.tests.bench import CLIENT, GET, Bench, received, status
from config.worker import REFUSED_AT_ONCE

THREADS = 2
CALL = b"GET /api/doctor/doctors/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
PROBE = b"GET /healthz?from=balancer HTTP/1.1\r\nHost: localhost\r\n\r\n"
LINE, PROBE_LINE = CALL.partition(b"\r\n")[0], PROBE.partition(b"\r\n")[0]


class BusyPool:
    """A pool whose threads are all busy: it keeps the jobs until the test runs them."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = []

    def submit(self, job: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        self.jobs.append((Future(), job, arguments))
        return self.jobs[-1][0]

    def run(self) -> None:
        """Answer the requests."""
        while self.jobs:
            future, job, arguments = self.jobs.pop(0)
            future.set_result(job(*arguments))


@pytest.fixture
def busy(bench: Bench) -> Bench:
    bench.worker.tpool = BusyPool()
    return bench


def paced(seconds: float, waiting: int) -> Backlog:
    """Return a backlog with so many waiting requests, one of which is answered in `seconds`."""
    backlog = Backlog(THREADS)
    backlog.size, backlog.pace = THREADS + waiting, seconds
    return backlog


# --- The rule -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("waiting", "admitted"), [(0, True), (10, True), (11, False)])
def test_a_request_waits_a_second_at_most_by_the_pace(waiting: int, admitted: bool) -> None:
    backlog = paced(MAX_WAIT / 10, waiting)
    assert backlog.admits(LINE) is admitted
    assert backlog.refused == (not admitted)


def test_requests_that_have_a_thread_do_not_wait() -> None:
    backlog = Backlog(THREADS)
    for expected in (0, 0, 1):
        backlog.begin()
        assert backlog.waiting == expected


def test_health_checks_are_always_admitted() -> None:
    backlog = paced(MAX_WAIT, 100)
    assert backlog.admits(PROBE_LINE)
    assert not backlog.admits(b"GET /healthzz HTTP/1.1")


def test_the_pace_follows_the_gaps_between_answers() -> None:
    backlog = paced(FIRST_PACE, 200)
    for number in range(100):
        backlog.end(number * 0.5, was_answered=True)
    assert backlog.pace == pytest.approx(0.5, rel=0.01)


def test_refusals_and_idle_times_say_nothing_of_the_pace() -> None:
    backlog = paced(0.5, 3)
    backlog.end(1.0, was_answered=False)
    backlog.end(1.0, was_answered=False)
    assert backlog.pace == 0.5
    backlog = paced(0.5, 0)
    backlog.end(1.0, was_answered=True)
    backlog.begin()
    backlog.begin()
    backlog.end(100.0, was_answered=True)
    assert backlog.pace == 0.5


def test_refusals_are_logged_together() -> None:
    backlog = paced(MAX_WAIT, 10)
    assert backlog.refused_since_logged(100.0) == 0
    backlog.admits(LINE)
    assert backlog.refused_since_logged(100.0) == 1
    backlog.admits(LINE)
    backlog.admits(LINE)
    assert backlog.refused_since_logged(100.0 + LOGGED_EVERY - 1) == 0
    assert backlog.refused_since_logged(100.0 + LOGGED_EVERY) == 2


# --- The worker -----------------------------------------------------------------------------------


def test_a_request_too_many_is_refused_with_a_problem_and_a_time(busy: Bench) -> None:
    busy.worker.backlog.pace = MAX_WAIT
    clients = [busy.connect() for _ in range(THREADS + 3)]
    for client in clients:
        client.sendall(CALL)
        busy.turn()
    assert len(busy.worker.tpool.jobs) == THREADS + 2  # one may wait; the next found it waiting
    head, _, body = (received(clients[-1]) or b"").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    after = [line for line in head.split(b"\r\n") if line.startswith(b"Retry-After: ")]
    assert int(after[0].partition(b": ")[2]) >= 2
    assert json.loads(body)["code"] == "unavailable"
    assert received(clients[-1]) is None
    busy.worker.tpool.run()
    busy.turn()
    assert [status(client) for client in clients[:-1]] == ["200"] * (THREADS + 2)
    assert busy.worker.backlog.size == 0


def test_a_request_that_has_waited_too_long_is_refused_by_its_thread(busy: Bench) -> None:
    clients = [busy.connect() for _ in range(2)]
    for client, sent in zip(clients, (GET, PROBE), strict=True):
        client.sendall(sent)
    busy.turn()
    busy.turn(LONGEST_WAIT + 0.1)
    busy.worker.tpool.run()
    busy.turn()
    assert [status(client) for client in clients] == ["503", "200"]
    assert len(busy.requests) == 1
    assert busy.worker.backlog.size == 0
    busy.turn(1)
    busy.worker.log.warning.assert_called_once_with("Busy: refused %s requests with 503.", 1)


def test_a_full_worker_accepts_many_at_once_and_parses_none(
    busy: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [socket.socketpair() for _ in range(REFUSED_AT_ONCE + 1)]
    listener = Mock(getsockname=lambda: ("127.0.0.1", 8000))
    listener.accept.side_effect = [(accepted, CLIENT) for _, accepted in pairs]
    for client, _ in pairs:
        client.setblocking(False)
        client.sendall(CALL)
    busy.clients += [client for client, _ in pairs]
    busy.worker.accept(listener)
    assert listener.accept.call_count == 1
    busy.worker.backlog.size, busy.worker.backlog.pace = THREADS + 2, MAX_WAIT
    monkeypatch.setattr(RequestBuffer, "feed", Mock(side_effect=AssertionError("parsed")))
    busy.worker.worker_connections = len(pairs) + 2
    busy.worker.accept(listener)
    assert listener.accept.call_count == 1 + REFUSED_AT_ONCE
    assert {status(client) for client, _ in pairs[1:]} == {"503"}
    busy.worker.backlog.size = 1
    busy.worker.tpool.run()
    busy.turn()


def test_a_full_worker_still_answers_health_checks(busy: Bench) -> None:
    busy.worker.backlog.size, busy.worker.backlog.pace = THREADS + 2, MAX_WAIT
    client = busy.connect()
    client.sendall(PROBE)
    busy.turn()
    busy.worker.tpool.run()
    busy.turn()
    assert status(client) == "200"
