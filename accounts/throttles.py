"""Limits on calls, on signing in and up: who is counted, for how long, what a refusal says."""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.throttling import BaseThrottle, SimpleRateThrottle

from accounts.counting import tally
from accounts.exceptions import Throttled
from accounts.fields import fold_email

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


def login_name(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The account that a login tries, spelled as it is stored, from any of the login forms."""
    given = credentials or request.POST
    return fold_email(str(given.get("username") or given.get("email") or ""))[:255]


def is_locked_out(request: HttpRequest, email: str) -> bool:
    """Whether ten wrong passwords within a minute came for this account from this address.

    Never the account alone: a stranger elsewhere would lock its owner out.
    """
    counts: bool = settings.AXES_ENABLED
    return counts and not AxesProxyHandler.is_allowed(request, {"username": email})


def refuse_locked_out(request: HttpRequest, email: str) -> None:
    """Raise Throttled for an account that is locked out from this address."""
    if is_locked_out(request, email):
        raise Throttled(wait=int(settings.AXES_COOLOFF_TIME.total_seconds()))


def lockout_response(
    request: HttpRequest, response: HttpResponse, credentials: dict[str, Any] | None
) -> HttpResponse:
    """What a locked-out login form of the admin or the browsable API shows.

    The API says it itself: `refuse_locked_out` answers before a password is looked at.
    """
    if request.path.startswith("/api/"):
        return response
    return too_many("Too many wrong passwords.", int(settings.AXES_COOLOFF_TIME.total_seconds()))


def too_many(what: str, wait: int) -> HttpResponse:
    """A page that refuses for so many seconds."""
    sentence = f"{what} Try again in {wait} seconds."
    headers = {"Retry-After": str(wait)}
    return HttpResponse(sentence, status=429, content_type="text/plain", headers=headers)


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
        return key is None or tally(key, self.duration) <= self.num_requests

    def wait(self) -> float:
        """Seconds until the next window."""
        return self.duration - time.time() % self.duration

    def get_cache_key(self, request: Any, view: Any) -> str | None:
        who = self.who(request)
        return who and self.cache_format % {"scope": self.scope, "ident": who}

    def who(self, request: Any) -> str | None:
        """Under which name the call is counted; None for a call that is not."""
        raise NotImplementedError


class PerUser(CountingThrottle):
    """Counts what a user does, whatever the device."""

    def who(self, request: Any) -> str | None:
        return str(request.user.pk) if request.user.is_authenticated else None


class PerAddress(CountingThrottle):
    """Counts what comes from an address, whoever the caller says they are."""

    def who(self, request: Any) -> str | None:
        return counted_address(request)


class UserThrottle(PerUser):
    """So many calls a minute for a user."""

    scope = "user"


class AnonymousThrottle(PerAddress):
    """So many calls a minute without a login for an address."""

    scope = "anon"

    def who(self, request: Any) -> str | None:
        return None if request.user.is_authenticated else super().who(request)


class BookingThrottle(PerUser):
    """So many bookings and moves a minute for a user."""

    scope = "booking"


class PasswordThrottle(PerUser):
    """So many tries of a password a minute for who is signed in: a token that was stolen."""

    scope = "password"


class LoginThrottle(PerAddress):
    """So many logins a minute from an address, whatever the account."""

    scope = "login"


def limits_logins(page: Callable[..., Any]) -> Callable[..., Any]:
    """A page with a login form, counted with the logins of the API: one limit for all doors."""

    @wraps(page)
    def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        throttle = LoginThrottle()
        if request.method == "POST" and not throttle.allow_request(request, None):
            return too_many("Too many logins.", int(throttle.wait()) + 1)
        return page(request, *args, **kwargs)

    return limited


class RegistrationThrottle(PerAddress):
    """So many new accounts an hour from an address."""

    scope = "register"


class MailThrottle(PerAddress):
    """So many mails asked for an hour from an address, or by who is signed in."""

    scope = "mail"

    def who(self, request: Any) -> str | None:
        is_known = request.user.is_authenticated
        return f"user-{request.user.pk}" if is_known else super().who(request)
