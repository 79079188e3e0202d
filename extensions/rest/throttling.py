"""Throttles that count exactly, by user or by client address."""

import time
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.http import HttpRequest
from rest_framework.exceptions import Throttled
from rest_framework.throttling import BaseThrottle, SimpleRateThrottle

from extensions.db.cache import decrement_counter, increment_counters

IPV6_PREFIX = 64  # bits of an IPv6 address that one household or one server shares


@lru_cache(maxsize=10_000)
def parsed(text: str) -> tuple[str, str] | None:
    """Return the address in its usual spelling, and what it counts as; None if it is none.

    An IPv6 address counts as its /64, which one client owns; with an IPv4 address in it, as that.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if not isinstance(address, IPv6Address):
        return str(address), str(address)
    network = ip_network((address, IPV6_PREFIX), strict=False).network_address
    return str(address), str(address.ipv4_mapped or network)


def client_address(request: HttpRequest) -> str:
    """Return the client's IP address, or "" if there is none.

    The setting NUM_PROXIES says how many entries of X-Forwarded-For to trust. Some proxies add the
    port to the address. A header that holds no address counts as absent.
    """
    forwarded = BaseThrottle().get_ident(request) or ""  # type: ignore[arg-type]
    direct = request.META.get("REMOTE_ADDR", "")  # absent in `Client.force_login`
    spellings = (forwarded.strip("[]"), forwarded.rpartition(":")[0].strip("[]"), direct)
    return next((known[0] for known in map(parsed, spellings) if known), "")


def counted_address(request: HttpRequest) -> str:
    """Return what calls are counted by: an IPv4 address, or an IPv6 /64, which one client owns."""
    known = parsed(client_address(request))
    return known[1] if known else ""


class CountingThrottle(SimpleRateThrottle):
    """A throttle that counts exactly, also calls at the same moment in several processes.

    REST framework's own reads a list of calls, adds one and writes the list back: of two calls at
    once, one is lost. This one counts in windows of the clock: the count is zero again at the
    beginning of each minute or hour.
    """

    duration: int
    num_requests: int
    # Whether `count_call` counts the call of a user with a token, in the statement that counts it
    # toward `user`: also a call that a permission then refuses.
    counted_with_call = False

    def allow_request(self, request: Any, view: Any) -> bool:
        """Count the call, once, and return whether it is within the limit."""
        return self.allow(request, self.identity(request)) if self.rate else True

    def allow(self, request: Any, identity: str | None) -> bool:
        """Count the call as this caller's, once, and return whether it is within the limit.

        RetryMiddleware repeats a view after a deadlock: the second attempt is the same call.
        """
        if not self.rate or identity is None:
            return True
        counted = _counted_scopes(request)
        if self.scope not in counted:
            _count(request, [(self, identity)])
        return counted[self.scope]

    def take_back(self, request: Any) -> None:
        """Take the call off the counter again, if this throttle has counted it."""
        if _counted_scopes(request).pop(self.scope, None) is not None:
            decrement_counter(self._key(str(self.identity(request))), self.duration)

    def wait(self) -> float:
        """Return the seconds until the next window."""
        return self.duration - time.time() % self.duration

    def get_cache_key(self, request: Any, view: Any) -> str | None:
        identity = self.identity(request)
        return identity and self._key(identity)

    def identity(self, request: Any) -> str | None:
        """Return the user or address whose calls count together; None for a call not counted."""
        raise NotImplementedError

    def _key(self, identity: str) -> str:
        return self.cache_format % {"scope": self.scope, "ident": identity}


class PerUserThrottle(CountingThrottle):
    """Count the calls of a user, from any device."""

    def identity(self, request: Any) -> str | None:
        return str(request.user.pk) if request.user.is_authenticated else None


class PerAddressThrottle(CountingThrottle):
    """Count the calls from an address, by any user."""

    def identity(self, request: Any) -> str | None:
        return counted_address(request)


class PerCallerThrottle(PerAddressThrottle):
    """Count the calls of a user, from any device; without a login those from an address."""

    def identity(self, request: Any) -> str | None:
        user = getattr(request, "user", None)
        if user is not None and user.is_authenticated:
            return f"user-{user.pk}"
        return super().identity(request)


class UserThrottle(PerUserThrottle):
    """Limit the calls of a user a minute; `count_call` counts them."""

    scope = "user"


class AnonymousThrottle(PerAddressThrottle):
    """Limit the calls without a login from an address a minute; `count_call` counts them."""

    scope = "anon"


def count_call(request: HttpRequest, user: Any = None, view: Any = None) -> None:
    """Count the call as the user's, or else as its address's; raises Throttled over the limit.

    Counts a call once, and only the first time: a middleware may count what no view has counted.
    REST framework's own order is too late for this: it checks throttles last, so that a wrong
    token, a refused permission or an unknown path would count for nothing. With a `view`, a user's
    call is counted by the same statement for its throttles that are `counted_with_call`; REST
    framework asks them later whether it is within their limits.
    """
    if {UserThrottle.scope, AnonymousThrottle.scope} & _counted_scopes(request).keys():
        return
    is_known = user is not None and user.is_authenticated
    throttle = UserThrottle() if is_known else AnonymousThrottle()
    identity = str(user.pk) if is_known else counted_address(request)
    classes = getattr(view, "throttle_classes", ()) if is_known else ()
    others = [(each(), identity) for each in classes if getattr(each, "counted_with_call", False)]
    _count(request, [(throttle, identity), *others])
    if not throttle.allow(request, identity):
        raise Throttled(throttle.wait())


def _count(request: Any, calls: Iterable[tuple[CountingThrottle, str]]) -> None:
    """Count the call for each throttle that has a limit, by one statement, as of these callers."""
    limited = [(throttle, identity) for throttle, identity in calls if throttle.rate]
    counters = [(throttle._key(identity), throttle.duration) for throttle, identity in limited]
    counts = increment_counters(counters) if counters else []
    for (throttle, _), number in zip(limited, counts, strict=True):
        _counted_scopes(request)[throttle.scope] = number <= throttle.num_requests


def _counted_scopes(request: Any) -> dict[str | None, bool]:
    """Return the scopes that counted this call, and whether it was within their limits."""
    request = getattr(request, "_request", request)  # REST framework makes a new one each attempt
    scopes: dict[str | None, bool] = vars(request).setdefault("_counted_scopes", {})
    return scopes
