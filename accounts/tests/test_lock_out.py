"""A client that guesses passwords is locked out, and the owner of the account is not."""

import time
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client, RequestFactory
from rest_framework.test import APIClient

from accounts import login_limits
from accounts.authentication import PasswordBackend
from accounts.models import User
from accounts.tests.factories import PASSWORD, UserFactory
from tests.races import SECONDS, gate
from tests.threads import run_together

pytestmark = pytest.mark.django_db

LOGIN = "/api/auth/login/"
OWN, STRANGE = "192.0.2.7", "198.51.100.{}"


@pytest.fixture(autouse=True)
def in_service(settings: Any) -> None:
    """Turn the lock-out on, which the suite's THROTTLE=off turns off."""
    settings.AXES_ENABLED = True


@pytest.fixture
def ana() -> User:
    return UserFactory(email="ana@example.com")


def login(password: str, address: str, email: str = "ana@example.com") -> int:
    body = {"email": email, "password": password}
    return APIClient().post(LOGIN, body, REMOTE_ADDR=address).status_code


def test_strangers_at_many_addresses_do_not_lock_the_owner_out(ana: User) -> None:
    for number in range(5):
        for _ in range(11):
            last = login("wrong", STRANGE.format(number))
        assert last == 429
    assert login(PASSWORD, OWN) == 200
    assert login(PASSWORD, STRANGE.format(0)) == 429


def test_all_addresses_of_an_ipv6_network_count_as_one(ana: User) -> None:
    for number in range(10):
        assert login("wrong", f"2001:db8:1:2::{number}") == 401
    assert login(PASSWORD, "2001:db8:1:2::ffff") == 429
    assert login(PASSWORD, "2001:db8:1:3::1") == 200


@pytest.mark.parametrize("email", ["ana", "nobody", "closed"])
def test_a_login_hashes_one_password_for_known_and_unknown_addresses(
    ana: User, email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    UserFactory(email="closed@example.com", is_active=False)
    encode, hashed = MD5PasswordHasher.encode, []

    def counted(self: Any, *args: Any) -> str:
        hashed.append(args)
        return encode(self, *args)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    for _ in range(10):
        assert login("wrong", OWN, f"{email}@example.com") == 401
    assert len(hashed) == 10
    assert login("wrong", OWN, f"{email}@example.com") == 429
    assert len(hashed) == 10, "a locked-out client is refused before a password is hashed"


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_simultaneous_guesses_learn_the_password_ten_times_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """PasswordBackend's second check refuses the right password, sent after ten wrong ones.

    All calls pass the first check before a failure is counted.
    """
    UserFactory(email="ana@example.com")
    wait, check = gate(14), login_limits.refuse_locked_out

    def let_in(*args: Any) -> None:
        check(*args)
        wait()

    monkeypatch.setattr("accounts.authentication.refuse_locked_out", let_in)
    authenticate = PasswordBackend.authenticate

    def late_where_right(self: Any, request: Any, username: Any, password: Any) -> Any:
        if password == PASSWORD:
            wait_for_failures(10)  # the lock-out then begins, and may refuse the rest uncounted
        return authenticate(self, request, username, password)

    monkeypatch.setattr(PasswordBackend, "authenticate", late_where_right)
    answers = run_together(14, lambda n: login(PASSWORD if n == 0 else "wrong", OWN))
    assert answers[0] == 401


def wait_for_failures(count: int) -> None:
    """Wait until `count` wrong passwords have been counted."""
    deadline = time.monotonic() + SECONDS
    while sum(AccessAttempt.objects.values_list("failures_since_start", flat=True)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_wrong_passwords_in_the_admin_count_with_those_of_the_api(ana: User) -> None:
    request = RequestFactory().post("/admin/login/", REMOTE_ADDR=OWN)
    backend = PasswordBackend()
    assert backend.authenticate(request, "ana@example.com", PASSWORD) == ana
    typed = {"username": "Ana@example.com", "password": "wrong", "code": "123456"}
    for _ in range(5):
        assert Client().post("/admin/login/", typed, REMOTE_ADDR=OWN).status_code == 200
        assert login("wrong", OWN) == 401
    assert login(PASSWORD, OWN) == 429
    assert backend.authenticate(request, "ANA@example.com", PASSWORD) is None
    assert backend.authenticate(None, "ana@example.com", PASSWORD) == ana
