"""The owner of an account is told by mail of a new password, device or address."""

from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.links import PASSWORD_RESET, VERIFICATION
from accounts.models import KnownDevice, MailKind, OutgoingMessage, User
from accounts.models.device import MAX_KNOWN
from accounts.tests.factories import PASSWORD, SuperuserFactory, UserFactory
from accounts.tests.mailbox import post, token_in
from tests.threads import run_together

pytestmark = pytest.mark.django_db

NEW = "staple battery horse"
CHANGED, DEVICE, ADDRESS = (
    "Your password was changed",
    "A new device signed in to your account",
    "Your e-mail address was changed",
)
PHONE, LAPTOP = "Clinic/2.1 (Android 15)", "Firefox/140.0"
ADMIN_PASSWORD = {"password1": NEW, "password2": NEW, "usable_password": "true"}


@pytest.fixture
def ana() -> User:
    return UserFactory(email="ana@example.com", email_verified_at=timezone.now())


def queued_notices() -> list[tuple[str, str]]:
    """Send the mail that is due; return the address and subject of each."""
    return [(message.to[0], str(message.subject)) for message in post()]


def call(path: str, client: Any = None, **body: str) -> int:
    return (client or APIClient()).post(f"/api/auth/{path}/", body).status_code


def login(user_agent: str = PHONE, password: str = PASSWORD) -> Any:
    body = {"email": "ana@example.com", "password": password}
    return APIClient().post("/api/auth/login/", body, headers={"User-Agent": user_agent})


def browse(path: str, user_agent: str) -> int:
    form = {"username": "ana@example.com", "password": PASSWORD, "next": "/"}
    return Client(headers={"User-Agent": user_agent}).post(path, form).status_code


# --- A new password -------------------------------------------------------------------------------


def by_call(user: User, client_of: Any) -> None:
    change = {"old_password": PASSWORD, "new_password": NEW}
    assert call("change-password", client_of(user), **change) == 200


def by_reset(user: User, client_of: Any) -> None:
    token = PASSWORD_RESET.make(user)
    assert call("password-reset/confirm", token=token, new_password=NEW) == 200


def by_staff(user: User, client_of: Any) -> None:
    client = Client()
    client.force_login(SuperuserFactory())
    path = f"/admin/accounts/user/{user.pk}/password/"
    assert client.post(path, ADMIN_PASSWORD).status_code == 302


def by_its_owner_in_the_admin(user: User, client_of: Any) -> None:
    user.revise(is_staff=True)
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    post()  # the notice of the new device
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert client.post("/admin/password_change/", form).status_code == 302


def by_command(user: User, client_of: Any) -> None:
    call_command("changepassword", user.email)


WAYS = [by_call, by_reset, by_staff, by_its_owner_in_the_admin, by_command]


@pytest.fixture(autouse=True)
def typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: NEW)


@pytest.mark.parametrize("change", WAYS)
def test_a_new_password_sends_a_notice(
    ana: User, client_of: Any, change: Callable[..., None]
) -> None:
    change(ana, client_of)
    assert queued_notices() == [("ana@example.com", CHANGED)]


@pytest.mark.parametrize("change", [by_call, by_staff, by_command])
def test_an_address_that_nobody_verified_gets_no_notice(
    client_of: Any, change: Callable[..., None]
) -> None:
    change(UserFactory(), client_of)
    assert queued_notices() == []


def test_a_reset_that_verifies_the_address_sends_the_notice_too(client_of: Any) -> None:
    user = UserFactory()
    by_reset(user, client_of)
    assert queued_notices() == [(user.email, CHANGED)]


def test_a_change_that_is_undone_or_refused_sends_no_notice(ana: User, client_of: Any) -> None:
    with transaction.atomic():
        ana.change_password(PASSWORD, NEW)
        transaction.set_rollback(True)
    wrong = {"old_password": "wrong", "new_password": NEW}
    assert call("change-password", client_of(ana), **wrong) == 400
    ana.revise(first_name="Eva")
    ana.save()
    assert queued_notices() == []


# --- A new device ---------------------------------------------------------------------------------


def test_a_device_that_the_account_does_not_know_sends_a_notice_once(ana: User) -> None:
    assert login(PHONE).status_code == 200
    assert queued_notices() == [("ana@example.com", DEVICE)]
    again = login(f" {PHONE} ").json()["token"]
    assert queued_notices() == []
    client = APIClient(headers={"Authorization": f"Token {again}"})
    assert call("logout-all", client) == 204
    login(PHONE)
    assert queued_notices() == [], "a sign-out does not make a device new"
    login(LAPTOP)
    assert queued_notices() == [("ana@example.com", DEVICE)]


@pytest.mark.parametrize("path", ["/admin/login/", "/api-auth/login/"])
def test_a_session_is_a_sign_in_like_any_other(ana: User, path: str) -> None:
    ana.revise(is_staff=True)
    for expected in ([("ana@example.com", DEVICE)], []):
        assert browse(path, LAPTOP) == 302
        assert queued_notices() == expected
    login(LAPTOP)
    assert queued_notices() == []


def test_a_wrong_password_and_an_unverified_account_send_no_notice(ana: User) -> None:
    assert login(password="wrong").status_code == 401
    assert queued_notices() == []
    User.objects.update(email_verified_at=None)
    assert login().status_code == 200
    assert queued_notices() == []
    assert not KnownDevice.objects.exists()


