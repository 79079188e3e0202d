"""Helpers that compute the codes of an authenticator app and sign in to the admin with them."""

from typing import Any

from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import User
from accounts.tests.factories import PASSWORD

LOGIN, PAGE = "/admin/login/", "/admin/second-factor/"


def code_of(device: TOTPDevice, steps: int = 0) -> str:
    """Return the code that the app shows `steps` times 30 seconds from now."""
    return f"{totp(device.bin_key, t0=-30 * steps):06d}"


def enrolled(user: User) -> TOTPDevice:
    """Create a confirmed app of the user, no code of which has been used."""
    return TOTPDevice.objects.create(user=user, name="App")


def sign_in(code: str, password: str = PASSWORD, client: Client | None = None, **more: Any) -> Any:
    typed = {"username": "boss@example.com", "password": password, "code": code, "next": "/admin/"}
    return (client or Client()).post(LOGIN, typed, **more)


def is_let_in(answer: Any) -> bool:
    """Return whether the login redirects and the admin opens."""
    client = answer.client
    return answer.status_code == 302 and client.get("/admin/records/").status_code == 200


def page(client: Client, verb: str = "", **typed: str) -> str:
    answer = client.post(PAGE, {"verb": verb, **typed}) if verb else client.get(PAGE)
    assert answer.status_code == 200
    return str(answer.content.decode())


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page_of(answer: Any) -> str:
    return str(answer.content.decode())
