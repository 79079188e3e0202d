"""Sign-ins wait for each other without a thread, and hash few passwords at a time."""

import threading
from typing import Any

import pytest
from django.contrib.auth import hashers as django_hashers
from django.urls import get_resolver

from accounts import hashers
from accounts.hashers import HASHES_AT_ONCE, Argon2PasswordHasher
from config.sign_ins import PATHS, SignIns, hashes_password

pytestmark = pytest.mark.only_on("sqlite")  # no database has a part in this: once is enough

LOGIN = b"POST /api/auth/login/ HTTP/1.1"


def test_sign_ins_take_turns_in_the_order_of_their_arrival() -> None:
    sign_ins = SignIns()
    admitted = [sign_ins.admit(number, LOGIN) for number in range(5)]
    assert admitted == [number < HASHES_AT_ONCE for number in range(5)]
    assert [sign_ins.end(number) for number in range(5)] == [2, 3, 4, None, None]
    assert sign_ins.admit(9, LOGIN)


def test_other_calls_do_not_wait_for_sign_ins_and_end_no_turn() -> None:
    sign_ins = SignIns()
    for number in range(5):
        sign_ins.admit(number, LOGIN)
    assert sign_ins.admit(9, b"GET /api/doctor/doctors/ HTTP/1.1")
    assert sign_ins.end(9) is None


@pytest.mark.parametrize(
    ("line", "waits"),
    [
        (LOGIN, True),
        (b"POST /api/auth/login/?next=/ HTTP/1.1", True),
        (b"POST /api/auth/%6Cogin/ HTTP/1.1", True),
        (b"POST /admin/login/", True),
        (b"GET /api/auth/login/ HTTP/1.1", False),
        (b"POST /api/appointment/book/1/ HTTP/1.1", False),
        (b"", False),
    ],
)
def test_a_sign_in_is_known_by_its_request_line(line: bytes, waits: bool) -> None:
    assert hashes_password(line) is waits


def test_each_path_that_waits_exists() -> None:
    for path in PATHS:
        assert get_resolver().resolve(path.decode())


def test_a_process_hashes_two_passwords_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, free = threading.Semaphore(0), threading.Event()

    def encode(self: Any, password: str, salt: str) -> str:
        inside.release()
        free.wait()
        return "hash"

    monkeypatch.setattr(django_hashers.Argon2PasswordHasher, "encode", encode)
    hash_one = Argon2PasswordHasher().encode
    threads = [threading.Thread(target=hash_one, args=("p", "salt")) for _ in range(HASHES_AT_ONCE)]
    for thread in threads:
        thread.start()
        inside.acquire()
    is_free = hashers._places.acquire(blocking=False)
    free.set()
    for thread in threads:
        thread.join()
    assert not is_free
    assert hash_one("p", "salt") == "hash"
