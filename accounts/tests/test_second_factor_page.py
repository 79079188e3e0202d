"""Users set up their second factor, and superusers manage the devices of others."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import SecondFactor, User
from accounts.models.second_factor import WrongCode
from accounts.tests.codes import (
    PAGE,
    code_of,
    enrolled,
    is_let_in,
    page,
    page_of,
    sign_in,
    signed_in,
)
from accounts.tests.factories import StaffFactory, UserFactory

pytestmark = pytest.mark.django_db


# --- Enrolling ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("required")
def test_the_first_admin_enrols_with_a_code_from_the_command_line(
    superuser_account: User, clock: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("addstatictoken", superuser_account.email)
    code = capsys.readouterr().out.strip()
    client = Client()
    assert is_let_in(sign_in(code, client=client))
    assert not is_let_in(sign_in(code))
    shown = page(client, "begin")
    device = TOTPDevice.objects.get()
    assert not device.confirmed
    codes = re.findall(r"<li><code>(\w{8})</code>", page(client, "confirm", code=code_of(device)))
    assert len(codes) == 10
    assert "otpauth://totp/" in shown
    clock.shift(30)
    assert is_let_in(sign_in(code_of(device)))
    assert is_let_in(sign_in(codes[0]))
    assert not is_let_in(sign_in(codes[0]))
    clock.shift(1)
    assert is_let_in(sign_in(f" {codes[1][:4].upper()}-{codes[1][4:]}"))


@pytest.mark.usefixtures("clock")
def test_the_authenticator_key_is_shown_once(superuser_account: User) -> None:
    client = signed_in(superuser_account)
    assert "secret=" in page(client, "begin")
    device = TOTPDevice.objects.get()
    secrets = (
        device.key,
        SecondFactor(superuser_account).pending.config_url.split("secret=")[1][:32],
    )
    for shown in (page(client), page(client, "confirm", code="000000")):
        assert not [secret for secret in secrets if secret in shown.replace(" ", "")]


@pytest.mark.usefixtures("clock")
def test_an_authenticator_app_is_active_after_its_first_correct_code(
    superuser_account: User,
) -> None:
    client = signed_in(superuser_account)
    page(client, "begin")
    device = TOTPDevice.objects.get()
    wrong = f"{(int(code_of(device)) + 1) % 10**6:06d}"
    assert WrongCode.message.split(".")[0] in page(client, "confirm", code=wrong)
    device.refresh_from_db()
    assert (device.confirmed, device.throttling_failure_count) == (False, 1)
    assert SecondFactor(superuser_account).app is None


@pytest.mark.parametrize("verb", ["begin", "renew", "remove"])
def test_replacing_an_authenticator_app_takes_one_of_its_codes(
    superuser_account: User, clock: Any, verb: str
) -> None:
    device, client = enrolled(superuser_account), signed_in(superuser_account)
    before = list(TOTPDevice.objects.values("pk", "confirmed"))
    page(client, verb)
    page(client, verb, code="nonsense")
    assert list(TOTPDevice.objects.values("pk", "confirmed")) == before
    assert not StaticToken.objects.exists()
    page(client, verb, code=code_of(device))
    changed = (list(TOTPDevice.objects.values("pk", "confirmed")), StaticToken.objects.count())
    assert changed != (before, 0)


def test_the_old_app_works_until_the_new_one_is_confirmed(
    superuser_account: User, clock: Any
) -> None:
    old, client = enrolled(superuser_account), signed_in(superuser_account)
    page(client, "begin", code=code_of(old))
    assert SecondFactor(superuser_account).app == old
    new = TOTPDevice.objects.get(confirmed=False)
    page(client, "confirm", code=code_of(new))
    assert list(TOTPDevice.objects.all()) == [new]


def test_new_recovery_codes_end_the_earlier_ones(superuser_account: User, clock: Any) -> None:
    device, earlier = enrolled(superuser_account), SecondFactor(superuser_account).give_code()
    codes = SecondFactor(superuser_account).renew_codes(code_of(device))
    assert SecondFactor(superuser_account).codes_left == len(set(codes)) == 10
    assert SecondFactor(superuser_account).verify(earlier) is None


# --- Others' devices ------------------------------------------------------------------------------


def test_a_superuser_confirms_with_their_own_code_to_give_a_colleague_one(
    superuser_account: User, clock: Any, settings: Any
) -> None:
    colleague, device, client = (
        StaffFactory(),
        enrolled(superuser_account),
        signed_in(superuser_account),
    )
    page(client, "give", email=colleague.email, code="000000")
    assert not StaticToken.objects.exists()
    clock.shift(30)
    shown = page(client, "give", email=colleague.email.upper(), code=code_of(device))
    assert StaticToken.objects.get(device__user=colleague).token in shown


@pytest.mark.parametrize("email", ["nobody@example.com", "\0", "patient@example.com"])
def test_only_staff_can_be_given_a_code(superuser_account: User, clock: Any, email: str) -> None:
    UserFactory(email="patient@example.com")
    shown = page(
        signed_in(superuser_account), "give", email=email, code=code_of(enrolled(superuser_account))
    )
    assert "No member of staff, and no doctor who may sign in here, has this address." in shown
    assert not StaticToken.objects.exists()


def test_only_a_superuser_gives_codes_and_only_staff_open_the_page(clock: Any) -> None:
    clerk = StaffFactory()
    typed = {"verb": "give", "email": clerk.email, "code": code_of(enrolled(clerk))}
    assert signed_in(clerk).get(PAGE).status_code == 200
    assert signed_in(clerk).post(PAGE, typed).status_code == 403
    assert signed_in(clerk).post(PAGE, {"verb": "page"}).status_code == 403
    assert signed_in(UserFactory()).get(PAGE).status_code == 302


def test_superusers_list_and_delete_devices_and_see_no_secret(
    superuser_account: User, clock: Any
) -> None:
    lost, client = enrolled(StaffFactory()), signed_in(superuser_account)
    code = SecondFactor(lost.user).give_code()
    for device in (lost, StaticDevice.objects.get()):
        pages = [
            page_of(
                client.get(
                    reverse(f"admin:{device._meta.label_lower.replace('.', '_')}_{view}", args=keys)
                )
            )
            for view, keys in (("changelist", []), ("change", [device.pk]), ("delete", [device.pk]))
        ]
        for shown in pages:
            assert lost.user.email in shown
            assert not [secret for secret in (lost.key, code) if secret in shown]
    client.post(reverse("admin:otp_totp_totpdevice_delete", args=[lost.pk]), {"post": "yes"})
    assert not TOTPDevice.objects.exists()
    assert LogEntry.objects.get().object_repr == f"App of account {lost.user_id}"


def test_only_superusers_see_devices(staff: User) -> None:
    for name in ("otp_totp_totpdevice", "otp_static_staticdevice"):
        assert signed_in(staff).get(reverse(f"admin:{name}_changelist")).status_code == 403


def test_every_change_is_in_the_log_of_the_account_without_a_secret(
    superuser_account: User, clock: Any
) -> None:
    client = signed_in(superuser_account)
    page(client, "begin")
    device = TOTPDevice.objects.get()
    page(client, "confirm", code=code_of(device))
    clock.shift(timedelta(seconds=30))
    page(client, "remove", code=code_of(device))
    reported = LogEntry.objects.order_by("pk").values_list("object_repr", "change_message")
    assert list(reported) == [
        (f"account {superuser_account.pk}", "Second factor set up."),
        (f"account {superuser_account.pk}", "Second factor removed."),
    ]
