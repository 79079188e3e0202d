"""Forwarded headers count only from the clinic's own proxies."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from rest_framework.settings import api_settings

from accounts.tests.factories import UserFactory
from config import environment
from config.proxies import TrustedProxyMiddleware
from extensions.rest.throttling import client_address

PROXIES = ["127.0.0.1", "10.1.0.0/16", "2001:db8:1::/48"]


@pytest.fixture(autouse=True)
def one_proxy(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust one forwarded entry, from PROXIES alone."""
    monkeypatch.setattr(api_settings, "NUM_PROXIES", 1, raising=False)
    settings.TRUSTED_PROXIES = [ip_network(name) for name in PROXIES]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


def seen(sender: str) -> tuple[str, bool, list[str]]:
    """Return address, https and forwarded headers of a request from the sender, as views see it."""
    forged = {
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Port": "443",
        "Forwarded": "for=192.0.2.1;proto=https",
    }
    found: list[tuple[str, bool, list[str]]] = []

    def view(request: HttpRequest) -> HttpResponse:
        forwarded = [name for name in request.META if "FORWARDED" in name]
        found.append((client_address(request), request.is_secure(), forwarded))
        return HttpResponse()

    TrustedProxyMiddleware(view)(RequestFactory(headers=forged).get("/", REMOTE_ADDR=sender))
    return found[0]


@pytest.mark.parametrize(
    "sender", ["127.0.0.1", "10.1.2.3", "::ffff:10.1.2.3", "2001:db8:1::7", ""]
)
def test_a_trusted_proxy_names_the_client_and_the_scheme(sender: str) -> None:
    assert seen(sender)[:2] == ("192.0.2.1", True)


@pytest.mark.parametrize("sender", ["10.2.0.1", "198.51.100.7", "::ffff:10.2.0.1", "2001:db8:2::7"])
def test_forwarded_headers_from_elsewhere_count_for_nothing(sender: str) -> None:
    address, is_secure, forwarded = seen(sender)
    assert (is_secure, forwarded) == (False, [])
    assert ip_address(address) == ip_address(sender)


@pytest.mark.django_db
def test_ten_wrong_passwords_with_forged_addresses_lock_the_caller_out(
    client: Client, settings: Any
) -> None:
    settings.AXES_ENABLED = True
    user = UserFactory()
    answers = [
        client.post(
            "/api/auth/login/",
            {"email": user.email, "password": "wrong"},
            "application/json",
            headers={"X-Forwarded-For": f"192.0.2.{number}"},
            REMOTE_ADDR="198.51.100.7",
        ).status_code
        for number in range(12)
    ]
    assert answers == [401] * 10 + [429] * 2


def test_only_this_machine_is_trusted_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRUSTED_PROXIES", raising=False)
    found = environment.networks("TRUSTED_PROXIES", "127.0.0.1,::1")
    assert [str(network) for network in found] == ["127.0.0.1/32", "::1/128"]


@pytest.mark.parametrize(
    "value", ["proxy.example", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.1;10.0.0.2"]
)
def test_a_proxy_that_is_no_address_is_refused(monkeypatch: Any, value: str) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", value)
    with pytest.raises(ImproperlyConfigured, match="TRUSTED_PROXIES must list IP addresses"):
        environment.networks("TRUSTED_PROXIES", "127.0.0.1")
