"""POST /api/auth/password-reset/ and /api/auth/password-reset/confirm/"""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.links import PASSWORD_RESET, VERIFICATION
from accounts.models import User
from accounts.tests.factories import PASSWORD, UserFactory
from accounts.tests.mailbox import post, token_in
from tests.problems import assert_invalid
from tests.statements import counted_statements
from tests.threads import run_together

pytestmark = pytest.mark.django_db

ASK = "/api/auth/password-reset/"
CONFIRM = "/api/auth/password-reset/confirm/"
LOGIN = "/api/auth/login/"
NEW = "staple battery horse"


@pytest.fixture
def user() -> User:
    return UserFactory(email="ana@example.com", email_verified_at=timezone.now())


def ask(email: str = "ana@example.com", **headers: Any) -> Any:
    return APIClient().post(ASK, {"email": email}, **headers)


def confirm(token: str, new: str = NEW) -> Any:
    return APIClient().post(CONFIRM, {"token": token, "new_password": new})


def login(password: str) -> int:
    body = {"email": "ana@example.com", "password": password}
    return APIClient().post(LOGIN, body).status_code


# --- Asking ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("email", ["ana@example.com", " ANA@Example.com "])
def test_a_user_replaces_a_forgotten_password(user: User, email: str) -> None:
    assert ask(email).status_code == 202
    [message] = post()
    answer = confirm(token_in(message))
    assert (answer.status_code, set(answer.json())) == (200, {"detail"})
    assert (login(NEW), login(PASSWORD)) == (200, 401)


def test_known_and_unknown_addresses_get_the_same_answer_at_the_same_cost(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    UserFactory(email="new@example.com")
    UserFactory(email="closed@example.com", is_active=False)
    hashed: list[object] = []
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *args: hashed.append(args))
    seen = set()
    for email in ("ana", "new", "closed", "nobody"):
        with counted_statements() as statements:
            answer = ask(f"{email}@example.com")
        shapes = tuple(sql.partition("VALUES")[0] for sql in statements)
        headers = tuple(
            (name, reported) for name, reported in answer.items() if name != "X-Request-ID"
        )
        seen.add((answer.status_code, answer.content, headers, shapes))
    [(status, *_, shapes)] = seen
    assert status == 202
    assert [shape for shape in shapes if "accounts_user" in shape] == []
    assert hashed == []


@pytest.mark.parametrize("email", ["", None, "ana", "a b@example.com", "a" * 255, "a@\ufdfa.com"])
def test_a_malformed_address_is_refused(email: Any) -> None:
    assert_invalid(ask(email), "email")


def test_a_bad_authorization_header_is_ignored(user: User) -> None:
    assert ask(HTTP_AUTHORIZATION="Token junk").status_code == 202


def test_asking_for_a_reset_changes_nothing(user: User, client_of) -> None:
    client = client_of(user)
    ask()
    post()
    assert client.get("/api/auth/profile/").status_code == 200
    assert login(PASSWORD) == 200


# --- Confirming -----------------------------------------------------------------------------------


def test_a_reset_ends_every_token_and_session(user: User, client_of) -> None:
    device, stranger, browser = client_of(user), client_of(UserFactory()), Client()
    browser.force_login(user)
    assert browser.get("/api/auth/profile/").status_code == 200
    assert confirm(PASSWORD_RESET.make(user)).status_code == 200
    assert device.get("/api/auth/profile/").status_code == 401
    assert browser.get("/api/auth/profile/").status_code == 401
    assert stranger.get("/api/auth/profile/").status_code == 200


def test_a_link_works_once_and_ends_earlier_links(user: User) -> None:
    with time_machine.travel(timezone.now() - timedelta(minutes=5)):
        first = PASSWORD_RESET.make(user)
    second = PASSWORD_RESET.make(user)
    assert first != second
    assert confirm(second).status_code == 200
    for used in (first, second):
        assert assert_invalid(confirm(used), "token") == {"token": "invalid"}


def test_a_link_works_for_an_hour(user: User) -> None:
    token, now = PASSWORD_RESET.make(user), timezone.now()
    with time_machine.travel(now + timedelta(minutes=60, seconds=2)):
        assert_invalid(confirm(token), "token")
    with time_machine.travel(now + timedelta(minutes=59, seconds=58)):
        assert confirm(token).status_code == 200


@pytest.mark.parametrize("weak", ["short", "password1", "1029384756012", "ana@example.com"])
def test_a_weak_password_is_refused_and_leaves_the_link_unused(user: User, weak: str) -> None:
    token = PASSWORD_RESET.make(user)
    assert_invalid(confirm(token, weak), "new_password")
    assert login(PASSWORD) == 200
    token = PASSWORD_RESET.make(User.objects.get())
    assert_invalid(confirm(token, weak), "new_password")
    assert confirm(token).status_code == 200


