"""Sign-ins wait for each other without a thread, and hash few passwords at a time."""

import json
import os
import signal
import socket
import sys
import threading
from typing import Any
from unittest.mock import Mock

import pytest
from django.contrib.auth import hashers as django_hashers
from django.urls import get_resolver
from gunicorn.config import Config

from accounts.hashers import HASHES_AT_ONCE, NICENESS, Argon2PasswordHasher
from config.connections import RequestBuffer
from config.sign_ins import LONGEST_WAIT, MAX_WAIT, MAX_WAITING, TURNS, SignIns
from config.tests.bench import CLIENT, GET, Bench, received, status
from config.tests.test_backlog import BusyPool

pytestmark = pytest.mark.only_on("sqlite")  # no database has a part in this: once is enough

LOGIN = b"POST /api/auth/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
FOLLOWING = 3  # sign-ins that wait for a turn


def connection(**attributes: Any) -> Any:
    return Mock(is_late=False, **attributes)


@pytest.fixture
def busy(bench: Bench) -> Bench:
    bench.worker.tpool = BusyPool()
    return bench


@pytest.fixture
def signing_in(busy: Bench) -> list[socket.socket]:
    """Return clients who have sent a sign-in; the last FOLLOWING wait for their turn."""
    clients = [busy.connect() for _ in range(TURNS + FOLLOWING)]
    for client in clients:
        client.sendall(LOGIN)
        busy.turn()
    assert len(busy.worker.tpool.jobs) == TURNS
    return clients


def answer_all(bench: Bench) -> None:
    while bench.worker.tpool.jobs:
        bench.worker.tpool.run()
        bench.turn()


# --- Turns ----------------------------------------------------------------------------------------


def test_sign_ins_take_turns_in_the_order_of_their_arrival() -> None:
    sign_ins, conns = SignIns(), [connection() for _ in range(TURNS + 2)]
    assert [sign_ins.admit(conn, 0) for conn in conns] == [True] * TURNS + [False] * 2
    assert [sign_ins.end(conn, 0) for conn in conns] == conns[TURNS:] + [None] * TURNS
    assert sign_ins.admit(connection(), 0)
    assert sign_ins.backlog.size == 1


def test_a_call_that_took_no_turn_ends_none() -> None:
    sign_ins = SignIns()
    for _ in range(TURNS + 1):
        sign_ins.admit(connection(), 0)
    assert sign_ins.end(connection(), 0) is None


