"""Throttles that count exactly, by user or by client address."""

import time
from contextlib import suppress
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.http import HttpRequest
from rest_framework.throttling import BaseThrottle, SimpleRateThrottle

from extensions.db.cache import increment_counter

IPV6_PREFIX = 64  # bits of an IPv6 address that one household or one server shares


def client_address(request: HttpRequest) -> str:
    """Return the client's IP address, or "" if there is none.

    The setting NUM_PROXIES says how many entries of X-Forwarded-For to trust. Some proxies add the
    port to the address. A header that holds no address counts as absent.
    """
    forwarded = BaseThrottle().get_ident(request) or ""  # type: ignore[arg-type]
    direct = request.META.get("REMOTE_ADDR", "")  # absent in `Client.force_login`
    for spelling in (forwarded, forwarded.rpartition(":")[0].strip("[]"), direct):
        with suppress(ValueError):
            return str(ip_address(spelling))
    return ""


def counted_address(request: HttpRequest) -> str:
    """Return what calls are counted by: an IPv4 address, or an IPv6 /64, which one client owns."""
    address = client_address(request)
    parsed = ip_address(address) if address else None
    if not isinstance(parsed, IPv6Address):
        return address
    network = ip_network((parsed, IPV6_PREFIX), strict=False).network_address
    return str(parsed.ipv4_mapped or network)


class CountingThrottle(SimpleRateThrottle):
    """A throttle that counts exactly, also calls at the same moment in several processes.

    REST framework's own reads a list of calls, adds one and writes the list back: of two calls at
    once, one is lost. This one counts in windows of the clock: the count is zero again at the
    beginning of each minute or hour.
    """

    duration: int
    num_requests: int

    def allow_request(self, request: Any, view: Any) -> bool:
        """Count the call, and return whether it is within the limit."""
        key = self.get_cache_key(request, view) if self.rate else None
        return key is None or increment_counter(key, self.duration) <= self.num_requests

    def wait(self) -> float:
        """Return the seconds until the next window."""
        return self.duration - time.time() % self.duration

    def get_cache_key(self, request: Any, view: Any) -> str | None:
        identity = self.identity(request)
        return identity and self.cache_format % {"scope": self.scope, "ident": identity}

    def identity(self, request: Any) -> str | None:
        """Return the user or address whose calls count together; None for a call not counted."""
        raise NotImplementedError


class PerUserThrottle(CountingThrottle):
    """Count the calls of a user, from any device."""

    def identity(self, request: Any) -> str | None:
        return str(request.user.pk) if request.user.is_authenticated else None


class PerAddressThrottle(CountingThrottle):
    """Count the calls from an address, by any user."""

    def identity(self, request: Any) -> str | None:
        return counted_address(request)


class UserThrottle(PerUserThrottle):
    """Limit the calls of a user a minute."""

    scope = "user"


class AnonymousThrottle(PerAddressThrottle):
    """Limit the calls without a login from an address a minute."""

    scope = "anon"

    def identity(self, request: Any) -> str | None:
        return None if request.user.is_authenticated else super().identity(request)
