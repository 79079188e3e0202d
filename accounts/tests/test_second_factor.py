"""The code beside the password, with real codes of RFC 6238 and a clock of the test's own."""

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
    comes_in,
    enrolled,
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
def test_password_and_code_open_the_admin_and_a_password_alone_does_not(boss: User) -> None:
    device = enrolled(boss)
    assert not comes_in(sign_in(""))
    assert not comes_in(sign_in("", password="wrong"))
    assert comes_in(sign_in(code_of(device)))


@pytest.mark.usefixtures("required", "clock")
def test_the_error_does_not_say_which_field_was_wrong(boss: User) -> None:
    device = enrolled(boss)
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
def test_a_code_works_once(boss: User, clock: Any) -> None:
    device = enrolled(boss)
    code = code_of(device)
    assert comes_in(sign_in(code))
    assert not comes_in(sign_in(code))
    clock.shift(30)
    assert comes_in(sign_in(code_of(device)))


@pytest.mark.usefixtures("required")
@pytest.mark.parametrize(("steps", "serves"), [(-2, False), (-1, True), (1, True), (2, False)])
def test_a_phone_may_be_half_a_minute_fast_or_slow(
    boss: User, clock: Any, steps: int, serves: bool
) -> None:
    assert comes_in(sign_in(code_of(enrolled(boss), steps))) is serves


@pytest.mark.usefixtures("required")
def test_each_wrong_code_doubles_the_wait(boss: User, clock: Any) -> None:
    device = enrolled(boss)
    wrong = f"{(int(code_of(device)) + 1) % 10**6:06d}"
    for wait in (1, 2, 4):
        assert not comes_in(sign_in(wrong))
        clock.shift(wait - 0.5)
        assert not comes_in(sign_in(code_of(device)))
        clock.shift(0.5)
    assert comes_in(sign_in(code_of(device)))


@pytest.mark.usefixtures("required", "clock")
def test_codes_with_a_wrong_password_do_not_make_the_owner_wait(boss: User) -> None:
    device = enrolled(boss)
    for _ in range(5):
        sign_in("000000", password="wrong")
    assert comes_in(sign_in(code_of(device)))


@pytest.mark.usefixtures("required")
def test_ten_wrong_codes_lock_out_like_ten_wrong_passwords(
    boss: User, clock: Any, settings: Any
) -> None:
    settings.AXES_ENABLED = True
    device = enrolled(boss)
    answers = [sign_in("nonsense!") for _ in range(10)]
    assert [answer.status_code for answer in answers] == [200] * 9 + [429]
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60
    assert sign_in(code_of(device)).status_code == 429
    assert comes_in(sign_in(code_of(device), REMOTE_ADDR="192.0.2.7"))
    clock.shift(61)
    assert comes_in(sign_in(code_of(device)))


@pytest.mark.usefixtures("required", "clock")
def test_the_login_page_says_who_gives_a_code(boss: User) -> None:
    assert "a superuser of the clinic can give you a code" in page_of(Client().get(LOGIN))
    assert not comes_in(sign_in("123456"))


@pytest.mark.usefixtures("required", "clock")
@pytest.mark.parametrize("code", ["\0", "é" * 40, "\uff11" * 6, "x" * 41, "' OR 1=1"])
def test_no_made_up_code_is_a_500(boss: User, code: str) -> None:
    enrolled(boss)
    StaticDevice.objects.create(user=boss, name="Codes")
    assert sign_in(code).status_code == 200


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_one_recovery_code_used_twice_at_once_signs_in_once() -> None:
    boss = SuperuserFactory(email="boss@example.com")
    code = SecondFactor(boss).give_code()
    outcomes: list[Any] = run_together(4, lambda _: SecondFactor(boss).verify(code))
    assert sum(outcome is not None for outcome in outcomes) == 1


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_one_code_of_the_app_used_twice_at_once_signs_in_once() -> None:
    boss = SuperuserFactory(email="boss@example.com")
    device = enrolled(boss)
    code = code_of(device)
    outcomes: list[Any] = run_together(4, lambda _: SecondFactor(boss).verify(code))
    assert sum(outcome is not None for outcome in outcomes) == 1


# --- No way round ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("required", "clock")
def test_a_session_of_the_browsable_api_does_not_open_the_admin(boss: User) -> None:
    client = Client()
    typed = {"username": "boss@example.com", "password": PASSWORD}
    assert client.post("/api-auth/login/", typed).status_code == 302
    assert client.get("/api/auth/profile/").status_code == 200
    for name in ("index", "second_factor", "password_change", "accounts_user_changelist"):
        answer = client.get(reverse(f"admin:{name}"))
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, LOGIN)
    assert "asks for one" in page_of(client.get(LOGIN))
    assert comes_in(sign_in(code_of(enrolled(boss)), client=client))


@pytest.mark.usefixtures("required", "clock")
def test_a_code_opens_the_session_that_it_was_typed_in_and_no_other(boss: User) -> None:
    assert comes_in(sign_in(code_of(enrolled(boss))))
    assert signed_in(boss).get("/admin/").status_code == 302


@pytest.mark.usefixtures("required", "clock")
def test_a_change_of_password_ends_the_session_with_its_code(boss: User) -> None:
    answer = sign_in(code_of(enrolled(boss)))
    assert comes_in(answer)
    boss.change_password(PASSWORD, "another horse battery")
    assert answer.client.get("/admin/").status_code == 302


@pytest.mark.usefixtures("required", "clock")
def test_the_session_ends_with_the_device_that_proved_it(boss: User) -> None:
    answer = sign_in(code_of(enrolled(boss)))
    TOTPDevice.objects.all().delete()
    assert answer.client.get("/admin/").status_code == 302


@pytest.mark.usefixtures("required", "clock")
def test_codes_of_others_and_of_unconfirmed_apps_are_refused(boss: User) -> None:
    theirs = enrolled(SuperuserFactory())
    pending = TOTPDevice.objects.create(user=boss, name="App", confirmed=False)
    assert not comes_in(sign_in(code_of(theirs)))
    assert not comes_in(sign_in(code_of(pending)))


def test_without_the_setting_a_password_is_enough(boss: User, settings: Any) -> None:
    assert settings.ADMIN_SECOND_FACTOR is False
    enrolled(boss)
    assert comes_in(sign_in(""))
