"""The client's IP address, by which the login limits count calls."""

import pytest
from django.test import RequestFactory
from rest_framework.settings import api_settings

from extensions.rest.throttling import client_address


@pytest.mark.parametrize(
    ("reported", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("198.51.100.7:5678", "198.51.100.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("junk", "203.0.113.9"),
        ("", "203.0.113.9"),
        ("198.51.100.7\x00", "203.0.113.9"),
    ],
)
def test_a_forwarded_header_without_an_address_counts_as_the_proxy(
    monkeypatch: pytest.MonkeyPatch, reported: str, address: str
) -> None:
    monkeypatch.setattr(api_settings, "NUM_PROXIES", 1, raising=False)
    request = RequestFactory().get("/", REMOTE_ADDR="203.0.113.9", HTTP_X_FORWARDED_FOR=reported)
    assert client_address(request) == address
