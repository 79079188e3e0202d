"""A new password or a deactivation ends every token and session of the account."""

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2SHA1PasswordHasher
from django.core.management import call_command
from django.test import Client
from knox.crypto import hash_token
from knox.models import AuthToken

from accounts.exceptions import CredentialsChanged
from accounts.models import User
from accounts.tests.factories import PASSWORD, UserFactory
from tests.admin_client import AdminClient
from tests.threads import run_together

pytestmark = pytest.mark.django_db

PROFILE = "/api/auth/profile/"
NEW = "staple battery horse"


@pytest.fixture
def user() -> User:
    return UserFactory()


def deactivated_in_the_admin(user: User, admin_client: AdminClient) -> None:
    admin_client.change(user, is_active=[])


def deactivated_by_the_verb(user: User, admin_client: AdminClient) -> None:
    user.revise(is_active=False)


def changed_by_the_command(user: User, admin_client: AdminClient) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("getpass.getpass", lambda *args, **kwargs: NEW)
        call_command("changepassword", user.email, stdout=StringIO())


def changed_by_the_api(user: User, admin_client: AdminClient) -> None:
    token, _ = user.change_password(PASSWORD, NEW)
    AuthToken.objects.get(digest=hash_token(token)).delete()  # the new token alone


WAYS = (
    deactivated_in_the_admin,
    deactivated_by_the_verb,
    changed_by_the_command,
    changed_by_the_api,
)


@pytest.mark.parametrize("way", WAYS)
def test_every_token_and_session_ends_permanently(
    way: Callable[[User, AdminClient], None], user: User, superuser: User, client_of
) -> None:
    phone, browser, stranger = client_of(user), Client(), client_of(UserFactory())
    browser.force_login(user)
    way(user, AdminClient(superuser))
    assert not AuthToken.objects.filter(user=user).exists()
    User.objects.get(pk=user.pk).revise(is_active=True)
    assert phone.get(PROFILE).status_code == 401
    assert browser.get(PROFILE).status_code == 401
    assert stranger.get(PROFILE).status_code == 200


def test_changing_one_s_password_in_the_admin_ends_tokens_and_keeps_the_session(
    superuser: User, client_of
) -> None:
    phone, admin_client = client_of(superuser), AdminClient(superuser)
    typed = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert admin_client.client.post("/admin/password_change/", typed).status_code == 302
    assert phone.get(PROFILE).status_code == 401
    assert admin_client.status("/admin/records/") == 200


def test_other_changes_end_no_token_or_session(user: User, superuser: User, client_of) -> None:
    phone, browser = client_of(user), Client()
    browser.force_login(user)
    user.revise(first_name="Eva", email="eva@example.com", is_active=True)
    AdminClient(superuser).change(user, last_name="Sol")
    User.objects.get(pk=user.pk).save()
    assert phone.get(PROFILE).status_code == 200
    assert browser.get(PROFILE).status_code == 200


def test_a_new_hash_of_the_same_password_ends_no_token(
    user: User, client_of, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = client_of(user)
    monkeypatch.setattr(PBKDF2SHA1PasswordHasher, "iterations", 1)
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
        *settings.PASSWORD_HASHERS,
    ]
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)
    assert User.objects.get(pk=user.pk).password.startswith("pbkdf2_sha1$")
    assert phone.get(PROFILE).status_code == 200


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("changes", [{"is_active": False}, {"password": "other"}])
def test_a_login_that_began_before_the_change_gets_no_token(changes: dict[str, Any]) -> None:
    user = UserFactory()
    calls = (lambda: User.objects.get(pk=user.pk).revise(**changes), user.issue_token)
    outcomes = run_together(8, lambda number: calls[number > 0]())
    assert outcomes[0] is None
    for outcome in outcomes[1:]:
        assert isinstance(outcome, tuple | CredentialsChanged), outcome
    assert not AuthToken.objects.exists()


def test_an_account_saved_as_inactive_has_no_token_left(user: User) -> None:
    user.issue_token()
    user.is_active = False
    user.save()
    assert not AuthToken.objects.filter(user=user).exists()