def test_a_change_of_password_and_a_deactivation_end_a_link(user: User) -> None:
    changed = PASSWORD_RESET.make(user)
    user.change_password(PASSWORD, NEW)
    assert_invalid(confirm(changed), "token")
    token = PASSWORD_RESET.make(User.objects.get())
    user.revise(is_active=False)
    assert_invalid(confirm(token), "token")


def test_no_sign_in_or_sign_out_ends_a_link(user: User) -> None:
    token = PASSWORD_RESET.make(user)
    assert login(PASSWORD) == 200
    Client().force_login(user)
    user.sign_out_everywhere()
    user.revise(first_name="Eva")
    assert confirm(token).status_code == 200


def test_every_way_to_a_new_password_or_address_ends_a_link(user: User) -> None:
    addresses = [{"email": f"{name}@example.com"} for name in ("eva", "eve")]
    for new in ({"password": "!"}, *addresses):  # the last replaces one that nobody verified
        token = PASSWORD_RESET.make(user)
        user.revise(**new)
        assert_invalid(confirm(token), "token")
    user.revise(email_verified_at=timezone.now())
    for fields in (None, ["password"]):  # as Django's forms and its command save a user
        token = PASSWORD_RESET.make(user)
        user.set_password(NEW)
        user.save(update_fields=fields)
        assert_invalid(confirm(token), "token")


def test_a_reset_of_an_unverified_address_is_sent_at_once_and_verifies_it(user: User) -> None:
    user.revise(email_verified_at=None)
    verification = VERIFICATION.make(user)
    ask()
    [message] = post()
    assert message.subject == "Choose a new password"
    assert confirm(token_in(message)).status_code == 200
    user.refresh_from_db()
    assert user.email_verified_at is not None
    assert not VERIFICATION.is_valid(user, verification), "an earlier link is alive"
    assert login(NEW) == 200


def test_who_registered_with_the_address_of_another_cannot_end_the_link_of_its_owner(
    user: User,
) -> None:
    user.revise(email_verified_at=None)
    token = PASSWORD_RESET.make(user)
    user.change_password(PASSWORD, "horse battery staple")
    user.revise(first_name="Eve")
    assert confirm(token).status_code == 200
    assert login(NEW) == 200
    assert_invalid(confirm(token), "token")


def test_a_link_of_an_unverified_address_ends_with_the_address_and_with_its_verification(
    user: User,
) -> None:
    user.revise(email_verified_at=None)
    token = PASSWORD_RESET.make(user)
    user.revise(email_verified_at=timezone.now())
    assert_invalid(confirm(token), "token")
    user.revise(email_verified_at=None)
    token = PASSWORD_RESET.make(user)
    user.revise(email="eva@example.com")
    assert_invalid(confirm(token), "token")


def test_a_reset_of_a_verified_address_keeps_the_instant_of_its_verification(user: User) -> None:
    verified_at = user.email_verified_at
    confirm(PASSWORD_RESET.make(user))
    user.refresh_from_db()
    assert user.email_verified_at == verified_at


def test_a_token_of_another_user_or_of_a_verification_is_refused(user: User) -> None:
    other, token = UserFactory(), PASSWORD_RESET.make(user)
    foreign = f"{other.pk}-{token.partition('-')[2]}"
    for wrong in (foreign, VERIFICATION.make(user), token[:-1], "x", "1-2-3"):
        assert_invalid(confirm(wrong), "token")
    assert login(PASSWORD) == 200


def test_a_reset_ends_a_lock_out(user: User, settings: Any) -> None:
    settings.AXES_ENABLED = True
    assert {login("wrong") for _ in range(10)} == {401}
    assert login(PASSWORD) == 429
    assert confirm(PASSWORD_RESET.make(user)).status_code == 200
    assert login(NEW) == 200


def test_a_login_that_began_before_a_reset_gets_no_token(user: User) -> None:
    at_the_door = User.objects.get()
    confirm(PASSWORD_RESET.make(user))
    with pytest.raises(Exception, match="Sign in again"):
        at_the_door.issue_token()


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_one_of_several_simultaneous_uses_of_a_link_resets() -> None:
    user = UserFactory(email="ana@example.com")
    user.issue_token()
    token = PASSWORD_RESET.make(user)
    answers = run_together(4, lambda n: confirm(token, f"{NEW} {n}").status_code)
    assert sorted(answers) == [200, 400, 400, 400]  # type: ignore[type-var]
    winner = answers.index(200)
    assert [login(f"{NEW} {n}") == 200 for n in range(4)] == [n == winner for n in range(4)]


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_logins_that_race_a_reset_leave_no_token_of_the_old_password() -> None:
    user = UserFactory(email="ana@example.com")
    token = PASSWORD_RESET.make(user)
    calls = (lambda: confirm(token).status_code, user.issue_token)
    assert run_together(6, lambda n: calls[n > 0]())[0] == 200
    assert not AuthToken.objects.exists()