@pytest.mark.parametrize(
    ("line", "waits"),
    [
        (b"POST /api/auth/login/", True),
        (b"POST /api/auth/login/?next=/", True),
        (b"POST /api/auth/login/#top", True),
        (b"POST /api/auth/%6Cogin/", True),
        (b"POST http://clinic.example/api/auth/login/", True),
        (b"POST /admin/login/", True),
        (b"POST /admin/accounts/user/7/password/", True),
        (b"POST /admin/accounts/user/add/", True),
        (b"POST //api/auth/login/", False),
        (b"POST /api/auth/%256Cogin/", False),
        (b"GET /api/auth/login/", False),
        (b"HEAD /api/auth/login/", False),
        (b"OPTIONS /api/auth/login/", False),
        (b"POST /api/appointment/book/1/", False),
        (b"POST /admin/accounts/user/7/change/", False),
        (b"\x00", False),
    ],
)
def test_a_sign_in_is_known_by_the_path_that_django_gets(line: bytes, waits: bool) -> None:
    request = RequestBuffer(Config(), CLIENT, 1000)
    request.feed(line + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert request.hashes_password is waits


@pytest.mark.parametrize(
    "path",
    [
        "/admin/accounts/user/7/password/",
        "/admin/accounts/user/add/",
        "/admin/login/",
        "/admin/password_change/",
        "/api-auth/login/",
        "/api/auth/change-password/",
        "/api/auth/delete-account/",
        "/api/auth/login/",
        "/api/auth/password-reset/confirm/",
        "/api/auth/register/",
    ],
)
def test_each_path_that_waits_exists(path: str) -> None:
    assert get_resolver().resolve(path)


# --- The worker -----------------------------------------------------------------------------------


def test_sign_ins_that_wait_hold_no_thread_and_all_are_answered(
    busy: Bench, signing_in: list[socket.socket]
) -> None:
    other = busy.connect()
    other.sendall(GET)
    busy.turn()
    assert len(busy.worker.tpool.jobs) == TURNS + 1
    answer_all(busy)
    assert {status(client) for client in [*signing_in, other]} == {"200"}
    assert (busy.worker.backlog.size, busy.worker.sign_ins.backlog.size) == (0, 0)


def test_sign_ins_sent_at_once_on_one_connection_are_answered_in_order(
    busy: Bench, signing_in: list[socket.socket]
) -> None:
    client = busy.connect()
    client.sendall(LOGIN + GET + LOGIN)
    busy.turn()
    answer_all(busy)
    answers = received(client) or b""
    assert answers.count(b"HTTP/1.1 200 OK") == 3
    paths = [environ["PATH_INFO"] for environ, _ in busy.requests]
    assert paths[-3:] == ["/api/auth/login/", "/a", "/api/auth/login/"]


def test_a_client_that_leaves_while_it_waits_stops_no_other(
    busy: Bench, signing_in: list[socket.socket]
) -> None:
    signing_in[TURNS].close()
    answer_all(busy)
    assert {status(client) for client in signing_in[TURNS + 1 :]} == {"200"}
    assert busy.worker.sign_ins.answered == set()


@pytest.mark.parametrize("ends", [False, True])
def test_a_sign_in_that_has_waited_too_long_is_refused(
    busy: Bench, signing_in: list[socket.socket], ends: bool
) -> None:
    busy.worker.alive = not ends
    busy.turn(LONGEST_WAIT + 0.1)
    head, _, body = (received(signing_in[-1]) or b"").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: " in head
    assert json.loads(body)["instance"] == "/api/auth/login/"
    busy.worker.tpool.run()
    busy.turn()
    assert busy.worker.tpool.jobs == []
    assert busy.worker.sign_ins.backlog.size == 0


@pytest.mark.parametrize("reason", ["the wait", "the number"])
def test_a_sign_in_too_many_is_refused_and_other_calls_are_not(
    busy: Bench, signing_in: list[socket.socket], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason == "the wait":
        busy.worker.sign_ins.backlog.pace = MAX_WAIT
    else:
        monkeypatch.setattr("config.sign_ins.MAX_WAITING", FOLLOWING)
    assert FOLLOWING < MAX_WAITING
    late, other = busy.connect(), busy.connect()
    late.sendall(LOGIN)
    other.sendall(GET)
    busy.turn()
    assert status(late) == "503"
    answer_all(busy)
    assert status(other) == "200"
    busy.turn(1)
    busy.worker.log.warning.assert_called_once_with("Busy: refused %s requests with 503.", 1)


# --- Hashes ---------------------------------------------------------------------------------------


@pytest.fixture
def hashed_in(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Hash nothing, and return name and niceness of each thread that should have."""
    found: list[tuple[str, int]] = []

    def encode(self: Any, password: str, salt: str) -> str:
        found.append((threading.current_thread().name, niceness()))
        return "hash"

    monkeypatch.setattr(django_hashers.Argon2PasswordHasher, "encode", encode)
    return found


def niceness() -> int:
    """Return the niceness of this thread."""
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_few_threads_hash_and_give_way_to_those_that_answer(
    hashed_in: list[tuple[str, int]],
) -> None:
    calls = [
        threading.Thread(target=Argon2PasswordHasher().encode, args=("p", "salt"))
        for _ in range(HASHES_AT_ONCE + 4)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert len(hashed_in) == HASHES_AT_ONCE + 4
    assert len({name for name, _ in hashed_in}) <= HASHES_AT_ONCE
    nicer = NICENESS if sys.platform == "linux" else niceness()
    assert {found for _, found in hashed_in} == {nicer}


def test_a_process_hashes_after_the_one_that_it_was_forked_from_has(
    hashed_in: list[tuple[str, int]],
) -> None:
    hash_one = Argon2PasswordHasher().encode
    assert hash_one("p", "salt") == "hash"
    child = os.fork()
    if not child:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(20)
        os._exit(hash_one("p", "salt") != "hash")
    assert os.waitpid(child, 0)[1] == 0
