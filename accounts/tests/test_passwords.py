"""A password is the same in each Unicode form, at every door."""

import unicodedata
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from accounts.links import PASSWORD_RESET
from accounts.models import User
from accounts.tests.factories import SuperuserFactory, UserFactory
from tests.problems import assert_invalid

pytestmark = pytest.mark.django_db

EMAIL = "ana@example.com"
NFC, NFD = (unicodedata.normalize(form, "contraseña más segura") for form in ("NFC", "NFD"))
NEW_NFC, NEW_NFD = (unicodedata.normalize(form, "otra señal más larga") for form in ("NFC", "NFD"))


def call(path: str, client: Any = None, **body: str) -> int:
    return (client or APIClient()).post(f"/api/auth/{path}/", body).status_code


def login(password: str, email: str = EMAIL) -> int:
    return call("login", email=email, password=password)


@pytest.fixture
def ana() -> User:
    return User.objects.create_user(EMAIL, NFD, first_name="Ana", last_name="Ruiz")


@pytest.fixture
def old() -> User:
    """Return a user of whom an earlier version hashed the password as it was typed."""
    return UserFactory(email=EMAIL, password=NFD)  # the factory hashes without the model


def test_each_form_of_a_registered_password_signs_in() -> None:
    names = {"first_name": "Ana", "last_name": "Ruiz"}
    assert call("register", email=EMAIL, password=NFD, **names) == 201
    assert (login(NFC), login(NFD), login(NEW_NFC)) == (200, 200, 401)


def test_each_form_is_right_where_the_old_password_is_asked_for(ana: User, client_of) -> None:
    change = {"old_password": NFC, "new_password": NEW_NFD}
    assert call("change-password", client_of(ana), **change) == 200
    assert (login(NEW_NFC), login(NEW_NFD), login(NFC)) == (200, 200, 401)
    assert call("delete-account", client_of(User.objects.get()), password=NEW_NFC) == 204


def test_each_form_of_a_reset_password_signs_in(ana: User) -> None:
    token = PASSWORD_RESET.make(ana)
    assert call("password-reset/confirm", token=token, new_password=NEW_NFD) == 200
    assert login(NEW_NFC) == 200


def test_each_form_opens_the_admin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", NFD)
    call_command("createsuperuser", email=EMAIL, interactive=False, verbosity=0)
    form = {"username": EMAIL, "password": NFC, "next": "/admin/"}
    assert Client().post("/admin/login/", form).status_code == 302


def test_the_command_changepassword_stores_one_form(
    ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: NEW_NFD)
    call_command("changepassword", EMAIL)
    assert login(NEW_NFC) == 200


def test_staff_set_a_password_in_one_form(ana: User) -> None:
    client = Client()
    client.force_login(SuperuserFactory())
    form = {"password1": NEW_NFD, "password2": NEW_NFD, "usable_password": "true"}
    assert client.post(f"/admin/accounts/user/{ana.pk}/password/", form).status_code == 302
    assert login(NEW_NFC) == 200


def test_an_old_hash_of_the_form_as_typed_serves_and_is_replaced(old: User, client_of) -> None:
    device, link = client_of(old), PASSWORD_RESET.make(old)
    assert login(NFC) == 401
    assert login(NFD) == 200
    assert login(NFC) == 200
    assert device.get("/api/auth/profile/").status_code == 200, "the hash is new, not the password"
    assert PASSWORD_RESET.is_valid(User.objects.get(), link)


def test_a_new_hash_never_undoes_a_change_of_password(old: User) -> None:
    as_loaded = User.objects.get()
    old.set_password(NEW_NFC)
    old.store_password()
    assert as_loaded.check_password(NFD)
    assert User.objects.get().password == old.password


def test_known_and_unknown_addresses_cost_as_many_hashes(
    ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    User.objects.create_user("closed@example.com", NFC, is_active=False)
    User.objects.create_user("none@example.com", None)
    encode, hashed = MD5PasswordHasher.encode, []

    def counted(self: Any, *args: Any) -> str:
        hashed.append(args)
        return encode(self, *args)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    for wrong, cost in ((NEW_NFC, 1), (NEW_NFD, 2)):
        for name in ("ana", "closed", "none", "nobody"):
            hashed.clear()
            assert login(wrong, f"{name}@example.com") == 401
            assert len(hashed) == cost, name


def test_the_length_of_a_password_is_that_of_its_short_form(ana: User, client_of) -> None:
    short = unicodedata.normalize("NFD", "ñandúés")  # 7 letters, 10 code points
    for path, field, body in (
        ("register", "password", {"email": "b@example.com", "first_name": "B", "last_name": "C"}),
        ("change-password", "new_password", {"old_password": NFC}),
        ("password-reset/confirm", "new_password", {"token": PASSWORD_RESET.make(ana)}),
    ):
        answer = client_of(ana).post(f"/api/auth/{path}/", {**body, field: short})
        assert assert_invalid(answer, field) == {field: "password_too_short"}
