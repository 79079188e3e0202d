"""Limits on calls that hold exactly, counted per user or per client address."""

import time
from contextlib import suppress
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.http import HttpRequest
from rest_framework.throttling import BaseThrottle, SimpleRateThrottle

from extensions.db.cache import increment_counter

NETWORK = 64  # bits of an IPv6 address that one household or one server has to itself


def client_address(request: HttpRequest) -> str:
    """The caller's address as a login is counted: NUM_PROXIES says how far to trust headers.

    Some proxies add the port. What is no address at all counts as the one that connects.
    """
    told = BaseThrottle().get_ident(request) or ""  # type: ignore[arg-type]
    direct = request.META.get("REMOTE_ADDR", "")  # absent in `Client.force_login`
    for spelling in (told, told.rpartition(":")[0].strip("[]"), direct):
        with suppress(ValueError):
            return str(ip_address(spelling))
    return ""


def counted_address(request: HttpRequest) -> str:
    """The address under which a caller is counted: of IPv6 the network, whose rest is theirs."""
    address = client_address(request)
    parsed = ip_address(address) if address else None
    if not isinstance(parsed, IPv6Address):
        return address
    network = ip_network((parsed, NETWORK), strict=False).network_address
    return str(parsed.ipv4_mapped or network)


class CountingThrottle(SimpleRateThrottle):
    """A limit that holds exactly, however many calls come at once and to whatever process.

    REST framework's own reads a list of calls, adds to it and writes it back: of two at once one is
    lost. This one counts, in windows of the clock: each minute or each hour begins anew.
    """

    duration: int
    num_requests: int

    def allow_request(self, request: Any, view: Any) -> bool:
        """Count the call, and say whether it is within the limit."""
        key = self.get_cache_key(request, view) if self.rate else None
        return key is None or increment_counter(key, self.duration) <= self.num_requests

    def wait(self) -> float:
        """Seconds until the next window."""
        return self.duration - time.time() % self.duration

    def get_cache_key(self, request: Any, view: Any) -> str | None:
        who = self.who(request)
        return who and self.cache_format % {"scope": self.scope, "ident": who}

    def who(self, request: Any) -> str | None:
        """Under which name the call is counted; None for a call that is not."""
        raise NotImplementedError


class PerUserThrottle(CountingThrottle):
    """Counts what a user does, whatever the device."""

    def who(self, request: Any) -> str | None:
        return str(request.user.pk) if request.user.is_authenticated else None


class PerAddressThrottle(CountingThrottle):
    """Counts what comes from an address, whoever the caller says they are."""

    def who(self, request: Any) -> str | None:
        return counted_address(request)


class UserThrottle(PerUserThrottle):
    """So many calls a minute for a user."""

    scope = "user"


class AnonymousThrottle(PerAddressThrottle):
    """So many calls a minute without a login for an address."""

    scope = "anon"

    def who(self, request: Any) -> str | None:
        return None if request.user.is_authenticated else super().who(request)