def test_a_new_token_for_a_new_password_is_no_new_device(ana: User, client_of: Any) -> None:
    by_call(ana, client_of)
    assert queued_notices() == [("ana@example.com", CHANGED)]


def test_the_device_that_follows_a_mailed_link_is_known_and_another_is_not() -> None:
    user = UserFactory(email="ana@example.com")
    client = APIClient(headers={"User-Agent": PHONE})
    assert (
        client.post("/api/auth/verify-email/", {"token": VERIFICATION.make(user)}).status_code
        == 200
    )
    assert login(PHONE).status_code == 200
    assert queued_notices() == []
    assert login("Somebody else's").status_code == 200
    assert queued_notices() == [(user.email, DEVICE)]


def test_the_device_that_resets_the_password_is_known() -> None:
    user = UserFactory(email="ana@example.com")
    client = APIClient(headers={"User-Agent": PHONE})
    body = {"token": PASSWORD_RESET.make(user), "new_password": NEW}
    assert client.post("/api/auth/password-reset/confirm/", body).status_code == 200
    assert login(PHONE, NEW).status_code == 200
    assert queued_notices() == [(user.email, CHANGED)]


def test_an_account_remembers_twenty_devices(ana: User) -> None:
    for number in range(MAX_KNOWN + 1):
        assert KnownDevice.objects.remember(ana, f"App {number}")
    assert KnownDevice.objects.remember(UserFactory(), "App 1")
    assert ana.known_devices.count() == MAX_KNOWN
    assert not KnownDevice.objects.remember(ana, "App 1")
    assert KnownDevice.objects.remember(ana, "App 0"), "the one not seen for longest is forgotten"
    assert not KnownDevice.objects.remember(ana, "App 1")


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_simultaneous_sign_ins_of_a_new_device_send_one_notice() -> None:
    UserFactory(email="ana@example.com", email_verified_at=timezone.now())
    assert run_together(4, lambda _: login().status_code) == [200] * 4
    assert queued_notices() == [("ana@example.com", DEVICE)]


def test_the_migration_remembers_the_devices_that_are_signed_in(ana: User) -> None:
    ana.issue_token(PHONE)
    ana.issue_token(PHONE)
    UserFactory().issue_token(PHONE)
    import_module("accounts.migrations.0013_known_devices").remember(apps, None)
    assert list(KnownDevice.objects.values_list("user", "name")) == [(ana.pk, PHONE)]


def test_the_reverse_of_the_migration_leaves_no_kind_that_the_previous_version_lacks(
    ana: User,
) -> None:
    for kind in MailKind:
        OutgoingMessage.objects.enqueue(kind, "ana@example.com", ana)
    of_that_version = SimpleNamespace(get_model=lambda *_: OutgoingMessage)
    import_module("accounts.migrations.0013_known_devices").delete_notices(of_that_version, None)
    left = OutgoingMessage.objects.values_list("kind", flat=True)
    assert sorted(left) == ["password_reset", "verification"]


# --- A new address --------------------------------------------------------------------------------


def test_the_old_address_is_told_and_the_new_one_verified(ana: User) -> None:
    ana.revise(email="Eva@example.com")
    UserFactory(email="ana@example.com")  # somebody else takes it
    [to_new, to_old] = post()
    assert (to_old.to, to_old.subject) == (["ana@example.com"], ADDRESS)
    assert to_new.to == ["eva@example.com"]
    user = User.objects.get(pk=ana.pk)
    assert VERIFICATION.is_valid(user, token_in(to_new))


def test_an_old_address_that_nobody_verified_is_not_told() -> None:
    user = UserFactory(email="ana@example.com")
    user.revise(email="eva@example.com")
    assert queued_notices() == [("eva@example.com", "Confirm your e-mail address")]


def test_a_new_password_and_address_at_once_are_told_to_the_old_address(ana: User) -> None:
    ana.revise(email="eva@example.com", password="!")
    assert {subject for to, subject in queued_notices() if to == "ana@example.com"} == {
        CHANGED,
        ADDRESS,
    }


# --- All notices ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*MailKind][2:])
def test_a_notice_says_when_and_what_to_do_and_nothing_secret(ana: User, kind: str) -> None:
    mail = OutgoingMessage.objects.enqueue(kind, "ana@example.com", ana)
    [message] = post()
    text = str(message.body)
    assert mail.created_at.strftime("%Y, %H:%M UTC") in text
    assert "the clinic" in text
    assert not [part for part in (ana.last_name, ana.password, "#token=", PHONE) if part in text]


def test_nobody_uses_up_the_notices_of_an_account(ana: User) -> None:
    for _ in range(12):
        OutgoingMessage.objects.enqueue(MailKind.PASSWORD_RESET, "ana@example.com")
        OutgoingMessage.objects.enqueue(MailKind.NEW_DEVICE, "ana@example.com", ana)
        post()
    assert OutgoingMessage.objects.exclude(sent_at=None).count() == 20
    ana.revise(password="!")
    assert queued_notices() == [("ana@example.com", CHANGED)]


def test_a_closed_account_gets_no_notice(ana: User) -> None:
    ana.revise(password="!", is_active=False)
    assert queued_notices() == []
