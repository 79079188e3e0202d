"""POST /api/auth/verify-email/"""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.links import PASSWORD_RESET, VERIFICATION
from accounts.models import OutgoingMessage, User
from accounts.tests.factories import UserFactory
from accounts.tests.mailbox import post, token_in
from tests.admin_client import AdminClient
from tests.problems import assert_invalid
from tests.statements import counted_statements
from tests.threads import run_together

pytestmark = pytest.mark.django_db

VERIFY = "/api/auth/verify-email/"
ANA = {
    "email": "ana@example.com",
    "password": "correct horse battery",
    "first_name": "Ana",
    "last_name": "Ruiz",
}


@pytest.fixture
def user() -> User:
    return UserFactory(email="ana@example.com")


def verify(token: Any) -> Any:
    return APIClient().post(VERIFY, {"token": token})


def is_verified(user: User) -> bool:
    user.refresh_from_db()
    return user.email_verified_at is not None


def test_registering_sends_the_mail_by_which_the_address_is_verified() -> None:
    assert APIClient().post("/api/auth/register/", ANA).status_code == 201
    user = User.objects.get()
    assert not is_verified(user)
    [message] = post()
    answer = verify(token_in(message))
    assert (answer.status_code, answer.json()) == (200, {"detail": "The address is verified."})
    assert is_verified(user)


def test_a_registration_that_is_refused_sends_nothing(user: User) -> None:
    assert APIClient().post("/api/auth/register/", ANA).status_code == 400
    assert not OutgoingMessage.objects.exists()


def test_verifying_ends_the_tokens_sessions_and_links_of_before(user: User, client_of) -> None:
    """A stranger may have registered with the address, and be signed in."""
    device, browser, other = client_of(user), Client(), client_of(UserFactory())
    browser.force_login(user)
    reset = PASSWORD_RESET.make(user)
    assert browser.get("/api/auth/profile/").status_code == 200
    assert device.post(VERIFY, {"token": VERIFICATION.make(user)}).status_code == 200
    assert device.get("/api/auth/profile/").status_code == 401
    assert browser.get("/api/auth/profile/").status_code == 401
    assert other.get("/api/auth/profile/").status_code == 200
    user.refresh_from_db()
    assert not PASSWORD_RESET.is_valid(user, reset)
    assert client_of(user).get("/api/auth/profile/").status_code == 200


def test_a_link_works_once(user: User) -> None:
    token = VERIFICATION.make(user)
    assert verify(token).status_code == 200
    assert assert_invalid(verify(token), "token") == {"token": "invalid"}


def test_a_link_works_for_an_hour(user: User) -> None:
    token, now = VERIFICATION.make(user), timezone.now()
    with time_machine.travel(now + timedelta(minutes=60, seconds=2)):
        assert_invalid(verify(token), "token")
    with time_machine.travel(now + timedelta(minutes=59, seconds=58)):
        assert verify(token).status_code == 200


@pytest.mark.parametrize(
    "token", ["x", "1", "1-", "1-2-3", "-", "9" * 19 + "-a-b", "\u0661-a-b", "a" * 200]
)
def test_a_malformed_token_is_refused(user: User, token: str) -> None:
    assert_invalid(verify(token), "token")


def test_a_token_of_another_user_or_of_a_reset_or_altered_is_refused(user: User) -> None:
    other = UserFactory()
    token = VERIFICATION.make(user)
    foreign = f"{other.pk}-{token.partition('-')[2]}"
    for wrong in (foreign, PASSWORD_RESET.make(user), token[:-1], token.upper(), f"{token}0"):
        assert_invalid(verify(wrong), "token")
    assert not is_verified(user)
    assert not is_verified(other)


def test_a_link_verifies_one_address_only(user: User) -> None:
    token = VERIFICATION.make(user)
    user.revise(email="eva@example.com")
    assert_invalid(verify(token), "token")
    assert not is_verified(user)


def test_a_new_address_is_not_verified(user: User) -> None:
    verify(VERIFICATION.make(user))
    user.revise(first_name="Eva")
    assert is_verified(user)
    user.revise(email="eva@example.com")
    assert not is_verified(user)


@pytest.mark.parametrize("retyped", ["Ana@Example.com", " ANA@example.COM ", "ana@example.com"])
def test_the_address_in_other_letters_stays_verified(retyped: str) -> None:
    user = UserFactory(email="ana@example.com", email_verified_at=timezone.now())
    user.revise(email=retyped)
    assert is_verified(user)
    assert post() == []


def test_the_address_in_other_letters_stays_verified_in_the_admin(superuser: User) -> None:
    user = UserFactory(email="ana@example.com", email_verified_at=timezone.now())
    AdminClient(superuser).change(user, email="Ana@Example.com")
    assert is_verified(user)


def test_a_closed_account_cannot_verify_its_address(user: User) -> None:
    token = VERIFICATION.make(user)
    User.objects.update(is_active=False)
    assert_invalid(verify(token), "token")


@pytest.mark.parametrize("body", [None, {}, {"token": ""}])
def test_a_signed_in_user_without_a_token_gets_the_mail_again(
    user: User, client_of, body: Any
) -> None:
    answer = client_of(user).post(VERIFY, body)
    assert answer.status_code == 202
    assert [message.to for message in post()] == [["ana@example.com"]]


def test_asking_again_has_one_answer_for_verified_and_unverified_users(
    user: User, client_of
) -> None:
    client, answers, costs = client_of(user), [], []
    for _ in range(2):
        with counted_statements() as statements:
            answers.append(client.post(VERIFY))
        costs.append(len(statements))
        user.revise(email_verified_at=timezone.now())
    assert answers[0].content == answers[1].content
    assert costs[0] == costs[1]
    assert [message.to for message in post()] == []


@pytest.mark.parametrize("body", [None, {}, {"token": ""}, {"token": None}])
def test_without_a_login_a_token_is_required(body: Any) -> None:
    assert_invalid(APIClient().post(VERIFY, body), "token")


def test_no_other_call_needs_a_verified_address(user: User, client_of) -> None:
    assert client_of(user).get("/api/auth/profile/").status_code == 200
    assert client_of(user).get("/api/appointment/my-appointments/").status_code == 200


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_one_of_several_simultaneous_uses_of_a_link_verifies() -> None:
    token = VERIFICATION.make(UserFactory())
    answers = run_together(4, lambda _: verify(token).status_code)
    assert sorted(answers) == [200, 400, 400, 400]  # type: ignore[type-var]
