"""Logins during a change of password or a deactivation."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from knox.models import AuthToken

from accounts import authentication
from accounts.exceptions import CredentialsChanged
from accounts.models import User
from accounts.tests.factories import PASSWORD, UserFactory
from accounts.views import account
from tests.problems import assert_problem

pytestmark = pytest.mark.django_db
NEW = "another horse battery"


def test_a_login_that_began_before_a_change_of_password_gets_no_token(
    client_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, sign_in = UserFactory(), authentication.sign_in

    def overtaken(*args: object, **kwargs: object) -> User:
        signed_in = sign_in(*args, **kwargs)
        User.objects.get(pk=user.pk).change_password(PASSWORD, NEW)
        return signed_in

    monkeypatch.setattr(account, "sign_in", overtaken)
    given = {"email": user.email, "password": PASSWORD}
    response = client_of(None).post("/api/auth/login/", given)
    assert_problem(response, 401, "authentication_failed")
    assert AuthToken.objects.count() == 1


def test_a_user_deactivated_during_a_login_gets_no_token() -> None:
    user = UserFactory()
    User.objects.update(is_active=False)
    with pytest.raises(CredentialsChanged):
        user.issue_token()


def test_a_login_deletes_the_user_s_own_expired_tokens() -> None:
    user, other = UserFactory(), UserFactory()
    for owner in (user, other):
        owner.issue_token()
    with time_machine.travel(timezone.now() + timedelta(days=15)):
        user.issue_token()
    assert AuthToken.objects.filter(user=user).count() == 1
    assert AuthToken.objects.filter(user=other).count() == 1
