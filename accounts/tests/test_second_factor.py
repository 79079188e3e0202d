"""The second factor at the login, with real codes of RFC 6238 and a test clock."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import SecondFactor, User
from accounts.tests.codes import (
    LOGIN,
    code_of,
    enrolled,
    is_let_in,
    page_of,
    sign_in,
    signed_in,
)
from accounts.tests.factories import PASSWORD, SuperuserFactory
from tests.threads import run_together

pytestmark = pytest.mark.django_db
REFUSED = "Wrong e-mail address, password or code"


# --- Signing in -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("required", "clock")
def test_password_and_code_open_the_admin_and_a_password_alone_does_not(
    superuser_account: User,
) -> None:
    device = enrolled(superuser_account)
    assert not is_let_in(sign_in(""))
    assert not is_let_in(sign_in("", password="wrong"))
    assert is_let_in(sign_in(code_of(device)))


@pytest.mark.usefixtures("required", "clock")
def test_the_error_does_not_say_which_field_was_wrong(superuser_account: User) -> None:
    device = enrolled(superuser_account)
    wrong_password = sign_in(code_of(device), password="wrong")
    wrong_code = sign_in(f"{(int(code_of(device)) + 1) % 10**6:06d}")
    for answer in (wrong_password, wrong_code):
        assert answer.status_code == 200
        assert answer.context["form"].errors == {
            "__all__": [answer.context["form"].errors["__all__"][0]]
        }
        assert REFUSED in answer.content.decode()
    neither = [
        re.sub(r'value="\w*"', "", page.content.decode()) for page in (wrong_password, wrong_code)
    ]
    assert neither[0] == neither[1]


@pytest.mark.usefixtures("required")
def test_a_code_works_once(superuser_account: User, clock: Any) -> None:
    device = enrolled(superuser_account)
    code = code_of(device)
    assert is_let_in(sign_in(code))
    assert not is_let_in(sign_in(code))
    clock.shift(30)
    assert is_let_in(sign_in(code_of(device)))


@pytest.mark.usefixtures("required")
@pytest.mark.parametrize(("steps", "serves"), [(-2, False), (-1, True), (1, True), (2, False)])
def test_a_code_is_accepted_30_seconds_early_or_late(
    superuser_account: User, clock: Any, steps: int, serves: bool
) -> None:
    assert is_let_in(sign_in(code_of(enrolled(superuser_account), steps))) is serves


@pytest.mark.usefixtures("required")
def test_each_wrong_code_doubles_the_wait(superuser_account: User, clock: Any) -> None:
    device = enrolled(superuser_account)
    wrong = f"{(int(code_of(device)) + 1) % 10**6:06d}"
    for wait in (1, 2, 4):
        assert not is_let_in(sign_in(wrong))
        clock.shift(wait - 0.5)
        assert not is_let_in(sign_in(code_of(device)))
        clock.shift(0.5)
    assert is_let_in(sign_in(code_of(device)))


@pytest.mark.usefixtures("required", "clock")
def test_codes_sent_with_a_wrong_password_do_not_delay_the_owner(superuser_account: User) -> None:
    device = enrolled(superuser_account)
    for _ in range(5):
        sign_in("000000", password="wrong")
    assert is_let_in(sign_in(code_of(device)))


@pytest.mark.usefixtures("required")
def test_ten_wrong_codes_lock_out_like_ten_wrong_passwords(
    superuser_account: User, clock: Any, settings: Any
) -> None:
    settings.AXES_ENABLED = True
    device = enrolled(superuser_account)
    answers = [sign_in("nonsense!") for _ in range(10)]
    assert [answer.status_code for answer in answers] == [200] * 9 + [429]
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60
    assert sign_in(code_of(device)).status_code == 429
    assert is_let_in(sign_in(code_of(device), REMOTE_ADDR="192.0.2.7"))
    clock.shift(61)
    assert is_let_in(sign_in(code_of(device)))


@pytest.mark.usefixtures("required", "clock")
def test_the_login_page_says_who_gives_a_code(superuser_account: User) -> None:
    assert "a superuser of the clinic can give you a code" in page_of(Client().get(LOGIN))
    assert not is_let_in(sign_in("123456"))


@pytest.mark.usefixtures("required", "clock")
@pytest.mark.parametrize("code", ["\0", "é" * 40, "\uff11" * 6, "x" * 41, "' OR 1=1"])
def test_no_made_up_code_is_a_500(superuser_account: User, code: str) -> None:
    enrolled(superuser_account)
    StaticDevice.objects.create(user=superuser_account, name="Codes")
    assert sign_in(code).status_code == 200


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_one_recovery_code_used_twice_at_once_signs_in_once() -> None:
    superuser_account = SuperuserFactory(email="boss@example.com")
    code = SecondFactor(superuser_account).give_code()
    outcomes: list[Any] = run_together(4, lambda _: SecondFactor(superuser_account).verify(code))
    assert sum(outcome is not None for outcome in outcomes) == 1


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_one_code_of_the_app_used_twice_at_once_signs_in_once() -> None:
    superuser_account = SuperuserFactory(email="boss@example.com")
    device = enrolled(superuser_account)
    code = code_of(device)
    outcomes: list[Any] = run_together(4, lambda _: SecondFactor(superuser_account).verify(code))
    assert sum(outcome is not None for outcome in outcomes) == 1


# --- No bypass ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("required", "clock")
def test_a_session_of_the_browsable_api_does_not_open_the_admin(superuser_account: User) -> None:
    client = Client()
    typed = {"username": "boss@example.com", "password": PASSWORD}
    assert client.post("/api-auth/login/", typed).status_code == 302
    assert client.get("/api/auth/profile/").status_code == 200
    for name in ("index", "second_factor", "password_change", "accounts_user_changelist"):
        answer = client.get(reverse(f"admin:{name}"))
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, LOGIN)
    assert "asks for one" in page_of(client.get(LOGIN))
    assert is_let_in(sign_in(code_of(enrolled(superuser_account)), client=client))


@pytest.mark.usefixtures("required", "clock")
def test_a_code_verifies_only_the_session_in_which_it_was_typed(
    superuser_account: User,
) -> None:
    assert is_let_in(sign_in(code_of(enrolled(superuser_account))))
    assert signed_in(superuser_account).get("/admin/records/").status_code == 302


@pytest.mark.usefixtures("required", "clock")
def test_a_change_of_password_ends_the_session_with_its_code(superuser_account: User) -> None:
    answer = sign_in(code_of(enrolled(superuser_account)))
    assert is_let_in(answer)
    superuser_account.change_password(PASSWORD, "another horse battery")
    assert answer.client.get("/admin/records/").status_code == 302


@pytest.mark.usefixtures("required", "clock")
def test_the_session_ends_with_the_device_that_proved_it(superuser_account: User) -> None:
    answer = sign_in(code_of(enrolled(superuser_account)))
    TOTPDevice.objects.all().delete()
    assert answer.client.get("/admin/records/").status_code == 302


@pytest.mark.usefixtures("required", "clock")
def test_codes_of_others_and_of_unconfirmed_apps_are_refused(superuser_account: User) -> None:
    theirs = enrolled(SuperuserFactory())
    pending = TOTPDevice.objects.create(user=superuser_account, name="App", confirmed=False)
    assert not is_let_in(sign_in(code_of(theirs)))
    assert not is_let_in(sign_in(code_of(pending)))


def test_without_the_setting_a_password_is_enough(superuser_account: User, settings: Any) -> None:
    assert settings.ADMIN_SECOND_FACTOR is False
    enrolled(superuser_account)
    assert is_let_in(sign_in(""))
